//! Operators that are not there, and operators whose answers would be wrong.

use tract_onnx::pb::NodeProto;

use super::super::proto;
use super::{Known, Refusal};

/// Operators of `com.microsoft` that tract implements as that domain means them. tract goes by the name alone, so any
/// other one would run as its namesake of the standard.
const MICROSOFT: &[&str] = &[
    "BiasGelu",
    "DequantizeLinear",
    "FastGelu",
    "GatherBlockQuantized",
    "Gelu",
    "MatMulNBits",
    "QuantizeLinear",
    "QuickGelu",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
];

/// Operators of `ai.onnx.ml` that tract knows by name and that are none of the standard.
const ML_NAMES: &[&str] = &[
    "ArrayFeatureExtractor",
    "CategoryMapper",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "TreeEnsembleClassifier",
];

/// Refuses what tract has no implementation of, and what it would take for something else of the same name.
pub fn unknown(node: &NodeProto, known: Known) -> Option<Refusal> {
    let operator = &*node.op_type;
    let there = match proto::domain(&node.domain) {
        "ai.onnx" => known(operator) && !ML_NAMES.contains(&operator),
        // Whatever there is of it is ours.
        "ai.onnx.ml" => false,
        "com.microsoft" => MICROSOFT.contains(&operator) && known(operator),
        other => {
            let reason = format!("it belongs to the domain {other:?}, whose operators the engine does not know");
            return Some(Refusal::new(reason, "Export the model with standard operators only"));
        }
    };
    (!there).then(|| Refusal::new("the engine has no such operator", hint(node)))
}

/// What the author of a model can do about an operator that is missing.
fn hint(node: &NodeProto) -> &'static str {
    match (proto::domain(&node.domain), &*node.op_type) {
        (_, "ZipMap") => {
            "Export the classifier with plain outputs: convert_sklearn(model, ..., options={\"zipmap\": False})"
        }
        (_, "DictVectorizer" | "CastMap") => {
            "Its input is a map, which is no tensor: turn it into a vector before the request and export the rest"
        }
        (
            _,
            "TfIdfVectorizer" | "StringNormalizer" | "StringSplit" | "StringConcat" | "RegexFullMatch" | "Tokenizer",
        ) => "Turn text into numbers before the request and export the rest of the model",
        (_, "Loop") => "Export the model with a fixed number of iterations, so that the loop is unrolled",
        (_, name) if name.contains("Sequence") || name.starts_with("Optional") => {
            "Export the model so that it uses tensors only"
        }
        ("com.microsoft", "GroupQueryAttention") => {
            "Text generation keeps state between requests, which this server does not; serve models that answer at once"
        }
        ("com.microsoft", _) => "Save the model before ONNX Runtime optimises it: its fused operators are its own",
        _ => "Export the model with another operator set or without this operator",
    }
}
