//! Loading a model in a process of its own first. A file can be made so that reading it overflows the stack, never ends
//! or takes all memory, and nothing inside a process stops that. So the same program is started once more with limits to
//! its memory and time, loads the model and runs it once; only a model that came through is loaded here.
//!
//! The child gets the bytes through its standard input, so that what is tried is what is run, and answers with one line
//! of JSON. [`confine`], [`next_model`] and [`perform`] are the child's part.

mod child;
mod room;
mod stage;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use child::{confine, next_model, perform};

use self::room::Room;
use self::stage::{Ending, Stage};
use super::{Engine, Inspection, LoadError, ModelSource, Session, guard};
use crate::memory;

/// The program's command that a child is started with.
pub const COMMAND: &str = "try-model";

/// Whether models are tried first, and what a trial may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether models are tried; turning it off saves loading each of them twice, and trusts them.
    pub enabled: bool,
    /// The program to start; it has to know [`COMMAND`]. `None` in programs that this is a library of: nothing is tried.
    pub program: Option<PathBuf>,
    /// Time for a small model. Every 4 MiB of its files add a second, because large models may take their time.
    pub timeout: Duration,
    /// Memory for a small model, in bytes. Its files add six times their size: they are held as they came, decoded, as
    /// tensors and packed for the processor. Never more than the container has left.
    pub memory: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, program: None, timeout: Duration::from_secs(8), memory: 1 << 30 }
    }
}

const BYTES_PER_SECOND: u64 = 4 << 20;
const MEMORY_PER_BYTE: u64 = 6;
/// Models whose files are no larger may be tried by one child, one after another.
const SMALL: u64 = 1 << 20;
/// As many of them: what one leaves behind is no large part of what the next may take.
const MODELS_OF_A_CHILD: usize = 16;
/// Longest answer and longest complaint that are read; a child says far less.
const LONGEST: u64 = 64 << 10;

/// What one trial may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    time: Duration,
    memory: u64,
}

impl Config {
    /// The limits for a model whose files are so large together.
    fn limits(&self, size: u64, room: Option<u64>) -> Limits {
        let time = self.timeout.saturating_add(Duration::from_secs(size / BYTES_PER_SECOND));
        let memory = (self.memory as u64).saturating_add(size.saturating_mul(MEMORY_PER_BYTE));
        Limits { time, memory: room.map_or(memory, |room| memory.min(room)) }
    }
}

/// An engine that tries models first.
#[derive(Clone, Debug)]
pub struct Trial<E> {
    engine: E,
    /// The words from which the child makes the same engine.
    settings: String,
    config: Config,
    /// Shared by the copies of this engine, as is the next.
    room: Arc<Room>,
    /// Children that wait for a model.
    free: Arc<Mutex<Vec<Stage>>>,
}

impl<E: Engine> Trial<E> {
    pub fn new(engine: E, settings: String, config: Config) -> Self {
        Self { engine, settings, config, room: Arc::default(), free: Arc::default() }
    }

    fn rehearse(&self, program: &Path, source: &ModelSource, size: u64) -> Result<(), LoadError> {
        let models = if size <= SMALL { MODELS_OF_A_CHILD } else { 1 };
        let limits = self.config.limits(size, memory::left());
        let warm = if models > 1 { self.free().pop() } else { None };
        if let Some(mut stage) = warm
            && let Ok(Ending::Verdict(verdict)) = stage.rehearse(source, limits.time)
            // What was tried before it may be to blame for the others, or have got less memory for smaller files; then it gets
            // a child of its own.
            && !matches!(verdict, Err(LoadError::Trial(_)))
        {
            self.release(stage, models);
            return verdict;
        }
        let mut stage = Stage::set_up(program, &self.settings, limits, models).map_err(not_started)?;
        let ending = stage.rehearse(source, limits.time);
        if let Ok(Ending::Verdict(_)) = &ending {
            self.release(stage, models);
        }
        verdict(ending, limits)
    }

    fn release(&self, stage: Stage, models: usize) {
        if stage.rehearsed < models {
            self.free().push(stage);
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Stage>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Engine> Engine for Trial<E> {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn load(&self, source: &ModelSource) -> Result<Box<dyn Session>, LoadError> {
        if let (true, Some(program)) = (self.config.enabled, &self.config.program) {
            let size = (source.bytes.len() as u64).saturating_add(beside(source.directory.as_deref()));
            // Until it is loaded here, too.
            let _place = self.room.take(size.saturating_mul(MEMORY_PER_BYTE), memory::left);
            self.rehearse(program, source, size)?;
            return self.engine.load(source);
        }
        self.engine.load(source)
    }

    fn rest(&self) {
        self.free().clear();
        self.engine.rest();
    }

    /// Right here: who inspects a file that may be hostile loads it first.
    fn inspect(&self, source: &ModelSource) -> Result<Inspection, LoadError> {
        self.engine.inspect(source)
    }
}

/// Bytes of a model's file and of the files beside it that may hold its weights; 0 where there are none to be seen.
pub fn size(file: &Path) -> u64 {
    let length =
        |path: &Path| std::fs::metadata(path).ok().filter(|about| about.is_file()).map_or(0, |about| about.len());
    length(file).saturating_add(beside(file.parent()))
}

/// Bytes of the files in a model's folder that may hold its weights.
fn beside(folder: Option<&Path>) -> u64 {
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let is_model = |path: &Path| path.extension().is_some_and(|extension| extension == "onnx");
    let beside = entries.into_iter().flatten().flatten().filter(|entry| !is_model(&entry.path()));
    let sizes = beside.filter_map(|entry| entry.metadata().ok()).filter(|about| about.is_file());
    sizes.fold(0, |total, about| total.saturating_add(about.len()))
}

/// A verdict, or why there is none.
fn verdict(ending: std::io::Result<Ending>, limits: Limits) -> Result<(), LoadError> {
    match ending.map_err(not_started)? {
        Ending::Verdict(verdict) => verdict,
        Ending::TookTooLong => Err(LoadError::Trial(format!(
            "it took more than {:.0} s, the limit for files of this size (--load-timeout)",
            limits.time.as_secs_f64()
        ))),
        Ending::Died { status, complaint } => Err(LoadError::Trial(death(status, &complaint, limits.memory))),
    }
}

fn not_started(error: std::io::Error) -> LoadError {
    LoadError::Trial(format!("no process could be run for it: {error}; --trial-load false loads without one"))
}

/// Why a child ended without an answer, in words for the model's author.
fn death(status: ExitStatus, complaint: &str, memory: u64) -> String {
    if complaint.contains("memory allocation of") {
        let mebibytes = memory >> 20;
        return format!(
            "it needed more than {mebibytes} MiB of memory, the limit for files of this size (--load-memory)"
        );
    }
    if complaint.contains("overflowed its stack") {
        return "it overflowed the stack: something in it is nested too deeply".into();
    }
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match signal {
            9 => "the process was killed, most likely because the machine ran out of memory".into(),
            24 => "it used up its processor time (--load-timeout)".into(),
            _ => format!("it crashed the process (signal {signal})"),
        };
    }
    match guard::one_line(complaint) {
        line if complaint.trim().is_empty() => format!("the process ended without an answer ({status}); {line}"),
        line => format!("the process ended without an answer: {line}"),
    }
}

#[cfg(test)]
mod tests;
