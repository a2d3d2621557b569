//! `onnxd predict`: one prediction without a server. Takes the bodies that `POST /predict` takes and prints the answer
//! that it would give; the model goes through the same loading and verifying.

use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;

use crate::api::predict::{self, BodyType, encode};
use crate::app::App;
use crate::codec::NonFinite;
use crate::config::Settings;
use crate::model::{ModelName, Selector, Version};
use crate::serving::{Error, Problem, Request};

use super::engine::EngineFlags;
use super::{Failure, say};

/// Long enough for any single prediction a person waits for.
const PATIENCE: Duration = Duration::from_secs(3600);

#[derive(Args)]
pub(super) struct Predict {
    /// The model: a .onnx file or a folder; as for serve
    #[arg(long, value_name = "FILE")]
    model: PathBuf,

    /// The body: a file, or - for standard input. Files ending in .npy are read as such, all else as JSON
    #[arg(long, value_name = "FILE|-")]
    input: PathBuf,

    /// Which model, where the folder has several
    #[arg(long, value_name = "NAME")]
    name: Option<ModelName>,

    /// Which version [default: the newest]
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,

    /// Name of an output to print; may be given several times [default: all]
    #[arg(long = "output", value_name = "NAME")]
    outputs: Option<Vec<String>>,

    #[command(flatten)]
    engine: EngineFlags,
}

impl Predict {
    pub(super) fn run(self) -> Result<(), Failure> {
        let body = Bytes::from(self.read_input()?);
        let settings = Settings { models: Some(vec![self.model.clone()]), ..self.engine.clone().in_force()? };
        let app = App::build(super::config(settings)?)?;
        for outcome in app.load_models() {
            outcome.result.map_err(|reason| format!("{}/{}: {reason}", outcome.name, outcome.version))?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match runtime.block_on(self.answer(&app, body)) {
            Ok(answer) => say(String::from_utf8_lossy(&answer)),
            Err(error) => Err(Failure(String::from_utf8_lossy(&predict::explain(&error)).into_owned())),
        }
    }

    fn read_input(&self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        if self.input.as_os_str() == "-" {
            std::io::stdin().read_to_end(&mut body)?;
        } else {
            body = std::fs::read(&self.input).map_err(|error| format!("{}: {error}", self.input.display()))?;
        }
        Ok(body)
    }

    async fn answer(&self, app: &App, body: Bytes) -> Result<Vec<u8>, Error> {
        let model = Selector {
            name: self.name.as_ref().map(ToString::to_string),
            version: self.version.as_ref().map(ToString::to_string),
        };
        let checkout = app.serving().checkout(&model)?;
        let described = checkout.description();
        let npy = self.input.extension().is_some_and(|extension| extension == "npy");
        let body_type = if npy { BodyType::Npy } else { BodyType::Json };
        let decoded = predict::decode(body_type, body, None, described)
            .map_err(|fault| Error::of(described, Problem::from(fault)))?;
        let request = Request {
            payload: decoded.payload,
            outputs: self.outputs.clone().or(decoded.outputs),
            deadline: Instant::now() + PATIENCE,
        };
        let answer = checkout.predict(request).await.map_err(|error| decoded.places.located(error))?;
        Ok(encode(&answer, decoded.layout, decoded.id.as_deref(), NonFinite::default()))
    }
}
