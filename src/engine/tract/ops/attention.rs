//! `Attention` of `ai.onnx` with all its masks, caches and outputs: [`node`] reads the attributes and tells the shapes,
//! [`mask`] says who may look at what, [`compute`] does the arithmetic. [`multi_head`] is the same operator as ONNX
//! Runtime's optimiser writes it; [`rotary`] is how queries and keys there come to know their positions.

mod compute;
mod mask;
mod multi_head;
mod node;
mod real;
mod rotary;

use super::Entry;

pub const OPERATORS: &[Entry] = &[
    Entry { domain: "ai.onnx", name: "Attention", build: node::build },
    Entry { domain: "com.microsoft", name: "MultiHeadAttention", build: multi_head::build },
    Entry { domain: "com.microsoft", name: "RotaryEmbedding", build: rotary::build },
];
