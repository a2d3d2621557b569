//! What a model's author says about it, beside the graph itself. Read from `model.toml`, where every field is optional;
//! a bare `.onnx` file has an empty card.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::tensor::Tensor;

use super::EngineWish;

/// The author's words about one model version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelCard {
    pub title: Option<String>,
    pub description: Option<String>,
    /// Column names of the single two-dimensional input, so that requests may send records.
    pub features: Vec<String>,
    pub classes: Option<ClassLabels>,
    /// A body for `POST /predict` that works, as JSON text.
    pub example: Option<String>,
    /// Rows with known answers: the version is ready only when it reproduces them.
    pub golden: Option<Golden>,
    /// The engine that is to run it, whatever the server's settings say.
    pub engine: Option<EngineWish>,
    /// Whether answers are kept for when the same is asked again, and how many.
    pub cache: Option<CacheLimits>,
    pub batching: SchedulingWish,
}

/// How much a response cache keeps, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Memory of its entries, inputs included.
    pub max_bytes: usize,
    /// Since the answer was computed; `None` as long as there is room.
    pub ttl: Option<Duration>,
}

/// How the model shares the compute slots with others, as far as its author says; the rest is the server's to decide.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SchedulingWish {
    /// Rows that waiting requests are merged up to; 1 turns that off.
    pub max_batch: Option<usize>,
    /// How long a request may be held back for others to join it.
    pub max_delay: Option<Duration>,
    /// Rows of this model that may wait.
    pub queue_rows: Option<usize>,
    pub weight: Option<f64>,
    pub priority: Option<i64>,
    /// Runs at the same moment.
    pub instances: Option<usize>,
}

/// Words for class indices, and which outputs they apply to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassLabels {
    pub labels: Vec<String>,
    /// Output name to role; outputs not named here are plain numbers.
    pub outputs: BTreeMap<String, OutputRole>,
}

/// How an output relates to the class labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputRole {
    /// Integers that index the labels: answered as the label.
    Class,
    /// One score per label along the last axis: answered as `{label: score}`.
    Scores,
}

/// Inputs and the outputs they must give, computed by an independent implementation.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    pub inputs: Vec<(String, Tensor)>,
    pub outputs: Vec<(String, Tensor)>,
    /// Largest allowed `|got - expected| / max(1, |expected|)` for floats; integers and strings must be equal.
    pub tolerance: f64,
}
