//! Load for a model file: the engine alone, one run after the other on each thread, without a server, a queue or an
//! encoding. What the server could reach if everything round the model were free.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::Failure;
use super::super::engine::EngineFlags;
use super::generator::Generator;
use super::inputs;
use super::tally::{Failed, Tally};
use crate::app::quiet_caught_panics;
use crate::engine::choice::Choice;
use crate::engine::{Engine, ModelSource, Session, Wishes};
use crate::tensor::Tensor;

/// A model, loaded, and what to ask it.
pub(super) struct Model {
    session: Arc<dyn Session>,
    inputs: Vec<Tensor>,
    /// The engine that runs it.
    pub(super) engine: &'static str,
}

impl Model {
    /// Loads the file as the server would, and runs it once.
    pub(super) fn load(
        file: &Path,
        flags: &EngineFlags,
        slots: usize,
        rows: usize,
        seed: u64,
    ) -> Result<Self, Failure> {
        let of_file = |error: &dyn std::fmt::Display| Failure(format!("{}: {error}", file.display()));
        quiet_caught_panics();
        let source = ModelSource::read(file)?;
        let config = super::super::config(flags.clone().in_force()?)?;
        let engine = Choice::new(config.engine, config.trial, slots)?;
        let loaded = engine.choose(&source, Wishes::default()).map_err(|error| of_file(&error))?;
        let session: Arc<dyn Session> = Arc::from(loaded.session);
        if rows != 1 && !session.signature().is_batched() {
            return Err(of_file(&"the model takes no rows, so --rows can only be 1"));
        }
        let inputs = inputs::accepted(&*session, rows, seed).map_err(|error| of_file(&error))?;
        Ok(Self { session, inputs, engine: loaded.engine })
    }

    /// So many threads that run it.
    pub(super) fn runners(&self, threads: usize) -> Vec<Runner> {
        (0..threads).map(|_| Runner { session: Arc::clone(&self.session), inputs: self.inputs.clone() }).collect()
    }
}

/// One of them.
pub(super) struct Runner {
    session: Arc<dyn Session>,
    inputs: Vec<Tensor>,
}

impl Generator for Runner {
    fn generate(&mut self, lasting: Duration) -> Result<Tally, Failure> {
        let begun = Instant::now();
        let mut tally = Tally::begin(begun)?;
        let size = |tensors: &[Tensor]| tensors.iter().map(Tensor::size_in_bytes).sum::<usize>() as u64;
        let (end, bytes) = (begun + lasting, size(&self.inputs));
        let mut now = begun;
        while now < end {
            let since = now;
            let ran = self.session.run(&self.inputs);
            now = Instant::now();
            tally.bytes_out += bytes;
            match ran {
                Ok(outputs) => {
                    tally.bytes_in += size(&outputs);
                    tally.succeeded(since, now);
                }
                Err(error) => tally.failed(Failed::Run, now, Some(error.message)),
            }
        }
        Ok(tally)
    }
}
