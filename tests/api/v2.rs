//! The Open Inference Protocol, as its clients use it.

use serde_json::{Value, json};

use crate::harness::{Reply, TestServer, start, start_with};

const TWO_INPUTS: &str = "tests/fixtures/models/two_inputs.onnx";
const IDENTITY: &str = "tests/fixtures/models/identity_fp32.onnx";

fn infer(server: &TestServer, model: &str, message: Value) -> Reply {
    server.post(&format!("/v2/models/{model}/infer"), message.to_string())
}

/// JSON and, after it, raw tensors.
fn infer_binary(server: &TestServer, model: &str, message: Value, raw: &[u8]) -> Reply {
    let json = message.to_string();
    infer_framed(server, model, &json.len().to_string(), &[json.as_bytes(), raw].concat())
}

fn infer_framed(server: &TestServer, model: &str, header: &str, body: &[u8]) -> Reply {
    let headers = [("inference-header-content-length", header), ("content-type", "application/octet-stream")];
    server.send("POST", &format!("/v2/models/{model}/infer"), &headers, body)
}

/// The JSON of a binary answer and the bytes after it.
fn parted(reply: &Reply) -> (Value, &[u8]) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    let length = reply.header("inference-header-content-length").expect("the header").parse().expect("a length");
    let (json, raw) = reply.body.split_at(length);
    (serde_json::from_slice(json).expect("JSON first"), raw)
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn row() -> Value {
    json!({"name": "measurements", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]})
}

#[test]
fn the_server_describes_itself() {
    let server = start(&["models/iris"]);
    let expected = json!({
        "name": "onnxd",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data", "model_repository", "statistics", "model_configuration"],
    });
    assert_eq!(server.get("/v2").ok(), expected);
    assert_eq!(server.get("/v2/").ok(), expected);
}

#[test]
fn a_model_describes_itself() {
    let server = start(&["models/iris"]);
    let expected = json!({
        "name": "iris",
        "versions": ["1", "2"],
        "platform": "onnx_tract",
        "inputs": [{"name": "measurements", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
        ],
    });
    assert_eq!(server.get("/v2/models/iris").ok(), expected);
    assert_eq!(server.get("/v2/models/iris/versions/1").ok(), expected);
    for path in ["/v2/models/iris/ready", "/v2/models/iris/versions/2/ready"] {
        assert_eq!(server.get(path).ok(), json!({"name": "iris", "ready": true}));
    }
}

#[test]
fn what_is_not_there_is_404_on_every_route() {
    let server = start(&["models/iris"]);
    for name in ["nobody", "iris/versions/9", "iris/versions/latest", "iris/versions/01"] {
        for rest in ["", "/ready", "/config", "/stats"] {
            server.get(&format!("/v2/models/{name}{rest}")).error(404);
        }
        // Also when the body is none.
        server.post(&format!("/v2/models/{name}/infer"), "{").error(404);
    }
}

#[test]
fn json_in_and_json_out() {
    let server = start(&["models/iris"]);
    let reply = infer(&server, "iris", json!({"id": "42", "inputs": [row()]}));
    let answer = reply.ok();
    assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("iris"), &json!("2")));
    assert_eq!(answer["id"], "42");
    assert_eq!(answer["outputs"][0], json!({"name": "label", "shape": [1], "datatype": "INT64", "data": [0]}));
    assert_eq!(answer["outputs"][1]["shape"], json!([1, 3]));
    assert_eq!(answer["outputs"][1]["data"].as_array().map(Vec::len), Some(3));

    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("inference-header-content-length"), None);
    assert_eq!(reply.header("x-model-version"), Some("2"));
    assert_eq!(reply.header("x-model-digest").map(str::len), Some("sha256:".len() + 64));
    let timing = reply.header("server-timing").expect("timings");
    assert!(["queue;dur=", "compute;dur=", "total;dur="].iter().all(|part| timing.contains(part)), "{timing}");

    let first = server.post("/v2/models/iris/versions/1/infer", json!({"inputs": [row()]}).to_string()).ok();
    assert_eq!(first["model_version"], "1");
    assert_eq!(first.get("id"), None);
}

#[test]
fn keys_come_in_any_order_and_unknown_ones_are_skipped() {
    let server = start(&["models/iris"]);
    let expected = infer(&server, "iris", json!({"inputs": [row()]})).ok();
    for message in [
        r#"{"inputs":[{"data":[[5.1,3.5,1.4,0.2]],"shape":[1,4],"datatype":"FP32","name":"measurements"}]}"#,
        r#"{"inputs":[{"shape":[1,4],"data":[5.1,3.5,1.4,0.2],"name":"measurements","datatype":"FP32"}]}"#,
        r#"{"parameters":{"sequence_id":7,"headers":{"a":[1]},"triton_x":null,"priority":1},"extra":[{}],
            "outputs":null,"id":null,
            "inputs":[{"name":"measurements","x":{"y":[]},"parameters":{"z":1},"shape":[1,4],"datatype":"FP32",
            "data":[[5.1,3.5,1.4,0.2]]}]}"#,
        "\u{feff} {\"inputs\":[{\"name\":\"measurements\",\"shape\":[1,4],\"datatype\":\"FP32\",\"data\":[5.1,3.5,1.4,2e-1]}]} \n",
    ] {
        assert_eq!(server.post("/v2/models/iris/infer", message).ok(), expected, "{message}");
    }
}

#[test]
fn every_datatype_goes_through_as_json_and_as_bytes() {
    let types: [(&str, &str, &str, Vec<u8>); 13] = [
        ("bool", "BOOL", "[true,false]", vec![1, 0]),
        ("uint8", "UINT8", "[0,255]", vec![0, 255]),
        ("int8", "INT8", "[-128,127]", vec![128, 127]),
        ("uint16", "UINT16", "[0,65535]", vec![0, 0, 255, 255]),
        ("int16", "INT16", "[-32768,1]", vec![0, 128, 1, 0]),
        ("uint32", "UINT32", "[1,4294967295]", vec![1, 0, 0, 0, 255, 255, 255, 255]),
        ("int32", "INT32", "[-1,2]", vec![255, 255, 255, 255, 2, 0, 0, 0]),
        ("uint64", "UINT64", "[18446744073709551615,0]", [[255; 8], [0; 8]].concat()),
        ("int64", "INT64", "[-9223372036854775808,1]", [i64::MIN, 1].iter().flat_map(|v| v.to_le_bytes()).collect()),
        ("fp16", "FP16", "[0.5,-2.0]", vec![0x00, 0x38, 0x00, 0xc0]),
        ("fp32", "FP32", "[[0.1,-3e38]]", little_endian(&[0.1, -3e38])),
        ("fp64", "FP64", "[0.1,-1e300]", [0.1f64, -1e300].iter().flat_map(|v| v.to_le_bytes()).collect()),
        ("string", "BYTES", r#"["","é🙂"]"#, b"\0\0\0\0\x06\0\0\0\xc3\xa9\xf0\x9f\x99\x82".to_vec()),
    ];
    let server = start(&["tests/fixtures/models"]);
    for (model, datatype, text, raw) in types {
        let model = format!("identity_{model}");
        let data: Value = serde_json::from_str(text).expect("JSON");
        let shape = if model == "identity_fp32" { json!([1, 2]) } else { json!([2]) };
        let flat = if model == "identity_fp32" { data[0].clone() } else { data.clone() };
        let input = |rest: Value| {
            let mut input = json!({"name": "input", "shape": shape, "datatype": datatype});
            input.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
            input
        };
        let inline = input(json!({"data": data}));
        let sized = input(json!({"parameters": {"binary_data_size": raw.len()}}));
        let all_binary = json!({"binary_data_output": true});

        let answer = infer(&server, &model, json!({"inputs": [inline]})).ok();
        assert_eq!(answer["outputs"][0], json!({"name": "output", "shape": shape, "datatype": datatype, "data": flat}));

        // JSON in, bytes out, as a client asks that names no outputs.
        let reply = infer(&server, &model, json!({"inputs": [inline], "parameters": all_binary}));
        let (answer, bytes) = parted(&reply);
        let parameters = json!({"binary_data_size": raw.len()});
        let expected = json!({"name": "output", "shape": shape, "datatype": datatype, "parameters": parameters});
        assert_eq!((&answer["outputs"][0], bytes), (&expected, &*raw));

        let reply = infer_binary(&server, &model, json!({"inputs": [sized], "parameters": all_binary}), &raw);
        assert_eq!(parted(&reply).1, raw, "{model}");

        let answer = infer_binary(&server, &model, json!({"inputs": [sized]}), &raw).ok();
        assert_eq!(answer["outputs"][0]["data"], flat, "{model}");
    }
}

#[test]
fn json_and_binary_may_be_mixed_both_ways() {
    let server = start(&[TWO_INPUTS]);
    let message = |outputs: Value, parameters: Value| {
        json!({
            "inputs": [
                {"name": "b", "shape": [2, 1], "datatype": "FP32", "data": [10, 100]},
                {"name": "a", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": 16}},
            ],
            "outputs": outputs,
            "parameters": parameters,
        })
    };
    let raw = little_endian(&[1.0, 2.0, 3.0, 4.0]);
    let product = little_endian(&[10.0, 20.0, 300.0, 400.0]);

    let some = json!([{"name": "product", "parameters": {"binary_data": true}}, {"name": "sum"}]);
    let reply = infer_binary(&server, "two_inputs", message(some, json!({})), &raw);
    let (answer, bytes) = parted(&reply);
    assert_eq!(answer["outputs"][0]["name"], "product");
    assert_eq!(answer["outputs"][1]["data"], json!([11.0, 12.0, 103.0, 104.0]));
    assert_eq!(bytes, product);

    // An output's own word wins over the request's.
    let own = json!([{"name": "sum", "parameters": {"binary_data": false}}, {"name": "product"}]);
    let reply = infer_binary(&server, "two_inputs", message(own, json!({"binary_data_output": true})), &raw);
    let (answer, bytes) = parted(&reply);
    assert_eq!(answer["outputs"][0]["data"], json!([11.0, 12.0, 103.0, 104.0]));
    assert_eq!(bytes, product);
}

#[test]
fn outputs_are_answered_in_the_order_asked_for() {
    let server = start(&["models/iris"]);
    let names = |outputs: Value| -> Vec<String> {
        let answer = infer(&server, "iris", json!({"inputs": [row()], "outputs": outputs})).ok();
        let outputs = answer["outputs"].as_array().expect("outputs").clone();
        outputs.iter().map(|output| output["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(json!([{"name": "probabilities"}])), ["probabilities"]);
    assert_eq!(names(json!([{"name": "probabilities"}, {"name": "label"}])), ["probabilities", "label"]);
    assert_eq!(names(json!([])), ["label", "probabilities"]);
    // The same on our own route.
    let body = r#"{"inputs": [[5.1, 3.5, 1.4, 0.2]], "outputs": []}"#;
    assert_eq!(server.post("/predict/iris", body).ok()["outputs"].as_object().map(serde_json::Map::len), Some(2));
    let reply = infer(&server, "iris", json!({"inputs": [row()], "outputs": [{"name": "label"}, {"name": "x"}]}));
    assert!(reply.error(400).contains("/outputs/1"), "{}", reply.text());
}

#[test]
fn a_raw_body_is_one_tensor_and_is_answered_by_tensors() {
    let server = start(&["models/iris", TWO_INPUTS]);
    let raw = little_endian(&[5.1, 3.5, 1.4, 0.2]);
    let reply = infer_framed(&server, "iris", "0", &raw);
    let (answer, bytes) = parted(&reply);
    assert_eq!(answer["outputs"][0]["parameters"]["binary_data_size"], 8);
    assert_eq!(answer["outputs"][1]["parameters"]["binary_data_size"], 12);
    assert_eq!((bytes.len(), &bytes[..8]), (20, &[0; 8][..]));

    infer_framed(&server, "iris", "0", &raw[1..]).error(400);
    infer_framed(&server, "iris", "0", b"").error(400);
    infer_framed(&server, "two_inputs", "0", &raw).error(400);
}

#[test]
fn bytes_that_do_not_add_up_are_refused() {
    let server = start(&["models/iris"]);
    let raw = little_endian(&[5.1, 3.5, 1.4, 0.2]);
    let sized = |size: Value| {
        json!({"inputs": [{"name": "measurements", "shape": [1, 4], "datatype": "FP32",
            "parameters": {"binary_data_size": size}}]})
    };
    assert_eq!(infer_binary(&server, "iris", sized(json!(16)), &raw).status, 200);
    for (size, sent) in [(15, 15), (16, 15), (16, 17), (12, 16), (20, 16), (0, 0)] {
        let raw = [&raw[..], &[0; 4]].concat();
        infer_binary(&server, "iris", sized(json!(size)), &raw[..sent]).error(400);
    }
    for size in [json!(-1), json!("16"), json!(1.5), json!(u64::MAX), json!([])] {
        infer_binary(&server, "iris", sized(size), &raw).error(400);
    }
    let mut both = sized(json!(16));
    both["inputs"][0]["data"] = json!([1, 2, 3, 4]);
    assert!(infer_binary(&server, "iris", both, &raw).error(400).contains("binary_data_size"));

    let json = sized(json!(16)).to_string();
    let body = [json.as_bytes(), &raw].concat();
    for header in ["x", "-1", "99999", "1e2", "18446744073709551616"] {
        assert!(infer_framed(&server, "iris", header, &body).error(400).contains("Inference-Header-Content-Length"));
    }
    // Without the header all of it is JSON.
    server.post("/v2/models/iris/infer", body).error(400);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let server = start(&["models/iris"]);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut message = json!({"inputs": [row()]});
        change(&mut message);
        message
    };
    let table: [(&str, &str, Value); 26] = [
        ("missing_field", "", changed(&|m| drop(m.as_object_mut().unwrap().remove("inputs")))),
        ("missing_field", "/inputs/0", changed(&|m| drop(m["inputs"][0].as_object_mut().unwrap().remove("name")))),
        ("missing_field", "/inputs/0", changed(&|m| drop(m["inputs"][0].as_object_mut().unwrap().remove("data")))),
        ("missing_field", "/inputs/0", changed(&|m| drop(m["inputs"][0].as_object_mut().unwrap().remove("shape")))),
        ("missing_field", "/inputs/0", changed(&|m| drop(m["inputs"][0].as_object_mut().unwrap().remove("datatype")))),
        ("wrong_type", "/inputs", changed(&|m| m["inputs"] = json!({}))),
        ("wrong_type", "/inputs/0", changed(&|m| m["inputs"][0] = json!([]))),
        ("wrong_type", "/id", changed(&|m| m["id"] = json!(42))),
        ("wrong_type", "/inputs/0/name", changed(&|m| m["inputs"][0]["name"] = json!(1))),
        ("unknown_input", "/inputs/0/name", changed(&|m| m["inputs"][0]["name"] = json!("x"))),
        ("duplicate_input", "/inputs/1/name", changed(&|m| m["inputs"] = json!([row(), row()]))),
        ("missing_input", "/inputs", changed(&|m| m["inputs"] = json!([]))),
        ("unknown_datatype", "/inputs/0/datatype", changed(&|m| m["inputs"][0]["datatype"] = json!("FP8"))),
        ("wrong_datatype", "/inputs/0/datatype", changed(&|m| m["inputs"][0]["datatype"] = json!("FP64"))),
        ("wrong_shape", "/inputs/0/shape", changed(&|m| m["inputs"][0]["shape"] = json!([4]))),
        ("wrong_shape", "/inputs/0/shape", changed(&|m| m["inputs"][0]["shape"] = json!([2, 2]))),
        ("out_of_range", "/inputs/0/shape/0", changed(&|m| m["inputs"][0]["shape"] = json!([-1, 4]))),
        ("wrong_count", "/inputs/0/data", changed(&|m| m["inputs"][0]["data"] = json!([1, 2, 3]))),
        ("wrong_count", "/inputs/0/data/4", changed(&|m| m["inputs"][0]["data"] = json!([1, 2, 3, 4, 5]))),
        ("wrong_count", "/inputs/0/data", changed(&|m| m["inputs"][0]["data"] = json!([[1, 2, 3]]))),
        // The right number in other rows would be another question.
        ("wrong_shape", "/inputs/0/data", changed(&|m| m["inputs"][0]["data"] = json!([[1, 2], [3, 4]]))),
        ("wrong_shape", "/inputs/0/data", changed(&|m| m["inputs"][0]["data"] = json!([[[1, 2, 3, 4]]]))),
        ("ragged_rows", "/inputs/0/data/1", changed(&|m| m["inputs"][0]["data"] = json!([[1, 2, 3], [4]]))),
        ("wrong_type", "/inputs/0/data/1", changed(&|m| m["inputs"][0]["data"] = json!([1, "2", 3, 4]))),
        ("null_value", "/inputs/0/data/2", changed(&|m| m["inputs"][0]["data"] = json!([1, 2, null, 4]))),
        ("out_of_range", "/inputs/0/data/3", changed(&|m| m["inputs"][0]["data"] = json!([1, 2, 3, 1e39]))),
    ];
    for (code, pointer, message) in table {
        let reply = infer(&server, "iris", message.clone());
        reply.error(400);
        let problem = reply.json();
        assert_eq!((&problem["code"], problem["pointer"].as_str().unwrap_or("")), (&json!(code), pointer), "{message}");
        // The example that comes with it works.
        assert_eq!(infer(&server, "iris", problem["example"].clone()).status, 200);
    }
    for (code, text) in [
        ("empty_body", ""),
        ("truncated_json", r#"{"inputs": ["#),
        ("invalid_json", r#"{"inputs" []}"#),
        ("trailing_data", r#"{"inputs": []} {}"#),
        // One of two would be lost.
        ("duplicate_key", r#"{"inputs": [], "inputs": []}"#),
        ("duplicate_key", r#"{"inputs": [], "id": "a", "id": "b"}"#),
        ("duplicate_key", r#"{"inputs": [{"name": "measurements", "name": "x"}]}"#),
        ("duplicate_key", r#"{"inputs": [{"datatype": "FP32", "shape": [1], "data": [1], "data": [2]}]}"#),
        ("duplicate_key", r#"{"inputs": [], "outputs": [{"name": "a", "name": "b"}]}"#),
        ("duplicate_key", r#"{"inputs": [], "parameters": {"timeout": 1, "timeout": 2}}"#),
        ("name_too_long", &format!(r#"{{"inputs": [{{"name": "{}"}}]}}"#, "x".repeat(5000))),
        ("name_too_long", &format!(r#"{{"inputs": [], "{}": 1}}"#, "x".repeat(5000))),
    ] {
        let reply = server.post("/v2/models/iris/infer", text);
        reply.error(400);
        assert_eq!(reply.json()["code"], code, "{text}");
    }
    assert_eq!(server.post("/v2/models/iris/infer", b"{\"inputs\": \"\xff\"}").json()["code"], "invalid_utf8");
}

#[test]
fn rows_are_never_cut_anew() {
    let server = start(&[IDENTITY]);
    for (shape, data, came) in [("[2,2]", "[[1,2,3,4]]", "[1, 4]"), ("[1,4]", "[[1,2],[3,4]]", "[2, 2]")] {
        // Also where the data comes before the shape.
        for input in [format!(r#""shape":{shape},"data":{data}"#), format!(r#""data":{data},"shape":{shape}"#)] {
            let body = format!(r#"{{"inputs":[{{"name":"input","datatype":"FP32",{input}}}]}}"#);
            let words = server.post("/v2/models/identity_fp32/infer", &body).error(400);
            let expected = shape.replace(',', ", ");
            assert!(words.contains("/inputs/0/data") && words.contains(&expected) && words.contains(came), "{words}");
        }
    }
    for data in ["[1,2,3,4]", "[[1,2],[3,4]]"] {
        let body = format!(r#"{{"inputs":[{{"name":"input","datatype":"FP32","shape":[2,2],"data":{data}}}]}}"#);
        let answer = server.post("/v2/models/identity_fp32/infer", &body).ok();
        assert_eq!(answer["outputs"][0]["data"], json!([1.0, 2.0, 3.0, 4.0]));
    }
}

#[test]
fn outsized_shapes_are_refused_before_memory_is_taken() {
    let server = start(&["models/iris"]);
    for shape in [json!([u64::MAX, 4]), json!([1u64 << 62, 4]), json!([0, u64::MAX]), json!([1u64 << 40, 4])] {
        let mut message = json!({"inputs": [row()]});
        message["inputs"][0]["shape"] = shape;
        infer(&server, "iris", message).error(400);
    }
    let mut empty = json!({"inputs": [row()]});
    empty["inputs"][0]["shape"] = json!([0, 4]);
    empty["inputs"][0]["data"] = json!([]);
    infer(&server, "iris", empty).error(400);
    for body in ["[]", r#"{"instances": []}"#, r#"{"inputs": {"measurements": []}}"#] {
        let problem = server.post("/predict/iris", body).json();
        assert!(
            problem["detail"].as_str().is_some_and(|words| words.starts_with("the request has no rows")),
            "{problem}"
        );
    }
}

#[test]
fn extensions_that_are_not_offered_are_refused() {
    let server = start(&["models/iris"]);
    let shared = json!({"shared_memory_region": "r", "shared_memory_byte_size": 16});
    let mut input = row();
    input["parameters"] = shared.clone();
    infer(&server, "iris", json!({"inputs": [input]})).error(400);
    for parameters in [shared, json!({"classification": 3})] {
        let outputs = json!([{"name": "probabilities", "parameters": parameters}]);
        infer(&server, "iris", json!({"inputs": [row()], "outputs": outputs})).error(400);
    }
    let outputs = json!([{"name": "probabilities", "parameters": {"classification": 0}}]);
    infer(&server, "iris", json!({"inputs": [row()], "outputs": outputs})).ok();
}

#[test]
fn megabytes_go_through() {
    let server = start_with(&[IDENTITY], |config| config.max_body = 64 << 20);
    let values: Vec<f32> = (0..1 << 20).map(|n| n as f32 / 7.0).collect();
    let input = |rest: &str| {
        format!(
            r#"{{"inputs":[{{"name":"input","shape":[1,1048576],"datatype":"FP32",{rest}}}],"outputs":[{{"name":"output"}}]}}"#
        )
    };
    let inline = input(&format!(r#""data":{values:?}"#));
    let answer = server.post("/v2/models/identity_fp32/infer", inline).ok();
    let echoed: Vec<f32> = serde_json::from_value(answer["outputs"][0]["data"].clone()).expect("numbers");
    assert_eq!(echoed, values);

    let raw = little_endian(&values);
    let reply = infer_framed(&server, "identity_fp32", "0", &raw);
    assert!(parted(&reply).1 == raw);
}

#[test]
fn what_json_has_no_number_for_is_null_or_a_string() {
    let server = start(&[IDENTITY]);
    let ask = |data: &str, parameters: &str| {
        let message = format!(
            r#"{{"inputs":[{{"name":"input","shape":[1,3],"datatype":"FP32","data":{data}}}],"parameters":{parameters}}}"#
        );
        server.post("/v2/models/identity_fp32/infer", message)
    };
    for data in [r#"[NaN,Infinity,-Infinity]"#, r#"["NaN","Infinity","-Infinity"]"#] {
        assert_eq!(ask(data, "{}").ok()["outputs"][0]["data"], json!([null, null, null]));
        let strings = ask(data, r#"{"non_finite":"string"}"#).ok();
        assert_eq!(strings["outputs"][0]["data"], json!(["NaN", "Infinity", "-Infinity"]));
    }
    ask("[1,2,3]", r#"{"non_finite":"maybe"}"#).error(400);
}

#[test]
fn values_the_model_cannot_compute_with_are_422() {
    let server = start(&["tests/fixtures/models/gather.onnx"]);
    let message = json!({"inputs": [{"name": "indices", "shape": [1], "datatype": "INT64", "data": [99]}]});
    infer(&server, "gather", message).error(422);
    let message = json!({"inputs": [{"name": "indices", "shape": [1], "datatype": "INT64", "data": [9]}]});
    assert_eq!(infer(&server, "gather", message).ok()["outputs"][0]["data"], json!([90.0]));
    // Indices that are in range again once they are multiplied.
    let server = start(&["tests/fixtures/models/wide_symbols.onnx"]);
    for index in [i64::MIN, -1 << 62, 1 << 61, 1 << 62, (1 << 62) + 1, i64::MAX] {
        let message = json!({"inputs": [{"name": "tokens", "shape": [1, 1], "datatype": "INT64", "data": [index]}]});
        infer(&server, "wide_symbols", message).error(422);
    }
}

#[test]
fn bodies_of_another_kind_are_415() {
    let server = start(&["models/iris"]);
    let body = json!({"inputs": [row()]}).to_string();
    let send = |kind: &str| server.send("POST", "/v2/models/iris/infer", &[("content-type", kind)], body.as_bytes());
    for kind in ["application/json", "application/json; charset=utf-8", "application/cloudevents+json", "text/plain"] {
        assert_eq!(send(kind).status, 200, "{kind}");
    }
    for kind in ["application/x-npy", "multipart/form-data; boundary=x", "image/png"] {
        send(kind).error(415);
    }
}

#[test]
fn the_configuration_is_what_perf_analyzer_reads() {
    let server = start(&["models/iris", "tests/fixtures/models/fixed_batch.onnx"]);
    let config = server.get("/v2/models/iris/config").ok();
    assert_eq!(config, server.get("/v2/models/iris/versions/1/config").ok());
    assert_eq!((&config["name"], &config["platform"]), (&json!("iris"), &json!("onnx_tract")));
    assert!(config["max_batch_size"].as_u64() >= Some(32));
    assert_eq!(config["input"][0]["data_type"], "TYPE_FP32");
    assert_eq!(config["input"][0]["dims"], json!([4]));
    assert_eq!(
        (&config["input"][0]["optional"], &config["input"][0]["is_shape_tensor"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(config["output"][1]["dims"], json!([3]));
    assert_eq!(config["model_transaction_policy"]["decoupled"], false);
    for absent in ["dynamic_batching", "sequence_batching", "response_cache", "ensemble_scheduling"] {
        assert_eq!(config.get(absent), None);
    }
    let fixed = server.get("/v2/models/fixed_batch/config").ok();
    assert_eq!((&fixed["max_batch_size"], &fixed["input"][0]["dims"]), (&json!(0), &json!([1, 3])));
}

#[test]
fn statistics_have_every_field_and_count() {
    let server = start(&["models/iris", "models/digits"]);
    assert_eq!(server.get("/v2/models/stats").ok()["model_stats"].as_array().map(Vec::len), Some(3));
    assert_eq!(server.get("/v2/models/iris/stats").ok()["model_stats"].as_array().map(Vec::len), Some(2));

    let statistics = || server.get("/v2/models/iris/versions/2/stats").ok()["model_stats"][0].clone();
    let before = statistics();
    let stages =
        ["success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss"];
    for stage in stages {
        for number in ["count", "ns"] {
            assert!(before["inference_stats"][stage][number].is_u64(), "{stage}.{number}");
        }
    }
    let rows = json!({"name": "measurements", "shape": [2, 4], "datatype": "FP32", "data": [5, 3, 1, 0, 5, 3, 1, 0]});
    infer(&server, "iris", json!({"inputs": [rows]})).ok();
    let after = statistics();
    let more =
        |path: &str| after.pointer(path).unwrap().as_u64().unwrap() - before.pointer(path).unwrap().as_u64().unwrap();
    assert_eq!((&after["name"], &after["version"]), (&json!("iris"), &json!("2")));
    assert_eq!((more("/inference_count"), more("/execution_count")), (2, 1));
    assert_eq!((more("/inference_stats/success/count"), more("/inference_stats/fail/count")), (1, 0));
    assert!(more("/inference_stats/success/ns") > 0 && more("/last_inference") > 0);
    assert_eq!(after["response_stats"], json!({}));
    let batch = after["batch_stats"].as_array().unwrap().iter().find(|batch| batch["batch_size"] == 2).unwrap();
    assert_eq!(batch["compute_infer"]["count"], 1);
    assert_eq!((&after["memory_usage"][0]["type"], &after["memory_usage"][0]["id"]), (&json!("CPU"), &json!("0")));

    infer(&server, "iris", json!({"inputs": []})).error(400);
    let failed = || statistics()["inference_stats"]["fail"]["count"].as_u64();
    assert_eq!(failed(), Some(1));
    server.post("/v2/models/iris/infer", "{").error(400);
    assert_eq!(failed(), Some(2));
    server.send("POST", "/v2/models/iris/infer", &[("inference-header-content-length", "9")], b"{}").error(400);
    assert_eq!(failed(), Some(3));
    assert_eq!(server.post("/predict/iris", "[[5, 3, 1, \"x\"]]").status, 400);
    assert_eq!(failed(), Some(4));
    assert_eq!(server.post("/predict/iris?shape=x", "[[5, 3, 1, 0]]").status, 400);
    assert_eq!(failed(), Some(5));
    assert_eq!(server.post("/predict/nobody", "{").status, 404);
    assert_eq!(failed(), Some(5));
}

#[test]
fn the_repository_is_listed_and_not_to_be_changed() {
    let server = start(&["models/iris", "tests/fixtures/refused/garbage.onnx"]);
    let index = server.post("/v2/repository/index", "").ok();
    assert_eq!(index, server.post("/v2/repository/index", "{}").ok());
    let entries = index.as_array().expect("a list");
    assert_eq!(entries.len(), 3);
    assert_eq!((&entries[0]["name"], &entries[0]["state"]), (&json!("garbage"), &json!("UNAVAILABLE")));
    assert!(!entries[0]["reason"].as_str().expect("a reason").is_empty());
    let iris = json!({"name": "iris", "version": "2", "state": "READY", "reason": ""});
    assert!(entries.contains(&iris));

    let ready = server.post("/v2/repository/index", r#"{"ready": true}"#).ok();
    assert_eq!(ready.as_array().map(Vec::len), Some(2));
    server.post("/v2/repository/index", "[").error(400);
    for verb in ["load", "unload"] {
        let words = server.post(&format!("/v2/repository/models/iris/{verb}"), "{}").error(400);
        assert!(words.contains("--models"), "{words}");
    }
    assert_eq!(server.get("/v2/models/iris/ready").status, 200);
}

#[test]
fn a_value_that_is_no_number_is_named_with_its_place() {
    let server = start(&["models/iris"]);
    for word in ["NaN", "Infinity"] {
        let body = format!(
            r#"{{"inputs":[{{"name":"measurements","shape":[1,4],"datatype":"FP32","data":[{word},1,2,3]}}]}}"#
        );
        for (path, body, pointer) in [
            ("/v2/models/iris/infer", body.as_str(), "/inputs/0/data"),
            ("/predict/iris", &format!(r#"{{"inputs":{{"measurements":[[{word},1,2,3]]}}}}"#), "/inputs/measurements"),
            ("/predict/iris", &format!(r#"{{"instances":[[{word},1,2,3]]}}"#), "/instances"),
        ] {
            let reply = server.post(path, body);
            if word == "Infinity" && reply.status == 200 {
                continue;
            }
            assert_eq!(reply.status, 422, "{}", reply.text());
            let problem = reply.json();
            assert_eq!((&problem["code"], &problem["pointer"]), (&json!("rejected_by_model"), &json!(pointer)));
            assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("finite")), "{problem}");
        }
    }
}
