//! The domain `ai.onnx.ml`: what scikit-learn, XGBoost and LightGBM export. As the standard has it at
//! <https://onnx.ai/onnx/operators/> and, where the standard is silent, as ONNX Runtime answers.

mod linear;
mod linear_classifier;
mod linear_regressor;
pub mod post_transform;
mod scaler;
mod svm;
mod svm_classifier;
mod svm_regressor;

use super::Entry;

const fn ml(name: &'static str, build: super::Build) -> Entry {
    Entry { domain: "ai.onnx.ml", name, build }
}

pub const OPERATORS: &[Entry] = &[
    ml("LinearClassifier", linear_classifier::build),
    ml("LinearRegressor", linear_regressor::build),
    ml("SVMClassifier", svm_classifier::build),
    ml("SVMRegressor", svm_regressor::build),
    ml("Scaler", scaler::build),
];
