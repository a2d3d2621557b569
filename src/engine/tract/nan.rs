//! What becomes of "not a number". ONNX lets it spread to everything that is computed from it; the engine's fast kernels
//! for activations, maxima and comparisons turn it into an ordinary number instead, and nobody would notice. So a request
//! that holds one is refused unless every operator that it can reach is known to let it spread. It does not get past
//! those that fill in what is missing. Infinity is refused where NaN comes of it before such an operator: two of them make
//! NaN of their difference, and so does one times zero. NaN that no request held is the business of
//! `rewrite/claim/invalid.rs`.

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

/// Operators out of which no NaN comes where infinities went in, but no NaN.
const BEARS_INFINITY: &[&str] = &[
    "Abs",
    "Cast",
    "Ceil",
    "Clip",
    "Concat",
    "DepthToSpace",
    "Dropout",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "Identity",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Max",
    "MaxPool",
    "Min",
    "Neg",
    "Pad",
    "ReduceMax",
    "ReduceMin",
    "Relu",
    "Reshape",
    "Round",
    "Selu",
    "Sigmoid",
    "Sign",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tanh",
    "Tile",
    "Transpose",
    "Unsqueeze",
    "Where",
];

/// The same where the other operand is stored.
const BEARS_ONE_INFINITY: &[&str] = &["Add", "Div", "Sub"];

/// By input of the graph, the first node that may turn into a number what is none, as words for a message.
#[derive(Debug, Default)]
pub struct Stoppers {
    nan: HashMap<String, String>,
    infinity: HashMap<String, String>,
}

/// What an input holds.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Nan,
    Infinity,
}

impl Stoppers {
    pub fn of(graph: &GraphProto) -> Self {
        let scope = Scope::of(graph);
        let stoppers = |holds: Holds| {
            let stopper = |input: &str| Some((input.to_owned(), stopper(graph, &scope, input, holds)?));
            graph.input.iter().filter_map(|input| stopper(&input.name)).collect()
        };
        Self { nan: stoppers(Holds::Nan), infinity: stoppers(Holds::Infinity) }
    }

    /// Why this value of an input cannot be computed with; `None` where it can.
    pub fn refuse(&self, input: &str, tensor: &Tensor) -> Option<String> {
        let (nan, infinity) = (self.nan.get(input), self.infinity.get(input));
        if nan.is_none() && infinity.is_none() || is_finite(tensor) {
            return None;
        }
        if let Some(node) = nan.filter(|_| has(tensor, f64::is_nan)) {
            return Some(format!(
                "input {input:?} holds NaN, which {node} might turn into a number; fill in what is missing"
            ));
        }
        let node = infinity.filter(|_| has(tensor, f64::is_infinite))?;
        Some(format!("input {input:?} holds Infinity, of which NaN may come that {node} might turn into a number"))
    }
}

fn stopper(graph: &GraphProto, scope: &Scope, input: &str, holds: Holds) -> Option<String> {
    let (mut infinite, mut tainted) = match holds {
        Holds::Nan => (HashSet::new(), HashSet::from([input])),
        Holds::Infinity => (HashSet::from([input]), HashSet::new()),
    };
    // A product with nothing but stored zeros is taken for zero.
    let zeros = |node: &NodeProto| {
        let stored = node.input.iter().filter_map(|input| scope.stored(input));
        node.op_type == "Mul" && stored.into_iter().any(holds_zero)
    };
    // Nodes stand in the order in which they are computed.
    for node in &graph.node {
        let (reads_nan, reads_infinity) = (reads(node, &tainted), reads(node, &infinite));
        if ends(node) || !(reads_nan || reads_infinity) {
            continue;
        }
        // Operators of our own treat it as the standard has it.
        let own = ops::is_own(proto::domain(&node.domain), &node.op_type);
        if !own && (reads_nan && !SPREADS.contains(&&*node.op_type) || zeros(node)) {
            return Some(format!("node {:?} ({})", proto::node_name(node), node.op_type));
        }
        let outputs = node.output.iter().map(String::as_str);
        match reads_nan || !bears_infinity(node, &infinite, scope) {
            true => tainted.extend(outputs),
            false => infinite.extend(outputs),
        }
    }
    None
}

/// Whether no NaN comes out of a node that reads these infinite values.
fn bears_infinity(node: &NodeProto, infinite: &HashSet<&str>, scope: &Scope) -> bool {
    // What comes with the request may be infinite at the same time.
    let others = || node.input.iter().filter(|input| !infinite.contains(input.as_str()));
    BEARS_INFINITY.contains(&&*node.op_type)
        || (BEARS_ONE_INFINITY.contains(&&*node.op_type)
            && others().count() == 1
            && others().all(|other| scope.stored(other).is_some()))
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

/// Whether a tensor holds nothing but numbers. Done for every request.
fn is_finite(tensor: &Tensor) -> bool {
    match tensor.datatype() {
        DataType::Fp16 => tensor.values::<f16>().is_some_and(|values| values.iter().all(|value| value.is_finite())),
        DataType::Fp32 => tensor.values::<f32>().is_some_and(|values| values.iter().all(|value| value.is_finite())),
        DataType::Fp64 => tensor.values::<f64>().is_some_and(|values| values.iter().all(|value| value.is_finite())),
        _ => true,
    }
}

/// Whether one of a tensor's floats is such.
fn has(tensor: &Tensor, is_such: fn(f64) -> bool) -> bool {
    tensor
        .cast(DataType::Fp64)
        .is_ok_and(|wide| wide.values::<f64>().is_some_and(|values| values.iter().any(|&value| is_such(value))))
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

    fn stoppers(nodes: Vec<NodeProto>) -> Stoppers {
        let input = ["x", "y"].map(|name| ValueInfoProto { name: name.into(), ..Default::default() }).into();
        Stoppers::of(&GraphProto { node: nodes, input, ..Default::default() })
    }

    fn sorted(stoppers: HashMap<String, String>) -> Vec<String> {
        let mut names: Vec<_> = stoppers.into_keys().collect();
        names.sort();
        names
    }

    fn stopped(nodes: Vec<NodeProto>) -> Vec<String> {
        sorted(stoppers(nodes).nan)
    }

    #[test]
    fn infinity_is_stopped_where_nan_comes_of_it() {
        let stopped = |nodes: Vec<NodeProto>| sorted(stoppers(nodes).infinity);
        let relu = |of: &str| node("Relu", &[of], "out");
        assert_eq!(stopped(vec![node("Sub", &["x", "y"], "z"), relu("z")]), ["x", "y"]);
        assert_eq!(stopped(vec![node("Sub", &["x", "x"], "z"), relu("z")]), ["x"]);
        assert_eq!(stopped(vec![node("Neg", &["x"], "n"), node("Add", &["x", "n"], "z"), relu("z")]), ["x"]);
        assert_eq!(stopped(vec![relu("x")]), [""; 0]);
        assert_eq!(stopped(vec![node("MatMul", &["x", "w"], "z"), relu("z")]), ["x"]);
        assert_eq!(stopped(vec![node("MatMul", &["x", "w"], "z")]), [""; 0]);
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
