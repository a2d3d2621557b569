//! The wall round the libraries that run models. `Engine` turns bytes into a `Session`, a `Session` turns tensors into
//! tensors; no library type or error crosses. Both calls block and are CPU-bound: callers choose the thread. Neither
//! panics: whatever a library does inside is caught and comes back as a value.

pub mod admission;
pub mod answers;
pub mod choice;
mod external;
pub mod fake;
pub mod guard;
#[cfg(feature = "onnxruntime")]
pub mod onnxruntime;
mod request;
pub mod samples;
pub mod tract;
pub mod trial;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::{ClassLabels, Digest, Dim, EngineChoice, EngineWish, Golden, GraphSummary, Signature};
use crate::tensor::{Shape, Tensor};

/// Loads models.
pub trait Engine: Send + Sync + 'static {
    /// The word for it in logs, metrics and listings.
    fn name(&self) -> &'static str;

    /// Parses, checks and prepares a model. Anything the engine would ignore, approximate or get wrong is an error.
    fn load(&self, source: &ModelSource) -> Result<Box<dyn Session>, LoadError>;

    /// Loads a model as its author wishes. Only an engine that is made of several has anything to choose from; any other
    /// refuses a model that is to be run by something else.
    fn choose(&self, source: &ModelSource, wishes: Wishes<'_>) -> Result<Loaded, LoadError> {
        let name = self.name();
        match wishes.engine {
            Some(wish) if wish != EngineWish::Auto && wish.word() != name => Err(LoadError::Interface(format!(
                "model.toml asks for engine = \"{wish}\", and there is {name} alone here"
            ))),
            _ => Ok(Loaded { session: self.load(source)?, engine: name, choice: None }),
        }
    }

    /// Told when nothing more is to be loaded for now: gives back what would have made the next load quicker.
    fn rest(&self) {}

    /// Describes a file as far as it can be read, whether or not it could be loaded.
    fn inspect(&self, source: &ModelSource) -> Result<Inspection, LoadError>;
}

/// What a model's author says that bears on which engine runs it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes<'a> {
    pub engine: Option<EngineWish>,
    /// Requests to hold engines against each other with.
    pub golden: Option<&'a Golden>,
}

/// A model that an engine took on.
pub struct Loaded {
    pub session: Box<dyn Session>,
    /// The name of the engine that runs it.
    pub engine: &'static str,
    /// Why that one, where there was a choice.
    pub choice: Option<EngineChoice>,
}

/// A model that is ready to run, shared by all threads.
pub trait Session: Send + Sync + 'static {
    fn signature(&self) -> &Signature;

    fn graph(&self) -> &GraphSummary;

    /// Labels of classes that the graph itself carries, and the outputs with a score for each.
    fn classes(&self) -> Option<&ClassLabels> {
        None
    }

    /// The node that may make the same inputs give another answer the next time. An engine that loads no such model has
    /// nothing to say here.
    fn depends_on_chance(&self) -> Option<&str> {
        None
    }

    /// Runs the model once. `inputs` are in the signature's order with its types and ranks; the outputs come in the
    /// signature's order and with its types. Blocking; no state survives from one call to the next.
    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError>;

    /// Whether running these inputs needs no preparation first, such as building a plan for their shapes. Cheap, and only
    /// how things stand: another call may change it before the run.
    fn is_prepared(&self, inputs: &[Tensor]) -> bool {
        let _ = inputs;
        true
    }

    /// The same of inputs like these with another number of rows.
    fn is_prepared_for_rows(&self, like: &[Tensor], rows: usize) -> bool {
        let _ = rows;
        self.is_prepared(like)
    }

    /// Whether each number of rows has to be prepared for by itself, so that a few sizes should serve for all.
    fn prefers_few_sizes(&self) -> bool {
        false
    }

    /// Estimate of the memory the session holds: weights in every form in which they are kept, each counted once.
    fn memory_bytes(&self) -> u64;

    /// Shapes of the inputs, in the signature's order, that the model was prepared with: a batch of one, and for other
    /// free axes a small size the model accepts. What to run for a trial when nothing better is known.
    fn sample_shapes(&self) -> Vec<Shape> {
        let size = |dim: &Dim| dim.fixed().unwrap_or(1);
        self.signature().inputs.iter().map(|port| port.shape.iter().map(size).collect()).collect()
    }

    /// Inputs for a first run, made of one number and, where the model must be given what it knows, of that; `None` where
    /// they would not fit in memory.
    fn sample(&self, value: f64) -> Option<Vec<Tensor>> {
        let ports = self.signature().inputs.iter().zip(self.sample_shapes());
        ports.map(|(port, shape)| Tensor::made_up(port.datatype, &shape, value)).collect()
    }
}

/// The bytes of a model and where its external data files are.
#[derive(Clone, Debug)]
pub struct ModelSource {
    pub bytes: Bytes,
    /// Folder that external data locations are relative to; `None` forbids external data.
    pub directory: Option<PathBuf>,
}

/// Largest file that is read: the most that the format can hold.
const LARGEST_FILE: u64 = 2 << 30;

/// Bytes of external data that are digested at once.
const AT_ONCE: usize = 256 << 10;

impl ModelSource {
    /// Reads a file once and whole.
    pub fn read(file: &Path) -> Result<Self, LoadError> {
        let unreadable = |error: std::io::Error| LoadError::Unreadable(format!("{}: {error}", file.display()));
        let about = std::fs::metadata(file).map_err(unreadable)?;
        // Reading a pipe would wait for its writer for ever.
        if !about.is_file() {
            return Err(LoadError::Unreadable(format!("{}: it is no regular file", file.display())));
        }
        if about.len() > LARGEST_FILE {
            return Err(LoadError::Malformed(format!(
                "it has {} bytes, and the format holds 2 GiB at most; larger models keep their weights in files beside it",
                about.len()
            )));
        }
        let bytes = std::fs::read(file).map_err(unreadable)?;
        // A bare name has an empty path before it, which not every reader takes for the current folder.
        let folder = file.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        Ok(Self { bytes: Bytes::from(bytes), directory: folder.map(Into::into) })
    }

    /// The digest of the file, and of those with its weights. Blocking: reads them.
    pub fn digest(&self, external_data: &[String]) -> Result<Digest, LoadError> {
        let mut hash = Sha256::new_with_prefix(&self.bytes);
        for (name, path) in external_data.iter().zip(self.external_files(external_data)?) {
            let unreadable = |error| LoadError::Unreadable(format!("external data file {name:?}: {error}"));
            let mut file = BufReader::with_capacity(AT_ONCE, File::open(path).map_err(unreadable)?);
            loop {
                let some = file.fill_buf().map_err(unreadable)?;
                let read = some.len();
                if read == 0 {
                    break;
                }
                hash.update(some);
                file.consume(read);
            }
        }
        Ok(Digest(hash.finalize().into()))
    }
}

/// Why a model was not loaded, in words its author can act on.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum LoadError {
    #[error("{0}")]
    Unreadable(String),
    #[error("not a readable ONNX file: {0}")]
    Malformed(String),
    /// `node` and `operator` name the place; `hint` says what to do about it.
    #[error("node {node:?} ({operator}): {reason}. {hint}")]
    Unsupported { node: String, operator: String, reason: String, hint: String },
    #[error("{0}")]
    Interface(String),
    #[error("the engine could not prepare the model: {0}")]
    Engine(String),
    /// It did not come through the trial: see [`trial`].
    #[error("loading it in a process of its own, to try it, failed: {0}")]
    Trial(String),
}

/// Why a run gave no answer. The model was verified when it was loaded, so it is the values of this request that the
/// model does not accept: an index out of range, sizes that do not fit together, a division by zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    pub message: String,
    /// The input, by its place in the signature, that holds NaN or infinity, where that is the reason.
    pub not_finite: Option<usize>,
}

impl From<String> for RunError {
    fn from(message: String) -> Self {
        Self { message, not_finite: None }
    }
}

/// What `onnxd inspect` tells.
#[derive(Clone, Debug)]
pub struct Inspection {
    pub graph: GraphSummary,
    /// Declared by the file; types the server cannot carry make it an error in words.
    pub signature: Result<Signature, LoadError>,
    pub operators: Vec<OperatorUse>,
}

/// One operator type of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorUse {
    /// `ai.onnx` for the standard domain.
    pub domain: String,
    pub operator: String,
    pub count: usize,
    pub support: Support,
}

/// How an operator is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// By the engine library.
    Engine,
    /// Nobody knows before the model is loaded.
    Untold,
    /// By an operator of our own inside that engine.
    Own,
    /// Not as such: the graph is rewritten so that it is not needed.
    Rewritten,
    /// Not at all; the words say why.
    Refused(String),
}
