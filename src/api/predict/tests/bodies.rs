//! Bodies as tables: what each form is read as, and what is said of those that are none.

use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::api::predict::body::{Decoded, decode};
use crate::api::predict::media::{AnswerType, BodyType};
use crate::api::predict::{Layout, Options};
use crate::codec::{NonFinite, Result, write_nested, write_npy};
use crate::serving::{Aspect, Error, Input, Invalid, Payload, Place, Problem};
use crate::tensor::Tensor;

fn json(body: &str, model: &Description) -> Result<Decoded> {
    decode(BodyType::Json, Bytes::copy_from_slice(body.as_bytes()), None, model)
}

/// A payload in a line: `x=FP32[1, 2][[1.0,2.0]]`.
fn told(payload: &Payload) -> String {
    let input = |input: &Input| {
        let mut values = Vec::new();
        write_nested(&input.tensor, &mut values, NonFinite::String);
        let values = String::from_utf8_lossy(&values).into_owned();
        format!("{}={}{:?}{values}", input.name, input.tensor.datatype(), input.tensor.shape())
    };
    let inputs = |inputs: &[Input]| inputs.iter().map(input).collect::<Vec<_>>().join(" ");
    match payload {
        Payload::Named(named) => format!("named {}", inputs(named)),
        Payload::Sole(sole) => format!("sole {}", input(sole)),
        Payload::Records { columns, rows } => format!("{rows} records {}", inputs(columns)),
    }
}

#[test]
fn bodies_are_told_apart_by_their_shape() {
    for (body, layout, payload) in [
        (r#"{"inputs": {"x": [[1, 2]]}}"#, Layout::Outputs, "named x=FP32[1, 2][[1.0,2.0]]"),
        (r#"{"inputs": [[1, 2]]}"#, Layout::Outputs, "sole =FP32[1, 2][[1.0,2.0]]"),
        (r#"{"inputs": [1, 2]}"#, Layout::Outputs, "sole =FP32[2][1.0,2.0]"),
        (r#"{"instances": [[1, 2], [3, 4]]}"#, Layout::Predictions, "sole =FP32[2, 2][[1.0,2.0],[3.0,4.0]]"),
        (
            r#"{"instances": [{"x": [1, 2]}, {"x": [3, 4]}]}"#,
            Layout::Predictions,
            "2 records x=FP32[2, 2][[1.0,2.0],[3.0,4.0]]",
        ),
        (
            r#"{"instances": [{"length": 1, "width": 2}]}"#,
            Layout::Predictions,
            "1 records length=FP32[1][1.0] width=FP32[1][2.0]",
        ),
        ("[[1, 2]]", Layout::Rows, "sole =FP32[1, 2][[1.0,2.0]]"),
        ("[1, 2]", Layout::Rows, "sole =FP32[2][1.0,2.0]"),
        ("7", Layout::Rows, "sole =FP32[]7.0"),
        ("[]", Layout::Rows, "sole =FP32[0][]"),
        (
            r#"[{"length": 1, "width": 2}, {"width": 4, "length": 3}]"#,
            Layout::Rows,
            "2 records length=FP32[2][1.0,3.0] width=FP32[2][2.0,4.0]",
        ),
        (r#"{"width": 2, "length": "NaN"}"#, Layout::Record, "1 records width=FP32[1][2.0] length=FP32[1][\"NaN\"]"),
        (r#"{"x": [1, 2]}"#, Layout::Record, "1 records x=FP32[1, 2][[1.0,2.0]]"),
        // What the model does not know is read all the same: the waist names it.
        (r#"{"inputs": {"z": [[1, 2]]}}"#, Layout::Outputs, "named z=INT64[1, 2][[1,2]]"),
        (r#"[{"length": 1, "colour": "red"}]"#, Layout::Rows, "1 records length=FP32[1][1.0] colour=BYTES[1][\"red\"]"),
    ] {
        let decoded = json(body, &flowers()).unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!((told(&decoded.payload).as_str(), decoded.layout), (payload, layout), "{body}");
    }
}

#[test]
fn columns_of_several_inputs_have_their_own_types() {
    let decoded = json(r#"[{"age": 30, "town": "Ulm"}, {"age": 4e1, "town": ""}]"#, &pair()).expect("records");
    assert_eq!(told(&decoded.payload), r#"2 records age=INT32[2][30,40] town=BYTES[2]["Ulm",""]"#);
}

#[test]
fn an_envelope_may_say_more() {
    let body = r#"{"id": "7\"", "outputs": ["y"], "parameters": {"a": [1]}, "inputs": {"x": [[1, 2]]}}"#;
    let decoded = json(body, &flowers()).expect("an envelope");
    assert_eq!(decoded.id.as_deref(), Some("7\""));
    assert_eq!(decoded.outputs, Some(vec!["y".to_owned()]));
}

#[test]
fn bodies_that_cannot_be_read_are_refused_where_it_shows() {
    for (body, code, pointer) in [
        ("", "empty_body", ""),
        ("{}", "unknown_body", ""),
        (r#"{"input": [[1, 2]]}"#, "unknown_body", "/input"),
        ("null", "null_value", ""),
        (r#"{"inputs": {"x": [[1, 2]]}, "more": 1}"#, "unknown_key", "/more"),
        (r#"{"inputs": [[1, 2]], "instances": []}"#, "both_forms", "/instances"),
        (r#"{"inputs": [[1, 2]], "inputs": [[1, 2]]}"#, "duplicate_key", "/inputs"),
        (r#"{"inputs": {"x": [[1, 2]], "x": [[1, 2]]}}"#, "duplicate_key", "/inputs/x"),
        (r#"{"inputs": [[1, 2]]} 3"#, "trailing_data", ""),
        (&format!(r#"{{"inputs": [[1, 2]], "outputs": ["{}"]}}"#, "y".repeat(5000)), "name_too_long", "/outputs/0"),
        (r#"{"inputs": [[1, 2]], "outputs": "y"}"#, "wrong_type", "/outputs"),
        (r#"{"inputs": [[1, 2]], "outputs": [1]}"#, "wrong_type", "/outputs/0"),
        (r#"{"inputs": [[1, 2]], "id": 1}"#, "wrong_type", "/id"),
        (r#"{"inputs": {"x": [[1, "a"]]}}"#, "wrong_type", "/inputs/x/0/1"),
        (r#"{"inputs": [[1, 2], [3]]}"#, "ragged_rows", "/inputs/1"),
        (r#"{"inputs": [{"name": "x"}]}"#, "wrong_type", "/inputs/0"),
        (r#"{"instances": 5}"#, "wrong_type", "/instances"),
        (r#"{"instances": {"x": 1}}"#, "wrong_type", "/instances"),
        (r#"[[1, 2], {"x": 1}]"#, "wrong_type", "/1"),
        (r#"[{"length": 1}, [1]]"#, "wrong_type", "/1"),
        (r#"[{"length": 1, "width": 2}, {"length": 1}]"#, "missing_key", "/1"),
        (r#"[{"length": 1}, {"length": 1, "width": 2}]"#, "unknown_key", "/1/width"),
        (r#"[{"length": 1, "length": 2}]"#, "duplicate_key", "/0/length"),
        (r#"[{"a": 1, "b": 2}, {"a": 1, "a": 2}]"#, "duplicate_key", "/1/a"),
        (r#"[{"a": 1, "b": 2}, {"b": 1, "b": 2}]"#, "duplicate_key", "/1/b"),
        (r#"{"length": 1, "length": 2}"#, "duplicate_key", "/length"),
        (r#"[{"length": 1}, {"length": "a"}]"#, "wrong_type", "/1/length"),
        (r#"{"instances": [{"length": [1, 2]}, {"length": [1]}]}"#, "ragged_rows", "/instances/1/length"),
        (r#"{"inputs": [[1, 2"#, "truncated_json", "/inputs/0/1"),
    ] {
        let error = json(body, &flowers()).expect_err(body);
        assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{body}: {error}");
    }
}

#[test]
fn names_are_not_read_without_end() {
    let keys = |count: usize| (0..count).map(|at| format!(r#""k{at}": [1]"#)).collect::<Vec<_>>().join(", ");
    let forms: [fn(&str) -> String; 2] =
        [|keys| format!("[{{{keys}}}]"), |keys| format!(r#"{{"inputs": {{{keys}}}}}"#)];
    for form in forms {
        assert!(json(&form(&keys(60)), &flowers()).is_ok(), "who asks the model says what is wrong");
        let error = json(&form(&keys(1000)), &flowers()).expect_err("too many");
        assert!(error.code == "unknown_key" && error.what.contains("far more"), "{error}");
    }
}

#[test]
fn a_place_of_the_waist_becomes_a_pointer_into_the_body() {
    let input = |index| Place::Input { index, aspect: Aspect::Shape };
    for (body, place, pointer) in [
        (r#"{"inputs": {"a/b": [1], "x": [2]}}"#, input(0), "/inputs/a~1b"),
        (r#"{"inputs": {"a/b": [1], "x": [2]}}"#, input(1), "/inputs/x"),
        (r#"{"inputs": [1]}"#, input(0), "/inputs"),
        (r#"{"instances": [[1]]}"#, input(0), "/instances"),
        (r#"{"instances": [{"a": 1, "b": 2}]}"#, input(1), "/instances/0/b"),
        (r#"[{"a": 1, "b": 2}]"#, input(1), "/0/b"),
        (r#"{"length": 1}"#, input(0), "/length"),
        ("[[1]]", input(0), ""),
        ("[[1]]", Place::Inputs, ""),
        (r#"{"inputs": {}}"#, Place::Inputs, "/inputs"),
        (r#"{"inputs": {}}"#, Place::Output { index: 2 }, "/outputs/2"),
    ] {
        let decoded = json(body, &flowers()).unwrap_or_else(|error| panic!("{body}: {error}"));
        let (what, expected, got) = (String::new(), String::new(), String::new());
        let invalid = Invalid { code: "wrong_shape", what, place, expected, got, hint: None };
        let error = decoded.places.located(Error::from(Problem::Invalid(invalid)));
        let Problem::Invalid(invalid) = error.problem else { panic!("{body}") };
        assert_eq!(invalid.place, Place::Pointer(pointer.into()), "{body}");
    }
}

#[test]
fn raw_bytes_take_their_shape_from_the_model_or_the_client() {
    let images = model(vec![port("image", DataType::Uint8, &[-1, -1, 2])], vec![], ModelCard::default());
    let words = model(vec![port("words", DataType::Bytes, &[-1])], vec![], ModelCard::default());
    let fixed = model(vec![port("x", DataType::Int16, &[3])], vec![], ModelCard::default());
    let strings = b"\x01\0\0\0a\0\0\0\0";
    for (model, bytes, shape, expected) in [
        (&flowers(), &[0u8; 16][..], None, Ok("sole =FP32[2, 2][[0.0,0.0],[0.0,0.0]]")),
        (&flowers(), &[0; 12], None, Err("wrong_count")),
        (&flowers(), &[0; 16], Some(&[4, 1][..]), Ok("sole =FP32[4, 1][[0.0],[0.0],[0.0],[0.0]]")),
        (&flowers(), &[0; 16], Some(&[9]), Err("wrong_count")),
        (&images, &[1, 2, 3, 4], Some(&[1, 2, 2]), Ok("sole =UINT8[1, 2, 2][[[1,2],[3,4]]]")),
        (&images, &[1, 2, 3, 4], None, Err("missing_shape")),
        (&words, strings, None, Ok(r#"sole =BYTES[2]["a",""]"#)),
        (&words, &strings[..7], None, Err("wrong_count")),
        (&fixed, &[1, 0, 2, 0, 3, 0], None, Ok("sole =INT16[3][1,2,3]")),
        (&fixed, &[1, 0], None, Err("wrong_count")),
        (&pair(), &[], None, Err("inputs_not_named")),
    ] {
        let decoded = decode(BodyType::Raw, Bytes::copy_from_slice(bytes), shape, model);
        let got = decoded.map(|decoded| told(&decoded.payload)).map_err(|error| error.code);
        assert_eq!(got.as_deref().map_err(|code| *code), expected);
    }
}

#[test]
fn npy_is_read_by_its_own_header() {
    let tensor = Tensor::from_vec(&[1, 2][..], vec![1.5f64, 2.5]).expect("a tensor");
    let (head, elements) = write_npy(&tensor).expect("numbers");
    let decoded =
        decode(BodyType::Npy, [head.as_slice(), &elements].concat().into(), None, &flowers()).expect("an npy file");
    assert_eq!(told(&decoded.payload), "sole =FP64[1, 2][[1.5,2.5]]");
}

#[test]
fn the_content_type_decides_with_some_sense() {
    for (header, body, expected) in [
        (None, "[1]", Some(BodyType::Json)),
        (Some("application/json; charset=utf-8"), "[1]", Some(BodyType::Json)),
        (Some("Application/JSON"), "[1]", Some(BodyType::Json)),
        (Some("application/vnd.api+json"), "[1]", Some(BodyType::Json)),
        (Some("application/x-www-form-urlencoded"), " {}", Some(BodyType::Json)),
        (Some("application/x-www-form-urlencoded"), "", Some(BodyType::Json)),
        (Some("application/x-www-form-urlencoded"), "a=1", None),
        (Some("text/plain"), "-1", Some(BodyType::Json)),
        (Some("text/plain"), "hello", None),
        (Some("application/octet-stream"), "[1]", Some(BodyType::Raw)),
        (Some("application/x-npy"), "[1]", Some(BodyType::Npy)),
        (Some("multipart/form-data; boundary=x"), "[1]", None),
        (Some("text/csv"), "[1]", None),
    ] {
        let value = header.map(HeaderValue::from_static);
        assert_eq!(BodyType::of(value.as_ref(), body.as_bytes()).ok(), expected, "{header:?}");
    }
}

#[test]
fn the_accept_header_chooses_the_answer() {
    for (accept, expected) in [
        ("", Some(AnswerType::Json)),
        ("*/*", Some(AnswerType::Json)),
        ("text/html, application/xhtml+xml, */*;q=0.8", Some(AnswerType::Json)),
        ("application/x-npy", Some(AnswerType::Npy)),
        ("application/json;q=0.5, application/octet-stream", Some(AnswerType::Raw)),
        ("application/x-npy;q=0.5, application/json;q=0.5", Some(AnswerType::Npy)),
        ("application/x-npy;q=0, */*", Some(AnswerType::Json)),
        ("text/html", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static(accept));
        assert_eq!(AnswerType::of(headers.get_all("accept")).ok(), expected, "{accept}");
    }
    let all = AnswerType::Npy.must_suit(&flowers(), None);
    assert!(all.is_err(), "two outputs do not fit one file");
    assert!(AnswerType::Npy.must_suit(&flowers(), Some(&["class".into()])).is_ok());
    assert!(AnswerType::Json.must_suit(&flowers(), None).is_ok());
}

#[test]
fn options_stand_in_the_query() {
    let read = |uri: &str| Options::read(&uri.parse().expect("a URI"), &HeaderMap::new());
    assert_eq!(read("/predict"), Ok(Options::default()));
    let options = read("/predict?non_finite=string&shape=2,3&outputs=a,b%20c&utm=1").expect("options");
    assert_eq!(options.non_finite, NonFinite::String);
    assert_eq!(options.shape, Some(vec![2, 3]));
    assert_eq!(options.outputs, Some(vec!["a".to_owned(), "b c".to_owned()]));
    for bad in ["/predict?non_finite=zero", "/predict?shape=2,x", "/predict?shape=-1"] {
        assert_eq!(read(bad).map_err(|invalid| invalid.code), Err("invalid_parameter"), "{bad}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-tensor-shape", HeaderValue::from_static("(2, 3)"));
    assert_eq!(Options::read(&"/".parse().expect("a URI"), &headers).map(|o| o.shape), Ok(Some(vec![2, 3])));
}

proptest! {
    #[test]
    fn no_body_does_more_than_fail(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"inputs\":", "\"instances\":", "\"x\":", "\"length\":", "\"width\":",
            "\"outputs\":", "\"id\":", "\"a\"", "1", "0.5", "null", "true", "NaN", "{\"length\":1,\"width\":2}", "[1,2]",
        ]), 0..30),
    ) {
        let body = tokens.concat();
        for model in [flowers(), pair()] {
            let _ = json(&body, &model);
        }
    }

    #[test]
    fn no_raw_body_does_more_than_fail(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        shape in prop::option::of(prop::collection::vec(any::<usize>(), 0..4)),
    ) {
        for model in [flowers(), pair()] {
            for body_type in [BodyType::Raw, BodyType::Npy, BodyType::Json] {
                let _ = decode(body_type, Bytes::from(bytes.clone()), shape.as_deref(), &model);
            }
        }
    }
}
