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

use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;

use super::problem;
use crate::model::Signature;
use crate::{codec, serving};

pub use framing::INFERENCE_HEADER;

/// The inputs that a request gives a model of this signature.
pub fn inputs_of(headers: &HeaderMap, body: Bytes, signature: &Signature) -> codec::Result<Vec<serving::Input>> {
    infer::message_of(framing::divide(headers, body)?, signature).map(|message| message.inputs)
}

/// An error as this protocol spells it.
fn refused(error: &serving::Error) -> Response {
    problem::respond(problem::Dialect::Oip, error)
}
