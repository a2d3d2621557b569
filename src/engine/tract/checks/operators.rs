//! Operators that are not there, and operators whose answers would be wrong.

use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;

use super::super::ops::Opsets;
use super::super::proto;
use super::scope::{Scope, attribute};
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

/// Operators of `ai.onnx.ml` that tract implements.
const ML: &[&str] = &[
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
        "ai.onnx" => known(operator) && !ML.contains(&operator),
        "ai.onnx.ml" => ML.contains(&operator) && known(operator),
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
        (_, "Scaler" | "Imputer" | "OneHotEncoder" | "LabelEncoder" | "Binarizer" | "FeatureVectorizer") => {
            "Do this preprocessing before the request and export the estimator alone"
        }
        (_, "TreeEnsembleRegressor" | "TreeEnsemble" | "SVMClassifier" | "SVMRegressor") => {
            "Export another kind of estimator, such as a linear model or a neural network"
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
pub fn wrong(node: &NodeProto, scope: &Scope) -> Option<Refusal> {
    match &*node.op_type {
        "Softmax" | "LogSoftmax" | "RMSNormalization" | "SimplifiedLayerNormalization" => {
            between_quantisers(node, scope)
        }
        "TreeEnsembleClassifier" => two_classes_one_score(node),
        "LinearClassifier" if attribute(node, "classlabels_strings").is_some_and(|a| !a.strings.is_empty()) => {
            Some(Refusal::new(
                "the engine does not answer with words as class labels",
                "Fit the classifier on numbered classes; the labels can stand in model.toml under [classes]",
            ))
        }
        "QuantizeLinear" | "DequantizeLinear" => quantised_type(node),
        "Einsum"
            if attribute(node, "equation").is_some_and(|equation| equation.s.trim_ascii_end().ends_with(b"->")) =>
        {
            Some(Refusal::new(
                "a sum over all axes comes out with axes",
                "Write it as a product and a ReduceSum, or keep one axis",
            ))
        }
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

/// tract folds what stands between a dequantiser and a quantiser into a table of 256 results, as if it were computed
/// element by element; what looks along an axis comes out wrong.
fn between_quantisers(node: &NodeProto, scope: &Scope) -> Option<Refusal> {
    let before = |node: &NodeProto| node.input.first().and_then(|input| scope.maker(input));
    let after = |node: &NodeProto| match scope.users(node.output.first()?) {
        [only] => Some(*only),
        _ => None,
    };
    let dequantised = chain(node, before, scope).any(|node| node.op_type == "DequantizeLinear");
    let quantised = chain(node, after, scope).any(|node| node.op_type == "QuantizeLinear");
    (dequantised && quantised).then(|| {
        Refusal::new(
            "between DequantizeLinear and QuantizeLinear its result is wrong",
            format!("Leave it out of the quantisation: op_types_to_quantize without {:?}", node.op_type),
        )
    })
}

/// The neighbours of a node in one direction for as long as tract may see them as one element-wise chain: a single
/// computed input, a single user. The bound keeps a cyclic file from looping.
fn chain<'g>(
    node: &'g NodeProto,
    next: impl Fn(&'g NodeProto) -> Option<&'g NodeProto>,
    scope: &Scope<'g>,
) -> impl Iterator<Item = &'g NodeProto> {
    let links = |node: &NodeProto| {
        let computed = node.input.iter().filter(|input| !input.is_empty() && scope.stored(input).is_none()).count();
        let used = node.output.first().map_or(0, |output| scope.users(output).len());
        computed == 1 && used <= 1 && !CONTRACTIONS.contains(&&*node.op_type)
    };
    let mut here = Some(node);
    let mut steps = 0..64;
    std::iter::from_fn(move || {
        steps.next()?;
        let found = next(here?)?;
        here = Some(found).filter(|node| links(node));
        Some(found)
    })
}

/// Operators that sum over an axis: a chain ends there.
const CONTRACTIONS: &[&str] = &["Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum"];

/// With two classes and one score per row, tract compares the score with a zero that is not there.
fn two_classes_one_score(node: &NodeProto) -> Option<Refusal> {
    let count = |name: &str| attribute(node, name).map_or(0, |a| a.ints.len().max(a.strings.len()));
    let classes = count("classlabels_int64s").max(count("classlabels_strings"));
    let scored = attribute(node, "class_ids").map(|a| a.ints.as_slice()).unwrap_or_default();
    let one_score = scored.windows(2).all(|pair| pair[0] == pair[1]);
    (classes <= 2 && one_score).then(|| {
        Refusal::new(
            "with two classes and a single score per row its labels are wrong",
            "Export it with one score per class, or serve a regression of the score",
        )
    })
}

/// The wanted type is ignored: it follows from the zero point, or else it is unsigned bytes one way and floats the other.
fn quantised_type(node: &NodeProto) -> Option<Refusal> {
    let wanted = attribute(node, "output_dtype").map_or(0, |wanted| wanted.i);
    let has_zero_point = node.input.get(2).is_some_and(|input| !input.is_empty());
    let usual = match &*node.op_type {
        "QuantizeLinear" => has_zero_point || wanted == OnnxType::Uint8 as i64,
        _ => wanted == OnnxType::Float as i64,
    };
    (wanted != 0 && !usual).then(|| {
        Refusal::new(
            "the engine ignores its attribute \"output_dtype\"",
            "Give it a zero point of the wanted type instead",
        )
    })
}
