//! Load for a model file: the engine alone, one run after the other on each thread, without a server, a queue or an
//! encoding. What the server could reach if everything round the model were free.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::Failure;
use super::super::engine::EngineFlags;
use super::discover::{Wanted, tensors_of};
use super::generator::Generator;
use super::inputs;
use super::request::Message;
use super::tally::{Failed, Tally};
use crate::app::quiet_caught_panics;
use crate::engine::choice::Choice;
use crate::engine::{Engine, ModelSource, Session, Wishes};
use crate::tensor::Tensor;

/// A model, loaded, and what to ask it.
pub(super) struct Model {
    session: Arc<dyn Session>,
    /// What to ask it in turn.
    inputs: Arc<[Vec<Tensor>]>,
    /// The engine that runs it.
    pub(super) engine: &'static str,
}

impl Model {
    /// Loads the file as the server would, and runs it on what was `given`, or what is made up.
    pub(super) fn load(
        file: &Path,
        flags: &EngineFlags,
        slots: usize,
        wanted: &Wanted,
        given: Option<&[Message]>,
    ) -> Result<Self, Failure> {
        let of_file = |error: &dyn std::fmt::Display| Failure(format!("{}: {error}", file.display()));
        quiet_caught_panics();
        let source = ModelSource::read(file)?;
        let config = super::super::config(flags.clone().in_force()?)?;
        let engine = Choice::new(config.engine, config.trial, slots)?;
        let loaded = engine.choose(&source, Wishes::default()).map_err(|error| of_file(&error))?;
        let session: Arc<dyn Session> = Arc::from(loaded.session);
        let inputs = match given {
            Some(messages) => {
                let ports = &session.signature().inputs;
                let read = |message: &Message| {
                    let inputs = tensors_of(message, ports)?;
                    session.run(&inputs).map(|_| inputs).map_err(|error| error.to_string())
                };
                messages.iter().map(read).collect::<Result<_, _>>().map_err(|error| of_file(&error))?
            }
            None if wanted.rows != 1 && !session.signature().is_batched() => {
                return Err(of_file(&"the model takes no rows, so --rows can only be 1"));
            }
            None => inputs::accepted(&*session, wanted.rows, wanted.seed).map_err(|error| of_file(&error))?,
        };
        Ok(Self { session, inputs: inputs.into(), engine: loaded.engine })
    }

    /// So many threads that run it.
    pub(super) fn runners(&self, threads: usize) -> Vec<Runner> {
        (0..threads).map(|_| Runner { session: Arc::clone(&self.session), inputs: Arc::clone(&self.inputs) }).collect()
    }
}

/// One of them.
pub(super) struct Runner {
    session: Arc<dyn Session>,
    inputs: Arc<[Vec<Tensor>]>,
}

impl Generator for Runner {
    fn generate(&mut self, lasting: Duration) -> Result<Tally, Failure> {
        let begun = Instant::now();
        let mut tally = Tally::begin(begun)?;
        let size = |tensors: &[Tensor]| tensors.iter().map(Tensor::size_in_bytes).sum::<usize>() as u64;
        let end = begun + lasting;
        let mut now = begun;
        for inputs in self.inputs.iter().cycle() {
            if now >= end {
                break;
            }
            let since = now;
            let ran = self.session.run(inputs);
            now = Instant::now();
            tally.bytes_out += size(inputs);
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
