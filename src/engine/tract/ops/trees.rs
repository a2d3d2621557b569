//! The tree ensembles of `ai.onnx.ml`: forests and gradient boosting. Each of the three operators is read into one
//! [`ensemble::Ensemble`], which is checked as a whole and then laid out to be run ([`forest`]): walked ([`walk`]), or swept where that is faster ([`sweep`]).
//!
//! Where the standard says nothing, answers are those of ONNX Runtime, sums in its single-threaded order and precision.
//! Where ONNX Runtime contradicts the standard, nobody can tell what the author of a model saw, and it is refused. All of
//! it runs on the calling thread: requests are already run side by side.

mod attributes;
mod branch;
mod classes;
mod classifier;
mod ensemble;
mod forest;
mod layout;
mod members;
mod numbering;
mod opset_5;
mod real;
mod regressor;
mod run;
mod scores;
mod sweep;
mod tensors;
mod walk;

use super::Entry;

const fn ml(name: &'static str, build: super::Build) -> Entry {
    Entry { domain: "ai.onnx.ml", name, build }
}

pub const OPERATORS: &[Entry] = &[
    ml("TreeEnsemble", opset_5::build),
    ml("TreeEnsembleClassifier", classifier::build),
    ml("TreeEnsembleRegressor", regressor::build),
];
