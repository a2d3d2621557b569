//! Whether rows of a batch bear on each other, as far as a graph says so by itself. Before any are merged it is tried out
//! whether rows answer alike alone and in company, but a trial shows only what its values lead to: where all of them
//! lie on one side of a threshold, nobody sees what happens on the other. So what takes the rows of a batch together is
//! looked for here, too. That is done without shapes, and so finds the plain cases only: decisions for a whole batch, and
//! operators along all axes, or along the first one while that is the rows'.

use std::collections::HashMap;

use tract_onnx::pb::{FunctionProto, GraphProto, ModelProto, NodeProto};

use super::checks::attribute;
use super::limits::integers;
use super::proto;

/// What a value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    /// Nothing of a request but sizes.
    Stored,
    /// What comes of a request.
    Data,
    /// The same, and the first axis is that of the rows.
    Rows,
}

use Holds::{Data, Rows, Stored};

/// Why a node takes rows together.
const DECIDES: &str = "decides for all rows of a batch together";
const ALL: &str = "takes all rows of a batch together";
const FIRST: &str = "works along the axis of the rows";

/// Operators that answer a row of their input by a row, and leave the first axis the first.
const KEEP: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Clip",
    "Conv",
    "ConvTranspose",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Flatten",
    "Floor",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "MatMul",
    "Max",
    "MaxPool",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pow",
    "QuantizeLinear",
    "Reciprocal",
    "Relu",
    "Round",
    "Selu",
    "Sigmoid",
    "Sign",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Sub",
    "Sum",
    "Tanh",
    "ThresholdedRelu",
    "Where",
    "Xor",
];

/// Operators along one axis: the attribute's default. Where that changed with a version it is an axis of no rows in all.
const ALONG: &[(&str, i64)] = &[
    ("ArgMax", 0),
    ("ArgMin", 0),
    ("GatherElements", 0),
    ("Hardmax", -1),
    ("LayerNormalization", -1),
    ("LogSoftmax", -1),
    ("LpNormalization", -1),
    ("Softmax", -1),
    ("Split", 0),
    ("TopK", -1),
];

/// The first node that is seen to take rows together, in words; `None` where there is none.
pub fn of(model: &ModelProto) -> Option<String> {
    let graph = model.graph.as_ref()?;
    let found = Company::of_graph(graph, None, |_| Rows).nodes(&graph.node);
    found.or_else(|| model.functions.iter().find_map(of_function))
}

/// A function may be given anything.
fn of_function(function: &FunctionProto) -> Option<String> {
    let given = function.input.iter().map(|input| (input.as_str(), Value { holds: Data, list: None }));
    Company { here: given.collect(), outer: None }.nodes(&function.node)
}

#[derive(Debug)]
struct Value {
    holds: Holds,
    /// What is stored, of a short list of integers.
    list: Option<Vec<i64>>,
}

/// The values that the nodes of one graph see. Of what is not there nothing is known but that no request is in it.
struct Company<'m, 's> {
    here: HashMap<&'m str, Value>,
    outer: Option<&'s Company<'m, 's>>,
}

impl<'m> Company<'m, '_> {
    /// `holds` is what an input at a place holds.
    fn of_graph<'s>(
        graph: &'m GraphProto,
        outer: Option<&'s Company<'m, 's>>,
        holds: impl Fn(usize) -> Holds,
    ) -> Company<'m, 's> {
        let inputs = graph.input.iter().enumerate();
        let inputs = inputs.map(|(at, input)| (input.name.as_str(), Value { holds: holds(at), list: None }));
        let weights = graph.initializer.iter();
        let weights = weights.map(|weight| (weight.name.as_str(), Value { holds: Stored, list: integers(weight) }));
        Company { here: inputs.chain(weights).collect(), outer }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.here.get(name).or_else(|| self.outer?.get(name))
    }

    fn of(&self, value: Option<&String>) -> Holds {
        value.and_then(|name| self.get(name)).map_or(Stored, |value| value.holds)
    }

    fn list(&self, value: Option<&String>) -> Option<&Vec<i64>> {
        self.get(value?)?.list.as_ref()
    }

    /// Takes in what nodes make, up to the first that takes rows together.
    fn nodes(&mut self, nodes: &'m [NodeProto]) -> Option<String> {
        for node in nodes {
            if let Some(why) = self.takes_together(node).or_else(|| self.within(node)) {
                let name = proto::node_name(node);
                return Some(format!("node {name:?} ({}) {why}", node.op_type));
            }
            let (holds, list) = match node.op_type.as_str() {
                "Constant" => (Stored, constant(node)),
                _ => (self.answer(node), None),
            };
            let made = node.output.iter().map(|output| (output.as_str(), Value { holds, list: list.clone() }));
            self.here.extend(made);
        }
        None
    }

    /// What comes out of a node.
    fn answer(&self, node: &NodeProto) -> Holds {
        let first = self.of(node.input.first());
        let most = self.given(node);
        let keeps = |kept: bool| if kept { most } else { most.min(Data) };
        match node.op_type.as_str() {
            "Shape" | "Size" => Stored,
            "Transpose" => keeps(attribute(node, "perm").is_some_and(|perm| perm.ints.first() == Some(&0))),
            "Flatten" => keeps(number(node, "axis", 1) != 0),
            "Concat" => keeps(number(node, "axis", 0) != 0),
            "Gather" => keeps(first == Rows && number(node, "axis", 0) != 0),
            "Reshape" => keeps(self.list(node.input.get(1)).is_some_and(|shape| matches!(shape.first(), Some(0 | -1)))),
            "Squeeze" | "Unsqueeze" => keeps(self.axes(node).is_some_and(|axes| !axes.contains(&0))),
            "Slice" => keeps(true),
            operator if operator.starts_with("Reduce") => {
                keeps(self.axes(node).is_some_and(|axes| !axes.is_empty() && !axes.contains(&0)))
            }
            operator => {
                let along = ALONG.iter().find(|(name, _)| *name == operator);
                let known = KEEP.contains(&operator) || along.is_some();
                keeps(known || proto::domain(&node.domain) == "ai.onnx.ml")
            }
        }
    }

    /// The most that a node is given, or graphs within it take from around it.
    fn given(&self, node: &NodeProto) -> Holds {
        let given = node.input.iter().map(|input| self.of(Some(input))).max().unwrap_or(Stored);
        let inner = graphs(node).flat_map(|graph| &graph.node).map(|node| self.given(node)).max().unwrap_or(Stored);
        given.max(inner.min(Data))
    }

    /// Why a node takes rows together.
    fn takes_together(&self, node: &NodeProto) -> Option<&'static str> {
        let first = self.of(node.input.first());
        let operator = node.op_type.as_str();
        if !matches!(proto::domain(&node.domain), "ai.onnx" | "com.microsoft") {
            return None;
        }
        match operator {
            "If" => (first > Stored).then_some(DECIDES),
            "Loop" => (first.max(self.of(node.input.get(1))) > Stored).then_some(DECIDES),
            "DynamicQuantizeLinear" => (first > Stored).then_some(ALL),
            operator if operator.starts_with("Reduce") && first > Stored => {
                let none_means_none = number(node, "noop_with_empty_axes", 0) != 0;
                match self.axes(node)? {
                    axes if axes.is_empty() => (!none_means_none).then_some(ALL),
                    axes => (first == Rows && axes.contains(&0)).then_some(FIRST),
                }
            }
            _ => (first == Rows && self.works_along_rows(node)).then_some(FIRST),
        }
    }

    /// Whether a node works along the first axis of its first input.
    fn works_along_rows(&self, node: &NodeProto) -> bool {
        match node.op_type.as_str() {
            "CumSum" | "CumProd" => self.list(node.input.get(1)).is_some_and(|axis| axis == &[0]),
            "MeanVarianceNormalization" => attribute(node, "axes").is_none_or(|axes| axes.ints.contains(&0)),
            "Gather" => number(node, "axis", 0) == 0,
            "Slice" => self.cuts_rows(node),
            operator => ALONG.iter().any(|(name, axis)| *name == operator && number(node, "axis", *axis) == 0),
        }
    }

    /// Why a graph within a node takes rows together. What a loop hands on to its next round may hold whatever the loop is
    /// given; the number of the round holds nothing of a request.
    fn within(&self, node: &'m NodeProto) -> Option<&'static str> {
        let given = self.given(node).min(Data);
        let is_loop = node.op_type == "Loop";
        graphs(node).find_map(|graph| {
            let mut inside = Self::of_graph(graph, Some(self), |at| if is_loop && at < 2 { Stored } else { given });
            if inside.nodes(&graph.node).is_some() {
                return Some(ALL);
            }
            let goes_on = graph.output.first().filter(|_| is_loop);
            goes_on.is_some_and(|goes_on| inside.of(Some(&goes_on.name)) > Stored).then_some(DECIDES)
        })
    }

    /// The axes that a node names, as an attribute or as its second input; none where it names none. `None` where they are
    /// computed.
    fn axes(&self, node: &NodeProto) -> Option<Vec<i64>> {
        if let Some(axes) = attribute(node, "axes") {
            return Some(axes.ints.clone());
        }
        match node.input.get(1).filter(|name| !name.is_empty()) {
            Some(name) => self.list(Some(name)).cloned(),
            None => Some(Vec::new()),
        }
    }

    /// Whether a slice leaves out or reorders rows.
    fn cuts_rows(&self, node: &NodeProto) -> bool {
        let list = |name: &str, at: usize| match attribute(node, name) {
            Some(given) => Some(given.ints.clone()),
            None => self.list(node.input.get(at)).cloned(),
        };
        let (Some(starts), Some(ends)) = (list("starts", 1), list("ends", 2)) else { return false };
        let axes = list("axes", 3).unwrap_or_else(|| (0..starts.len() as i64).collect());
        let Some(at) = axes.iter().position(|axis| *axis == 0) else { return false };
        let step = list("steps", 4).and_then(|steps| steps.get(at).copied()).unwrap_or(1);
        let (start, end) = (starts.get(at).copied().unwrap_or(0), ends.get(at).copied().unwrap_or(i64::MAX));
        start != 0 || step != 1 || end < i64::from(i32::MAX)
    }
}

/// The graphs within a node.
fn graphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// The integers of a constant, where it is a short list of them.
fn constant(node: &NodeProto) -> Option<Vec<i64>> {
    node.attribute.iter().find_map(|given| match given.name.as_str() {
        "value" => given.t.as_ref().and_then(integers),
        "value_int" => Some(vec![given.i]),
        "value_ints" => Some(given.ints.clone()),
        _ => None,
    })
}

fn number(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).map_or(default, |given| given.i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, TensorProto, ValueInfoProto};

    fn node(operator: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) -> NodeProto {
        NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|&input| input.into()).collect(),
            output: vec![output.into()],
            attribute: attributes,
            ..Default::default()
        }
    }

    fn plain(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
        node(operator, inputs, output, Vec::new())
    }

    fn ints(name: &str, ints: &[i64]) -> AttributeProto {
        AttributeProto { name: name.into(), ints: ints.into(), ..Default::default() }
    }

    fn axis(i: i64) -> AttributeProto {
        AttributeProto { name: "axis".into(), i, ..Default::default() }
    }

    fn inner(name: &str, nodes: Vec<NodeProto>, inputs: &[&str], outputs: &[&str]) -> AttributeProto {
        let infos = |names: &[&str]| {
            names.iter().map(|&name| ValueInfoProto { name: name.into(), ..Default::default() }).collect()
        };
        let g = GraphProto { node: nodes, input: infos(inputs), output: infos(outputs), ..Default::default() };
        AttributeProto { name: name.into(), g: Some(g), ..Default::default() }
    }

    /// With an input `x`, a weight `w`, and the lists that are named by their contents.
    fn found(nodes: Vec<NodeProto>) -> Option<String> {
        let list = |name: &str, int64_data: &[i64]| TensorProto {
            name: name.into(),
            data_type: 7,
            dims: vec![int64_data.len() as i64],
            int64_data: int64_data.into(),
            ..Default::default()
        };
        let graph = GraphProto {
            node: nodes,
            input: vec![ValueInfoProto { name: "x".into(), ..Default::default() }],
            initializer: vec![
                TensorProto { name: "w".into(), ..Default::default() },
                list("0", &[0]),
                list("1", &[1]),
                list("-1, 8", &[-1, 8]),
                list("max", &[i64::MAX]),
            ],
            ..Default::default()
        };
        of(&ModelProto { graph: Some(graph), ..Default::default() })
    }

    fn one(operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> bool {
        let of_relu = node(operator, inputs, "y", attributes);
        found(vec![plain("Relu", &["x"], "r"), of_relu]).is_some()
    }

    #[test]
    fn what_works_along_the_rows_is_found() {
        assert!(one("ReduceMax", &["r"], vec![]));
        assert!(one("ReduceL2", &["r"], vec![ints("axes", &[0, 1])]));
        assert!(one("ReduceSum", &["r", "0"], vec![]));
        assert!(one("CumSum", &["r", "0"], vec![]));
        assert!(one("Softmax", &["r"], vec![axis(0)]));
        assert!(one("ArgMax", &["r"], vec![]));
        assert!(one("Gather", &["r", "0"], vec![]));
        assert!(one("Slice", &["r", "0", "1"], vec![]));
        assert!(one("DynamicQuantizeLinear", &["r"], vec![]));
    }

    #[test]
    fn what_keeps_rows_apart_is_not() {
        assert!(!one("ReduceMax", &["r"], vec![ints("axes", &[1])]));
        assert!(!one("ReduceSum", &["r", "1"], vec![]));
        assert!(!one("CumSum", &["r", "1"], vec![]));
        assert!(!one("Softmax", &["r"], vec![axis(-1)]));
        assert!(!one("ArgMax", &["r"], vec![axis(1)]));
        assert!(!one("Gather", &["w", "r"], vec![]));
        assert!(!one("Slice", &["r", "0", "max"], vec![]));
        assert!(!one("ReduceMax", &["w"], vec![]));
        let turned = vec![
            node("Transpose", &["x"], "t", vec![ints("perm", &[1, 0, 2])]),
            node("Softmax", &["t"], "y", vec![axis(0)]),
        ];
        assert_eq!(found(turned), None);
        let sized = vec![plain("Shape", &["x"], "s"), plain("ReduceProd", &["s"], "n")];
        assert_eq!(found(sized), None);
        let flat = vec![plain("Reshape", &["x", "-1, 8"], "f"), node("Softmax", &["f"], "y", vec![axis(1)])];
        assert_eq!(found(flat), None);
    }

    #[test]
    fn loops_within_loops_are_gone_through_once() {
        let mut nodes = vec![plain("Relu", &["x"], "y0")];
        for level in 1..30 {
            let body = inner("body", nodes, &["at", "go"], &["go", "y0"]);
            nodes = vec![node("Loop", &["1", "w"], &format!("y{level}"), vec![body])];
        }
        assert_eq!(found(nodes), None);
    }

    #[test]
    fn decisions_by_what_a_request_holds_are_for_the_whole_batch() {
        let decide = |condition: &str| plain("If", &[condition], "y");
        let words = found(vec![plain("Squeeze", &["x"], "c"), decide("c")]).unwrap();
        assert!(words.contains("(If) decides for all rows"), "{words}");
        assert_eq!(found(vec![plain("Shape", &["x"], "s"), decide("s")]), None);
        let body = |goes_on: &str| {
            let nodes = vec![plain("Relu", &["state"], "next"), plain("Greater", &["next", "w"], "more")];
            let body = inner("body", nodes, &["at", "go", "state"], &[goes_on, "next"]);
            found(vec![node("Loop", &["1", "w", "x"], "y", vec![body])])
        };
        assert!(body("more").is_some());
        assert_eq!(body("go"), None);
        let inside = inner("then_branch", vec![plain("ReduceMax", &["x"], "m")], &[], &["m"]);
        let words = found(vec![plain("Shape", &["x"], "s"), node("If", &["s"], "y", vec![inside])]);
        assert!(words.is_some());
    }
}
