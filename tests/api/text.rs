//! Models that read text and answer with words: what goes over the wire in each protocol, without any `model.toml`. The
//! models are scikit-learn's exports, of a pipeline with `ZipMap` on and of columns of text, numbers and categories.

use serde_json::{Value, json};

use crate::harness::{Reply, TestServer, start};

const CLASSIFIER: &str = "tests/conformance/corpus/text/tfidf_logistic.onnx";
const COLUMNS: &str = "tests/conformance/corpus/text/columns.onnx";
const STRICT: &str = "tests/conformance/corpus/text/strict_columns.onnx";

/// Length-prefixed strings, as the Open Inference Protocol has them.
fn packed(texts: &[&str]) -> Vec<u8> {
    let length = |text: &str| u32::try_from(text.len()).expect("a short text").to_le_bytes();
    texts.iter().flat_map(|text| [&length(text)[..], text.as_bytes()].concat()).collect()
}

fn infer(server: &TestServer, model: &str, message: &Value, tail: &[u8]) -> Reply {
    let head = message.to_string();
    let size = head.len().to_string();
    let headers = [("content-type", "application/octet-stream"), ("inference-header-content-length", &*size)];
    server.send("POST", &format!("/v2/models/{model}/infer"), &headers, &[head.as_bytes(), tail].concat())
}

/// The label with the largest probability.
fn likely(probabilities: &Value) -> &str {
    let scores = probabilities.as_object().expect("a score for each label").iter();
    let best = scores.max_by(|a, b| a.1.as_f64().partial_cmp(&b.1.as_f64()).expect("numbers"));
    best.map(|(label, _)| label.as_str()).expect("labels")
}

#[test]
fn texts_are_classified_and_the_labels_come_from_the_model() {
    let server = start(&[CLASSIFIER]);
    let texts = json!(["my cat chased the DOG", "Stocks fell: the market…", "", "late goal 日本"]);
    let answer = server.post("/predict", json!({"inputs": {"text": texts}}).to_string()).ok();
    let (labels, probabilities) = (&answer["outputs"]["output_label"], &answer["outputs"]["output_probability"]);
    assert_eq!(labels.as_array().map(Vec::len), Some(4), "{answer}");
    assert_eq!((&labels[0], &labels[1], &labels[3]), (&json!("pets"), &json!("money"), &json!("sport")));
    for (label, scores) in labels.as_array().expect("labels").iter().zip(probabilities.as_array().expect("scores")) {
        let names: Vec<&String> = scores.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["money", "pets", "sport"]);
        assert_eq!(label, likely(scores));
        let sum: f64 = scores.as_object().expect("an object").values().filter_map(Value::as_f64).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{scores}");
    }
    // Row by row, and one row alone.
    let rows = json!([{"text": texts[0]}, {"text": texts[1]}]);
    let answer = server.post("/predict", rows.to_string()).ok();
    let expected = json!({"output_label": labels[1], "output_probability": probabilities[1]});
    assert_eq!(answer["predictions"][1], expected);
    let alone = server.post("/predict", json!({"text": texts[0]}).to_string()).ok();
    assert_eq!(alone["prediction"]["output_label"], "pets");
    let refused = server.post("/predict", json!({"inputs": {"text": [1, 2]}}).to_string());
    assert_eq!(refused.status, 400, "{}", refused.text());
}

#[test]
fn strings_go_in_and_out_as_bytes() {
    let server = start(&[CLASSIFIER]);
    let metadata = server.get("/v2/models/tfidf_logistic").ok();
    assert_eq!(metadata["inputs"], json!([{"name": "text", "datatype": "BYTES", "shape": [-1]}]));
    let label = json!({"name": "output_label", "datatype": "BYTES", "shape": [-1]});
    let scores = json!({"name": "output_probability", "datatype": "FP32", "shape": [-1, 3]});
    assert_eq!(metadata["outputs"], json!([label, scores]));

    let texts = ["the cat", "stocks and bonds, é"];
    let sized = |rest: Value| {
        let mut input = json!({"name": "text", "shape": [2], "datatype": "BYTES"});
        input.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        json!({"inputs": [input], "outputs": [{"name": "output_label"}]})
    };
    let inline = sized(json!({"data": texts}));
    let answer = server.post("/v2/models/tfidf_logistic/infer", inline.to_string()).ok();
    let expected = json!({"name": "output_label", "datatype": "BYTES", "shape": [2], "data": ["pets", "money"]});
    assert_eq!(answer["outputs"], json!([expected]));

    let bytes = packed(&texts);
    let mut message = sized(json!({"parameters": {"binary_data_size": bytes.len()}}));
    message["outputs"][0]["parameters"] = json!({"binary_data": true});
    let reply = infer(&server, "tfidf_logistic", &message, &bytes);
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let head: usize = reply.header("inference-header-content-length").expect("a length").parse().expect("a number");
    assert_eq!(reply.body[head..], packed(&["pets", "money"]));
}

#[test]
fn records_have_columns_of_text_and_numbers() {
    let server = start(&[COLUMNS]);
    let metadata = server.get("/v2/models/columns").ok();
    let types: Vec<(&str, &str)> = metadata["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|input| (input["name"].as_str().expect("a name"), input["datatype"].as_str().expect("a type")))
        .collect();
    assert_eq!(types, [("text", "BYTES"), ("length", "FP32"), ("score", "FP32"), ("channel", "BYTES")]);
    let record = |text: &str, length: u32, channel: &str| json!({"text": text, "length": length, "score": 0.5 - f64::from(length - 20) / 10.0, "channel": channel});
    let records = json!([
        record("the cat and the dog", 20, "mail"),
        record("bonds gained as the market fell", 30, "carrier pigeon"),
    ]);
    let answer = server.post("/predict", records.to_string()).ok();
    for (row, label) in [(0, "pets"), (1, "money")] {
        let row = &answer["predictions"][row];
        assert_eq!((&row["output_label"], likely(&row["output_probability"])), (&json!(label), label), "{row}");
    }
}

#[test]
fn a_model_that_refuses_unknown_categories_is_ready_and_says_which_rows_it_refuses() {
    let server = start(&[STRICT]);
    let rows = |color: &str, year: u32| json!({"words": [color, "large"], "year": year}).to_string();
    assert_eq!(server.post("/predict", rows("blue", 2005)).status, 200);
    for unknown in [rows("pink", 2005), rows("blue", 0)] {
        let reply = server.post("/predict", unknown);
        assert_eq!(reply.status, 422, "{}", reply.text());
        assert!(reply.text().contains("OneHotEncoder"), "{}", reply.text());
    }
}
