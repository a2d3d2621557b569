//! What becomes of "not a number". ONNX lets it spread to everything that is computed from it; the engine's fast kernels
//! for activations, maxima and comparisons turn it into an ordinary number instead, and nobody would notice. So a request
//! that holds one is refused unless every operator that it can reach is known to let it spread. It does not get past
//! those that fill in what is missing.

use std::collections::{HashMap, HashSet};

use half::f16;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::checks::{Scope, attribute};
use super::{ops, proto};
use crate::tensor::{DataType, Tensor};

/// Operators that move values or do arithmetic of which one NaN makes another, and comparisons, for which NaN is neither
/// less nor equal. For each of them there is a case in the corpus that holds NaN, or it only moves values.
const SPREADS: &[&str] = &[
    "Abs",
    "Acos",
    "Add",
    "Asin",
    "Atan",
    "Atanh",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "DepthToSpace",
    "Div",
    "Dropout",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "Greater",
    "GreaterOrEqual",
    "GroupNormalization",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "MatMul",
    "Mean",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pad",
    "Pow",
    "Reciprocal",
    "ReduceMean",
    "ReduceProd",
    "ReduceSum",
    "Reshape",
    "ScatterElements",
    "Selu",
    "Shape",
    "Shrink",
    "Sin",
    "Sinh",
    "Size",
    "Slice",
    "Softmax",
    "Softsign",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tan",
    "ThresholdedRelu",
    "Tile",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Where",
];

/// Operators out of which no NaN comes, whatever went in.
const ENDS: &[&str] = &["IsNaN", "OneHotEncoder", "Shape", "Size"];

/// By input of the graph, the first node that may turn a NaN in it into a number, as words for a message.
pub type Stoppers = HashMap<String, String>;

pub fn stoppers(graph: &GraphProto) -> Stoppers {
    let stopper = |input: &str| Some((input.to_owned(), stopper(graph, input)?));
    graph.input.iter().filter_map(|input| stopper(&input.name)).collect()
}

fn stopper(graph: &GraphProto, input: &str) -> Option<String> {
    let mut tainted = HashSet::from([input]);
    let scope = Scope::of(graph);
    // A product with nothing but stored zeros is taken for zero.
    let zeros = |node: &NodeProto| {
        let stored = node.input.iter().filter_map(|input| scope.stored(input));
        node.op_type == "Mul" && stored.into_iter().any(holds_zero)
    };
    // Nodes stand in the order in which they are computed.
    for node in &graph.node {
        if ends(node) || !reads(node, &tainted) {
            continue;
        }
        // Operators of our own treat it as the standard has it.
        let own = ops::is_own(proto::domain(&node.domain), &node.op_type);
        if !own && (!SPREADS.contains(&&*node.op_type) || zeros(node)) {
            return Some(format!("node {:?} ({})", proto::node_name(node), node.op_type));
        }
        tainted.extend(node.output.iter().map(String::as_str));
    }
    None
}

/// Whether a node, or what stands inside its branches, uses one of these values.
fn reads(node: &NodeProto, values: &HashSet<&str>) -> bool {
    let inner = node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
    node.input.iter().any(|input| values.contains(input.as_str()))
        || inner.flat_map(|graph| &graph.node).any(|node| reads(node, values))
}

/// Whether no NaN comes out of a node.
fn ends(node: &NodeProto) -> bool {
    let fills = |imputer: &NodeProto| {
        attribute(imputer, "replaced_value_float").is_some_and(|replaced| replaced.f.is_nan())
            && attribute(imputer, "imputed_value_floats")
                .is_some_and(|filled| !filled.floats.iter().any(|x| x.is_nan()))
    };
    ENDS.contains(&&*node.op_type) || (node.op_type == "Imputer" && fills(node))
}

/// Whether the first element of a stored float is zero. Weights in other files may be.
fn holds_zero(stored: &TensorProto) -> bool {
    let listed = stored.float_data.first().is_some_and(|&x| x == 0.0)
        || stored.double_data.first().is_some_and(|&x| x == 0.0)
        || stored.int32_data.first() == Some(&0);
    let count = stored.dims.iter().product::<i64>().max(1);
    let width = usize::try_from(stored.raw_data.len() as i64 / count).unwrap_or(0);
    let raw = width > 0 && stored.raw_data[..width].iter().all(|&byte| byte == 0);
    listed || raw || stored.data_location.is_some_and(|place| place != 0)
}

/// Whether a tensor of floats holds a NaN.
pub fn is_in(tensor: &Tensor) -> bool {
    match tensor.datatype() {
        DataType::Fp16 => tensor.values::<f16>().is_some_and(|values| values.iter().any(|value| value.is_nan())),
        DataType::Fp32 => tensor.values::<f32>().is_some_and(|values| values.iter().any(|value| value.is_nan())),
        DataType::Fp64 => tensor.values::<f64>().is_some_and(|values| values.iter().any(|value| value.is_nan())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, ValueInfoProto};

    fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
        let input = inputs.iter().map(|&input| input.into()).collect();
        let domain = if operator == "Imputer" { "ai.onnx.ml" } else { "" };
        NodeProto {
            op_type: operator.into(),
            domain: domain.into(),
            input,
            output: vec![output.into()],
            ..Default::default()
        }
    }

    fn stopped(nodes: Vec<NodeProto>) -> Vec<String> {
        let input = ["x", "y"].map(|name| ValueInfoProto { name: name.into(), ..Default::default() }).into();
        let mut names: Vec<_> =
            stoppers(&GraphProto { node: nodes, input, ..Default::default() }).into_keys().collect();
        names.sort();
        names
    }

    fn imputer(replaced: f32) -> NodeProto {
        let attribute = |name: &str, f: f32, floats: &[f32]| AttributeProto {
            name: name.into(),
            f,
            floats: floats.into(),
            ..Default::default()
        };
        let mut node = node("Imputer", &["x"], "filled");
        node.attribute =
            vec![attribute("replaced_value_float", replaced, &[]), attribute("imputed_value_floats", 0.0, &[1.0])];
        node
    }

    #[test]
    fn only_inputs_that_reach_a_stopper_are_named() {
        assert_eq!(stopped(vec![node("Add", &["x", "y"], "z"), node("Relu", &["z"], "out")]), ["x", "y"]);
        assert_eq!(stopped(vec![node("Relu", &["y"], "z"), node("Add", &["x", "z"], "out")]), ["y"]);
        assert_eq!(stopped(vec![node("Add", &["x", "y"], "z")]), [""; 0]);
    }

    #[test]
    fn what_is_filled_in_goes_no_further() {
        assert_eq!(stopped(vec![imputer(f32::NAN), node("Relu", &["filled"], "out")]), [""; 0]);
        assert_eq!(stopped(vec![imputer(0.0), node("Relu", &["filled"], "out")]), ["x"]);
        assert_eq!(stopped(vec![imputer(f32::NAN), node("Relu", &["x"], "out")]), ["x"]);
    }

    #[test]
    fn branches_read_what_stands_outside() {
        let inner = GraphProto { node: vec![node("Add", &["x", "x"], "z")], ..Default::default() };
        let mut branch = node("If", &["c"], "out");
        branch.attribute = vec![AttributeProto { name: "then_branch".into(), g: Some(inner), ..Default::default() }];
        assert_eq!(stopped(vec![branch]), ["x"]);
    }
}
