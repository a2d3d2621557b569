//! Operators that draw lots. A server answers the same question with the same answer, and nobody can check one that
//! depends on chance, so they are refused.

use tract_onnx::prelude::Arc;

use super::super::Kernel;
use super::super::node::Node;
use crate::engine::tract::checks::Refusal;

pub fn build(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Err(Refusal::new(
        "its answer depends on chance, and the server gives the same answer to the same question",
        "Make the random numbers outside and give them to the model as an input",
    ))
}

/// `Dropout` in training: everywhere else it does nothing and is left to the engine.
pub fn dropout(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Err(Refusal::new(
        "it is in training mode, or may be, and then drops values at random",
        "Export the model for inference: model.eval() before torch.onnx.export",
    ))
}
