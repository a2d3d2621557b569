//! Where ONNX Runtime's sums of quantised products may overflow. A processor of x86 without VNNI multiplies unsigned by
//! signed bytes and adds two products in sixteen bits, which do not hold 2 * 255 * 127; see "Nuances of int8 Computations"
//! in the developer guide of oneDNN. Asked to be precise, ONNX Runtime makes stored factors unsigned first, but not what is
//! computed or comes from a client.

use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;

use super::fact::told;
use super::kinds;
use super::trace::Values;

/// Operators that multiply bytes, and the places of the two factors.
const PRODUCTS: &[(&str, usize, usize)] = &[
    ("DynamicQuantizeMatMul", 0, 1),
    ("MatMulInteger", 0, 1),
    ("MatMulIntegerToFloat", 0, 1),
    ("QAttention", 0, 1),
    ("QGemm", 0, 3),
    ("QLinearConv", 0, 3),
    ("QLinearMatMul", 0, 3),
];
/// Operators that multiply bytes if their factors were bytes before: ONNX Runtime makes them one of [`PRODUCTS`].
const FUSED: &[&str] = &["Conv", "Gemm", "MatMul"];
/// Operators that give the numbers of their first input, and what is stored if all their inputs are.
const MOVES: &[&str] = &[
    "Concat",
    "DequantizeLinear",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "MaxPool",
    "Pad",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

const UNSIGNED: i32 = OnnxType::Uint8 as i32;
const SIGNED: i32 = OnnxType::Int8 as i32;

/// Whether a node multiplies unsigned bytes by signed ones, as far as is known, and the signed ones are not stored.
pub fn may_overflow(node: &NodeProto, values: &Values<'_>) -> bool {
    let operator = node.op_type.as_str();
    let of = |place: usize| node.input.get(place).map(|name| values.get(name)).unwrap_or_default();
    if FUSED.contains(&operator) {
        return (of(0).factor, of(1).factor) == (Some(UNSIGNED), Some(SIGNED)) && !of(1).stored;
    }
    PRODUCTS.iter().any(|(product, first, second)| {
        *product == operator
            && of(*first).factor != Some(SIGNED)
            && of(*second).factor != Some(UNSIGNED)
            && !of(*second).stored
    })
}

/// The element type of an output, before it was dequantised.
pub fn factor(node: &NodeProto, at: usize, values: &Values<'_>) -> Option<i32> {
    let of = |place: usize| node.input.get(place).map(|name| values.get(name)).unwrap_or_default();
    match node.op_type.as_str() {
        operator if MOVES.contains(&operator) => of(0).factor,
        _ if at > 0 => None,
        "Cast" => told(node, "to", None).and_then(|kind| i32::try_from(kind).ok()),
        "Constant" => kinds::kind(node, at, values),
        "DynamicQuantizeLinear" => Some(UNSIGNED),
        "QuantizeLinear" => kinds::quantised(node, of(2).factor),
        _ => None,
    }
}

/// Whether what a node computes is stored, as far as ONNX Runtime sees that.
pub fn is_stored(node: &NodeProto, values: &Values<'_>) -> bool {
    let operator = node.op_type.as_str();
    let stored = |name: &String| name.is_empty() || values.get(name).stored;
    operator == "Constant" || (MOVES.contains(&operator) && node.input.iter().all(stored))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tract_onnx::pb::{ModelProto, ValueInfoProto};

    use super::super::proto;
    use super::super::trace::tests::{function, node};
    use super::super::trace::trace;
    use super::*;

    /// The operator that is suspected first.
    fn found(model: &ModelProto, ir_version: i64) -> Option<String> {
        let mut found = None;
        trace(model.graph.as_ref().unwrap(), &model.functions, ir_version, &mut |node, values| {
            if found.is_none() && may_overflow(node, values) {
                found = Some(node.op_type.clone());
            }
        })
        .unwrap();
        found
    }

    fn read(name: &str) -> ModelProto {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/corpus");
        proto::decode(&std::fs::read(folder.join(format!("{name}.onnx"))).unwrap()).unwrap()
    }

    #[test]
    fn only_computed_signed_factors_of_unsigned_ones_are_suspected() {
        let of = |name: &str| found(&read(name), 8);
        assert_eq!(of("operators/matmulinteger_uint8_int8_0").as_deref(), Some("MatMulInteger"));
        assert_eq!(of("operators/qlinearmatmul_4d_uint8_int8").as_deref(), Some("QLinearMatMul"));
        for harmless in
            ["operators/matmulinteger_uint8_int8_1", "operators/qgemm_uint8_int8", "quantised/dynamic_mlp_s8"]
        {
            assert_eq!(of(harmless), None, "{harmless}");
        }
        // What is listed as an input, too, is stored for good in old files alone.
        let mut listed = read("operators/matmulinteger_uint8_int8_1");
        let graph = listed.graph.as_mut().unwrap();
        let names = graph.initializer.iter().map(|weight| weight.name.clone());
        let inputs = names.map(|name| ValueInfoProto { name, ..Default::default() }).collect::<Vec<_>>();
        graph.input.extend(inputs);
        assert_eq!(found(&listed, 4).as_deref(), Some("MatMulInteger"));
        assert_eq!(found(&listed, 3), None);
    }

    #[test]
    fn products_within_functions_are_suspected_as_those_without() {
        for (name, expected) in [
            ("operators/matmulinteger_uint8_int8_0", Some("MatMulInteger")),
            ("operators/matmulinteger_uint8_int8_1", None),
        ] {
            let mut model = read(name);
            let graph = model.graph.as_mut().unwrap();
            let product = graph.node.iter_mut().find(|node| node.op_type == "MatMulInteger").unwrap();
            let formal: Vec<String> = (0..product.input.len()).map(|at| format!("p{at}")).collect();
            let formal: Vec<&str> = formal.iter().map(String::as_str).collect();
            let body = node("MatMulInteger", &formal, &["q"]);
            (product.domain, product.op_type) = ("f".into(), "Product".into());
            model.functions = vec![function("Product", &formal, &["q"], vec![body])];
            assert_eq!(found(&model, 8).as_deref(), expected, "{name}");
        }
    }
}
