//! `CategoryMapper`: words to numbers or numbers to words, as the type of the input asks.

use tract_onnx::prelude::{Arc, tensor1};

use super::super::Kernel;
use super::super::node::Node;
use super::label_encoder::both_ways;
use super::mapping::words;
use crate::engine::tract::checks::Refusal;

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    both_ways(node, &words(&node.texts("cats_strings")?), &tensor1(node.ints("cats_int64s")?))
}
