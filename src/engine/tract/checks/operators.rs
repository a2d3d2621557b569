//! Operators that are not there, and operators whose answers would be wrong.

use tract_onnx::pb::NodeProto;

use super::super::ops::Opsets;
use super::super::proto;
use super::scope::attribute;
use super::{Known, Refusal};

/// Operators of `com.microsoft` that tract implements as that domain means them. tract goes by the name alone, so any
/// other one would run as its namesake of the standard.
const MICROSOFT: &[&str] = &[
    "BiasGelu",
    "DequantizeLinear",
    "FastGelu",
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

/// Refuses what has another meaning in the operator set of the file than the one that tract knows.
pub fn outdated(node: &NodeProto, opsets: &Opsets) -> Option<Refusal> {
    let opset = opsets.get("ai.onnx").copied().unwrap_or(i64::MAX);
    (node.op_type == "Scan" && opset < 9).then(|| {
        Refusal::new(
            "before operator set 9 it goes along the second axis of its inputs, which the engine does not do",
            "Export the model with operator set 9 or later",
        )
    })
}

/// Refuses what tract runs but gets wrong.
pub fn wrong(node: &NodeProto) -> Option<Refusal> {
    match &*node.op_type {
        "GridSample" if text(node, "mode").contains("cubic") && text(node, "padding_mode") == "border" => {
            Some(Refusal::new(
                "between cubic pixels it moves places instead of pixels onto the border",
                "Use padding_mode \"zeros\" or \"reflection\", or another mode",
            ))
        }
        _ => None,
    }
}

fn text(node: &NodeProto, name: &str) -> String {
    attribute(node, name).map(|a| String::from_utf8_lossy(&a.s).to_lowercase()).unwrap_or_default()
}
