//! `onnxd try-model`: the child's side of [`crate::engine::trial`]. Reads models from standard input, within limits that it
//! sets for itself first, and says on standard output what the server would say of each.

use std::time::Duration;

use clap::Args;

use crate::app::quiet_caught_panics;
use crate::engine::choice::Single;
use crate::engine::trial;

use super::{Failure, say};

#[derive(Args)]
pub(super) struct TryModel {
    /// The engine and its settings, as JSON
    #[arg(long)]
    engine: String,

    /// Most memory this process may fill, in bytes
    #[arg(long)]
    memory: u64,

    /// Longest time it may run
    #[arg(long)]
    seconds: u64,
}

impl TryModel {
    pub(super) fn run(self) -> Result<(), Failure> {
        trial::confine(self.memory, Duration::from_secs(self.seconds));
        quiet_caught_panics();
        let engine = Single::from_words(&self.engine)?.open()?;
        let mut models = std::io::stdin().lock();
        while let Some(source) = trial::next_model(&mut models)? {
            say(serde_json::to_string(&trial::perform(&*engine, &source))?)?;
        }
        Ok(())
    }
}
