//! The domain `ai.onnx.ml`: what scikit-learn, XGBoost and LightGBM export. As the standard has it at
//! <https://onnx.ai/onnx/operators/> and, where the standard is silent, as ONNX Runtime answers. With them stand a few
//! operators of other domains that hardly anybody but scikit-learn's exporter writes.

mod array_feature_extractor;
mod binarizer;
mod category_mapper;
mod cdist;
mod feature_vectorizer;
mod imputer;
mod label_encoder;
mod linear;
mod linear_classifier;
mod linear_regressor;
mod mapping;
mod murmur_hash;
mod normalizer;
mod one_hot_encoder;
pub mod post_transform;
mod scaler;
mod svm;
mod svm_classifier;
mod svm_regressor;

use super::Entry;
pub use post_transform::softmax;

const fn ml(name: &'static str, build: super::Build) -> Entry {
    Entry { domain: "ai.onnx.ml", name, build }
}

pub const OPERATORS: &[Entry] = &[
    Entry { domain: "com.microsoft", name: "CDist", build: cdist::build },
    Entry { domain: "com.microsoft", name: "MurmurHash3", build: murmur_hash::build },
    ml("ArrayFeatureExtractor", array_feature_extractor::build),
    ml("Binarizer", binarizer::build),
    ml("CategoryMapper", category_mapper::build),
    ml("FeatureVectorizer", feature_vectorizer::build),
    ml("Imputer", imputer::build),
    ml("LabelEncoder", label_encoder::build),
    ml("LinearClassifier", linear_classifier::build),
    ml("LinearRegressor", linear_regressor::build),
    ml("Normalizer", normalizer::build),
    ml("OneHotEncoder", one_hot_encoder::build),
    ml("SVMClassifier", svm_classifier::build),
    ml("SVMRegressor", svm_regressor::build),
    ml("Scaler", scaler::build),
];
