//! Which models there are and which of them can answer. The catalog says what lies on disk, a servable is a loaded
//! version with what it keeps of its answers, the snapshot is what readers see: an immutable map replaced as a whole by the one writer.

mod cache;
mod catalog;
mod lifecycle;
mod loader;
mod manifest;
mod progress;
mod servable;
mod snapshot;
mod verify;

use std::path::PathBuf;

use crate::model::ModelName;

pub use cache::{Joined, ResponseCache, Turn};
pub use catalog::{Catalog, CatalogError, Entry};
pub use lifecycle::Lifecycle;
pub use loader::{LoadOutcome, Registry};
pub use servable::{Counters, Servable, Stage};
pub use snapshot::{FindError, Slot, Snapshot};

/// Where models come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Files or folders, each in any of the layouts that [`Catalog`] reads.
    pub sources: Vec<PathBuf>,
    /// The model that answers requests which name none. Unset: the only one there is.
    pub default_model: Option<ModelName>,
    /// Serves the single model found under this name, whatever it is called on disk.
    pub model_name: Option<ModelName>,
}
