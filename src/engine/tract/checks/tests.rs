//! The rules as a table: a graph of a few nodes, and whether it is refused.

use super::scope::attribute;
use super::*;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{AttributeProto, FunctionProto, OperatorSetIdProto, TensorProto, ValueInfoProto};

fn node(domain: &str, operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        domain: domain.into(),
        op_type: operator.into(),
        name: format!("the {operator}"),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: outputs.iter().map(|&name| name.into()).collect(),
        ..Default::default()
    }
}

fn with(mut node: NodeProto, name: &str, set: impl FnOnce(&mut AttributeProto)) -> NodeProto {
    let mut attribute = AttributeProto { name: name.into(), ..Default::default() };
    set(&mut attribute);
    node.attribute.push(attribute);
    node
}

fn text(node: NodeProto, name: &str, value: &str) -> NodeProto {
    with(node, name, |attribute| attribute.s = value.into())
}

fn graph(nodes: Vec<NodeProto>) -> GraphProto {
    let input = ["x", "w", "r"].map(|name| ValueInfoProto { name: name.into(), ..Default::default() }).into();
    GraphProto { node: nodes, input, ..Default::default() }
}

fn verdict_of(graph: GraphProto) -> Result<(), LoadError> {
    let onnx = tract_onnx::onnx();
    let opset_import = vec![OperatorSetIdProto { version: 20, ..Default::default() }];
    let model = ModelProto { graph: Some(graph.clone()), opset_import, ..Default::default() };
    check(&model, &graph, &|operator| onnx.op_register.0.contains_key(operator))
}

fn verdict(nodes: Vec<NodeProto>) -> Result<(), LoadError> {
    verdict_of(graph(nodes))
}

fn one(operator: &str) -> NodeProto {
    node("", operator, &["x"], &["y"])
}

#[test]
fn operators_must_be_known_in_their_own_domain() {
    for (domain, operator) in
        [("", "Relu"), ("ai.onnx", "Relu"), ("ai.onnx.ml", "Normalizer"), ("com.microsoft", "QuickGelu")]
    {
        assert_eq!(verdict(vec![node(domain, operator, &["x"], &["y"])]), Ok(()), "{domain} {operator}");
    }
    for (domain, operator, hint) in [
        ("", "ImageDecoder", "another operator set"),
        ("ai.onnx.ml", "ZipMap", "{\"zipmap\": False}"),
        ("ai.onnx.ml", "Relu", "another operator set"),
        ("com.microsoft", "Attention", "before ONNX Runtime optimises it"),
        ("acme", "Relu", "standard operators"),
    ] {
        let error = verdict(vec![node(domain, operator, &["x"], &["y"])]).unwrap_err();
        let text = error.to_string();
        assert!(matches!(&error, LoadError::Unsupported { node, .. } if *node == format!("the {operator}")), "{text}");
        assert!(text.contains(hint), "{text}");
    }
}

#[test]
fn layers_pass_unless_they_are_malformed() {
    for operator in ["RNN", "LSTM", "GRU"] {
        let layer = || node("", operator, &["x", "w", "r"], &["y"]);
        assert_eq!(verdict(vec![text(layer(), "direction", "reverse")]), Ok(()));
        assert!(verdict(vec![text(layer(), "direction", "sideways")]).is_err());
        assert!(verdict(vec![with(layer(), "clip", |a| a.f = -1.0)]).is_err());
        let chosen = with(layer(), "activations", |a| a.strings = vec!["Relu".into(); 7]);
        assert!(verdict(vec![chosen]).is_err());
    }
}

#[test]
fn attributes_that_would_be_ignored_are_refused() {
    assert!(verdict(vec![with(node("", "Add", &["x", "w"], &["y"]), "axis", |a| a.i = 1)]).is_err());
    assert!(verdict(vec![with(one("Scan"), "directions", |a| a.ints = vec![1])]).is_err());
}

#[test]
fn attributes_that_no_schema_has_are_refused() {
    assert_eq!(verdict(vec![with(one("LeakyRelu"), "alpha", |a| a.f = 1.0)]), Ok(()));
    let refused = verdict(vec![with(one("Relu"), "alpha", |a| a.f = 1.0)]).unwrap_err().to_string();
    assert!(refused.contains("\"alpha\" is not part of the operator"), "{refused}");
}

#[test]
fn foreign_elements_are_named() {
    let mut half = graph(vec![node("", "MatMul", &["x", "k"], &["y"])]);
    half.initializer.push(TensorProto { name: "k".into(), data_type: OnnxType::Bfloat16 as i32, ..Default::default() });
    assert!(verdict_of(half).unwrap_err().to_string().contains("bfloat16"));
    let cast = |to: i32| verdict(vec![with(one("Cast"), "to", |a| a.i = to.into())]);
    assert_eq!(cast(OnnxType::Double as i32), Ok(()));
    assert!(cast(OnnxType::Float8e4m3fn as i32).unwrap_err().to_string().contains("float8e4m3fn"));
    assert!(cast(999).is_err());
}

#[test]
fn functions_of_the_file_are_refused_where_they_are_used() {
    let function = FunctionProto { name: Some("Twice".into()), domain: Some("mine".into()), ..Default::default() };
    let verdict = |operator: &str, domain: &str| {
        let graph = graph(vec![node(domain, operator, &["x"], &["y"])]);
        let model = ModelProto { functions: vec![function.clone()], graph: Some(graph.clone()), ..Default::default() };
        let onnx = tract_onnx::onnx();
        check(&model, &graph, &|operator| onnx.op_register.0.contains_key(operator))
    };
    assert!(verdict("Twice", "mine").unwrap_err().to_string().contains("inline_local_functions"));
    assert_eq!(verdict("Relu", ""), Ok(()));
}

#[test]
fn a_graph_that_is_not_connected_is_malformed() {
    let missing = verdict(vec![node("", "Relu", &["nowhere"], &["y"])]);
    assert!(matches!(missing, Err(LoadError::Malformed(text)) if text.contains("nowhere")));
    assert!(verdict(vec![one("Relu"), one("Relu")]).is_err());
    let mut graph = graph(vec![one("Relu")]);
    graph.output.push(ValueInfoProto { name: "z".into(), ..Default::default() });
    assert!(matches!(verdict_of(graph), Err(LoadError::Malformed(text)) if text.contains("\"z\"")));
}

#[test]
fn what_stands_inside_a_branch_is_checked_and_counted() {
    let inner = GraphProto { node: vec![one("ImageDecoder")], ..Default::default() };
    let branch = with(node("", "If", &["x"], &["y"]), "then_branch", |a| a.g = Some(inner));
    assert!(attribute(&branch, "then_branch").is_some());
    let graph = graph(vec![branch]);
    assert!(verdict_of(graph.clone()).is_err());
    let model = ModelProto { graph: Some(graph.clone()), ..Default::default() };
    let onnx = tract_onnx::onnx();
    let uses = operators(&model, &graph, &|operator| onnx.op_register.0.contains_key(operator));
    let words: Vec<_> = uses.iter().map(|u| (&*u.operator, u.count, u.support == Support::Engine)).collect();
    assert_eq!(words, [("If", 1, true), ("ImageDecoder", 1, false)]);
}
