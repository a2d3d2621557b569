//! Weights in files beside the model are read into memory here instead of being mapped by the library, so that a file cut
//! short later is no signal.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::LoadError;

/// A file as the model names it, and what it holds.
pub type External = (String, Arc<[u8]>);

/// Reads the files of these names, which are at these paths.
pub fn read(names: &[String], paths: &[PathBuf]) -> Result<Vec<External>, LoadError> {
    let read = |(name, path): (&String, &PathBuf)| {
        let unreadable = |error| LoadError::Unreadable(format!("external data file {name:?}: {error}"));
        Ok((name.clone(), std::fs::read(path).map_err(unreadable)?.into()))
    };
    names.iter().zip(paths).map(read).collect()
}
