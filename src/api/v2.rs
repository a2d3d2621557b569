//! The Open Inference Protocol, version 2, over HTTP, with the extensions that [`metadata::EXTENSIONS`] lists. The
//! shapes of its messages are fixed by existing clients: `tritonclient` and `perf_analyzer` are read to the field.

mod answer;
pub(super) mod config;
mod framing;
pub(super) mod infer;
mod message;
pub(super) mod metadata;
pub(super) mod repository;
pub(super) mod statistics;

use axum::response::Response;

use super::problem;
use crate::serving;

/// An error as this protocol spells it.
fn refused(error: &serving::Error) -> Response {
    problem::respond(problem::Dialect::Oip, error)
}
