//! The table of problems: statuses, codes, and the documents of both dialects.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::model::{Description, Digest, Dim, GraphSummary, ModelCard, ModelId, Port, Signature, Version};
use crate::tensor::{DataType, Tensor};

fn model(example: Option<&str>) -> Arc<Description> {
    let dim = |size: i64| usize::try_from(size).map_or_else(|_| Dim::Symbol("batch".into()), Dim::Fixed);
    let port = |name: &str, datatype, shape: &[i64]| Port {
        name: name.into(),
        datatype,
        shape: shape.iter().map(|&size| dim(size)).collect(),
        description: None,
    };
    Arc::new(Description {
        id: ModelId { name: "m".parse().expect("a name"), version: Version(1), digest: Digest([0; 32]) },
        signature: Signature {
            inputs: vec![port("x", DataType::Fp32, &[-1, 2]), port("words", DataType::Bytes, &[-1])],
            outputs: vec![port("y", DataType::Fp32, &[-1])],
        },
        card: ModelCard { example: example.map(Into::into), ..ModelCard::default() },
        graph: GraphSummary::default(),
        sample: vec![
            Tensor::from_vec(&[1usize, 2][..], vec![0f32; 2]).expect("a row"),
            Tensor::from_strings(&[1usize][..], vec!["text".to_owned()]).expect("a word"),
        ],
        engine: "fake",
        engine_choice: None,
    })
}

fn invalid(place: Place) -> Problem {
    Problem::Invalid(Invalid {
        code: "wrong_shape",
        what: "input \"x\" has 1 axis".into(),
        place,
        expected: "shape [-1, 2]".into(),
        got: "shape [3]".into(),
        hint: None,
    })
}

fn read(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("valid JSON")
}

/// The page that explains the codes.
const PAGE: &str = include_str!("../../../docs/PREDICT.md");

#[test]
fn every_problem_has_its_own_code_and_a_fitting_status() {
    let (name, version, known) = ("m".to_owned(), "2".to_owned(), vec!["a".to_owned()]);
    let second = Duration::from_secs(1);
    let table = [
        (404, Problem::UnknownModel { name: name.clone(), known: known.clone() }),
        (404, Problem::UnknownVersion { name: name.clone(), version: version.clone(), known: known.clone() }),
        (404, Problem::NoDefaultModel { known }),
        (503, Problem::NotReady { name, version, reason: "loading".into() }),
        (400, invalid(Place::Whole)),
        (422, Problem::RejectedByModel { message: "index 9 of 3".into(), place: None }),
        (503, Problem::Overloaded { reason: "full", retry_after: Duration::from_millis(1200) }),
        (504, Problem::DeadlineExceeded { waited: second, stage: "waiting" }),
        (503, Problem::ShuttingDown),
    ];
    let codes: HashSet<_> = table.iter().map(|(_, problem)| of_problem(Dialect::Problem, problem).code).collect();
    assert_eq!(codes.len(), table.len());
    for code in codes {
        assert!(PAGE.contains(&format!("`{code}`")), "{code} is not explained");
    }
    for (status, problem) in table {
        let response = respond(Dialect::Problem, &problem.into());
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key(RETRY_AFTER), status == 503);
    }
}

#[test]
fn retry_after_is_rounded_up() {
    for (milliseconds, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
        let problem = Problem::Overloaded { reason: "full", retry_after: Duration::from_millis(milliseconds) };
        assert_eq!(of_problem(Dialect::Oip, &problem).retry_after_seconds(), Some(seconds));
    }
}

#[test]
fn a_problem_document_tells_everything() {
    let error = Error::of(&model(Some(r#"{"instances": [[1, 2]]}"#)), invalid(Place::Pointer("/inputs/x".into())));
    let document = of_error(Dialect::Problem, &error).document(Some("id-1"));
    assert_eq!(
        read(&document),
        json!({
            "type": "urn:onnxd:error:wrong_shape",
            "title": "Wrong shape",
            "status": 400,
            "code": "wrong_shape",
            "detail": "input \"x\" has 1 axis: expected shape [-1, 2], got shape [3]",
            "pointer": "/inputs/x",
            "expected": "shape [-1, 2]",
            "got": "shape [3]",
            "example": {"instances": [[1, 2]]},
            "request_id": "id-1"
        })
    );
}

#[test]
fn the_open_inference_protocol_gets_one_sentence_and_a_made_example() {
    let place = Place::Input { index: 1, aspect: Aspect::Shape };
    let error = Error::of(&model(None), invalid(place));
    let object = read(&of_error(Dialect::Oip, &error).error_object());
    assert_eq!(object["error"], "input \"x\" has 1 axis: expected shape [-1, 2], got shape [3] (at /inputs/1/shape)");
    assert_eq!(
        object["example"],
        json!({"inputs": [
            {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.0, 0.0]},
            {"name": "words", "shape": [1], "datatype": "BYTES", "data": ["text"]}
        ]})
    );
}

#[test]
fn an_unreadable_example_is_replaced_by_a_made_one() {
    let example = predict_example(&model(Some("{"))).expect("an example");
    assert_eq!(read(example.as_bytes()), json!({"inputs": {"x": [[0.0, 0.0]], "words": ["text"]}}));
}

#[test]
fn refusals_have_their_own_statuses() {
    for (status, refusal) in [
        (404, Refusal::UnknownRoute { path: "/nope".into() }),
        (405, Refusal::MethodNotAllowed { method: "PUT".into() }),
        (406, Refusal::NotAcceptable { got: "text/html".into(), expected: "application/json" }),
        (408, Refusal::BodyTooSlow),
        (413, Refusal::BodyTooLarge { limit: 1 }),
        (415, Refusal::WrongContentType { got: "text/csv".into(), expected: "application/json" }),
        (415, Refusal::UnknownEncoding { got: "br".into() }),
        (400, Refusal::UnreadableBody { encoding: None, reason: "reset".into() }),
        (400, Refusal::NotOffered { what: "no".into() }),
    ] {
        assert_eq!(refuse(Dialect::of("/predict"), refusal.clone()).status(), status);
        let facts = of_refusal(refusal);
        assert!(PAGE.contains(facts.code) || facts.code == "not_offered", "{} is not explained", facts.code);
        assert!(read(&facts.error_object())["error"].is_string());
        assert_eq!(read(&facts.document(None))["code"], facts.code);
    }
}

#[test]
fn the_path_decides_the_dialect() {
    for (path, dialect) in [
        ("/v2", Dialect::Oip),
        ("/v2/models/m/infer", Dialect::Oip),
        ("/v2x", Dialect::Problem),
        ("/predict", Dialect::Problem),
    ] {
        assert_eq!(Dialect::of(path), dialect, "{path}");
    }
}

/// Literals of the sources that look like codes and are none: keys of what is read and written, labels, names of extensions.
const NO_CODES: &str = "allow_ragged_batch batch_size batch_stats binary_data binary_data_output binary_data_size \
    binary_tensor_data byte_size cache_hit cache_miss compute_infer compute_input compute_output data_type \
    default_model_filename execution_count fortran_order in_flight inference_count inference_stats instance_group \
    is_shape_tensor last_inference max_batch_size memory_usage model_configuration model_name model_repository model_stats \
    model_transaction_policy model_version model_warmup non_finite open_inference_protocol request_id response_cache \
    response_stats shared_memory_region version_policy";

#[test]
fn every_code_that_the_sources_can_give_is_explained() {
    let no_codes: HashSet<&str> = NO_CODES.split_whitespace().collect();
    let is_code = |text: &&str| {
        text.contains('_')
            && text
                .split('_')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'8'))
    };
    let mut found = 0;
    let mut folders: Vec<_> =
        ["api", "codec", "serving"].map(|name| format!("{}/src/{name}", env!("CARGO_MANIFEST_DIR"))).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            match path.file_stem().and_then(|name| name.to_str()) {
                Some("tests") => {}
                _ if path.is_dir() => folders.push(path.display().to_string()),
                _ => {
                    let text = std::fs::read_to_string(&path).expect("a source");
                    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                    let text = code.collect::<Vec<_>>().join("\n");
                    for code in text.split('"').filter(is_code).filter(|text| !no_codes.contains(text)) {
                        found += 1;
                        assert!(PAGE.contains(&format!("`{code}`")), "{code} of {} is not explained", path.display());
                    }
                }
            }
        }
    }
    assert!(found > 50, "they should be found: {found}");
}
