//! The domain `com.microsoft`: what ONNX Runtime's own quantisation tools write into models.

use super::Entry;

pub const OPERATORS: &[Entry] = &[];
