//! Clients that mean no good: values that lead a good model astray are refused with words about the node, by an answer of
//! the 400s; the server neither stumbles nor fills its memory over them. `tests/hostile/make.py` makes the models. Those
//! that the engine does not load are left out: their operators take sizes of a client not at all.

use serde_json::{Value, json};

use crate::harness::{TestServer, start_with};

const MODELS: &str = "tests/hostile/inputs";
const LEAST: i64 = i64::MIN;
const MOST: i64 = i64::MAX;
const HUGE: i64 = 1 << 40;

/// A tensor of the Open Inference Protocol.
fn tensor(name: &str, datatype: &str, shape: &[usize], data: Value) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "data": data})
}

fn longs(name: &str, values: &[i64]) -> Value {
    tensor(name, "INT64", &[values.len()], json!(values))
}

fn long(name: &str, value: i64) -> Value {
    tensor(name, "INT64", &[], json!([value]))
}

fn float(name: &str, value: f64) -> Value {
    tensor(name, "FP32", &[], json!([value]))
}

/// One row of four.
fn row() -> Value {
    tensor("x", "FP32", &[1, 4], json!([1, 2, 3, 4]))
}

fn ones(name: &str, shape: &[usize]) -> Value {
    tensor(name, "FP32", shape, json!(vec![1; shape.iter().product()]))
}

fn pair(datatype: &str, a: i64, b: i64) -> Vec<Value> {
    vec![tensor("a", datatype, &[1], json!([a])), tensor("b", datatype, &[1], json!([b]))]
}

/// Values that are to be refused, and a word of the reason: mostly the operator's.
fn refused() -> Vec<(&'static str, Vec<Value>, &'static str)> {
    let mut cases = Vec::new();
    for index in [3, -4, LEAST, MOST, 1 << 32] {
        cases.push(("gather", vec![longs("i", &[0, index])], "Gather"));
        cases.push(("gather_nd", vec![tensor("i", "INT64", &[1, 2], json!([index, 0]))], "GatherND"));
        let four = tensor("i", "INT64", &[1, 4], json!([0, 0, 0, index.saturating_mul(2)]));
        cases.push(("gather_elements", vec![four], "GatherElements"));
    }
    cases.push(("embedding", vec![tensor("i", "INT64", &[1, 3], json!([0, 10, 1]))], "Gather"));
    for index in [4, -5, LEAST, 1 << 32] {
        let update = ones("u", &[1]);
        cases.push(("scatter_elements", vec![longs("i", &[index]), update.clone()], "ScatterElements"));
        cases.push(("scatter_nd", vec![tensor("i", "INT64", &[1, 1], json!([index])), update], "ScatterND"));
    }
    for (datatype, div, modulo, least) in [
        ("INT64", "div_int64", "mod_int64", LEAST),
        ("INT32", "div_int32", "mod_int32", i32::MIN.into()),
        ("INT8", "div_int8", "mod_int8", i8::MIN.into()),
    ] {
        cases.push((div, pair(datatype, 1, 0), "Div"));
        cases.push((modulo, pair(datatype, 1, 0), "Mod"));
        cases.push((div, pair(datatype, least, 0), "Div"));
    }
    for (start, end, step) in [(0, HUGE, 1), (LEAST, MOST, 1), (0, 1, 0), (0, -HUGE, -1)] {
        cases.push(("range", vec![long("a", start), long("b", end), long("c", step)], "Range"));
    }
    for (start, end, step) in [(0.0, 1.0, 0.0), (0.0, 1.0, 1e-30), (0.0, 1e30, 1.0)] {
        cases.push(("range_of_floats", vec![float("a", start), float("b", end), float("c", step)], "Range"));
    }
    for k in [5, -1, HUGE, LEAST] {
        cases.push(("top_k", vec![row(), longs("k", &[k])], "TopK"));
    }
    for sizes in [[1, HUGE], [HUGE, HUGE], [-1, 1]] {
        cases.push(("tile", vec![row(), longs("r", &sizes)], "Tile"));
        cases.push(("constant_of_shape", vec![longs("s", &sizes)], "ConstantOfShape"));
        cases.push(("expand", vec![ones("x", &[1, 1]), longs("s", &sizes)], "Expand"));
    }
    for sizes in [[3, 3], [-1, -1], [-2, 2], [HUGE, HUGE]] {
        cases.push(("reshape", vec![row(), longs("s", &sizes)], "Reshape"));
    }
    for pads in [[0, 0, 0, HUGE], [-1, -3, -1, -3]] {
        cases.push(("pad", vec![row(), longs("p", &pads)], "Pad"));
    }
    cases.push(("resize", vec![ones("x", &[1, 1, 2, 2]), longs("s", &[1, 1, HUGE, HUGE])], "Resize"));
    let cut = |axis, step| vec![row(), longs("s", &[0]), longs("e", &[4]), longs("a", &[axis]), longs("t", &[step])];
    cases.push(("slice", cut(1, 0), "Slice"));
    cases.push(("slice", cut(9, 1), "Slice"));
    cases.push(("cumsum", vec![row(), long("a", 9)], "CumSum"));
    cases.push(("lstm_lengths", vec![ones("x", &[5, 1, 3]), tensor("lengths", "INT32", &[1], json!([99]))], "LSTM"));
    cases.push(("reverse_sequence", vec![row(), longs("lengths", &[99])], "ReverseSequence"));
    // Much for little.
    cases.push(("outer_product", vec![ones("x", &[100_000])], "MatMul"));
    cases.push(("outer_product_of_found", vec![ones("x", &[100_000])], "MatMul"));
    cases.push(("cube_of_zeros", vec![ones("x", &[10_000])], "ConstantOfShape"));
    cases.push(("range_of_square", vec![ones("x", &[100_000])], "Range"));
    cases.push(("enlarge", vec![ones("x", &[1, 1, 300, 300])], "Resize"));
    cases.push(("pad_a_million", vec![ones("x", &[10_000, 1])], "Pad"));
    cases.push(("tile_a_million", vec![ones("x", &[10_000, 1])], "Tile"));
    cases
}

/// Odd values that may have an answer; what they must not do is harm.
fn odd() -> Vec<(&'static str, Vec<Value>)> {
    let empty = |name: &str, datatype: &str, shape: &[usize]| tensor(name, datatype, shape, json!([]));
    let boxes = |data: Value, count: usize| vec![tensor("b", "FP32", &[1, count, 4], data), ones("s", &[1, 1, count])];
    let nothing = vec![Value::Null; 8];
    vec![
        ("one_hot", vec![longs("i", &[0, 3, -4, LEAST, MOST])]),
        ("div_int64", pair("INT64", LEAST, -1)),
        ("mod_int64", pair("INT64", LEAST, -1)),
        ("div_int32", pair("INT32", i32::MIN.into(), -1)),
        ("pow_int64", pair("INT64", 0, -1)),
        ("pow_int64", pair("INT64", 10, 1000)),
        ("mul_int64", pair("INT64", MOST, MOST)),
        ("range", vec![long("a", 5), long("b", 0), long("c", 1)]),
        ("top_k", vec![row(), longs("k", &[0])]),
        ("trilu", vec![row(), long("k", MOST)]),
        ("trilu", vec![row(), long("k", LEAST)]),
        ("compress", vec![row(), tensor("c", "BOOL", &[3], json!([true, true, true]))]),
        ("cast", vec![tensor("x", "FP32", &[1, 4], json!([1e30, -1e30, 3.4e38, 1e-40]))]),
        ("reduce_max", vec![empty("x", "FP32", &[0, 4])]),
        ("arg_max", vec![empty("x", "FP32", &[0, 4])]),
        ("gather", vec![empty("i", "INT64", &[0])]),
        ("outer_product", vec![empty("x", "FP32", &[0])]),
        ("enlarge", vec![empty("x", "FP32", &[0, 1, 1000, 1000])]),
        ("non_max_suppression", boxes(json!([5, 5, 1, 1, -1e38, -1e38, 1e38, 1e38]), 2)),
        ("non_max_suppression", boxes(json!(nothing), 2)),
        ("non_max_suppression", boxes(json!([]), 0)),
        ("strings", vec![tensor("s", "BYTES", &[1], json!(["x".repeat(10 << 20)]))]),
        ("strings", vec![tensor("s", "BYTES", &[3], json!(["", "\u{0}", "\u{10ffff}"]))]),
    ]
}

/// A server for those models that can be loaded, and their names.
fn server() -> (TestServer, Vec<String>) {
    let server = start_with(&[MODELS], |config| config.max_body = 64 << 20);
    let models = server.get("/models").ok();
    let loaded = models["models"].as_array().expect("models").iter().filter(|model| model["ready"] == true);
    let loaded = loaded.map(|model| model["name"].as_str().expect("a name").to_owned()).collect();
    (server, loaded)
}

#[test]
fn values_that_lead_a_model_astray_are_refused_with_the_node_at_fault() {
    let (server, loaded) = server();
    let mut asked = 0;
    let mut wrong = Vec::new();
    for (model, inputs, word) in refused().into_iter().filter(|(model, ..)| loaded.iter().any(|name| name == model)) {
        let short: String = json!(inputs).to_string().chars().take(150).collect();
        let body = json!({"inputs": inputs}).to_string();
        let reply = server.send("POST", &format!("/v2/models/{model}/infer"), &[], body.as_bytes());
        asked += 1;
        let text: String = reply.text().chars().take(300).collect();
        if !(400..500).contains(&reply.status) || !text.contains(word) {
            wrong.push(format!("{model} with {short}: {} {text}", reply.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked >= 30, "{asked} requests were made");
}

#[test]
fn odd_values_do_no_harm() {
    let (server, loaded) = server();
    for (model, inputs) in odd().into_iter().filter(|(model, ..)| loaded.iter().any(|name| name == model)) {
        let body = json!({"inputs": inputs}).to_string();
        let reply = server.send("POST", &format!("/v2/models/{model}/infer"), &[], body.as_bytes());
        let short: String = body.chars().take(150).collect();
        assert!(reply.status < 500, "{short}: {} {}", reply.status, reply.text());
    }
    let nested = "[".repeat(200_000);
    for model in ["gather", "outer_product", "strings"] {
        for body in [nested.clone(), format!("{{\"inputs\":{nested}"), nested.clone() + &"]".repeat(200_000)] {
            let reply = server.post(&format!("/predict/{model}"), &body);
            assert!((400..500).contains(&reply.status), "{}", reply.status);
        }
    }
    let answer = server.post("/predict/gather", "[0, 1]").ok();
    assert_eq!(answer["predictions"], json!([1.0, 1.0]), "and the server is as it was");
}
