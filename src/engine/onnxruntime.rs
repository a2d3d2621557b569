//! The second engine: ONNX Runtime, whose library is loaded when it is first asked for. It runs what the built-in engine
//! refuses; what it cannot run it refuses with its own words. The only module that names its bindings.
//!
//! It is native code: a fault inside its library ends the process, where a fault of the built-in engine costs a request.

mod files;
mod interface;
mod library;
mod pool;
mod processor;
mod session;
mod values;
mod words;

use std::path::Path;

use ort::environment::Environment;

use self::session::OnnxRuntimeSession;
use super::tract::outline::{self, Outline};
use super::{Engine, Inspection, LoadError, ModelSource, Session, guard};

/// The engine: the library, once for the process.
pub struct OnnxRuntime {
    environment: Environment,
    /// Runs of one model at the same moment.
    slots: usize,
    /// Threads that one run may use.
    threads: usize,
}

impl OnnxRuntime {
    /// Loads the library: the one at `library`, or the one that the system's loader finds.
    ///
    /// # Errors
    /// In words, when there is none, or one that is too old.
    pub fn open(library: Option<&Path>, slots: usize) -> Result<Self, String> {
        Ok(Self { environment: library::environment(library)?, slots: slots.max(1), threads: 1 })
    }

    /// The same with runs that use so many threads; every session of a model starts its own.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }
}

impl Engine for OnnxRuntime {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn load(&self, source: &ModelSource) -> Result<Box<dyn Session>, LoadError> {
        // Unwinding leaves nothing behind: a session that was not finished is dropped.
        let loaded = guard::deep(|| {
            let outline = Outline::of(source)?;
            OnnxRuntimeSession::new(&self.environment, outline, self.slots, self.threads)
        });
        let loaded = loaded.map_err(LoadError::Engine)?;
        loaded.map(|session| Box::new(session) as Box<dyn Session>)
    }

    fn inspect(&self, source: &ModelSource) -> Result<Inspection, LoadError> {
        guard::deep(|| outline::inspect(source)).map_err(LoadError::Engine)?
    }
}
