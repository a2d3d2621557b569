//! An engine made of two: the built-in one, which refuses what it would get wrong, and ONNX Runtime, which covers more.
//! Which of them runs a model is the server's setting or the model's own word; how the faster one is found stands in
//! [`contest`]. Which build has the second engine, and how to get one that has, is known here and nowhere else.

mod contest;
mod naming;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use self::contest::Verdict;
use super::tract::{self, Tract};
use super::trial::{self, Trial};
use super::{Engine, Inspection, LoadError, Loaded, ModelSource, Session, Wishes};
use crate::model::{EngineChoice, EngineWish};

/// Settings of both engines and of the choice between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub wish: EngineWish,
    /// ONNX Runtime's library, version 1.24 or newer. Unset: the one that the system's loader finds.
    pub onnxruntime_lib: Option<PathBuf>,
    /// Threads that one run of ONNX Runtime may use, at least 1; tract uses the one that it is called on.
    pub intra_op_threads: usize,
    pub tract: tract::Config,
}

impl Default for Config {
    fn default() -> Self {
        let (wish, onnxruntime_lib, tract) = Default::default();
        Self { wish, onnxruntime_lib, intra_op_threads: 1, tract }
    }
}

/// Opens the second engine, once somebody needs it.
type Opener = Box<dyn Fn() -> Result<Arc<dyn Engine>, String> + Send + Sync>;

/// The engine of the server.
pub struct Choice {
    first: Arc<dyn Engine>,
    opener: Opener,
    second: OnceLock<Result<Arc<dyn Engine>, String>>,
    wish: EngineWish,
}

impl Choice {
    /// `slots` is how many runs of one model there may be at the same moment.
    ///
    /// # Errors
    /// In words, when ONNX Runtime is asked for and cannot be had.
    pub fn new(config: Config, trial: trial::Config, slots: usize) -> Result<Self, String> {
        let Config { wish, onnxruntime_lib, intra_op_threads, tract } = config;
        let words = Single::Tract(tract.clone()).to_words();
        let first = Trial::new(Tract::new(tract), words, trial.clone());
        let open = move || {
            let words = Single::OnnxRuntime { library: onnxruntime_lib.clone() }.to_words();
            let engine = open(onnxruntime_lib.clone(), slots, intra_op_threads)?;
            Ok(Arc::new(Trial::new(engine, words, trial.clone())) as _)
        };
        Self::between(Arc::new(first), Box::new(open), wish)
    }

    /// A choice between any two engines.
    pub fn between(first: Arc<dyn Engine>, opener: Opener, wish: EngineWish) -> Result<Self, String> {
        let choice = Self { first, opener, second: OnceLock::new(), wish };
        match wish {
            EngineWish::Tract => Ok(choice),
            _ => choice.second().map(|_| ()).map(|()| choice),
        }
    }

    fn second(&self) -> Result<&dyn Engine, String> {
        self.second.get_or_init(|| (self.opener)()).as_deref().map_err(Clone::clone)
    }

    fn covering(&self, source: &ModelSource) -> Result<Loaded, LoadError> {
        let (first, second) = (&self.first, self.second().map_err(LoadError::Interface)?);
        match first.load(source) {
            Ok(session) => {
                let reason = format!("{} covers the model", first.name());
                Ok(chosen(session, first.name(), EngineChoice { reason, probes: Vec::new() }))
            }
            Err(refusal) => {
                let session = second.load(source).map_err(|other| self.neither(&refusal, &other))?;
                let reason = format!("{} refuses the model: {refusal}", first.name());
                Ok(chosen(session, second.name(), EngineChoice { reason, probes: Vec::new() }))
            }
        }
    }

    fn fastest(&self, source: &ModelSource, wishes: Wishes<'_>) -> Result<Loaded, LoadError> {
        let (first, second) = (&self.first, self.second().map_err(LoadError::Interface)?);
        let (one, other) = match (first.load(source), second.load(source)) {
            (Ok(one), Ok(other)) => (one, other),
            (Ok(session), Err(refusal)) => {
                let reason = format!("{} refuses the model: {refusal}", second.name());
                return Ok(chosen(session, first.name(), EngineChoice { reason, probes: Vec::new() }));
            }
            (Err(refusal), Ok(session)) => {
                let reason = format!("{} refuses the model: {refusal}", first.name());
                return Ok(chosen(session, second.name(), EngineChoice { reason, probes: Vec::new() }));
            }
            (Err(refusal), Err(other)) => return Err(self.neither(&refusal, &other)),
        };
        let names = [first.name(), second.name()];
        let verdict = contest::hold([&*one, &*other], names, wishes.golden).map_err(LoadError::Interface)?;
        let Verdict { winner, choice } = verdict;
        if winner == 0 {
            return Ok(chosen(one, names[0], choice));
        }
        // Clients see one signature, whichever engine was faster this time.
        let signature = one.signature().clone();
        Ok(chosen(Box::new(naming::Under { session: other, signature }), names[1], choice))
    }

    fn neither(&self, refusal: &LoadError, other: &LoadError) -> LoadError {
        match refusal {
            LoadError::Malformed(_) | LoadError::Trial(_) => refusal.clone(),
            _ => {
                let second = self.second().map_or("the other engine", Engine::name);
                LoadError::Interface(format!("{}: {refusal} {second}: {other}", self.first.name()))
            }
        }
    }
}

fn chosen(session: Box<dyn Session>, engine: &'static str, choice: EngineChoice) -> Loaded {
    Loaded { session, engine, choice: Some(choice) }
}

impl Engine for Choice {
    fn name(&self) -> &'static str {
        match self.wish {
            EngineWish::Tract => self.first.name(),
            EngineWish::OnnxRuntime => self.second().map_or("onnxruntime", Engine::name),
            EngineWish::Auto | EngineWish::Fastest => self.wish.word(),
        }
    }

    fn load(&self, source: &ModelSource) -> Result<Box<dyn Session>, LoadError> {
        self.choose(source, Wishes::default()).map(|loaded| loaded.session)
    }

    fn choose(&self, source: &ModelSource, wishes: Wishes<'_>) -> Result<Loaded, LoadError> {
        let alone = |session, engine: &dyn Engine| Loaded { session, engine: engine.name(), choice: None };
        match wishes.engine.unwrap_or(self.wish) {
            EngineWish::Tract => Ok(alone(self.first.load(source)?, &*self.first)),
            EngineWish::OnnxRuntime => {
                let second = self.second().map_err(LoadError::Interface)?;
                let session = naming::completed(second.load(source)?, || self.first.load(source).ok());
                Ok(alone(session, second))
            }
            EngineWish::Auto => self.covering(source),
            EngineWish::Fastest => self.fastest(source, wishes),
        }
    }

    fn rest(&self) {
        self.first.rest();
        if let Some(Ok(second)) = self.second.get() {
            second.rest();
        }
    }

    fn inspect(&self, source: &ModelSource) -> Result<Inspection, LoadError> {
        match self.wish {
            EngineWish::OnnxRuntime => self.second().map_err(LoadError::Interface)?.inspect(source),
            _ => self.first.inspect(source),
        }
    }
}

/// One engine by itself, as a process that tries models is told to make it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Single {
    Tract(tract::Config),
    OnnxRuntime { library: Option<PathBuf> },
}

impl Single {
    /// As text that [`Single::from_words`] reads again.
    pub fn to_words(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn from_words(words: &str) -> Result<Self, String> {
        serde_json::from_str(words).map_err(|error| error.to_string())
    }

    pub fn open(self) -> Result<Box<dyn Engine>, String> {
        Ok(match self {
            Self::Tract(config) => Box::new(Tract::new(config)),
            Self::OnnxRuntime { library } => Box::new(open(library, 1, 1)?),
        })
    }
}

#[cfg(feature = "onnxruntime")]
fn open(library: Option<PathBuf>, slots: usize, threads: usize) -> Result<super::onnxruntime::OnnxRuntime, String> {
    super::onnxruntime::OnnxRuntime::open(library.as_deref(), slots).map(|engine| engine.with_threads(threads))
}

#[cfg(not(feature = "onnxruntime"))]
fn open(_library: Option<PathBuf>, _slots: usize, _threads: usize) -> Result<Tract, String> {
    Err("this build of onnxd has tract alone. ONNX Runtime comes with the image onnxd-ort, and with \
         `cargo build --release --features onnxruntime`"
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_is_told_is_what_it_reads() {
        for single in [
            Single::Tract(tract::Config { max_plans: 3, ..tract::Config::default() }),
            Single::OnnxRuntime { library: Some("/x.so".into()) },
            Single::OnnxRuntime { library: None },
        ] {
            assert_eq!(Single::from_words(&single.to_words()), Ok(single));
        }
        assert!(Single::from_words("{}").is_err());
    }
}
