//! The domain `ai.onnx.ml`: what scikit-learn, XGBoost and LightGBM export. As the standard has it at
//! <https://onnx.ai/onnx/operators/> and, where the standard is silent, as ONNX Runtime answers.

mod scaler;

use super::Entry;

const fn ml(name: &'static str, build: super::Build) -> Entry {
    Entry { domain: "ai.onnx.ml", name, build }
}

pub const OPERATORS: &[Entry] = &[ml("Scaler", scaler::build)];
