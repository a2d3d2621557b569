//! `onnxd check`: does what the server does before it is ready, reports on each model and serves nothing. For the
//! pipeline that is about to build an image or roll out a model.

use std::path::PathBuf;

use clap::Args;

use crate::api::predict::fault_of_example;
use crate::app::App;
use crate::config::{self, Settings};
use crate::registry::Catalog;

use super::engine::EngineFlags;
use super::{Failure, say};

#[derive(Args)]
pub(super) struct Check {
    /// Where the models are; as for serve
    #[arg(long, value_name = "PATH")]
    models: Option<Vec<PathBuf>>,

    #[command(flatten)]
    engine: EngineFlags,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let settings = config::load(None, Settings { models: self.models, ..self.engine.into_settings() })?;
        let config = super::config(settings)?;
        // The server logs these; here they belong to the report. Looking twice is cheap: it reads names only.
        for warning in Catalog::scan(&config.models)?.warnings {
            say(format_args!("warning {warning}"))?;
        }
        let outcomes = App::build(config)?.load_models();
        let mut failed = 0;
        for outcome in &outcomes {
            let (name, version, ms) = (&outcome.name, outcome.version, outcome.took.as_millis());
            match &outcome.result {
                Ok(model) => {
                    let how =
                        if model.card.golden.is_some() { "golden rows reproduced" } else { "a first run succeeded" };
                    let (engine, digest) = (model.engine, model.id.digest);
                    say(format_args!("ok      {name}/{version}  {how}  {ms} ms  sha256:{digest}"))?;
                    if let Some(choice) = &model.engine_choice {
                        say(format_args!("        by {engine}: {}", choice.reason))?;
                    }
                    if let Some(reason) = fault_of_example(model) {
                        say(format_args!("warning {name}/{version}  the model refuses its example: {reason}"))?;
                    }
                }
                Err(reason) => {
                    failed += 1;
                    say(format_args!("failed  {name}/{version}  {reason}"))?;
                }
            }
        }
        if failed == 0 { Ok(()) } else { Err(Failure(format!("{failed} of {} models failed", outcomes.len()))) }
    }
}
