//! Operators of `ai.onnx` that tract lacks or answers wrongly.

use super::Entry;

pub const OPERATORS: &[Entry] = &[];
