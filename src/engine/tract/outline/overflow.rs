//! Where ONNX Runtime's sums of quantised products may overflow. A processor of x86 without VNNI multiplies unsigned by
//! signed bytes and adds two products in sixteen bits, which do not hold 2 * 255 * 127; see "Nuances of int8 Computations"
//! in the developer guide of oneDNN. Asked to be precise, ONNX Runtime makes stored factors unsigned first, but not what is
//! computed or comes from a client.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{GraphProto, NodeProto, type_proto};

use super::proto;
use crate::engine::tract::checks::attribute;

/// A node that may answer wrongly on such a processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overflow {
    pub node: String,
    pub operator: String,
}

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

/// What is known of the values of a graph: element types, before they were dequantised, and which are stored.
#[derive(Default)]
struct Known<'g> {
    types: HashMap<&'g str, i32>,
    stored: HashSet<&'g str>,
}

/// From this version of the format on, a weight that is listed among the inputs is one that may be given another value, and
/// so is none that ONNX Runtime changes.
const OVERRIDES: i64 = 4;

/// The first node that multiplies unsigned bytes by signed ones, as far as is known, and the signed ones are not stored.
pub fn find(graph: &GraphProto, ir_version: i64) -> Option<Overflow> {
    let (mut known, mut found) = (Known::default(), None);
    proto::walk(graph, &mut |graph| {
        known.begin(graph, ir_version);
        for node in &graph.node {
            if known.may_overflow(node) {
                let (node, operator) = (proto::node_name(node).to_owned(), node.op_type.clone());
                found.get_or_insert(Overflow { node, operator });
            }
            known.learn(node);
        }
    });
    found
}

impl<'g> Known<'g> {
    fn begin(&mut self, graph: &'g GraphProto, ir_version: i64) {
        let mut given = HashSet::new();
        for input in &graph.input {
            let kind = input.r#type.as_ref().and_then(|kind| kind.value.as_ref());
            if let Some(type_proto::Value::TensorType(tensor)) = kind {
                self.types.insert(&input.name, tensor.elem_type);
            }
            given.insert(input.name.as_str());
        }
        for weight in &graph.initializer {
            self.types.insert(&weight.name, weight.data_type);
            if ir_version < OVERRIDES || !given.contains(weight.name.as_str()) {
                self.stored.insert(&weight.name);
            }
        }
    }

    fn learn(&mut self, node: &'g NodeProto) {
        let kind = match node.op_type.as_str() {
            "Constant" => {
                self.stored.extend(node.output.iter().map(String::as_str));
                attribute(node, "value").and_then(|value| value.t.as_ref()).map(|tensor| tensor.data_type)
            }
            "DynamicQuantizeLinear" => Some(UNSIGNED),
            "QuantizeLinear" => match node.input.get(2).filter(|name| !name.is_empty()) {
                Some(zero) => self.types.get(zero.as_str()).copied(),
                None => Some(attribute(node, "output_dtype").map_or(UNSIGNED, |kind| kind.i as i32)),
            },
            "Cast" => attribute(node, "to").map(|kind| kind.i as i32),
            operator if MOVES.contains(&operator) => {
                if node.input.iter().all(|name| name.is_empty() || self.stored.contains(name.as_str())) {
                    self.stored.extend(node.output.iter().map(String::as_str));
                }
                node.input.first().and_then(|first| self.types.get(first.as_str())).copied()
            }
            _ => None,
        };
        if let (Some(kind), Some(output)) = (kind, node.output.first()) {
            self.types.insert(output, kind);
        }
    }

    fn may_overflow(&self, node: &NodeProto) -> bool {
        let operator = node.op_type.as_str();
        let place = |at: usize| node.input.get(at).map_or("", String::as_str);
        let kind = |at: usize| self.types.get(place(at)).copied();
        if FUSED.contains(&operator) {
            return (kind(0), kind(1)) == (Some(UNSIGNED), Some(SIGNED)) && !self.stored.contains(place(1));
        }
        PRODUCTS.iter().any(|(product, first, second)| {
            *product == operator
                && kind(*first) != Some(SIGNED)
                && kind(*second) != Some(UNSIGNED)
                && !self.stored.contains(place(*second))
        })
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::ValueInfoProto;

    use super::*;
    use std::path::Path;

    #[test]
    fn only_computed_signed_factors_of_unsigned_ones_are_suspected() {
        let read = |name: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/corpus");
            proto::decode(&std::fs::read(folder.join(format!("{name}.onnx"))).unwrap()).unwrap().graph.unwrap()
        };
        let found = |name: &str| find(&read(name), OVERRIDES).map(|overflow| overflow.operator);
        assert_eq!(found("operators/matmulinteger_uint8_int8_0").as_deref(), Some("MatMulInteger"));
        assert_eq!(found("operators/qlinearmatmul_4d_uint8_int8").as_deref(), Some("QLinearMatMul"));
        for harmless in
            ["operators/matmulinteger_uint8_int8_1", "operators/qgemm_uint8_int8", "quantised/dynamic_mlp_s8"]
        {
            assert_eq!(found(harmless), None, "{harmless}");
        }
        // What is listed as an input, too, is stored for good in old files alone.
        let mut listed = read("operators/matmulinteger_uint8_int8_1");
        let names = listed.initializer.iter().map(|weight| weight.name.clone());
        let inputs = names.map(|name| ValueInfoProto { name, ..Default::default() }).collect::<Vec<_>>();
        listed.input.extend(inputs);
        assert_eq!(find(&listed, OVERRIDES).map(|overflow| overflow.operator).as_deref(), Some("MatMulInteger"));
        assert_eq!(find(&listed, OVERRIDES - 1), None);
    }
}
