//! Element types of what nodes compute, so that a division of floats is told from one of integers. They follow from the
//! schemas of the operators; where a schema leaves them to what is not told here, nothing is known.

use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;

use super::fact::told;
use super::proto;
use super::trace::Values;
use crate::engine::tract::checks::attribute;

use OnnxType::{Bool, Float, Int32, Int64, String as Text, Uint8};

/// Outputs that have one type whatever goes in: operators, and the first place that it holds for. Of several lines for one
/// operator the last one that fits counts. All other outputs of the standard's operators have the type of an input.
const FIXED: &[(&str, usize, OnnxType)] = &[
    ("And", 0, Bool),
    ("ArgMax", 0, Int64),
    ("ArgMin", 0, Int64),
    ("ConvInteger", 0, Int32),
    ("Dropout", 1, Bool),
    ("DynamicQuantizeLinear", 0, Uint8),
    ("DynamicQuantizeLinear", 1, Float),
    ("DynamicQuantizeLinear", 2, Uint8),
    ("Equal", 0, Bool),
    ("FeatureVectorizer", 0, Float),
    ("Greater", 0, Bool),
    ("GreaterOrEqual", 0, Bool),
    ("ImageDecoder", 0, Uint8),
    ("IsInf", 0, Bool),
    ("IsNaN", 0, Bool),
    ("Less", 0, Bool),
    ("LessOrEqual", 0, Bool),
    ("LinearClassifier", 1, Float),
    ("LinearRegressor", 0, Float),
    ("MatMulInteger", 0, Int32),
    ("MaxPool", 1, Int64),
    ("NonMaxSuppression", 0, Int64),
    ("NonZero", 0, Int64),
    ("Normalizer", 0, Float),
    ("OneHotEncoder", 0, Float),
    ("OptionalHasElement", 0, Bool),
    ("Or", 0, Bool),
    ("RandomNormal", 0, Float),
    ("RandomNormalLike", 0, Float),
    ("RandomUniform", 0, Float),
    ("RandomUniformLike", 0, Float),
    ("RegexFullMatch", 0, Bool),
    ("SVMClassifier", 1, Float),
    ("SVMRegressor", 0, Float),
    ("Scaler", 0, Float),
    ("SequenceLength", 0, Int64),
    ("Shape", 0, Int64),
    ("Size", 0, Int64),
    ("StringNormalizer", 0, Text),
    ("StringSplit", 0, Text),
    ("StringSplit", 1, Int64),
    ("TfIdfVectorizer", 0, Float),
    ("TopK", 1, Int64),
    ("TreeEnsembleClassifier", 1, Float),
    ("TreeEnsembleRegressor", 0, Float),
    ("Unique", 1, Int64),
    ("Xor", 0, Bool),
];
/// Outputs whose type an attribute tells, and the type where it is left out; without that, the first input's.
const TOLD: &[(&str, &str, Option<OnnxType>)] = &[
    ("Bernoulli", "dtype", None),
    ("BitCast", "to", None),
    ("BlackmanWindow", "output_datatype", Some(Float)),
    ("Cast", "to", None),
    ("EyeLike", "dtype", None),
    ("HammingWindow", "output_datatype", Some(Float)),
    ("HannWindow", "output_datatype", Some(Float)),
    ("MelWeightMatrix", "output_datatype", Some(Float)),
    ("Multinomial", "dtype", Some(Int32)),
    ("SequenceEmpty", "dtype", Some(Float)),
];
/// Outputs with the type of an input that is not the first.
const FOLLOWS: &[(&str, usize)] = &[
    ("CastLike", 1),
    ("DequantizeLinear", 1),
    ("OneHot", 2),
    ("QLinearConv", 7),
    ("QLinearMatMul", 7),
    ("RMSNormalization", 1),
    ("Where", 1),
];
/// Outputs whose type depends on what is not looked at here: labels, and what graphs within compute.
const UNKNOWN: &[&str] = &[
    "CastMap",
    "CategoryMapper",
    "DictVectorizer",
    "If",
    "LabelEncoder",
    "LinearClassifier",
    "Loop",
    "SVMClassifier",
    "Scan",
    "SequenceMap",
    "TreeEnsembleClassifier",
];
/// Operators of ONNX Runtime's own whose first output has the type of the first input.
const MICROSOFT: &[&str] = &[
    "Attention",
    "BiasGelu",
    "BiasSoftmax",
    "FastGelu",
    "FusedConv",
    "FusedGemm",
    "FusedMatMul",
    "Gelu",
    "GroupQueryAttention",
    "MatMulNBits",
    "MultiHeadAttention",
    "QuickGelu",
    "RotaryEmbedding",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
];
/// Those whose first output is made of floats, whatever goes in.
const MICROSOFT_FLOATS: &[&str] =
    &["DequantizeLinear", "DynamicQuantizeMatMul", "EmbedLayerNormalization", "MatMulIntegerToFloat", "QAttention"];

/// The type of the output at a place.
pub fn kind(node: &NodeProto, at: usize, values: &Values<'_>) -> Option<i32> {
    let operator = node.op_type.as_str();
    let of = |place: usize| values.get(node.input.get(place)?).kind;
    match proto::domain(&node.domain) {
        "com.microsoft" if MICROSOFT.contains(&operator) && at == 0 => of(0),
        "com.microsoft" if MICROSOFT_FLOATS.contains(&operator) && at == 0 => Some(Float as i32),
        "ai.onnx" | "ai.onnx.ml" => standard(node, at, &of),
        _ => None,
    }
}

fn standard(node: &NodeProto, at: usize, of: &dyn Fn(usize) -> Option<i32>) -> Option<i32> {
    let operator = node.op_type.as_str();
    if let Some((.., kind)) = FIXED.iter().rfind(|(name, first, _)| *name == operator && *first <= at) {
        return Some(*kind as i32);
    }
    if let Some((_, name, kind)) = TOLD.iter().find(|(name, ..)| *name == operator) {
        return match attribute(node, name) {
            Some(_) => told(node, name, None).and_then(|kind| i32::try_from(kind).ok()),
            None => kind.map(|kind| kind as i32).or_else(|| of(0)),
        };
    }
    if let Some((_, place)) = FOLLOWS.iter().find(|(name, _)| *name == operator) {
        return of(*place);
    }
    match operator {
        "Constant" => constant(node),
        "ConstantOfShape" => match attribute(node, "value") {
            Some(value) => Some(value.t.as_ref()?.data_type),
            None => Some(Float as i32),
        },
        "QuantizeLinear" => quantised(node, of(2)),
        _ if UNKNOWN.contains(&operator) => None,
        _ => of(0),
    }
}

/// The type of what `QuantizeLinear` makes, with a zero of this type or none.
pub fn quantised(node: &NodeProto, zero: Option<i32>) -> Option<i32> {
    if node.input.get(2).is_some_and(|name| !name.is_empty()) {
        return zero;
    }
    told(node, "output_dtype", Some(Uint8 as i64)).and_then(|kind| i32::try_from(kind).ok())
}

fn constant(node: &NodeProto) -> Option<i32> {
    node.attribute.iter().find_map(|given| match given.name.as_str() {
        "value" => Some(given.t.as_ref()?.data_type),
        "value_float" | "value_floats" => Some(Float as i32),
        "value_int" | "value_ints" => Some(Int64 as i32),
        "value_string" | "value_strings" => Some(Text as i32),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{AttributeProto, GraphProto};

    use super::super::trace::tests::{cast, input, node, with};
    use super::super::trace::trace;
    use super::*;

    /// Types of the outputs of a node with the inputs `f` of floats and `i` of integers.
    fn kinds(node: NodeProto) -> Vec<Option<OnnxType>> {
        let input = vec![input("f", Float), input("i", Int64)];
        let graph = GraphProto { input, node: vec![node], ..Default::default() };
        let mut found = Vec::new();
        trace(&graph, &[], 8, &mut |node, values| {
            found = (0..node.output.len()).map(|at| kind(node, at, values)).collect();
        })
        .unwrap();
        found.into_iter().map(|kind| OnnxType::try_from(kind?).ok()).collect()
    }

    #[test]
    fn types_follow_from_the_operator_and_its_inputs() {
        let cases = [
            (node("Sqrt", &["f"], &["y"]), vec![Some(Float)]),
            (node("Add", &["i", "i"], &["y"]), vec![Some(Int64)]),
            (node("Shape", &["f"], &["y"]), vec![Some(Int64)]),
            (node("TopK", &["f", "i"], &["y", "z"]), vec![Some(Float), Some(Int64)]),
            (node("DynamicQuantizeLinear", &["f"], &["y", "s", "z"]), vec![Some(Uint8), Some(Float), Some(Uint8)]),
            (node("Where", &["c", "f", "f"], &["y"]), vec![Some(Float)]),
            (node("CastLike", &["f", "i"], &["y"]), vec![Some(Int64)]),
            (node("QuantizeLinear", &["f", "f"], &["y"]), vec![Some(Uint8)]),
            (node("ai.onnx.ml:TreeEnsembleClassifier", &["f"], &["y", "s"]), vec![None, Some(Float)]),
            (node("com.microsoft:FastGelu", &["f"], &["y"]), vec![Some(Float)]),
            (node("com.microsoft:Unheard", &["f"], &["y"]), vec![None]),
            (cast("f", Int64, "y"), vec![Some(Int64)]),
            (node("Bernoulli", &["f"], &["y"]), vec![Some(Float)]),
            (node("ConstantOfShape", &["i"], &["y"]), vec![Some(Float)]),
        ];
        for (node, expected) in cases {
            assert_eq!(kinds(node.clone()), expected, "{}", node.op_type);
        }
        // Only a call tells what this is cast to.
        let by_call = AttributeProto { name: "to".into(), ref_attr_name: "kind".into(), ..Default::default() };
        assert_eq!(kinds(with(node("Cast", &["f"], &["y"]), by_call)), [None]);
    }
}
