use super::*;

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{AttributeProto, OperatorSetIdProto};

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 7, ints: ints.to_vec(), ..Default::default() }
}

fn node(op_type: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    let input = inputs.iter().map(|name| name.to_string()).collect();
    NodeProto { op_type: op_type.into(), input, output: vec!["y".into()], attribute, ..Default::default() }
}

fn stored(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: OnnxType::Int64 as i32,
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

fn floats(name: &str, values: &[f32]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let (dims, data_type) = (vec![values.len() as i64], OnnxType::Float as i32);
    TensorProto { name: name.into(), dims, data_type, raw_data, ..Default::default() }
}

fn model(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    let graph = GraphProto { node, initializer, ..Default::default() };
    let opset_import = vec![OperatorSetIdProto { version: 17, ..Default::default() }];
    ModelProto { graph: Some(graph), opset_import, ..Default::default() }
}

fn refused(node: NodeProto, weights: Vec<TensorProto>) -> Option<String> {
    check(&model(vec![node], weights), &Limits::default()).err().map(|error| error.to_string())
}

#[track_caller]
fn assert_refused(node: NodeProto, weights: Vec<TensorProto>, word: &str) {
    let reason = refused(node, weights).expect("a refusal");
    assert!(reason.contains(word), "{reason}");
}

#[test]
fn attributes_of_models_pass_and_others_do_not() {
    let conv =
        |name: &str, values: &[i64]| node("Conv", &["x", "w"], vec![ints("kernel_shape", &[3, 3]), ints(name, values)]);
    for (name, values) in [("pads", &[1, 1, 1, 1][..]), ("strides", &[2, 2]), ("dilations", &[1, 4])] {
        assert_eq!(refused(conv(name, values), vec![]), None);
    }
    for (name, values) in
        [("pads", &[1 << 40; 4][..]), ("pads", &[1]), ("strides", &[0, 0]), ("strides", &[1]), ("dilations", &[0, 1])]
    {
        assert_refused(conv(name, values), vec![], name);
    }
    assert_eq!(refused(node("Transpose", &["x"], vec![ints("perm", &[1, 0, 2])]), vec![]), None);
    for perm in [&[0, 0][..], &[1, 2], &[-1, 0]] {
        assert_refused(node("Transpose", &["x"], vec![ints("perm", perm)]), vec![], "permutation");
    }
    assert_refused(node("Conv", &["x", "w"], vec![]), vec![stored("w", &[1, 2])], "too few");
    assert_refused(node("Softmax", &["x"], vec![ints("axis", &[1]), ints("axis", &[2])]), vec![], "two attributes");
}

#[test]
fn functions_are_looked_into() {
    let within = |inner: NodeProto, weights: Vec<TensorProto>| {
        let function = FunctionProto { name: Some("F".into()), node: vec![inner], ..Default::default() };
        let file = ModelProto { functions: vec![function], ..model(vec![node("F", &["x"], vec![])], weights) };
        check(&file, &Limits::default()).err().map(|error| error.to_string())
    };
    let repeated = |count: i64| {
        let times = AttributeProto { name: "value".into(), t: Some(stored("t", &[count])), ..Default::default() };
        let inner = GraphProto {
            node: vec![
                NodeProto { output: vec!["t".into()], ..node("Constant", &[], vec![times]) },
                node("Tile", &["x", "t"], vec![]),
            ],
            ..Default::default()
        };
        node("If", &["c"], vec![AttributeProto { name: "then_branch".into(), g: Some(inner), ..Default::default() }])
    };
    assert_eq!(within(repeated(2), vec![]), None);
    assert!(within(repeated(1 << 40), vec![]).expect("a refusal").contains("--max-tensor"));
    assert!(within(node("Conv", &["x", "w"], vec![ints("strides", &[0])]), vec![]).is_some());
    // A call tells what these are.
    let by_call = |name: &str, kind: i32| AttributeProto {
        name: name.into(),
        r#type: kind,
        ref_attr_name: "given".into(),
        ..Default::default()
    };
    assert_eq!(within(node("Conv", &["x", "w"], vec![by_call("group", 2)]), vec![]), None);
    assert_eq!(within(node("Einsum", &["x", "w"], vec![by_call("equation", 3)]), vec![]), None);
    assert_eq!(within(node("Transpose", &["x"], vec![by_call("perm", 7)]), vec![]), None);
    let relu = || node("Relu", &["x"], vec![]);
    let function = FunctionProto { name: Some("F".into()), node: vec![relu(); 11], ..Default::default() };
    let many = ModelProto { functions: vec![function], ..model(vec![relu()], vec![]) };
    let refusal = check(&many, &Limits { max_nodes: 11, ..Limits::default() }).unwrap_err().to_string();
    assert!(refusal.contains("12 nodes"), "{refusal}");
}

#[test]
fn constant_sizes_have_bounds() {
    let sized = |operator: &str, sizes: &[i64]| refused(node(operator, &["x", "s"], vec![]), vec![stored("s", sizes)]);
    assert_eq!(sized("Expand", &[1, 1 << 20]), None);
    assert_eq!(sized("Reshape", &[0, -1, 64]), None);
    assert_eq!(sized("Pad", &[0, -3, 0, 1]), None);
    assert_eq!(sized("Split", &[0, 3]), None);
    for (operator, sizes) in [
        ("Expand", &[1 << 20, 1 << 20][..]),
        ("Expand", &[i64::MAX, i64::MAX]),
        ("Expand", &[0, i64::MAX, i64::MAX]),
        ("Tile", &[-1]),
        ("Tile", &[1 << 40]),
        ("Reshape", &[-1, -1]),
        ("Reshape", &[-5]),
        ("Pad", &[i64::MIN, 0]),
        ("TopK", &[-1]),
        ("Split", &[-1, 5]),
    ] {
        assert!(sized(operator, sizes).is_some(), "{operator} {sizes:?}");
    }
    let range = |values: [f32; 3]| {
        let weights = ["a", "b", "c"].iter().zip(values).map(|(name, value)| floats(name, &[value])).collect();
        refused(node("Range", &["a", "b", "c"], vec![]), weights)
    };
    assert_eq!(range([0.0, 10.0, 0.5]), None);
    assert_eq!(range([10.0, 0.0, 0.5]), None);
    for values in [[0.0, 1.0, 0.0], [0.0, 1.0, 1e-30], [0.0, f32::NAN, 1.0]] {
        assert!(range(values).is_some(), "{values:?}");
    }
    let scaled = |scales: &[f32]| refused(node("Resize", &["x", "", "s"], vec![]), vec![floats("s", scales)]);
    assert_eq!(scaled(&[1.0, 1.0, 2.0, 0.5]), None);
    for scales in [&[1.0, 1e9, 1e9][..], &[f32::NAN], &[-1.0], &[0.0]] {
        assert!(scaled(scales).is_some(), "{scales:?}");
    }
}

#[test]
fn weights_hold_what_they_say() {
    let add = || node("Add", &["x", "w"], vec![]);
    let weight = |dims: &[i64], bytes: usize| TensorProto {
        name: "w".into(),
        dims: dims.to_vec(),
        data_type: OnnxType::Float as i32,
        raw_data: vec![0; bytes],
        ..Default::default()
    };
    assert_eq!(refused(add(), vec![weight(&[2, 2], 16)]), None);
    assert_eq!(refused(add(), vec![weight(&[], 4)]), None);
    assert_eq!(refused(add(), vec![weight(&[0, 4], 0)]), None);
    for (dims, bytes) in [
        (&[4][..], 15),
        (&[1 << 28], 16),
        (&[-4], 16),
        (&[1 << 32, 1 << 32, 16], 16),
        (&[0, 1 << 62, 1 << 62], 0),
        (&[1; 65], 4),
        (&[4], 0),
    ] {
        assert_refused(add(), vec![weight(dims, bytes)], "weight \"w\"");
    }
    assert_refused(add(), vec![weight(&[4], 16), weight(&[4], 16)], "two weights");
}

#[test]
fn files_have_bounds_and_an_operator_set() {
    let relu = || node("Relu", &["x"], vec![]);
    let many = model(vec![relu(); 11], vec![]);
    assert!(check(&many, &Limits { max_nodes: 11, ..Limits::default() }).is_ok());
    let refusal = check(&many, &Limits { max_nodes: 10, ..Limits::default() }).unwrap_err().to_string();
    assert!(refusal.contains("11 nodes") && refusal.contains("--max-nodes"), "{refusal}");
    assert_refused(node("Relu", &[&"x".repeat(5000)], vec![]), vec![], "5000 bytes");
    for versions in [&[][..], &[0], &[-3], &[1_000_000_000], &[17, 18]] {
        let mut model = model(vec![relu()], vec![]);
        let opset = |&version| OperatorSetIdProto { version, ..Default::default() };
        model.opset_import = versions.iter().map(opset).collect();
        assert!(check(&model, &Limits::default()).is_err(), "{versions:?}");
    }
}
