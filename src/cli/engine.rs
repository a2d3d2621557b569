//! The flags for which engine runs a model, for the commands that load models without serving them.

use std::path::PathBuf;

use clap::Args;

use crate::config::{self, ConfigError, Settings, Text};
use crate::model::EngineWish;

#[derive(Args, Clone)]
pub(super) struct EngineFlags {
    /// Which engine runs the model; as for serve
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Text<EngineWish>>,

    /// ONNX Runtime's library; as for serve
    #[arg(long, value_name = "FILE")]
    onnxruntime_lib: Option<PathBuf>,
}

impl EngineFlags {
    /// The flags as settings that say nothing else.
    pub(super) fn into_settings(self) -> Settings {
        Settings { engine: self.engine, onnxruntime_lib: self.onnxruntime_lib, ..Settings::default() }
    }

    /// The same with what the environment says where there is no flag: inside the image it names the library.
    pub(super) fn in_force(self) -> Result<Settings, ConfigError> {
        let Settings { engine, onnxruntime_lib, .. } = config::load(None, self.into_settings())?;
        Ok(Settings { engine, onnxruntime_lib, ..Settings::default() })
    }
}
