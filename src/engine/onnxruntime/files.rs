//! Weights in files beside the model are read into memory here instead of being mapped by the library, so that a file cut
//! short later is no signal.

use std::sync::Arc;

use crate::engine::{LoadError, ModelSource};

/// A file as the model names it, and what it holds.
pub type External = (String, Arc<[u8]>);

pub fn read(source: &ModelSource, names: &[String]) -> Result<Vec<External>, LoadError> {
    let read = |(name, path): (&String, _)| {
        let unreadable = |error| LoadError::Unreadable(format!("external data file {name:?}: {error}"));
        let bytes = std::fs::read(path).map_err(unreadable)?;
        Ok((name.clone(), bytes.into()))
    };
    names.iter().zip(source.external_files(names)?).map(read).collect()
}
