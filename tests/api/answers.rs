//! The bundled models against ONNX Runtime: what `tests/fixtures/expected` says comes out of every door, at every batch
//! size it was written for. Labels exactly, floats within 1e-5 of their size.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::harness::{Reply, TestServer, start};

const TOLERANCE: f64 = 1e-5;

/// One file of expected answers.
struct Expected {
    file: String,
    model: String,
    version: String,
    inputs: Map<String, Value>,
    outputs: Map<String, Value>,
}

/// Every bundled model and version at batch 1, 3 and 32, and a server for them.
fn everything() -> (TestServer, Vec<Expected>) {
    let server = start(&["models"]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/expected");
    let mut all = Vec::new();
    for model in server.get("/models").ok()["models"].as_array().expect("models") {
        for version in model["versions"].as_array().expect("versions") {
            for batch in [1, 3, 32] {
                let (name, number) = (text(&model["name"]), text(&version["version"]));
                let file = format!("{name}-{number}-{batch}.json");
                let json = std::fs::read_to_string(folder.join(&file)).expect(&file);
                let mut tensors: Value = serde_json::from_str(&json).expect("JSON");
                let mut take = |key: &str| tensors[key].as_object_mut().map(std::mem::take).expect(key);
                let (inputs, outputs) = (take("inputs"), take("outputs"));
                all.push(Expected { file, model: name, version: number, inputs, outputs });
            }
        }
    }
    assert_eq!(all.len(), 12, "three batch sizes of four versions");
    (server, all)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn sizes(shape: &Value) -> Vec<usize> {
    numbers(shape).into_iter().map(|size| size as usize).collect()
}

impl Expected {
    fn assert_is(&self, door: &str, name: &str, got: &[f64]) {
        let output = &self.outputs[name];
        let want = numbers(&output["data"]);
        let place = format!("{} by {door}, {name}", self.file);
        assert_eq!(got.len(), want.len(), "{place}");
        for (index, (&got, &want)) in got.iter().zip(&want).enumerate() {
            let allowed = if output["datatype"] == "INT64" { 0.0 } else { TOLERANCE * want.abs().max(1.0) };
            assert!((got - want).abs() <= allowed, "{place}, element {index}: {got} instead of {want}");
        }
    }

    fn infer(&self, server: &TestServer, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        server.send("POST", &format!("/v2/models/{}/versions/{}/infer", self.model, self.version), headers, body)
    }
}

/// A flat list as nested arrays.
fn nested(flat: &[Value], shape: &[usize]) -> Value {
    match shape {
        [] => flat[0].clone(),
        [_] => flat.into(),
        [rows, inner @ ..] => flat.chunks(flat.len() / rows).map(|row| nested(row, inner)).collect(),
    }
}

/// What `/predict` answers, with each label as its index and scores in the order of the labels.
fn flat(answer: &Value, labels: &[String], into: &mut Vec<f64>) {
    match answer {
        Value::Array(items) => items.iter().for_each(|item| flat(item, labels, into)),
        Value::Object(scores) => {
            assert_eq!(scores.len(), labels.len());
            labels.iter().for_each(|label| into.push(scores[label].as_f64().expect("a score")));
        }
        Value::String(label) => into.push(labels.iter().position(|known| known == label).expect("a label") as f64),
        number => into.push(number.as_f64().expect("a number")),
    }
}

#[test]
fn predict_answers_as_onnx_runtime_does() {
    let (server, all) = everything();
    for expected in all {
        let listed = server.get(&format!("/models/{}", expected.model)).ok();
        let labels: Vec<String> = match listed["versions"][0]["labels"].as_array() {
            Some(labels) => labels.iter().map(text).collect(),
            None => Vec::new(),
        };
        let mut inputs = Map::new();
        for (name, tensor) in &expected.inputs {
            let data = tensor["data"].as_array().expect("data");
            inputs.insert(name.clone(), nested(data, &sizes(&tensor["shape"])));
        }
        let path = format!("/predict/{}/{}", expected.model, expected.version);
        let answer = server.post(&path, json!({ "inputs": inputs }).to_string()).ok();
        assert_eq!((&answer["model"], &answer["version"]), (&json!(expected.model), &json!(expected.version)));
        let outputs = answer["outputs"].as_object().expect("outputs");
        assert_eq!(outputs.len(), expected.outputs.len(), "{}", expected.file);
        for (name, output) in outputs {
            let mut got = Vec::new();
            flat(output, &labels, &mut got);
            expected.assert_is("/predict", name, &got);
        }
    }
}

#[test]
fn the_open_inference_protocol_answers_as_onnx_runtime_does() {
    let (server, all) = everything();
    for expected in all {
        let input = |(name, tensor): (&String, &Value)| json!({"name": name, "shape": tensor["shape"], "datatype": tensor["datatype"], "data": tensor["data"]});
        let inputs: Vec<Value> = expected.inputs.iter().map(input).collect();
        let answer = expected.infer(&server, &[], json!({ "inputs": inputs }).to_string().as_bytes()).ok();
        assert_eq!(answer["model_version"], expected.version);
        let outputs = answer["outputs"].as_array().expect("outputs");
        assert_eq!(outputs.len(), expected.outputs.len(), "{}", expected.file);
        for output in outputs {
            let name = text(&output["name"]);
            assert_eq!(output["shape"], expected.outputs[&name]["shape"], "{}", expected.file);
            assert_eq!(output["datatype"], expected.outputs[&name]["datatype"], "{}", expected.file);
            expected.assert_is("V2 JSON", &name, &numbers(&output["data"]));
        }
    }
}

#[test]
fn binary_tensors_are_answered_as_by_onnx_runtime() {
    let (server, all) = everything();
    for expected in all {
        let (mut inputs, mut raw) = (Vec::new(), Vec::new());
        for (name, tensor) in &expected.inputs {
            assert_eq!(tensor["datatype"], "FP32", "all bundled models take this type");
            let bytes: Vec<u8> =
                numbers(&tensor["data"]).iter().flat_map(|&value| (value as f32).to_le_bytes()).collect();
            let size = json!({"binary_data_size": bytes.len()});
            inputs.push(json!({"name": name, "shape": tensor["shape"], "datatype": "FP32", "parameters": size}));
            raw.extend(bytes);
        }
        let json = json!({"inputs": inputs, "parameters": {"binary_data_output": true}}).to_string();
        let length = json.len().to_string();
        let body = [json.as_bytes(), &raw].concat();
        let reply = expected.infer(&server, &[("inference-header-content-length", &length)], &body);
        assert_eq!(reply.status, 200, "{}: {}", expected.file, String::from_utf8_lossy(&reply.body));
        let length =
            reply.header("inference-header-content-length").expect("binary outputs").parse().expect("a length");
        let (json, mut raw) = reply.body.split_at(length);
        let answer: Value = serde_json::from_slice(json).expect("JSON first");
        let outputs = answer["outputs"].as_array().expect("outputs");
        assert_eq!(outputs.len(), expected.outputs.len(), "{}", expected.file);
        for output in outputs {
            let size = output["parameters"]["binary_data_size"].as_u64().expect("a size") as usize;
            let (bytes, rest) = raw.split_at(size);
            raw = rest;
            let got: Vec<f64> = match output["datatype"].as_str() {
                Some("INT64") => bytes.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes) as f64).collect(),
                Some("FP32") => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect(),
                other => panic!("an output of {other:?}"),
            };
            expected.assert_is("V2 binary", &text(&output["name"]), &got);
        }
        assert!(raw.is_empty(), "{}: bytes that belong to no output", expected.file);
    }
}

/// Which way a model is run depends on how many rows there are, and on what else the server has to do.
#[test]
fn a_row_is_answered_with_the_same_digits_alone_and_among_others() {
    let server = start(&["models"]);
    let rows: Vec<Value> = (0..500).map(|row| json!([row % 9, (row % 13) as f64 / 4.0, row % 7, row % 5])).collect();
    let answers = |size: usize| -> Vec<Value> {
        let parts = rows.chunks(size).map(|part| {
            let answer = server.post("/predict/iris", json!({ "inputs": part }).to_string()).ok();
            answer["outputs"]["probabilities"].as_array().expect("a list of rows").clone()
        });
        parts.flatten().collect()
    };
    let alone = answers(1);
    assert_eq!(alone.len(), rows.len());
    for size in [2, 7, 64, 65, 250, 500, 500] {
        assert_eq!(answers(size), alone, "{size} at once");
    }
}
