//! Nodes of `ai.onnx` whose operator tract runs fast and right in the usual case and not at all, or wrongly, in others.
//! The others are moved to the domain [`CASES`], whose operators are our own. Where the file does not tell which case it
//! is, the node is moved: ours cover all of them.

mod invalid;
mod precision;

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

use super::super::checks::{Scope, attribute};
use super::super::ops::CASES;
use super::super::{dims, ops, proto};
use invalid::{Invalid, numbers};

/// Operators of which tract makes a number where the standard has NaN.
const SWALLOWS_NAN: &[&str] = &["Clip", "HardSigmoid", "Max", "Min", "Relu", "Sigmoid", "Swish", "Tanh"];

/// Moves nodes in place, in inner graphs too.
pub fn claim(model: &mut ModelProto) {
    let opset = ops::opsets(model).get("ai.onnx").copied().unwrap_or(1);
    if let Some(graph) = &mut model.graph {
        claim_in(graph, opset, &HashSet::new());
    }
}

/// `outer` are values from outside that may hold NaN.
fn claim_in(graph: &mut GraphProto, opset: i64, outer: &HashSet<String>) {
    let (moved, reached, may_be_nan) = {
        let known = Known::of(graph);
        let invalid = Invalid::of(graph, &known.scope, outer);
        let zero = |input: &String| {
            let stored = known.scope.stored(input).and_then(numbers);
            stored.is_some_and(|numbers| numbers.iter().all(|&number| number == 0.0))
        };
        let swallows = |node: &NodeProto| {
            let may = node.input.iter().any(|input| invalid.may_be_nan(input));
            may && (SWALLOWS_NAN.contains(&&*node.op_type) || node.op_type == "Mul" && node.input.iter().any(zero))
        };
        let delicate = precision::delicate(graph, &known.scope);
        let inexact = |node: &NodeProto| {
            matches!(&*node.op_type, "Sigmoid" | "Tanh") && node.output.iter().any(|value| delicate.contains(&**value))
        };
        let ours = |node: &NodeProto| {
            proto::domain(&node.domain) == "ai.onnx" && (known.ours(node, opset) || swallows(node) || inexact(node))
        };
        let moved: Vec<bool> = graph.node.iter().map(ours).collect();
        let reached: Vec<bool> = graph.node.iter().map(|node| has_graphs(node) && invalid.reaches(node)).collect();
        (moved, reached, if graph.node.iter().any(has_graphs) { invalid.names() } else { HashSet::new() })
    };
    let idle = idle_dropouts(graph);
    for (at, node) in graph.node.iter_mut().enumerate() {
        if idle[at] {
            node.input.truncate(1);
        } else if moved[at] {
            node.domain = CASES.into();
        }
        for inner in node.attribute.iter_mut().flat_map(|attribute| attribute.g.iter_mut().chain(&mut attribute.graphs))
        {
            let mut outer = HashSet::new();
            proto::walk(inner, &mut |graph| {
                let read = graph.node.iter().flat_map(|node| &node.input);
                outer.extend(read.filter(|input| may_be_nan.contains(*input)).cloned());
            });
            if reached[at] {
                outer.extend(inner.input.iter().map(|input| input.name.clone()));
            }
            claim_in(inner, opset, &outer);
        }
    }
}

/// Whether graphs stand inside of a node.
fn has_graphs(node: &NodeProto) -> bool {
    node.attribute.iter().any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty())
}

/// What the file tells about the values of a graph.
struct Known<'g> {
    scope: Scope<'g>,
    ranks: HashMap<&'g str, usize>,
    /// Values that follow from the file and the shapes of inputs, not from what the inputs hold.
    settled: HashSet<&'g str>,
    /// Values some size of which may be known only at run time.
    found: HashSet<&'g str>,
}

/// Operators whose results are as long as their values make them.
const FINDERS: &[&str] = &["Compress", "Loop", "NonMaxSuppression", "NonZero", "StringSplit", "Unique"];

impl<'g> Known<'g> {
    fn of(graph: &'g GraphProto) -> Self {
        let scope = Scope::of(graph);
        let mut found: HashSet<&str> = HashSet::new();
        let mut settled: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        for node in &graph.node {
            let of_shapes = matches!(&*node.op_type, "Shape" | "Size" | "Constant");
            if of_shapes || node.input.iter().all(|input| input.is_empty() || settled.contains(input.as_str())) {
                settled.extend(node.output.iter().map(String::as_str));
            }
            let finds = FINDERS.contains(&&*node.op_type)
                || node.op_type == "Pad" && given(node, 1).is_some_and(|lengths| scope.stored(lengths).is_none());
            // Files list nodes after what they use.
            if finds || node.input.iter().any(|input| found.contains(input.as_str())) {
                found.extend(node.output.iter().map(String::as_str));
            }
        }
        let told = graph.input.iter().chain(&graph.value_info).chain(&graph.output);
        let mut ranks: HashMap<&str, usize> =
            told.filter_map(|info| Some((&*info.name, dims::shape(info)?.dim.len()))).collect();
        ranks.extend(graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor.dims.len())));
        Self { scope, ranks, settled, found }
    }

    fn stored(&self, node: &NodeProto, at: usize) -> Option<&'g TensorProto> {
        self.scope.stored(given(node, at)?)
    }

    /// Whether an input is left out or stored.
    fn settled(&self, node: &NodeProto, at: usize) -> bool {
        given(node, at).is_none() || self.stored(node, at).is_some()
    }

    fn rank(&self, node: &NodeProto, at: usize) -> Option<usize> {
        let name = given(node, at)?;
        self.ranks.get(name).copied().or_else(|| self.scope.stored(name).map(|stored| stored.dims.len()))
    }

    fn ours(&self, node: &NodeProto, opset: i64) -> bool {
        let int = |name: &str, default: i64| attribute(node, name).map_or(default, |value| value.i);
        match &*node.op_type {
            // The bound that is left out is the largest number there is, and not infinity.
            "Clip" if opset < 11 => attribute(node, "min").is_none() || attribute(node, "max").is_none(),
            "Clip" => given(node, 1).is_none() || given(node, 2).is_none(),
            "BatchNormalization" => {
                let usual = int("training_mode", 0) == 0 && int("spatial", 1) == 1;
                let outputs = node.output.iter().filter(|output| !output.is_empty()).count();
                !usual || outputs > 1 || (1..5).any(|at| self.stored(node, at).is_none())
            }
            "Dropout" if opset < 7 => int("is_test", 0) == 0,
            "Dropout" => given(node, 2).is_some() && self.flag(node, 2) != Some(false),
            "MatMul" => self.rank(node, 0) == Some(1) && self.rank(node, 1) == Some(1),
            // Of a window that holds nothing but the least number it tells a place elsewhere.
            "MaxPool" => node.output.get(1).is_some_and(|places| !places.is_empty()),
            "Pad" => !self.plain_pad(node, opset),
            "Sigmoid" => {
                let double = |value: &String| self.scope.element_type(value) == Some(OnnxType::Double);
                node.input.iter().chain(&node.output).any(double)
            }
            "Range" => {
                let stored = |at: usize| self.stored(node, at).map(integers).unwrap_or_default();
                let step = stored(2);
                !step.iter().all(|&step| step > 0) || step.is_empty() || !(stored(0).is_empty() || stored(1).is_empty())
            }
            "Resize" => opset == 10,
            "Slice" => self.odd_slice(node),
            "Split" => attribute(node, "num_outputs").is_some() || !self.settled(node, 1),
            "Swish" => attribute(node, "alpha").is_some_and(|alpha| alpha.f != 1.0),
            _ => false,
        }
    }

    /// Whether a slice is of a value of unknown size, has bounds that come with a request, or takes nothing.
    fn odd_slice(&self, node: &NodeProto) -> bool {
        let free = (1..5).filter_map(|at| given(node, at)).any(|bound| !self.settled.contains(bound));
        let stored = |at: usize| self.stored(node, at).map(integers).unwrap_or_default();
        let (starts, ends, steps) = (stored(1), stored(2), stored(4));
        // Which of the two comes first depends on the size where one counts from the end, unless that is beyond all sizes.
        let from_both = |start: i64, end: i64| start < 0 && (0..i64::from(i32::MAX)).contains(&end);
        let empty = |(&start, &end): (&i64, &i64)| (start < 0) == (end < 0) && start >= end || from_both(start, end);
        let empty = starts.iter().zip(&ends).any(empty);
        let backwards = steps.iter().any(|&step| step < 0);
        // Of a start before the first element it makes none where the standard has the first.
        let before = backwards && starts.iter().any(|&start| start < -1);
        free || before
            || empty && !backwards
            || node.input.first().is_some_and(|input| self.found.contains(input.as_str()))
    }

    /// Whether tract pads it right: by a stored scalar, by stored lengths, none of them negative.
    fn plain_pad(&self, node: &NodeProto, opset: i64) -> bool {
        let constant = attribute(node, "mode").is_none_or(|mode| mode.s == b"constant");
        let lengths = self.stored(node, 1).map(integers);
        let value = given(node, 0).and_then(|value| self.scope.element_type(value));
        opset >= 11
            && !matches!(value, Some(OnnxType::Bool | OnnxType::String))
            && constant
            && lengths.is_some_and(|lengths| !lengths.is_empty() && lengths.iter().all(|&length| length >= 0))
            && self.settled(node, 2)
            && self.rank(node, 2).is_none_or(|rank| rank == 0)
            && self.settled(node, 3)
    }

    /// A stored truth value.
    fn flag(&self, node: &NodeProto, at: usize) -> Option<bool> {
        let value = self.stored(node, at)?;
        Some(value.raw_data.first().map(|&byte| i32::from(byte)).or_else(|| value.int32_data.first().copied())? != 0)
    }
}

/// The name of an input that is not left out.
fn given(node: &NodeProto, at: usize) -> Option<&str> {
    node.input.get(at).map(String::as_str).filter(|name| !name.is_empty())
}

/// Stored 64-bit integers; none where they are of another type or elsewhere.
fn integers(tensor: &TensorProto) -> Vec<i64> {
    if tensor.data_type != OnnxType::Int64 as i32 {
        return Vec::new();
    }
    if tensor.raw_data.is_empty() {
        return tensor.int64_data.clone();
    }
    tensor.raw_data.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()
}

/// Which nodes are a `Dropout` that trains but drops nothing: its ratio is a stored zero.
fn idle_dropouts(graph: &GraphProto) -> Vec<bool> {
    let known = Known::of(graph);
    let zero = |tensor: &TensorProto| {
        let listed = tensor.float_data.iter().all(|&x| x == 0.0) && tensor.double_data.iter().all(|&x| x == 0.0);
        let empty = tensor.raw_data.is_empty() && tensor.float_data.is_empty() && tensor.double_data.is_empty();
        !empty && listed && tensor.int32_data.is_empty() && tensor.raw_data.iter().all(|&byte| byte == 0)
    };
    let idle = |node: &NodeProto| {
        node.op_type == "Dropout" && given(node, 2).is_some() && known.stored(node, 1).is_some_and(zero)
    };
    graph.node.iter().map(idle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, OperatorSetIdProto};

    fn claimed(operator: &str, inputs: &[&str], attribute: Option<AttributeProto>, stored: Vec<TensorProto>) -> bool {
        let node = NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec!["y".into()],
            attribute: attribute.into_iter().collect(),
            ..Default::default()
        };
        let graph = GraphProto { node: vec![node], initializer: stored, ..Default::default() };
        let opset_import = vec![OperatorSetIdProto { version: 18, ..Default::default() }];
        let mut model = ModelProto { graph: Some(graph), opset_import, ..Default::default() };
        claim(&mut model);
        model.graph.unwrap().node[0].domain == CASES
    }

    fn integers(name: &str, values: &[i64]) -> TensorProto {
        let (dims, data_type) = (vec![values.len() as i64], OnnxType::Int64 as i32);
        TensorProto { name: name.into(), dims, data_type, int64_data: values.into(), ..Default::default() }
    }

    #[test]
    fn only_what_the_engine_does_not_do_is_moved() {
        let text = |name: &str, s: &str| AttributeProto { name: name.into(), s: s.into(), ..Default::default() };
        assert!(!claimed("Pad", &["x", "p"], None, vec![integers("p", &[0, 1])]));
        assert!(claimed("Pad", &["x", "p"], None, vec![integers("p", &[0, -1])]));
        assert!(claimed("Pad", &["x", "p"], None, vec![]));
        assert!(claimed("Pad", &["x", "p"], Some(text("mode", "wrap")), vec![integers("p", &[0, 1])]));
        assert!(!claimed("Split", &["x", "s"], None, vec![integers("s", &[1, 1])]));
        assert!(claimed("Split", &["x", "s"], None, vec![]));
        assert!(claimed("MatMul", &["a", "b"], None, vec![integers("a", &[1]), integers("b", &[1])]));
        assert!(!claimed("MatMul", &["a", "b"], None, vec![integers("a", &[1])]));
        let bounds = |start, end| vec![integers("b", &[start]), integers("e", &[end])];
        assert!(claimed("Slice", &["x", "b", "e"], None, vec![]));
        assert!(claimed("Slice", &["x", "b", "e"], None, bounds(3, 1)));
        assert!(!claimed("Slice", &["x", "b", "e"], None, bounds(1, 3)));
        assert!(!claimed("Slice", &["x", "b", "e"], None, bounds(0, -1)));
    }
}
