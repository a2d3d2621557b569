//! The tree ensembles of `ai.onnx.ml`: forests and gradient boosting.

use super::Entry;

pub const OPERATORS: &[Entry] = &[];
