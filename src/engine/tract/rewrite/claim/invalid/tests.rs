//! Which operations are invalid, and which that networks are full of are not.

use super::*;

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    let input = inputs.iter().map(|&name| name.into()).collect();
    NodeProto { op_type: operator.into(), input, output: vec![output.into()], ..Default::default() }
}

fn float(name: &str, value: f32) -> TensorProto {
    let data_type = OnnxType::Float as i32;
    TensorProto { name: name.into(), data_type, float_data: vec![value], ..Default::default() }
}

/// Whether `y` may hold NaN, where `x` is an input.
fn may_be_nan(nodes: &[(&str, &[&str], &str)]) -> bool {
    let node = nodes.iter().map(|(operator, inputs, output)| node(operator, inputs, output)).collect();
    let stored = [("eps", 1e-6), ("half", 0.5), ("two", 2.0), ("lost", f32::NAN), ("least", f32::NEG_INFINITY)];
    let initializer = stored.map(|(name, value)| float(name, value)).into();
    let graph = GraphProto { node, initializer, ..Default::default() };
    let (scope, outer) = (Scope::of(&graph), HashSet::new());
    Invalid::of(&graph, &scope, &outer).may_be_nan("y")
}

#[test]
fn invalid_operations_are_told_from_those_that_cannot_be() {
    assert!(may_be_nan(&[("Sqrt", &["x"], "y")]));
    assert!(may_be_nan(&[("Sqrt", &["x"], "a"), ("Mul", &["a", "two"], "b"), ("Reshape", &["b", "s"], "y")]));
    assert!(may_be_nan(&[("Div", &["x", "x"], "y")]));
    assert!(may_be_nan(&[("Pow", &["x", "half"], "y")]));
    assert!(may_be_nan(&[("Relu", &["x"], "a"), ("Log", &["a"], "y")]));
    assert!(may_be_nan(&[("Where", &["c", "x", "lost"], "y")]));
    assert!(may_be_nan(&[("Sqrt", &["x"], "a"), ("IsNaN", &["x"], "c"), ("Where", &["c", "two", "a"], "y")]));
    assert!(may_be_nan(&[("Where", &["c", "least", "x"], "a"), ("Softmax", &["a"], "y")]));
    assert!(may_be_nan(&[("Where", &["c", "least", "x"], "a"), ("Mul", &["a", "x"], "y")]));
    assert!(!may_be_nan(&[("Where", &["c", "least", "x"], "a"), ("Relu", &["a"], "y")]));
    assert!(!may_be_nan(&[("Div", &["x", "two"], "y")]));
    assert!(!may_be_nan(&[("Pow", &["x", "two"], "y")]));
    assert!(!may_be_nan(&[("Sqrt", &["x"], "a"), ("IsNaN", &["a"], "c"), ("Where", &["c", "two", "a"], "y")]));
}

#[test]
fn what_networks_do_by_hand_is_none() {
    let layer_norm: &[(&str, &[&str], &str)] = &[
        ("ReduceMean", &["x"], "mean"),
        ("Sub", &["x", "mean"], "off"),
        ("Pow", &["off", "two"], "squares"),
        ("ReduceMean", &["squares"], "variance"),
        ("Add", &["variance", "eps"], "more"),
        ("Sqrt", &["more"], "deviation"),
        ("Div", &["off", "deviation"], "y"),
    ];
    assert!(!may_be_nan(layer_norm));
    let root_mean_square: &[(&str, &[&str], &str)] = &[
        ("Mul", &["x", "x"], "squares"),
        ("ReduceMean", &["squares"], "mean"),
        ("Add", &["mean", "eps"], "more"),
        ("Sqrt", &["more"], "root"),
        ("Reciprocal", &["root"], "scale"),
        ("Mul", &["x", "scale"], "y"),
    ];
    assert!(!may_be_nan(root_mean_square));
    let softmax: &[(&str, &[&str], &str)] = &[
        ("ReduceMax", &["x"], "most"),
        ("Sub", &["x", "most"], "off"),
        ("Exp", &["off"], "powers"),
        ("ReduceSum", &["powers"], "sum"),
        ("Div", &["powers", "sum"], "y"),
    ];
    assert!(!may_be_nan(softmax));
    let direction: &[(&str, &[&str], &str)] =
        &[("ReduceL2", &["x"], "norm"), ("Clip", &["norm", "eps"], "some"), ("Div", &["x", "some"], "y")];
    assert!(!may_be_nan(direction));
    let scores: &[(&str, &[&str], &str)] = &[
        ("Shape", &["x"], "sizes"),
        ("Gather", &["sizes", "last"], "width"),
        ("CastLike", &["width", "two"], "real"),
        ("Sqrt", &["real"], "root"),
        ("Div", &["x", "root"], "y"),
    ];
    assert!(!may_be_nan(scores));
    let softplus: &[(&str, &[&str], &str)] =
        &[("Exp", &["x"], "power"), ("Add", &["power", "two"], "more"), ("Log", &["more"], "y")];
    assert!(!may_be_nan(softplus));
}
