//! Good requests, broken in every way that a byte, a token, a header or a path can be: whatever a client sends, it is
//! told what is wrong or it is answered, and the next one is served as before. The seed is fixed, so that a failure
//! comes back when it is looked for.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestCaseError, TestRunner};
use serde_json::{Value, json};

use crate::harness::{Reply, TestServer, start};

const MODELS: [&str; 10] = [
    "models",
    "tests/fixtures/models/two_inputs.onnx",
    "tests/fixtures/models/identity_fp32.onnx",
    "tests/fixtures/models/identity_string.onnx",
    "tests/fixtures/models/identity_bool.onnx",
    "tests/fixtures/models/gather.onnx",
    "tests/fixtures/models/wide_symbols.onnx",
    "tests/fixtures/models/divide_int64.onnx",
    "tests/fixtures/models/fixed_batch.onnx",
    "tests/fixtures/models/scalar_output.onnx",
];

/// A request in parts, so that a change of one does not spoil the others before they are even looked at.
#[derive(Clone, PartialEq)]
struct Question {
    path: String,
    headers: Vec<(String, String)>,
    json: Vec<u8>,
    /// What follows the JSON, or all there is.
    raw: Vec<u8>,
    /// Whether the length of the JSON is told in a header.
    framed: bool,
}

impl Question {
    fn json(path: &str, body: Value) -> Self {
        let headers = vec![("content-type".into(), "application/json".into())];
        Self { path: path.into(), headers, json: body.to_string().into(), raw: vec![], framed: false }
    }

    fn bytes(path: &str, content_type: &str, raw: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".into(), content_type.into())];
        Self { path: path.into(), headers, json: vec![], raw: raw.into(), framed: false }
    }

    fn binary(path: &str, message: Value, raw: &[u8]) -> Self {
        let question = Self::bytes(path, "application/octet-stream", raw);
        Self { json: message.to_string().into(), framed: true, ..question }
    }

    /// The part that bytes are changed in: the JSON if there is any, unless the other one is wanted.
    fn part(&mut self, json: bool) -> &mut Vec<u8> {
        if self.raw.is_empty() || json && !self.json.is_empty() { &mut self.json } else { &mut self.raw }
    }

    /// Changes one value of the JSON, at whatever depth; does nothing where there is no JSON or none any more.
    fn reword(&mut self, at: &Index, change: impl FnOnce(&mut Value)) {
        let Ok(mut message) = serde_json::from_slice::<Value>(&self.json) else { return };
        let mut left = at.index(nodes(&message));
        if let Some(node) = nth(&mut message, &mut left) {
            change(node);
        }
        self.json = message.to_string().into();
    }

    fn ask(&self, server: &TestServer) -> Reply {
        let length = self.json.len().to_string();
        let mut headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        if self.framed && !self.headers.iter().any(|(name, _)| name == FRAMING) {
            headers.push((FRAMING, &length));
        }
        server.send("POST", &self.path, &headers, &[&*self.json, &self.raw].concat())
    }
}

const FRAMING: &str = "inference-header-content-length";

/// What a person needs to send it again.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = |bytes: &[u8]| bytes[..bytes.len().min(2000)].escape_ascii().to_string();
        let Self { path, headers, json, raw, framed } = self;
        write!(f, "POST {path} {headers:?} framed={framed} json={:?} raw={:?}", cut(json), cut(raw))
    }
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn npy(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), elements].concat()
}

fn predictions() -> Vec<Question> {
    const RAW: &str = "application/octet-stream";
    const NPY: &str = "application/x-npy";
    let (row, json) = ([5.1, 3.5, 1.4, 0.2], Question::json);
    let record = json!({"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2});
    let image = json!([vec![[0, 1, 2, 3, 4, 5, 6, 7]; 8]]);
    vec![
        json("/predict", json!({"inputs": {"measurements": [row, row]}, "outputs": ["label"], "id": "a"})),
        json("/predict/iris", json!({ "inputs": [row, row] })),
        json("/predict/iris/1", json!({ "instances": [row, row] })),
        json("/predict", json!([row, row])),
        json("/predict", json!(row)),
        json("/predict", json!([record, record])),
        json("/predict", record.clone()),
        json("/predict", json!({ "instances": [record] })),
        json("/predict/digits", json!([image])),
        json("/predict/diabetes", json!([54, 2, 36.1, 115, 163, 98.4, 43, 4, 4.6821, 101])),
        json("/predict/two_inputs", json!({"inputs": {"a": [[1, 2], [3, 4]], "b": [[5], [6]]}})),
        json("/predict/two_inputs", json!([{"a": [1, 2], "b": [5]}, {"a": [3, 4], "b": [6]}])),
        json("/predict/identity_fp32", json!({"inputs": [[1, "NaN", -3e38]]})),
        json("/predict/identity_string", json!(["a", "é🙂", ""])),
        json("/predict/identity_bool", json!([true, false])),
        json("/predict/gather", json!([1, 9])),
        json("/predict/wide_symbols", json!([[1, 2, 3], [4, 5, 6]])),
        json("/predict/divide_int64", json!({"inputs": {"numerator": [7, 9], "denominator": [2, 3]}})),
        json("/predict/fixed_batch", json!([[1, 2, 3]])),
        json("/predict/scalar_output", json!([[1, 2, 3], [4, 5, 6]])),
        Question::bytes("/predict", RAW, little_endian(&row)),
        Question::bytes("/predict/identity_fp32?shape=2,2", RAW, little_endian(&row)),
        Question::bytes("/predict/identity_string", RAW, b"\x01\0\0\0a\0\0\0\0".to_vec()),
        Question::bytes("/predict", NPY, npy("<f4", "(1, 4)", &little_endian(&row))),
        Question::bytes("/predict/identity_string", NPY, npy("<U1", "(2,)", b"a\0\0\0b\0\0\0")),
        Question::bytes("/predict/gather", NPY, npy("<i8", "(1,)", &[1, 0, 0, 0, 0, 0, 0, 0])),
    ]
}

fn inference() -> Vec<Question> {
    let row = json!({"name": "measurements", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]});
    let input = |name: &str, datatype: &str, shape: Value, data: Value| json!({"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data}]});
    let outputs = json!([{"name": "label", "parameters": {"binary_data": true}}, {"name": "probabilities"}]);
    let (a, b) =
        (input("a", "FP32", json!([2, 2]), json!([1, 2, 3, 4])), input("b", "FP32", json!([2, 1]), json!([5, 6])));
    let json = Question::json;
    vec![
        json(
            "/v2/models/iris/infer",
            json!({"id": "1", "inputs": [row], "outputs": outputs, "parameters": {"non_finite": "string"}}),
        ),
        json("/v2/models/iris/versions/1/infer", json!({"inputs": [row], "parameters": {"binary_data_output": true}})),
        json("/v2/models/two_inputs/infer", json!({"inputs": [a["inputs"][0], b["inputs"][0]]})),
        json("/v2/models/identity_string/infer", input("input", "BYTES", json!([2]), json!(["a", "é"]))),
        json("/v2/models/identity_bool/infer", input("input", "BOOL", json!([2]), json!([true, false]))),
        json("/v2/models/identity_fp32/infer", input("input", "FP32", json!([1, 2]), json!([["NaN", 1e38]]))),
        json("/v2/models/gather/infer", input("indices", "INT64", json!([2]), json!([0, 9]))),
        json("/v2/models/wide_symbols/infer", input("tokens", "INT64", json!([1, 2]), json!([0, 15]))),
        json("/v2/models/fixed_batch/infer", input("input", "FP32", json!([1, 3]), json!([1, 2, 3]))),
        json("/v2/models/scalar_output/infer", input("input", "FP32", json!([1, 3]), json!([1, 2, 3]))),
    ]
}

fn binary_inference() -> Vec<Question> {
    let sized = |name: &str, datatype: &str, shape: Value, size: usize| json!({"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}});
    let all_binary = json!({"binary_data_output": true});
    let row = little_endian(&[5.1, 3.5, 1.4, 0.2]);
    let message = json!({"inputs": [sized("measurements", "FP32", json!([1, 4]), 16)], "parameters": all_binary});
    let two = json!({"inputs": [sized("a", "FP32", json!([1, 2]), 8), sized("b", "FP32", json!([1, 1]), 4)]});
    let text = json!({"inputs": [sized("input", "BYTES", json!([2]), 9)], "parameters": all_binary});
    let truth = json!({"inputs": [sized("input", "BOOL", json!([2]), 2)]});
    let index = json!({"inputs": [sized("indices", "INT64", json!([1]), 8)]});
    let mut whole = Question::bytes("/v2/models/iris/infer", "application/octet-stream", row.clone());
    whole.headers.push((FRAMING.into(), "0".into()));
    vec![
        Question::binary("/v2/models/iris/infer", message.clone(), &row),
        Question::binary("/v2/models/iris/versions/1/infer", message, &row),
        Question::binary("/v2/models/two_inputs/infer", two, &little_endian(&[1.0, 2.0, 3.0])),
        Question::binary("/v2/models/identity_string/infer", text, b"\x01\0\0\0a\0\0\0\0"),
        Question::binary("/v2/models/identity_bool/infer", truth, &[0, 1]),
        Question::binary("/v2/models/gather/infer", index, &9u64.to_le_bytes()),
        whole,
    ]
}

fn repository() -> Vec<Question> {
    vec![
        Question::json("/v2/repository/index", json!({"ready": true})),
        Question::json("/v2/repository/index", json!({})),
        Question::json("/v2/repository/models/iris/load", json!({"parameters": {"config": "{}"}})),
        Question::json("/v2/repository/models/iris/unload", json!({"parameters": {"unload_dependents": false}})),
    ]
}

/// One thing done to a question.
#[derive(Clone, Debug)]
enum Mutation {
    Flip {
        json: bool,
        at: Index,
        bit: u8,
    },
    Truncate {
        json: bool,
        at: Index,
    },
    Insert {
        json: bool,
        at: Index,
        bytes: Vec<u8>,
    },
    Remove {
        json: bool,
        at: Index,
        count: usize,
    },
    Repeat {
        json: bool,
        at: Index,
        count: usize,
    },
    /// A whole token of the JSON, or of a header of text, by another.
    Swap {
        at: Index,
        with: String,
    },
    /// A key of an object once more, with its value.
    Again {
        at: Index,
    },
    /// A whole value of the JSON by another: what comes out is JSON still.
    Replace {
        at: Index,
        with: &'static str,
    },
    /// A value taken out of its array or object, or put into an array once more.
    Resize {
        at: Index,
        more: bool,
    },
    Header {
        name: &'static str,
        value: &'static str,
    },
    WithoutHeaders,
    Path(&'static str),
    Query(&'static str),
}

/// Changes that leave well-formed JSON behind, so that what follows the parser has its turn.
fn rewording() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        6 => (at(), select(VALUES.to_vec())).prop_map(|(at, with)| Mutation::Replace { at, with }),
        4 => (at(), any::<bool>()).prop_map(|(at, more)| Mutation::Resize { at, more }),
        1 => (at(), select(vec![1, 4, 8, 16])).prop_map(|(at, count)| Mutation::Repeat { json: false, at, count }),
        1 => (at(), select(vec![1, 4, 8, 16])).prop_map(|(at, count)| Mutation::Remove { json: false, at, count }),
        1 => (at(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip { json: false, at, bit }),
        1 => select(QUERIES.to_vec()).prop_map(Mutation::Query),
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let json = any::<bool>();
    let at = any::<Index>;
    prop_oneof![
        3 => (json, at(), 0..8u8).prop_map(|(json, at, bit)| Mutation::Flip { json, at, bit }),
        1 => (json, at()).prop_map(|(json, at)| Mutation::Truncate { json, at }),
        2 => (json, at(), prop::collection::vec(any::<u8>(), 1..6))
            .prop_map(|(json, at, bytes)| Mutation::Insert { json, at, bytes }),
        2 => (json, at(), 1..12usize).prop_map(|(json, at, count)| Mutation::Remove { json, at, count }),
        1 => (json, at(), 1..40usize).prop_map(|(json, at, count)| Mutation::Repeat { json, at, count }),
        8 => (at(), select(tokens())).prop_map(|(at, with)| Mutation::Swap { at, with }),
        1 => at().prop_map(|at| Mutation::Again { at }),
        2 => select(HEADERS.to_vec()).prop_map(|(name, value)| Mutation::Header { name, value }),
        1 => Just(Mutation::WithoutHeaders),
        1 => select(PATHS.to_vec()).prop_map(Mutation::Path),
        1 => select(QUERIES.to_vec()).prop_map(Mutation::Query),
    ]
}

/// What may stand where something else stood.
fn tokens() -> Vec<String> {
    let words = [
        "NaN",
        "-NaN",
        "Infinity",
        "-Infinity",
        "null",
        "true",
        "false",
        "undefined",
        "None",
        "True",
        "0",
        "-0",
        "-1",
        "1.5",
        "1e999",
        "-1e400",
        "1e-400",
        "1e39",
        "00",
        "+1",
        ".5",
        "5.",
        "1e",
        "0x10",
        "1_000",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "4294967296",
        "-9223372036854775809",
        "340282366920938463463374607431768211456",
        "1000000000000",
        "0.1e1",
        "10e-1",
        "\"\"",
        "\"NaN\"",
        "\"5\"",
        "\"FP32\"",
        "\"FP64\"",
        "\"INT64\"",
        "\"BYTES\"",
        "\"BOOL\"",
        "\"FP8\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"a\\",
        "\"name\"",
        "\"shape\"",
        "\"data\"",
        "\"inputs\"",
        "\"instances\"",
        "\"outputs\"",
        "\"parameters\"",
        "\"binary_data_size\"",
        "\"shared_memory_region\"",
        "\"classification\"",
        "\"measurements\"",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "{\"\":{}}",
        "[1]",
        "[1,2]",
        "[-1]",
        "[0]",
        "[0,4]",
        "[4,0]",
        "[1000000000,0]",
        "[1000000000,4]",
        "[18446744073709551615,2]",
        "[4294967296,4294967296]",
        "[1,4,1]",
        "[2,2]",
        "[3,[4]]",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ",,",
        "",
        "\u{feff}",
        "//",
        "/*",
        "'",
        "(1,)",
        "(-1,)",
        "(99999999999,0)",
        "<f8",
        ">f4",
        "<i8",
        "|O",
        "<U0",
        "<U99999999999",
        "|S4",
        "True",
        "()",
    ];
    let mut tokens: Vec<String> = words.map(String::from).into();
    tokens.extend(["[".repeat(40), "[".repeat(20_000), "{\"a\":".repeat(5_000), "[".repeat(70) + &"]".repeat(70)]);
    tokens.extend(["9".repeat(5_000), format!("0.{}1", "0".repeat(5_000)), format!("\"{}\"", "x".repeat(50_000))]);
    tokens.push(format!("[{}1]", "1,".repeat(20_000)));
    tokens.push(format!("[{}[]]", "[],".repeat(20_000)));
    tokens
}

/// Values to put in the place of others.
const VALUES: [&str; 44] = [
    "0",
    "1",
    "2",
    "-1",
    "9",
    "10",
    "15",
    "16",
    "-10",
    "1.5",
    "3.0",
    "-0.0",
    "255",
    "1e38",
    "1e39",
    "1e300",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "null",
    "true",
    "false",
    r#""""#,
    r#""NaN""#,
    r#""-Infinity""#,
    r#""1""#,
    r#""label""#,
    r#""measurements""#,
    r#""FP64""#,
    r#""INT64""#,
    r#""BYTES""#,
    "[]",
    "[[]]",
    "[0]",
    "[1, 2]",
    "[[1, 2], [3, 4]]",
    "[2, 4]",
    "[0, 4]",
    "[1000000, 0]",
    "{}",
    r#"{"a": [1, 2], "b": [3]}"#,
    r#"{"binary_data_size": 4}"#,
    r#"{"binary_data": true}"#,
];

const HEADERS: [(&str, &str); 36] = [
    ("content-type", "application/json"),
    ("content-type", "application/octet-stream"),
    ("content-type", "application/x-npy"),
    ("content-type", "text/plain"),
    ("content-type", "multipart/form-data; boundary=x"),
    ("content-type", "application/json; charset=utf-16"),
    ("content-type", ";;;,"),
    ("content-type", ""),
    (FRAMING, "0"),
    (FRAMING, "1"),
    (FRAMING, "40"),
    (FRAMING, "-1"),
    (FRAMING, "18446744073709551615"),
    (FRAMING, "99999999999999999999"),
    (FRAMING, " 7 "),
    (FRAMING, ""),
    ("content-encoding", "gzip"),
    ("content-encoding", "zstd"),
    ("content-encoding", "br"),
    ("content-encoding", "identity"),
    ("content-encoding", "gzip, gzip"),
    ("accept", "application/x-npy"),
    ("accept", "application/octet-stream"),
    ("accept", "text/html"),
    ("accept", "*/*;q=NaN, application/json;q=-1"),
    ("accept-encoding", "zstd"),
    ("accept-encoding", "gzip;q=2"),
    ("x-tensor-shape", "1,4"),
    ("x-tensor-shape", "4294967296,4294967296"),
    ("x-tensor-shape", "1000000000,0"),
    ("x-tensor-shape", "-1,4"),
    ("x-tensor-shape", "(,)"),
    ("x-request-id", "é"),
    ("x-request-timeout-ms", "18446744073709551615"),
    ("x-request-timeout-ms", "-1"),
    ("expect", "100-continue"),
];

/// Valid as URLs, whatever they mean.
const PATHS: [&str; 20] = [
    "/predict/",
    "/predict//",
    "/predict/%2e%2e/iris",
    "/predict/iris/",
    "/predict/iris/0",
    "/predict/iris/-1",
    "/predict/iris/18446744073709551616",
    "/predict/%00",
    "/predict/%ff%fe",
    "/predict/iris%2f1",
    "/predict/%F0%9F%99%82",
    "/predict/iris/1/2",
    "//predict",
    "/v2/models//infer",
    "/v2/models/%ff/infer",
    "/v2/models/iris/versions//infer",
    "/v2/models/iris/versions/99999999999999999999/infer",
    "/v2/models/iris/versions/%31/infer",
    "/v2/repository/models/%ff/load",
    "/v2/repository/models/nobody/unload",
];

const QUERIES: [&str; 12] = [
    "",
    "?",
    "?shape=1,4",
    "?shape=",
    "?shape=1000000000000,0",
    "?shape=18446744073709551615,18446744073709551615",
    "?non_finite=string",
    "?non_finite=%ff",
    "?outputs=",
    "?outputs=label,label,label",
    "?outputs=probabilities",
    "?%=&&=&shape",
];

impl Mutation {
    fn apply(&self, question: &mut Question) {
        match self {
            Self::Flip { json, at, bit } => {
                let part = question.part(*json);
                if !part.is_empty() {
                    let at = at.index(part.len());
                    part[at] ^= 1 << bit;
                }
            }
            Self::Truncate { json, at } => {
                let part = question.part(*json);
                part.truncate(at.index(part.len() + 1));
            }
            Self::Insert { json, at, bytes } => {
                let part = question.part(*json);
                let at = at.index(part.len() + 1);
                part.splice(at..at, bytes.iter().copied());
            }
            Self::Remove { json, at, count } => {
                let part = question.part(*json);
                let at = at.index(part.len() + 1);
                part.drain(at..(at + count).min(part.len()));
            }
            Self::Repeat { json, at, count } => {
                let part = question.part(*json);
                let at = at.index(part.len() + 1);
                let copy = part[at..(at + count).min(part.len())].to_vec();
                part.splice(at..at, copy);
            }
            Self::Swap { at, with } => {
                // In an .npy file the header is text as well.
                let part = question.part(true);
                let spans = spans(part);
                if !spans.is_empty() {
                    let (start, end) = spans[at.index(spans.len())];
                    part.splice(start..end, with.bytes());
                }
            }
            Self::Again { at } => {
                let part = question.part(true);
                let spans = spans(part);
                if let Some(&(start, _)) = spans.get(at.index(spans.len().max(1)))
                    && let Some(comma) = part[start..].iter().position(|&byte| byte == b',')
                {
                    let copy = part[start..=start + comma].to_vec();
                    part.splice(start..start, copy);
                }
            }
            Self::Replace { at, with } => {
                let with: Value = serde_json::from_str(with).expect("JSON");
                question.reword(at, |node| *node = with);
            }
            Self::Resize { at, more } => question.reword(at, |node| match node {
                Value::Array(items) if *more => items.extend(items.last().cloned()),
                Value::Array(items) => drop(items.pop()),
                Value::Object(fields) => {
                    let first = fields.keys().next().cloned();
                    first.map(|key| fields.remove(&key));
                }
                Value::String(text) => text.push('x'),
                _ => *node = json!([node.take()]),
            }),
            Self::Header { name, value } => {
                question.headers.retain(|(kept, _)| kept != name);
                question.headers.push(((*name).into(), (*value).into()));
            }
            Self::WithoutHeaders => {
                question.headers.clear();
                question.framed = false;
            }
            Self::Path(path) => question.path = (*path).into(),
            Self::Query(query) => {
                let path = question.path.split('?').next().unwrap_or_default();
                question.path = format!("{path}{query}");
            }
        }
    }
}

/// How many values there are in a value, itself included.
fn nodes(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nodes).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(nodes).sum::<usize>(),
        _ => 1,
    }
}

/// The value that has `left` others before it, in the order they are written.
fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(fields) => fields.values_mut().find_map(|item| nth(item, left)),
        _ => None,
    }
}

/// Where tokens begin and end: strings, words and numbers, and single characters.
fn spans(text: &[u8]) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_');
        let length = match text[at] {
            b'"' => text[at + 1..].iter().position(|&byte| byte == b'"').map_or(1, |end| end + 2),
            _ => text[at..].iter().take_while(|byte| word(byte)).count().max(1),
        };
        spans.push((at, at + length));
        at += length;
    }
    spans
}

/// What holds of every answer.
fn is_sound(question: &Question, reply: &Reply) -> Result<(), TestCaseError> {
    let told = || format!("{question:?}\n{}: {}", reply.status, String::from_utf8_lossy(&reply.body));
    prop_assert!(reply.status < 500 || reply.status == 503, "{}", told());
    let content_type = reply.header("content-type").unwrap_or_default();
    let packed = reply.header("content-encoding").is_some();
    let json = match reply.header(FRAMING) {
        Some(length) => length.parse().ok().and_then(|length: usize| reply.body.get(..length)),
        None => Some(&*reply.body),
    };
    let claims_json = (content_type.contains("json") || reply.header(FRAMING).is_some()) && !packed;
    let value = json.and_then(|json| serde_json::from_slice::<Value>(json).ok());
    prop_assert!(value.is_some() || !claims_json, "{}", told());
    if reply.status >= 400 && !packed {
        let value = value.unwrap_or_default();
        let key = if question.path.starts_with("/v2/") { "error" } else { "code" };
        prop_assert!(value[key].as_str().is_some_and(|words| !words.is_empty()), "{}", told());
    }
    Ok(())
}

/// Sends `count` broken ones of these questions, and the good ones before and after: they are answered the same.
fn survive(server: &TestServer, count: u32, seed: u64, questions: Vec<Question>) {
    const GOOD: u16 = 200;
    let ask_all = || questions.iter().map(|question| question.ask(server)).map(|reply| (reply.status, reply.body));
    let before: Vec<_> = ask_all().collect();
    for ((status, body), question) in before.iter().zip(&questions) {
        let told = format!("{question:?}: {}", String::from_utf8_lossy(body));
        assert!(*status == GOOD || question.path.ends_with("load") && *status == 400, "{told}");
    }
    let mutations = prop_oneof![
        2 => prop::collection::vec(rewording(), 1..4),
        1 => prop::collection::vec(mutation(), 1..4),
    ];
    let strategy = (select(questions.clone()), mutations);
    let config = ProptestConfig {
        cases: count,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let outcome = TestRunner::new(config).run(&strategy, |(mut question, mutations)| {
        let original = question.clone();
        mutations.iter().for_each(|mutation| mutation.apply(&mut question));
        is_sound(&question, &question.ask(server))?;
        // Whoever comes next does not notice.
        if original.path.starts_with("/predict") {
            prop_assert_eq!(original.ask(server).status, GOOD, "after {:?}", question);
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    assert!(ask_all().eq(before), "the good questions are answered as before");
    assert_eq!(server.get("/health/live").status, 200);
}

#[test]
fn no_body_of_predict_does_more_than_fail() {
    survive(&start(&MODELS), 4000, 1, predictions());
}

#[test]
fn no_message_of_the_open_inference_protocol_does_more_than_fail() {
    survive(&start(&MODELS), 3000, 2, inference());
}

#[test]
fn no_binary_message_does_more_than_fail() {
    survive(&start(&MODELS), 3000, 3, binary_inference());
}

#[test]
fn no_body_of_the_repository_does_more_than_fail() {
    survive(&start(&MODELS), 1000, 4, repository());
}

/// The worked examples of models that are odd in one way each.
#[test]
fn no_change_of_an_example_does_more_than_fail() {
    let server = start(&["tests/fixtures/models", "tests/engine/models"]);
    let mut questions = Vec::new();
    for model in server.get("/models").ok()["models"].as_array().expect("models") {
        let (name, version) = (model["name"].as_str().expect("a name"), &model["versions"][0]);
        // Some cannot be served, some are too large to show an example; and how long an answer takes is not the question.
        if model["ready"] == false || version["example"]["body"].is_null() || name == "slow" {
            continue;
        }
        questions.push(Question::json(&format!("/predict/{name}"), version["example"]["body"].clone()));
        let path = format!("/v2/models/{name}/infer");
        let example = server.post(&path, "null").json()["example"].take();
        questions.push(Question::json(&path, example));
    }
    assert!(questions.len() > 50, "{questions:?}");
    survive(&server, 4000, 5, questions);
}
