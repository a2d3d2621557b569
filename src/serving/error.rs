//! The one sum of what can go wrong between a decoded request and its answer. No status codes here: the edge maps each
//! variant to its own protocol. Messages say what was expected and what came.

use std::sync::Arc;
use std::time::Duration;

use crate::model::Description;

/// A failed request, and the model it was meant for when that was found: the edge shows its worked example.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{problem}")]
pub struct Error {
    pub problem: Problem,
    pub model: Option<Arc<Description>>,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    #[error("there is no model {name:?}; {}", known_names(.known))]
    UnknownModel { name: String, known: Vec<String> },
    #[error("model {name:?} has no version {version:?}; {}", known_names(.known))]
    UnknownVersion { name: String, version: String, known: Vec<String> },
    #[error("no model was named and there is no default one; {}", known_names(.known))]
    NoDefaultModel { known: Vec<String> },
    #[error("model {name:?} version {version} is not ready: {reason}")]
    NotReady { name: String, version: String, reason: String },
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// The values passed every check of the signature, but the computation itself cannot be done with them. The place is that
    /// of an input that holds NaN or infinity where the model would make a number of it.
    #[error("the model cannot compute with these values: {message}")]
    RejectedByModel { message: String, place: Option<Place> },
    #[error("the server is saturated: {reason}")]
    Overloaded { reason: &'static str, retry_after: Duration },
    #[error("the deadline passed after {waited:?} {stage}")]
    DeadlineExceeded { waited: Duration, stage: &'static str },
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// A value of the request that does not fit the model, or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}, got {got}")]
pub struct Invalid {
    /// Stable machine-readable word, snake case, such as `wrong_shape`.
    pub code: &'static str,
    /// One sentence without a full stop: what is wrong.
    pub what: String,
    pub place: Place,
    pub expected: String,
    pub got: String,
    /// What to do about it, when there is more to say than `expected`.
    pub hint: Option<String>,
}

/// Where in the request the offending value is. The edge turns it into a JSON pointer of its own wire format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The request as a whole.
    Whole,
    /// The list of inputs.
    Inputs,
    /// The n-th input as sent; for records the n-th column.
    Input { index: usize, aspect: Aspect },
    /// The n-th requested output.
    Output { index: usize },
    /// Already a JSON pointer, from the decoder.
    Pointer(String),
}

/// Which part of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    Name,
    DataType,
    Shape,
    Data,
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { problem, model: None }
    }
}

impl Error {
    pub fn of(model: &Arc<Description>, problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), model: Some(Arc::clone(model)) }
    }
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() { "none is loaded".into() } else { format!("there are {}", known.join(", ")) }
}
