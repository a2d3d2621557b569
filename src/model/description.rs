//! Everything about one loaded version that can be told without running it. Shared by the registry, the answers and the
//! error messages, so that "what the model expects" has one source.

use std::collections::BTreeMap;

use crate::tensor::Tensor;

use super::{EngineChoice, ModelCard, ModelId, Signature};

/// One loaded version, described.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub id: ModelId,
    pub signature: Signature,
    pub card: ModelCard,
    pub graph: GraphSummary,
    /// Inputs of one request that the model has answered, in the signature's order: the first golden row, or what it
    /// was warmed up with. One row where it takes rows.
    pub sample: Vec<Tensor>,
    /// Name of the engine that runs it, such as `tract`.
    pub engine: &'static str,
    /// Why that one, where there was a choice.
    pub engine_choice: Option<EngineChoice>,
}

/// What the ONNX file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphSummary {
    pub ir_version: i64,
    /// Operator set versions by domain; the standard domain is `ai.onnx`.
    pub opsets: BTreeMap<String, i64>,
    pub producer: String,
    pub graph_name: String,
    pub description: String,
    pub metadata: BTreeMap<String, String>,
    pub nodes: usize,
    /// Bytes of the weights stored in the graph.
    pub weight_bytes: u64,
    /// Files beside it with weights, as it names them, in alphabetical order.
    pub external_data: Vec<String>,
    /// The node that was seen to take the rows of a batch together, in words.
    pub takes_rows_together: Option<String>,
}
