//! The rules as a table: a graph of a few nodes, and whether it is refused.

use super::scope::attribute;
use super::*;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{AttributeProto, FunctionProto, TensorProto, ValueInfoProto};

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
    let model = ModelProto { graph: Some(graph.clone()), ..Default::default() };
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
        ("", "Det", "another operator set"),
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
fn only_layers_the_engine_runs_as_written_pass() {
    for operator in ["RNN", "LSTM", "GRU"] {
        let layer = || node("", operator, &["x", "w", "r"], &["y"]);
        assert_eq!(verdict(vec![text(layer(), "direction", "bidirectional")]), Ok(()));
        assert!(verdict(vec![text(layer(), "direction", "reverse")]).is_err());
        assert!(verdict(vec![with(layer(), "clip", |a| a.f = 1.0)]).is_err());
        let usual = if operator == "RNN" { vec!["Tanh"] } else { vec!["Sigmoid", "Tanh"] };
        let chosen =
            |names: &[&str]| with(layer(), "activations", |a| a.strings = names.iter().map(|&n| n.into()).collect());
        assert_eq!(verdict(vec![chosen(&usual)]), Ok(()));
        assert!(verdict(vec![chosen(&["Relu"])]).is_err());
    }
}

#[test]
fn attributes_that_would_be_ignored_are_refused_unless_neutral() {
    assert_eq!(verdict(vec![one("Swish")]), Ok(()));
    assert_eq!(verdict(vec![with(one("Swish"), "alpha", |a| a.f = 1.0)]), Ok(()));
    assert!(verdict(vec![with(one("Swish"), "alpha", |a| a.f = 2.0)]).is_err());
    assert!(verdict(vec![with(node("", "Add", &["x", "w"], &["y"]), "axis", |a| a.i = 1)]).is_err());
    assert!(verdict(vec![with(one("BatchNormalization"), "training_mode", |a| a.i = 1)]).is_err());
    assert_eq!(verdict(vec![text(one("SpaceToDepth"), "mode", "DCR")]), Ok(()));
    assert!(verdict(vec![text(one("SpaceToDepth"), "mode", "CRD")]).is_err());
}

#[test]
fn softmax_between_quantisers_is_refused_and_elsewhere_not() {
    let quantised = |middle: Vec<NodeProto>, last: &str| {
        let mut nodes = vec![node("", "DequantizeLinear", &["x", "s"], &["a"])];
        nodes.extend(middle);
        nodes.push(node("", "QuantizeLinear", &[last, "s"], &["z"]));
        let mut graph = graph(nodes);
        graph.initializer.push(TensorProto { name: "s".into(), ..Default::default() });
        graph.initializer.push(TensorProto { name: "k".into(), ..Default::default() });
        verdict_of(graph)
    };
    let softmax = |from: &str| node("", "Softmax", &[from], &["b"]);
    assert!(quantised(vec![softmax("a")], "b").is_err());
    assert!(quantised(vec![softmax("a"), node("", "Relu", &["b"], &["c"])], "c").is_err());
    assert_eq!(quantised(vec![node("", "Relu", &["a"], &["b"])], "b"), Ok(()));
    let product = node("", "MatMul", &["a", "w"], &["m"]);
    assert_eq!(quantised(vec![product, softmax("m")], "b"), Ok(()));
    assert_eq!(verdict(vec![softmax("x")]), Ok(()));
}

#[test]
fn shifts_must_be_constant_and_in_range() {
    let shifted = |by: Option<TensorProto>| {
        let mut graph = graph(vec![node("", "BitShift", &["x", "w"], &["y"])]);
        graph.initializer.extend(by);
        verdict_of(graph)
    };
    let stored = |kind: OnnxType, raw_data: &[u8]| {
        Some(TensorProto { name: "w".into(), data_type: kind as i32, raw_data: raw_data.into(), ..Default::default() })
    };
    assert_eq!(shifted(stored(OnnxType::Uint8, &[0, 7])), Ok(()));
    assert!(shifted(stored(OnnxType::Uint8, &[8])).is_err());
    assert_eq!(shifted(stored(OnnxType::Uint32, &[31, 0, 0, 0])), Ok(()));
    assert!(shifted(stored(OnnxType::Int32, &[255, 255, 255, 255])).is_err());
    assert!(shifted(None).is_err());
}

#[test]
fn attention_to_the_past_must_not_be_causal() {
    let attention = |inputs: &[&str], causal| {
        verdict(vec![with(node("", "Attention", inputs, &["y"]), "is_causal", |a| a.i = causal)])
    };
    assert_eq!(attention(&["x", "x", "x"], 1), Ok(()));
    assert_eq!(attention(&["x", "x", "x", "", "w", "r"], 0), Ok(()));
    assert!(attention(&["x", "x", "x", "", "w", "r"], 1).is_err());
}

#[test]
fn quantisers_say_their_type_by_the_zero_point() {
    let quantise = |inputs: &[&str], kind: OnnxType| {
        verdict(vec![with(node("", "QuantizeLinear", inputs, &["y"]), "output_dtype", |a| a.i = kind as i64)])
    };
    assert_eq!(quantise(&["x", "w"], OnnxType::Uint8), Ok(()));
    assert_eq!(quantise(&["x", "w", "r"], OnnxType::Int8), Ok(()));
    assert!(quantise(&["x", "w"], OnnxType::Int8).is_err());
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
    let inner = GraphProto { node: vec![one("Det")], ..Default::default() };
    let branch = with(node("", "If", &["x"], &["y"]), "then_branch", |a| a.g = Some(inner));
    assert!(attribute(&branch, "then_branch").is_some());
    let graph = graph(vec![branch]);
    assert!(verdict_of(graph.clone()).is_err());
    let model = ModelProto { graph: Some(graph.clone()), ..Default::default() };
    let onnx = tract_onnx::onnx();
    let uses = operators(&model, &graph, &|operator| onnx.op_register.0.contains_key(operator));
    let words: Vec<_> = uses.iter().map(|u| (&*u.operator, u.count, u.support == Support::Engine)).collect();
    assert_eq!(words, [("Det", 1, false), ("If", 1, true)]);
}
