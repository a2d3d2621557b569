//! `onnxd serve`: settings, logging, the application, the signals; or only the settings with `--print-config`.

use std::path::PathBuf;

use clap::Args;

use crate::app::{App, Signals, StartError};
use crate::config::{self, Config, Settings};
use crate::priority;
use crate::telemetry;

use super::{Failure, say};

#[derive(Args)]
pub(super) struct Serve {
    /// TOML file with settings; ONNXD_CONFIG in the environment
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print the settings in force as TOML and exit
    #[arg(long)]
    print_config: bool,

    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let settings = config::load(self.config.as_deref(), self.settings)?;
        let config = super::config(settings.clone())?;
        if self.print_config {
            return say(toml::to_string(&settings)?.trim_end());
        }
        telemetry::init_logging(config.log);
        let served = serve(config);
        telemetry::flush_logging();
        served
    }
}

/// Until the first stop signal and through what follows it.
fn serve(config: Config) -> Result<(), Failure> {
    let app = App::build(config)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().on_thread_start(priority::wakes_promptly);
    let runtime = runtime.on_thread_park(priority::falls_asleep).on_thread_unpark(priority::woke_up).build()?;
    let served = runtime.block_on(async {
        let signals = Signals::listen().map_err(StartError::Signals)?;
        let listener = app.listen().await?;
        app.serve(listener, signals).await;
        Ok(())
    });
    // A model that is still being loaded must not hold up the end.
    runtime.shutdown_background();
    served
}
