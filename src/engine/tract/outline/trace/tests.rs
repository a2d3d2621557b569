use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{AttributeProto, TensorProto, TypeProto};

use super::*;

/// A node of an operator `Name` or `domain:Name`.
pub fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let (domain, op_type) = operator.split_once(':').unwrap_or(("", operator));
    NodeProto {
        name: op_type.to_lowercase(),
        domain: domain.into(),
        op_type: op_type.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: outputs.iter().map(|&name| name.into()).collect(),
        ..Default::default()
    }
}

pub fn with(mut node: NodeProto, attribute: AttributeProto) -> NodeProto {
    node.attribute.push(attribute);
    node
}

pub fn cast(input: &str, to: OnnxType, output: &str) -> NodeProto {
    with(node("Cast", &[input], &[output]), AttributeProto { name: "to".into(), i: to as i64, ..Default::default() })
}

pub fn input(name: &str, kind: OnnxType) -> ValueInfoProto {
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape: None };
    let value = Some(type_proto::Value::TensorType(tensor));
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { value, ..Default::default() }), ..Default::default() }
}

pub fn stored(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: OnnxType::Int64 as i32,
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

pub fn output(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: name.into(), ..Default::default() }
}

/// The function `f:name`.
pub fn function(name: &str, inputs: &[&str], outputs: &[&str], node: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: Some(name.into()),
        domain: Some("f".into()),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: outputs.iter().map(|&name| name.into()).collect(),
        node,
        ..Default::default()
    }
}

/// What is known of a value once all nodes were gone through, and how many there were.
fn traced(graph: &GraphProto, functions: &[FunctionProto], name: &str) -> Result<(Fact, usize), LoadError> {
    let mut graph = graph.clone();
    graph.node.push(node("End", &[name], &[]));
    let (mut found, mut nodes) = (Fact::default(), 0);
    trace(&graph, functions, OVERRIDES, &mut |node, values| {
        nodes += 1;
        if node.op_type == "End" {
            found = values.get(&node.input[0]);
        }
    })?;
    Ok((found, nodes - 1))
}

#[test]
fn functions_are_gone_through_where_they_are_called() {
    let twice = vec![node("Add", &["a", "a"], &["t"]), node("Identity", &["t"], &["b"])];
    let functions =
        [function("Twice", &["a"], &["b"], twice), function("Unused", &[], &[], vec![node("Neg", &[], &[])])];
    let graph = GraphProto {
        input: vec![input("x", OnnxType::Int64), input("z", OnnxType::Float)],
        node: vec![node("f:Twice", &["x"], &["y"]), node("f:Twice", &["z"], &["w"])],
        ..Default::default()
    };
    let (fact, nodes) = traced(&graph, &functions, "y").unwrap();
    assert_eq!((fact.kind, nodes), (Some(OnnxType::Int64 as i32), 6));
    assert_eq!(traced(&graph, &functions, "w").unwrap().0.kind, Some(OnnxType::Float as i32));
    // An inner name is none of the graph's.
    assert_eq!(traced(&graph, &functions, "t").unwrap().0, Fact::default());
}

#[test]
fn functions_without_an_end_are_refused() {
    let graph = GraphProto { node: vec![node("f:F39", &["x"], &["y"])], ..Default::default() };
    let circle = [function("F39", &["a"], &["b"], vec![node("f:F39", &["a"], &["b"])])];
    let words = traced(&graph, &circle, "y").unwrap_err().to_string();
    assert!(words.contains("calls itself"), "{words}");
    let mut doubling = vec![function("F0", &["a"], &["b"], vec![node("Neg", &["a"], &["b"])])];
    for level in 1..40 {
        let below = format!("f:F{}", level - 1);
        let body = vec![node(&below, &["a"], &["t"]), node(&below, &["t"], &["b"])];
        doubling.push(function(&format!("F{level}"), &["a"], &["b"], body));
    }
    let words = traced(&graph, &doubling, "y").unwrap_err().to_string();
    assert!(words.contains("unfold"), "{words}");
}

#[test]
fn branches_see_what_is_around_them_and_not_each_other() {
    let branch = |operator: &str| {
        let graph =
            GraphProto { node: vec![node(operator, &["x"], &["t"])], output: vec![output("t")], ..Default::default() };
        AttributeProto { name: operator.into(), g: Some(graph), ..Default::default() }
    };
    let choice = |first: &str, second: &str| GraphProto {
        input: vec![input("x", OnnxType::Int64), input("c", OnnxType::Bool)],
        node: vec![with(with(node("If", &["c"], &["y"]), branch(first)), branch(second))],
        ..Default::default()
    };
    let known = |graph: &GraphProto, name: &str| traced(graph, &[], name).unwrap().0;
    assert_eq!(known(&choice("Identity", "Shape"), "y").reach, Reach::Sent);
    assert_eq!(known(&choice("Size", "Shape"), "y").reach, Reach::Size);
    assert_eq!(known(&choice("IsNaN", "Shape"), "y").kind, None);
    assert_eq!(known(&choice("Size", "Shape"), "t"), Fact::default());
    // Nor do they see what is called like something of their own that comes later.
    let mut graph = choice("Identity", "Identity");
    graph.node.insert(0, node("Shape", &["x"], &["u"]));
    for branch in graph.node[1].attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
        branch.node = vec![node("Identity", &["u"], &["t"])];
    }
    assert_eq!(known(&graph, "y").reach, Reach::Size);
    for branch in graph.node[1].attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
        branch.node.push(node("Neg", &["x"], &["u"]));
    }
    assert_eq!(known(&graph, "y"), Fact::default());
}

#[test]
fn weights_that_may_be_given_are_not_stored() {
    let mut graph = GraphProto { initializer: vec![stored("w", &[1])], ..Default::default() };
    assert!(traced(&graph, &[], "w").unwrap().0.stored);
    graph.input = vec![input("w", OnnxType::Int64)];
    let (fact, _) = traced(&graph, &[], "w").unwrap();
    assert!(!fact.stored && fact.reach == Reach::Size);
}
