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
use bytes::Bytes;

use super::problem;
use crate::{codec, serving};

/// The inputs of a request, whose JSON has this length, with bytes behind it, or else is all of it.
pub fn inputs_of(mut body: Bytes, json_length: Option<usize>) -> codec::Result<Vec<serving::Input>> {
    let json = body.split_to(json_length.unwrap_or(body.len()).min(body.len()));
    message::read(&json, body).map(|message| message.inputs)
}

/// An error as this protocol spells it.
fn refused(error: &serving::Error) -> Response {
    problem::respond(problem::Dialect::Oip, error)
}
