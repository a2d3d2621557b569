//! `Attention` of `ai.onnx` with all its masks, caches and outputs: [`node`] reads the attributes and tells the shapes,
//! [`mask`] says who may look at what, [`compute`] does the arithmetic.

mod compute;
mod mask;
mod node;
mod real;

use super::Entry;

pub const OPERATORS: &[Entry] = &[Entry { domain: "ai.onnx", name: "Attention", build: node::build }];
