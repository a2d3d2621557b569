//! Operators on strings: of `ai.onnx`, and `Tokenizer` of `com.microsoft`.

use super::Entry;

pub const OPERATORS: &[Entry] = &[];
