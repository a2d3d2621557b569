//! Finds the values that are strings and gives the operators that tract computes with numbers only the domain of their
//! namesakes for strings (`ops/text.rs`). Types follow from declared inputs, stored tensors and what operators make; they
//! are followed from node to node, because files seldom tell the type of every value.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto, ValueInfoProto, type_proto};

use super::super::checks::attribute;
use super::super::ops::STRINGS;
use super::super::proto;

/// Operators of `ai.onnx` that have a namesake for strings.
const NAMESAKES: &[&str] = &["Cast", "CastLike", "Tile"];

/// Marks the nodes of a graph and of the graphs inside it.
pub fn mark(graph: &mut GraphProto) {
    mark_graph(graph, &HashSet::new());
}

/// The names of values that are strings, those of the graph outside included.
fn mark_graph(graph: &mut GraphProto, outside: &HashSet<String>) -> HashSet<String> {
    let mut strings = outside.clone();
    let stored = graph.initializer.iter().filter(|tensor| tensor.data_type == DataType::String as i32);
    strings.extend(stored.map(|tensor| tensor.name.clone()));
    strings.extend(graph.input.iter().filter(|input| is_string(input)).map(|input| input.name.clone()));
    strings.extend(graph.value_info.iter().filter(|value| is_string(value)).map(|value| value.name.clone()));
    for node in &mut graph.node {
        let made = made(node, &strings);
        let takes_strings = node.input.iter().any(|input| strings.contains(input));
        if (takes_strings || !made.is_empty())
            && proto::domain(&node.domain) == "ai.onnx"
            && NAMESAKES.contains(&&*node.op_type)
        {
            node.domain = STRINGS.into();
        }
        strings.extend(made);
    }
    strings
}

fn is_string(value: &ValueInfoProto) -> bool {
    let declared = value.r#type.as_ref().and_then(|declared| declared.value.as_ref());
    matches!(declared, Some(type_proto::Value::TensorType(tensor)) if tensor.elem_type == DataType::String as i32)
}

/// The outputs of a node that are strings.
fn made(node: &mut NodeProto, strings: &HashSet<String>) -> Vec<String> {
    let operator = &*node.op_type;
    let takes = |at: usize| node.input.get(at).is_some_and(|input| strings.contains(input));
    let outputs = |count: usize| node.output.iter().take(count).cloned().collect::<Vec<_>>();
    let labelled = |names: &[&str]| names.iter().any(|name| attribute(node, name).is_some());
    match (proto::domain(&node.domain), operator) {
        (_, "If" | "Loop" | "Scan") => of_bodies(node, strings),
        ("ai.onnx", "Cast") => {
            outputs(usize::from(attribute(node, "to").is_some_and(|to| to.i == DataType::String as i64)))
        }
        ("ai.onnx", "Constant" | "ConstantOfShape") => {
            let stored = attribute(node, "value").and_then(|value| value.t.as_ref());
            let is_string = stored.is_some_and(|tensor| tensor.data_type == DataType::String as i32);
            outputs(usize::from(is_string || labelled(&["value_string", "value_strings"])))
        }
        ("ai.onnx", "CastLike") => outputs(usize::from(takes(1))),
        // What comes out are numbers, whatever goes in.
        ("ai.onnx", "Equal" | "RegexFullMatch" | "Shape" | "Size" | "NonZero" | "TfIdfVectorizer") => Vec::new(),
        ("ai.onnx", "Unique" | "StringSplit") => outputs(usize::from(takes(0))),
        ("ai.onnx", "Where") => outputs(usize::from(takes(1))),
        ("ai.onnx", "OneHot") => outputs(usize::from(takes(2))),
        // Everything else of the standard that takes strings moves them.
        ("ai.onnx", _) => outputs(if takes(0) { usize::MAX } else { 0 }),
        ("ai.onnx.ml", "ArrayFeatureExtractor") => outputs(usize::from(takes(0))),
        ("ai.onnx.ml", "LabelEncoder") => outputs(usize::from(
            labelled(&["values_strings", "classes_strings"])
                && !(takes(0) && attribute(node, "classes_strings").is_some())
                || attribute(node, "values_tensor")
                    .and_then(|values| values.t.as_ref())
                    .is_some_and(|tensor| tensor.data_type == DataType::String as i32),
        )),
        ("ai.onnx.ml", "CategoryMapper") => outputs(usize::from(!takes(0))),
        ("ai.onnx.ml", _) => outputs(usize::from(labelled(&["classlabels_strings"]))),
        ("com.microsoft", "Tokenizer") => outputs(1),
        _ => Vec::new(),
    }
}

/// The outputs of a node that are strings because those of the graphs inside it are.
fn of_bodies(node: &mut NodeProto, strings: &HashSet<String>) -> Vec<String> {
    // The first output of a loop's body says whether it goes on.
    let skipped = usize::from(node.op_type == "Loop");
    let mut found = Vec::new();
    for body in node.attribute.iter_mut().flat_map(|attribute| attribute.g.iter_mut()) {
        let inside = mark_graph(body, strings);
        let outputs = body.output.iter().skip(skipped).zip(&node.output);
        found.extend(outputs.filter(|(inner, _)| inside.contains(&inner.name)).map(|(_, outer)| outer.clone()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, TensorProto};

    fn node(operator: &str, input: &str, output: &str) -> NodeProto {
        let (input, output) = (vec![input.into()], vec![output.into()]);
        NodeProto { op_type: operator.into(), input, output, ..Default::default() }
    }

    fn cast(input: &str, output: &str, to: DataType) -> NodeProto {
        let to = AttributeProto { name: "to".into(), i: to as i64, ..Default::default() };
        NodeProto { attribute: vec![to], ..node("Cast", input, output) }
    }

    fn marked(nodes: Vec<NodeProto>) -> Vec<bool> {
        let stored = TensorProto { name: "words".into(), data_type: DataType::String as i32, ..Default::default() };
        let mut graph = GraphProto { node: nodes, initializer: vec![stored], ..Default::default() };
        mark(&mut graph);
        graph.node.iter().map(|node| node.domain == STRINGS).collect()
    }

    #[test]
    fn strings_are_followed_through_what_moves_them() {
        let nodes = vec![
            node("Reshape", "words", "a"),
            cast("a", "b", DataType::Float),
            cast("b", "c", DataType::Int64),
            cast("c", "d", DataType::String),
            node("Tile", "d", "e"),
            node("Tile", "c", "f"),
            node("Shape", "e", "g"),
            node("Tile", "g", "h"),
        ];
        assert_eq!(marked(nodes), [false, true, false, true, true, false, false, false]);
    }

    #[test]
    fn the_branches_of_a_condition_are_looked_into() {
        let mut condition = node("If", "flag", "out");
        let body = GraphProto {
            node: vec![node("Tile", "words", "inner")],
            output: vec![ValueInfoProto { name: "inner".into(), ..Default::default() }],
            ..Default::default()
        };
        condition.attribute.push(AttributeProto { name: "then_branch".into(), g: Some(body), ..Default::default() });
        let stored = TensorProto { name: "words".into(), data_type: DataType::String as i32, ..Default::default() };
        let mut graph = GraphProto {
            node: vec![condition, node("Tile", "out", "last")],
            initializer: vec![stored],
            ..Default::default()
        };
        mark(&mut graph);
        assert_eq!(graph.node[0].attribute[0].g.as_ref().unwrap().node[0].domain, STRINGS);
        assert_eq!(graph.node[1].domain, STRINGS);
    }
}
