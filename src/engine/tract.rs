//! The default engine: pure Rust, by the tract library. It loads what tract computes right and refuses the rest with a
//! reason; see [`checks`]. The only module that names tract.

mod agree;
mod arithmetic;
mod blame;
mod bounds;
mod checks;
mod company;
mod convert;
mod dims;
mod direct;
mod exact;
mod files;
mod interface;
mod limits;
mod load;
mod nan;
mod ops;
pub mod outline;
mod plans;
mod proto;
mod rewrite;
mod samples;
mod session;
mod short_softmax;
mod windows;

use serde::{Deserialize, Serialize};

pub use limits::Limits;

use super::{Engine, Inspection, LoadError, ModelSource, Session, guard};

/// Settings of the engine.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Config {
    /// Optimised plans kept per model, one per batch size (or other set of input shapes) that is in use; one more is
    /// kept for sizes that are not worth their own. Each lays the weights out for its kernels, and shares what another has
    /// laid out alike: a larger number trades memory for speed at many different batch sizes. At least 1.
    pub max_plans: usize,
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_plans: 8, limits: Limits::default() }
    }
}

/// The engine; it keeps nothing of the models it has loaded.
#[derive(Clone, Debug, Default)]
pub struct Tract {
    config: Config,
}

impl Tract {
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Engine for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn load(&self, source: &ModelSource) -> Result<Box<dyn Session>, LoadError> {
        // Unwinding leaves nothing behind: a session that was not finished is dropped.
        let loaded = guard::deep(|| load::load(source, &self.config)).map_err(LoadError::Engine)?;
        loaded.map(|session| Box::new(session) as Box<dyn Session>)
    }

    fn inspect(&self, source: &ModelSource) -> Result<Inspection, LoadError> {
        guard::deep(|| load::inspect(source)).map_err(LoadError::Engine)?
    }
}
