//! `/predict`: the forms of a question, the form of its answer, and what is said of questions that cannot be answered.

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Reply, TestServer, start};

const SETOSA: [f32; 4] = [5.1, 3.5, 1.4, 0.2];
const VIRGINICA: [f32; 4] = [6.7, 3.0, 5.2, 2.3];
const JSON: &str = "application/json";
const RAW: &str = "application/octet-stream";
const NPY: &str = "application/x-npy";

fn ask(server: &TestServer, path: &str, content_type: &str, body: &[u8]) -> Reply {
    server.send("POST", path, &[("content-type", content_type)], body)
}

fn little_endian(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// An `.npy` file, version 1.0.
fn npy(header: &str, elements: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), elements].concat()
}

fn record(row: [f32; 4]) -> Value {
    let [sepal_length, sepal_width, petal_length, petal_width] = row.map(shortest);
    json!({"petal_width": petal_width, "petal_length": petal_length,
        "sepal_width": sepal_width, "sepal_length": sepal_length})
}

fn row(row: [f32; 4]) -> Value {
    row.map(shortest).to_vec().into()
}

/// As a person would write it.
fn shortest(value: f32) -> Value {
    serde_json::from_str(&value.to_string()).expect("a number")
}

/// The names of the bundled models' and the fixtures' versions, as paths below `/predict/`.
fn all_versions(server: &TestServer) -> Vec<String> {
    let listed = server.get("/models").ok();
    let mut paths = Vec::new();
    for model in listed["models"].as_array().expect("models") {
        for version in model["versions"].as_array().expect("versions") {
            assert_eq!(version["state"], "ready", "{version}");
            let part = |value: &Value| value.as_str().expect("a text").to_owned();
            paths.push(format!("{}/{}", part(&model["name"]), part(&version["version"])));
        }
    }
    paths
}

#[test]
fn one_question_has_many_spellings() {
    let server = start(&["models/iris"]);
    let both = || json!([row(SETOSA), row(VIRGINICA)]);
    let tensors = server.post("/predict", json!({"inputs": {"measurements": both()}}).to_string()).ok();
    assert_eq!((&tensors["model"], &tensors["version"]), (&json!("iris"), &json!("2")));
    assert_eq!(tensors["outputs"]["label"], json!(["setosa", "virginica"]));
    let probabilities = &tensors["outputs"]["probabilities"];
    for (scores, likely) in [(&probabilities[0], "setosa"), (&probabilities[1], "virginica")] {
        assert_eq!(scores.as_object().map(serde_json::Map::len), Some(3), "{scores}");
        assert!(scores[likely].as_f64() > Some(0.5), "{scores}");
    }
    let one_by_one = json!([
        {"label": "setosa", "probabilities": probabilities[0]},
        {"label": "virginica", "probabilities": probabilities[1]},
    ]);

    // As tensors.
    assert_eq!(server.post("/predict", json!({"inputs": both()}).to_string()).ok(), tensors);
    let raw = little_endian([SETOSA, VIRGINICA].concat());
    assert_eq!(ask(&server, "/predict", RAW, &raw).ok(), tensors);
    let columns = little_endian((0..4).flat_map(|column| [SETOSA[column], VIRGINICA[column]]));
    let doubles: Vec<u8> =
        raw.as_chunks().0.iter().flat_map(|&b| f64::from(f32::from_le_bytes(b)).to_le_bytes()).collect();
    for (header, elements) in [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }\n", &raw),
        ("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 4), }\n", &columns),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 4), }\n", &doubles),
    ] {
        assert_eq!(ask(&server, "/predict", NPY, &npy(header, elements)).ok(), tensors, "{header}");
    }

    // Row by row.
    let records = || json!([record(SETOSA), record(VIRGINICA)]);
    for body in [both(), records(), json!({"instances": both()}), json!({"instances": records()})] {
        assert_eq!(server.post("/predict", body.to_string()).ok()["predictions"], one_by_one, "{body}");
    }
    // One row without its batch axis is answered as one. (Compared with a batch of one: sums of floats depend on the size.)
    let alone = &server.post("/predict", json!([row(SETOSA)]).to_string()).ok()["predictions"][0];
    for body in [row(SETOSA), record(SETOSA)] {
        let answer = server.post("/predict", body.to_string()).ok();
        assert_eq!((&answer["prediction"], answer.get("predictions")), (alone, None), "{body}");
    }
    let body = json!({"inputs": {"measurements": row(SETOSA)}}).to_string();
    assert_eq!(server.post("/predict", body).ok()["outputs"]["label"], "setosa");
}

#[test]
fn every_input_of_a_model_may_be_a_column() {
    let server = start(&["tests/fixtures/models/two_inputs.onnx"]);
    let named = json!({"inputs": {"b": [[10], [100]], "a": [[1, 2], [3, 4]]}}).to_string();
    let (sum, product) = (json!([[11.0, 12.0], [103.0, 104.0]]), json!([[10.0, 20.0], [300.0, 400.0]]));
    assert_eq!(server.post("/predict", named).ok()["outputs"], json!({"sum": sum, "product": product}));
    let records = json!([{"a": [1, 2], "b": [10]}, {"a": [3, 4], "b": [100]}]).to_string();
    let expected = json!([{"sum": sum[0], "product": product[0]}, {"sum": sum[1], "product": product[1]}]);
    assert_eq!(server.post("/predict", records).ok()["predictions"], expected);
}

#[test]
fn the_path_names_the_model_and_its_version() {
    let server = start(&["models"]);
    let iris = json!([row(SETOSA)]).to_string();
    for (path, model, version) in
        [("/predict", "iris", "2"), ("/predict/iris", "iris", "2"), ("/predict/iris/1", "iris", "1")]
    {
        let answer = server.post(path, &iris).ok();
        assert_eq!((&answer["model"], &answer["version"]), (&json!(model), &json!(version)), "{path}");
    }
    for (path, code) in [
        ("/predict/nobody", "unknown_model"),
        ("/predict/iris/3", "unknown_version"),
        ("/predict/iris/latest", "unknown_version"),
        ("/predict/%ff", "unknown_route"),
    ] {
        let reply = server.post(path, &iris);
        assert_eq!((reply.status, &reply.json()["code"]), (404, &json!(code)), "{path}");
    }
}

#[test]
fn headers_tell_who_answered_and_how_long_it_took() {
    let server = start(&["models/iris"]);
    for version in ["1", "2"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/iris/{version}/model.onnx"));
        let digest = Sha256::digest(std::fs::read(file).expect("a model"));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let headers = [("content-type", JSON), ("x-request-id", "order-66")];
        let reply = server.send("POST", &format!("/predict/iris/{version}"), &headers, b"[[5.1,3.5,1.4,0.2]]");
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("x-request-id"), Some("order-66"));
        assert_eq!(reply.header("x-model-version"), Some(version));
        assert_eq!(reply.header("x-model-digest"), Some(&*format!("sha256:{digest}")));
        assert_eq!(reply.header("content-type"), Some(JSON));
        let timing = reply.header("server-timing").expect("timings");
        let durations: Vec<&str> =
            timing.split(", ").filter_map(|part| part.split_once(";dur=")).map(|(n, _)| n).collect();
        assert_eq!(durations, ["queue", "compute", "total"], "{timing}");
    }
    let failed = server.send("POST", "/predict", &[("x-request-id", "order-67")], b"{");
    assert_eq!((failed.status, failed.header("x-request-id")), (400, Some("order-67")));
    assert_eq!(failed.json()["request_id"], "order-67");
}

#[test]
fn the_digest_covers_weights_in_other_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/external_data");
    let server = start(&[folder.to_str().expect("a path")]);
    let whole =
        ["model.onnx", "weights.bin"].map(|name| std::fs::read(folder.join("1").join(name)).expect("a file")).concat();
    let digest: String = Sha256::digest(whole).iter().map(|byte| format!("{byte:02x}")).collect();
    let reply = server.send("POST", "/predict", &[("content-type", JSON)], b"[[1, 2, 3]]");
    assert_eq!(reply.header("x-model-digest"), Some(&*format!("sha256:{digest}")), "{}", reply.text());
    let listed = server.get("/models").json();
    assert_eq!(listed["models"][0]["versions"][0]["graph"]["external_data"], json!(["weights.bin"]), "{listed}");
}

#[test]
fn the_answer_may_be_an_array_of_bytes() {
    let server = start(&["models/diabetes"]);
    let body = br#"{"instances": [[54, 2, 36.1, 115, 163, 98.4, 43, 4, 4.6821, 101]]}"#;
    let number = server.post("/predict", body).ok()["predictions"][0].as_f64().expect("a number") as f32;
    let raw = server.send("POST", "/predict", &[("content-type", JSON), ("accept", RAW)], body);
    assert_eq!((raw.status, raw.header("content-type")), (200, Some(RAW)));
    assert_eq!(raw.body, number.to_le_bytes());
    let npy = server.send("POST", "/predict", &[("content-type", JSON), ("accept", NPY)], body);
    assert_eq!((npy.status, npy.header("content-type")), (200, Some(NPY)));
    assert!(npy.body.starts_with(b"\x93NUMPY") && npy.body.ends_with(&number.to_le_bytes()));
}

#[test]
fn what_json_has_no_number_for_goes_in_as_a_word_and_comes_out_as_null() {
    let server = start(&["tests/fixtures/models/identity_fp32.onnx"]);
    for body in ["[[NaN, Infinity, -Infinity, 1]]", r#"[["NaN", "Infinity", "-Infinity", 1]]"#] {
        let body = format!("{{\"inputs\": {body}}}");
        let answer = server.post("/predict", &body).ok();
        assert_eq!(answer["outputs"]["output"], json!([[null, null, null, 1.0]]));
        let answer = server.post("/predict?non_finite=string", &body).ok();
        assert_eq!(answer["outputs"]["output"], json!([["NaN", "Infinity", "-Infinity", 1.0]]));
    }
}

/// A question that cannot be answered, and what is said of it.
struct Refused {
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    pointer: Option<&'static str>,
}

fn json_refused(path: &'static str, body: &str, status: u16, code: &'static str, pointer: &'static str) -> Refused {
    Refused { path, content_type: JSON, body: body.into(), status, code, pointer: Some(pointer) }
}

fn bytes_refused(
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
) -> Refused {
    Refused { path, content_type, body, status, code, pointer: None }
}

#[rustfmt::skip]
fn table() -> Vec<Refused> {
    const IRIS: &str = "/predict/iris";
    const TWO: &str = "/predict/two_inputs";
    let refused = json_refused;
    let nowhere = |path, body: &str, status, code| Refused { pointer: None, ..refused(path, body, status, code, "") };
    let features = |more: &str| format!(r#"[{{"sepal_length": 5, "sepal_width": 3, "petal_length": 1{more}}}]"#);
    let header = |descr: &str, shape: &str| format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    vec![
        // JSON that is none.
        refused(IRIS, "",                                              400, "empty_body", ""),
        refused(IRIS, "  \n",                                          400, "empty_body", ""),
        refused(IRIS, "[[5.1, 3.5",                                    400, "truncated_json", "/0/1"),
        refused(IRIS, "[[5.1, 3.5, 1.4, 0.2]] x",                      400, "trailing_data", ""),
        refused(IRIS, "[[5.1, 3.5, 1.4 0.2]]",                         400, "invalid_json", "/0/2"),
        // Forms that are none.
        refused(IRIS, "{}",                                            400, "unknown_body", ""),
        refused(IRIS, "null",                                          400, "null_value", ""),
        refused(IRIS, r#"{"data": [[1, 2, 3, 4]]}"#,                   400, "unknown_body", "/data"),
        refused(IRIS, r#"{"inputs": [[1, 2, 3, 4]], "instances": []}"#, 400, "both_forms", "/instances"),
        refused(IRIS, r#"{"inputs": [[1, 2, 3, 4]], "extra": 1}"#,     400, "unknown_key", "/extra"),
        refused(IRIS, r#"{"inputs": {"x": 1}, "inputs": {"x": 1}}"#,   400, "duplicate_key", "/inputs"),
        refused(IRIS, r#"{"instances": 5}"#,                           400, "wrong_type", "/instances"),
        // Names.
        refused(IRIS, r#"{"inputs": {"measurement": [[1, 2, 3, 4]]}}"#, 400, "unknown_input", "/inputs/measurement"),
        refused(IRIS, r#"{"inputs": {}}"#,                             400, "missing_input", "/inputs"),
        refused(TWO, r#"{"inputs": {"a": [[1, 2]]}}"#,                 400, "missing_input", "/inputs"),
        refused(TWO, r#"{"inputs": [[1, 2]]}"#,                        400, "inputs_not_named", "/inputs"),
        refused(IRIS, r#"{"inputs": [[1, 2, 3, 4]], "outputs": ["label", "x"]}"#, 400, "unknown_output", "/outputs/1"),
        nowhere("/predict/iris?outputs=x", "[[1, 2, 3, 4]]",           400, "unknown_output"),
        // Shapes.
        refused(IRIS, "[[5.1, 3.5, 1.4]]",                             400, "wrong_shape", ""),
        refused(IRIS, r#"{"inputs": {"measurements": [[[1, 2, 3, 4]]]}}"#, 400, "wrong_shape", "/inputs/measurements"),
        refused(IRIS, r#"{"instances": [[1, 2, 3, 4], [1, 2, 3]]}"#,   400, "ragged_rows", "/instances/1"),
        refused(IRIS, r#"{"instances": [[1, 2, 3, 4], 5]}"#,           400, "ragged_rows", "/instances/1"),
        refused(IRIS, "[]",                                            400, "wrong_shape", ""),
        refused("/predict/identity_int8", "[]",                        400, "empty_batch", ""),
        refused(IRIS, r#"{"instances": []}"#,                          400, "wrong_shape", "/instances"),
        refused(TWO, r#"{"inputs": {"a": [[1, 2], [3, 4]], "b": [[1], [2], [3]]}}"#, 400, "sizes_differ", "/inputs/b"),
        // Values.
        refused(IRIS, r#"[[5.1, "wide", 1.4, 0.2]]"#,                  400, "wrong_type", "/0/1"),
        refused(IRIS, "[[5.1, null, 1.4, 0.2]]",                       400, "null_value", "/0/1"),
        refused(IRIS, "[[5.1, true, 1.4, 0.2]]",                       400, "wrong_type", "/0/1"),
        refused(IRIS, "[[5.1, 1e39, 1.4, 0.2]]",                       400, "out_of_range", "/0/1"),
        refused(IRIS, "[[5.1, 1e999, 1.4, 0.2]]",                      400, "out_of_range", "/0/1"),
        refused("/predict/identity_int8", "[1, 128]",                  400, "out_of_range", "/1"),
        refused("/predict/identity_int8", "[1, 1.5]",                  400, "not_an_integer", "/1"),
        refused("/predict/identity_uint64", "[-1]",                    400, "out_of_range", "/0"),
        refused("/predict/identity_bool", "[2]",                       400, "out_of_range", "/0"),
        refused("/predict/identity_string", "[1]",                     400, "wrong_type", "/0"),
        refused("/predict/identity_string", r#"["\ud800"]"#,           400, "invalid_json", "/0"),
        // Records.
        refused(IRIS, &features(""),                                  400, "missing_feature", ""),
        refused(IRIS, &features(r#", "petal_widht": 1"#),              400, "unknown_feature", "/0/petal_widht"),
        refused(IRIS, &features(r#", "petal_width": "x""#),            400, "wrong_type", "/0/petal_width"),
        refused(IRIS, &features(r#", "petal_width": [1, 2]"#),         400, "wrong_shape", "/0/petal_width"),
        // Values that only the model can judge.
        nowhere("/predict/gather", "[10]", 422, "rejected_by_model"),
        nowhere("/predict/divide_int64", r#"{"inputs": {"numerator": [1], "denominator": [0]}}"#, 422, "rejected_by_model"),
        // Bytes.
        bytes_refused(IRIS, RAW, vec![0; 15],                          400, "wrong_count"),
        bytes_refused(IRIS, RAW, vec![],                               400, "empty_batch"),
        bytes_refused(TWO, RAW, vec![0; 8],                            400, "inputs_not_named"),
        bytes_refused("/predict/identity_fp32", RAW, vec![0; 8],       400, "missing_shape"),
        bytes_refused("/predict/identity_fp32?shape=99999999999999999999,2", RAW, vec![0; 8], 400, "invalid_parameter"),
        bytes_refused("/predict/identity_fp32?shape=4294967296,4294967296", RAW, vec![0; 8], 400, "wrong_shape"),
        bytes_refused("/predict/identity_fp32?shape=1000000000000,0", RAW, vec![], 400, "wrong_shape"),
        bytes_refused("/predict/identity_fp32?shape=-1", RAW, vec![0; 8], 400, "invalid_parameter"),
        bytes_refused(IRIS, NPY, b"\x93NUMPY".to_vec(),                400, "invalid_npy"),
        bytes_refused(IRIS, NPY, npy(&header(">f4", "(1, 4)"), &[0; 16]), 400, "invalid_npy"),
        bytes_refused(IRIS, NPY, npy(&header("|O", "(1, 4)"), &[0; 16]), 400, "invalid_npy"),
        bytes_refused(IRIS, NPY, npy(&header("<f4", "(1, 4)"), &[0; 15]), 400, "invalid_npy"),
        bytes_refused(IRIS, NPY, npy(&header("<f4", "(1, 3)"), &[0; 12]), 400, "wrong_shape"),
        bytes_refused("/predict/identity_string", NPY, npy(&header("<U0", "(3,)"), &[]), 400, "invalid_npy"),
        // Content types.
        bytes_refused(IRIS, "text/csv", b"5.1,3.5,1.4,0.2".to_vec(),   415, "wrong_content_type"),
        bytes_refused(IRIS, "multipart/form-data", b"[]".to_vec(),     415, "wrong_content_type"),
    ]
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_an_example_that_works() {
    let server = start(&["models", "tests/fixtures/models"]);
    let mut surprises = Vec::new();
    for Refused { path, content_type, body, status, code, pointer } in table() {
        let told = format!("{path} {:?}", String::from_utf8_lossy(&body));
        let reply = ask(&server, path, content_type, &body);
        let problem = reply.json();
        let got = (reply.status, problem["code"].as_str(), problem.get("pointer").and_then(Value::as_str));
        if got != (status, Some(code), pointer) {
            surprises.push(format!("{told}: {got:?} instead of {:?}", (status, code, pointer)));
            continue;
        }
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{told}: {problem}");
        assert_eq!(problem["status"], status, "{told}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{told}: {problem}");
        if let Some(example) = problem.get("example") {
            let path = path.split('?').next().expect("a path");
            let reply = server.post(path, example.to_string());
            assert_eq!(reply.status, 200, "{path} {example}: {}", reply.text());
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let server = start(&["tests/fixtures/models/identity_string.onnx"]);
    let reply = ask(&server, "/predict", JSON, b"[\"\xff\"]");
    assert_eq!((reply.status, &reply.json()["code"]), (400, &json!("invalid_utf8")), "{}", reply.text());
    let reply = ask(&server, "/predict", RAW, b"\x01\0\0\0\xff");
    assert_eq!((reply.status, &reply.json()["code"]), (400, &json!("invalid_utf8")), "{}", reply.text());
}

#[test]
fn the_example_of_every_model_works() {
    let server = start(&["models", "tests/fixtures/models"]);
    let versions = all_versions(&server);
    assert!(versions.len() > 20, "{versions:?}");
    for version in versions {
        let path = format!("/predict/{version}");
        let problem = server.post(&path, "null").json();
        let example = problem.get("example").unwrap_or_else(|| panic!("{path} shows no example: {problem}"));
        let reply = server.post(&path, example.to_string());
        assert_eq!(reply.status, 200, "{path} {example}: {}", reply.text());

        let path = format!("/v2/models/{}/infer", version.replace('/', "/versions/"));
        let problem = server.post(&path, "null").json();
        let example = problem.get("example").unwrap_or_else(|| panic!("{path} shows no example: {problem}"));
        let reply = server.post(&path, example.to_string());
        assert_eq!(reply.status, 200, "{path} {example}: {}", reply.text());
    }
    for model in server.get("/models").ok()["models"].as_array().expect("models") {
        for version in model["versions"].as_array().expect("versions") {
            let example = &version["example"];
            let path = example["path"].as_str().expect("a path");
            let reply = server.post(path, example["body"].to_string());
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        }
    }
}

#[test]
fn the_answer_has_to_be_wanted_in_a_form_there_is() {
    let server = start(&["models/iris"]);
    for accept in ["text/html", RAW, NPY] {
        let reply = server.send("POST", "/predict", &[("accept", accept)], b"[[5.1,3.5,1.4,0.2]]");
        assert_eq!((reply.status, &reply.json()["code"]), (406, &json!("not_acceptable")), "{accept}");
    }
    let one = server.send("POST", "/predict?outputs=probabilities", &[("accept", RAW)], b"[[5.1,3.5,1.4,0.2]]");
    assert_eq!((one.status, one.body.len()), (200, 12));
}

#[test]
fn strings_too_different_for_an_array_are_refused_as_one() {
    let server = start(&["tests/fixtures/models/identity_string.onnx"]);
    let as_array = |strings: &[String]| {
        server.send(
            "POST",
            "/predict",
            &[("content-type", JSON), ("accept", NPY)],
            json!(strings).to_string().as_bytes(),
        )
    };
    let mut strings = vec![String::new(); 2000];
    strings[7] = "é".repeat(100);
    let array = as_array(&strings);
    assert_eq!((array.status, array.body.len()), (200, 128 + 2000 * 4 * 100), "{array:?}");

    // Gigabytes, padded to the longest.
    let mut strings = vec![String::new(); 50_000];
    strings[7] = "x".repeat(50_000);
    let refused = as_array(&strings);
    assert_eq!((refused.status, &refused.json()["code"]), (406, &json!("not_acceptable")));
    assert!(refused.json()["hint"].as_str().is_some_and(|hint| hint.contains("JSON")), "{}", refused.text());
    assert_eq!(server.post("/predict", json!(strings).to_string()).status, 200);
}
