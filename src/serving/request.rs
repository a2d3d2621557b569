//! The protocol-neutral request and its answer. A request holds decoded tensors but nothing has been compared with a
//! model yet; an answer holds tensors and what is needed to say who computed them and how long it took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::Description;
use crate::tensor::Tensor;

/// One inference request.
#[derive(Clone, Debug)]
pub struct Request {
    pub payload: Payload,
    /// Outputs wanted, by name and in this order; `None` for all.
    pub outputs: Option<Vec<String>>,
    /// When the caller stops waiting: work not begun by then is dropped.
    pub deadline: Instant,
}

/// The tensors of a request in the form they were sent.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Inputs by name.
    Named(Vec<Input>),
    /// One tensor for the model's only input.
    Sole(Input),
    /// Column by column: one value (or nested array) per row under the name of an input or of a feature. Every tensor's
    /// axis 0 has `rows` entries.
    Records { columns: Vec<Input>, rows: usize },
}

/// One tensor of a request.
#[derive(Clone, Debug)]
pub struct Input {
    /// Empty in `Payload::Sole` when the client gave no name.
    pub name: String,
    pub tensor: Tensor,
    /// True when the client stated type and shape in the model's own terms (V2, raw bytes): both must be the model's. False
    /// when they were guessed from JSON or are another program's default (npy): a lossless cast is fine, and so is a row
    /// without its batch axis.
    pub typed: bool,
}

/// How the values were laid out, which decides how the answer is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the model takes them.
    Batched,
    /// One row without its batch axis: the answer has none either.
    SingleRow,
}

/// The answer to one request.
#[derive(Clone, Debug)]
pub struct Response {
    pub model: Arc<Description>,
    /// Index into `model.signature.outputs` and the tensor, in the order asked for.
    pub outputs: Vec<(usize, Tensor)>,
    /// Rows of the request; `None` for a model without a batch axis.
    pub rows: Option<usize>,
    pub form: Form,
    pub timings: Timings,
    /// `None` for a model without a cache.
    pub cache: Option<CacheUse>,
}

/// Where the answer of a model with a cache came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// From the cache, or from the run of an equal request that was being computed.
    Hit,
    /// From a run of its own.
    Miss,
}

impl CacheUse {
    pub fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

/// Where the time of one request went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Waiting for a compute slot, or for the run of an equal request.
    pub queue: Duration,
    /// Inside the engine.
    pub compute: Duration,
}
