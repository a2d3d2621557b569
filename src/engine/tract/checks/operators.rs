//! Operators that are not there, and operators whose answers would be wrong.

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{NodeProto, TensorProto};

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
    "GroupQueryAttention",
    "MatMulNBits",
    "MultiHeadAttention",
    "QuantizeLinear",
    "QuickGelu",
    "RotaryEmbedding",
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
        ("com.microsoft", _) => "Save the model before ONNX Runtime optimises it: its fused operators are its own",
        _ => "Export the model with another operator set or without this operator",
    }
}

/// Refuses what tract runs but gets wrong.
pub fn wrong(node: &NodeProto, scope: &Scope) -> Option<Refusal> {
    match &*node.op_type {
        "RNN" | "LSTM" | "GRU" => recurrent(node),
        "TreeEnsembleClassifier" => two_classes_one_score(node),
        "LinearClassifier" if attribute(node, "classlabels_strings").is_some_and(|a| !a.strings.is_empty()) => {
            Some(Refusal::new(
                "the engine does not answer with words as class labels",
                "Fit the classifier on numbered classes; the labels can stand in model.toml under [classes]",
            ))
        }
        "ReduceLogSumExp" => Some(Refusal::new(
            "it is computed without taking off the largest value first, so it overflows",
            "Leave the probabilities out of the graph, or write it as max + log(sum(exp(x - max)))",
        )),
        "BitShift" => shift(node, scope),
        "Attention" => attention(node),
        _ => None,
    }
}

fn recurrent(node: &NodeProto) -> Option<Refusal> {
    let text = |name: &str| attribute(node, name).map(|a| String::from_utf8_lossy(&a.s).to_lowercase());
    let direction = text("direction").unwrap_or_default();
    if direction == "reverse" {
        return Some(Refusal::new(
            "the direction \"reverse\" alone is run forwards by the engine",
            "Reverse the sequence before and after it, or use a bidirectional layer",
        ));
    }
    if direction == "bidirectional" && attribute(node, "layout").is_some_and(|layout| layout.i == 1) {
        return Some(Refusal::new("a bidirectional layer with layout 1 comes out in the wrong order", "Use layout 0"));
    }
    let defaults: &[&str] = match &*node.op_type {
        "LSTM" => &["sigmoid", "tanh", "tanh"],
        "GRU" => &["sigmoid", "tanh"],
        _ => &["tanh"],
    };
    let chosen = attribute(node, "activations").map(|a| a.strings.as_slice()).unwrap_or_default();
    let usual = |(at, name): (usize, &Vec<u8>)| defaults[at % defaults.len()].as_bytes().eq_ignore_ascii_case(name);
    if !chosen.iter().enumerate().all(usual) {
        return Some(Refusal::new(
            "the engine runs it with the default activations only",
            "Use sigmoid and tanh in their usual places",
        ));
    }
    None
}

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

fn shift(node: &NodeProto, scope: &Scope) -> Option<Refusal> {
    let by = node.input.get(1)?;
    let width = match scope.element_type(by) {
        Some(OnnxType::Uint64 | OnnxType::Int64) => 64,
        Some(OnnxType::Uint32 | OnnxType::Int32) => 32,
        Some(OnnxType::Uint16 | OnnxType::Int16) => 16,
        _ => 8,
    };
    let in_range =
        scope.stored(by).and_then(stored_integers).is_some_and(|by| by.iter().all(|by| (0..width).contains(by)));
    (!in_range).then(|| {
        Refusal::new(
            "the engine shifts by the width of the type or more in a way of its own",
            "Shift by a constant smaller than the width of the type",
        )
    })
}

/// The elements of a small stored tensor of integers.
fn stored_integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let width = proto::datatype(OnnxType::try_from(tensor.data_type).ok()?).filter(|d| d.is_integer())?.width()?;
    if !tensor.raw_data.is_empty() {
        let value = |chunk: &[u8]| chunk.iter().rev().fold(0i64, |value, &byte| (value << 8) | i64::from(byte));
        return Some(tensor.raw_data.chunks(width).map(value).collect());
    }
    let small = tensor.int32_data.iter().map(|&x| i64::from(x));
    let large = tensor.uint64_data.iter().map(|&x| i64::try_from(x).unwrap_or(i64::MAX));
    Some(small.chain(tensor.int64_data.iter().copied()).chain(large).collect())
}

fn attention(node: &NodeProto) -> Option<Refusal> {
    let given = |at: usize| node.input.get(at).is_some_and(|input| !input.is_empty());
    let causal = attribute(node, "is_causal").is_some_and(|causal| causal.i != 0);
    (causal && (given(4) || given(5))).then(|| {
        Refusal::new("with past keys its causal mask is wrong", "Export the model without a cache of past keys")
    })
}
