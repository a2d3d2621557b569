//! Operators that are not there, and operators whose answers would be wrong.

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{NodeProto, TensorProto};

use super::super::proto;
use super::scope::Scope;
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
        ("com.microsoft", _) => "Save the model before ONNX Runtime optimises it: its fused operators are its own",
        _ => "Export the model with another operator set or without this operator",
    }
}

/// Refuses what tract runs but gets wrong.
pub fn wrong(node: &NodeProto, scope: &Scope) -> Option<Refusal> {
    match &*node.op_type {
        "BitShift" => shift(node, scope),
        "Celu" if node.input.iter().any(|input| scope.may_be_f16(input)) => {
            Some(Refusal::new("in half precision its result is wrong", "Export the model in float32"))
        }
        _ => None,
    }
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
