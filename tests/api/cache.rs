//! Answers that are kept: what counts as the same question, what a client and an operator see of it, and many who ask the
//! same at once.

use std::thread;

use onnxd::engine::fake::Fake;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Reply, TestServer, api_config, start, start_engine, start_with, start_with_gate_and_manifest};

const CACHE: &str = "\n[cache]\nmax_bytes = \"1MiB\"\nttl = \"1h\"\n";
const ROW: &str = r#"{"inputs":[{"name":"measurements","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]}"#;
const ECHO: &str = "/v2/models/echo/infer";

/// The bundled model with a cache.
fn iris(origins: &[&str]) -> TestServer {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("iris");
    std::fs::create_dir_all(model.join("1")).expect("a folder for the model");
    for file in ["model.onnx", "model.toml"] {
        std::fs::copy(format!("models/iris/2/{file}"), model.join("1").join(file)).expect("the model");
    }
    let manifest = std::fs::read_to_string("models/iris/model.toml").expect("a manifest");
    std::fs::write(model.join("model.toml"), manifest + CACHE).expect("a manifest");
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    start_with(&[model.to_str().expect("a path")], |config| config.cors_origins = origins)
}

fn row(first: f32) -> String {
    format!(r#"{{"inputs":[{{"name":"x","shape":[1,2],"datatype":"FP32","data":[{first},7]}}]}}"#)
}

fn used(reply: &Reply) -> &str {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.header("x-cache").expect("a model with a cache says how it was used")
}

fn cache_of(server: &TestServer, model: &str) -> Value {
    server.get(&format!("/models/{model}")).ok()["versions"][0]["cache"].clone()
}

#[test]
fn the_same_row_is_the_same_question_however_it_is_put() {
    let server = iris(&[]);
    let first = server.post("/predict/iris", "[[5.1, 3.5, 1.4, 0.2]]");
    assert_eq!(used(&first), "miss");
    let again = server.post("/predict/iris", "[[5.1, 3.5, 1.4, 0.2]]");
    assert_eq!((used(&again), &again.body), ("hit", &first.body));
    let timing = again.header("server-timing").expect("timings");
    assert!(timing.starts_with("queue;dur=0.000, compute;dur=0.000, total"), "{timing}");

    let bytes: Vec<u8> = [5.1f32, 3.5, 1.4, 0.2].iter().flat_map(|value| value.to_le_bytes()).collect();
    for same in [
        server.post("/predict/iris", "[5.1, 3.5, 1.4, 0.2]"),
        server.post("/predict/iris/1", r#"{"inputs": {"measurements": [[5.1, 3.50, 14e-1, 0.2]]}}"#),
        server.post(
            "/predict/iris",
            r#"[{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}]"#,
        ),
        server.post("/v2/models/iris/infer", ROW),
        server.send("POST", "/v2/models/iris/infer", &[("inference-header-content-length", "0")], &bytes),
    ] {
        assert_eq!(used(&same), "hit", "{}", same.text());
    }
    for other in ["[[5.1, 3.5, 1.4, 0.3]]", "[[5.1, 3.5, 1.4, 0.2], [5.1, 3.5, 1.4, 0.2]]"] {
        assert_eq!(used(&server.post("/predict/iris", other)), "miss");
    }
    assert_eq!(server.post("/predict/iris", "[[5.1]]").header("x-cache"), None, "errors say nothing of it");
}

#[test]
fn each_request_picks_its_outputs() {
    let server = iris(&[]);
    let ask = |outputs: &str| {
        let body = format!("{},\"outputs\":[{outputs}]}}", &ROW[..ROW.len() - 1]);
        server.post("/v2/models/iris/infer", body)
    };
    let all = server.post("/v2/models/iris/infer", ROW);
    assert_eq!(used(&all), "miss");
    let outputs = all.ok()["outputs"].clone();
    for (names, wanted) in [(vec![1], vec!["probabilities"]), (vec![1, 0], vec!["probabilities", "label"])] {
        let named = wanted.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect::<Vec<_>>().join(",");
        let reply = ask(&named);
        assert_eq!(used(&reply), "hit");
        let expected: Vec<Value> = names.iter().map(|&index: &usize| outputs[index].clone()).collect();
        assert_eq!(reply.ok()["outputs"], json!(expected));
    }
}

#[test]
fn what_a_cache_holds_and_how_it_does_can_be_seen() {
    let server = iris(&["*"]);
    let empty = json!({"max_bytes": 1 << 20, "ttl_seconds": 3600.0, "entries": 0, "bytes": 0, "hits": 0, "misses": 0});
    assert_eq!(cache_of(&server, "iris"), empty);
    for _ in 0..3 {
        server.post("/v2/models/iris/infer", ROW).ok();
    }
    let cache = cache_of(&server, "iris");
    assert_eq!((&cache["entries"], &cache["hits"], &cache["misses"]), (&json!(1), &json!(2), &json!(1)));
    let bytes = cache["bytes"].as_u64().expect("a number");
    assert!((32..2048).contains(&bytes), "{bytes}");

    let metrics = server.get("/metrics");
    for line in [
        "onnxd_cache_hits_total{model=\"iris\",version=\"1\"} 2".to_owned(),
        "onnxd_cache_misses_total{model=\"iris\",version=\"1\"} 1".to_owned(),
        "onnxd_cache_evictions_total{model=\"iris\",version=\"1\"} 0".to_owned(),
        "onnxd_cache_entries{model=\"iris\",version=\"1\"} 1".to_owned(),
        format!("onnxd_cache_bytes{{model=\"iris\",version=\"1\"}} {bytes}"),
    ] {
        assert!(metrics.text().lines().any(|each| each == line), "{line} in\n{}", metrics.text());
    }
    let stats = server.get("/v2/models/iris/stats").ok()["model_stats"][0].clone();
    let count = |stage: &str| stats["inference_stats"][stage]["count"].clone();
    assert_eq!((count("cache_hit"), count("cache_miss"), count("success")), (json!(2), json!(1), json!(3)));
    assert_eq!(stats["execution_count"], 1);
    assert_eq!(server.get("/v2/models/iris/config").ok()["response_cache"], json!({"enable": true}));

    let readable = server.send("POST", "/v2/models/iris/infer", &[("origin", "http://page.example")], ROW.as_bytes());
    assert!(readable.header("access-control-expose-headers").is_some_and(|names| names.contains("x-cache")));
}

#[test]
fn a_model_without_a_cache_says_nothing_of_one() {
    let server = start(&["models/iris"]);
    for _ in 0..2 {
        assert_eq!(server.post("/v2/models/iris/infer", ROW).header("x-cache"), None);
    }
    assert_eq!(cache_of(&server, "iris"), Value::Null);
    assert!(!server.get("/metrics").text().contains("onnxd_cache_"));
}

#[test]
fn many_who_ask_the_same_at_once_cost_one_run() {
    let (server, gate) = start_with_gate_and_manifest(CACHE, |_| {});
    thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| server.post(ECHO, row(1.0)))).collect();
        gate.wait_until_something_computes();
        gate.let_one_go();
        let replies: Vec<Reply> = asking.into_iter().map(|each| each.join().expect("an answer")).collect();
        let misses = replies.iter().filter(|reply| used(reply) == "miss").count();
        assert_eq!(misses, 1);
        assert!(replies.iter().all(|reply| reply.body == replies[0].body));
    });
    let stats = server.get("/v2/models/echo/stats").ok()["model_stats"][0].clone();
    assert_eq!(stats["execution_count"], 1);
}

#[test]
fn who_waits_for_an_equal_request_waits_no_longer_than_for_any() {
    let (server, gate) = start_with_gate_and_manifest(CACHE, |_| {});
    thread::scope(|scope| {
        let first = scope.spawn(|| server.post(ECHO, row(1.0)));
        gate.wait_until_something_computes();
        let late = server.send("POST", ECHO, &[("x-request-timeout-ms", "20")], row(1.0).as_bytes());
        let words = late.error(504);
        assert!(words.contains("equal request"), "{words}");
        gate.let_one_go();
        assert_eq!(used(&first.join().expect("an answer")), "miss");
    });
    assert_eq!(used(&server.post(ECHO, row(1.0))), "hit");
}

#[test]
fn an_answer_that_comes_too_late_for_its_asker_is_there_for_the_next() {
    let (server, gate) = start_with_gate_and_manifest(CACHE, |_| {});
    thread::scope(|scope| {
        let late = scope.spawn(|| server.send("POST", ECHO, &[("x-request-timeout-ms", "500")], row(1.0).as_bytes()));
        gate.wait_until_something_computes();
        late.join().expect("an answer").error(504);
    });
    gate.let_one_go();
    let begun = std::time::Instant::now();
    while cache_of(&server, "echo")["entries"] == 0 {
        assert!(begun.elapsed() < crate::harness::PATIENCE, "it should be kept by now");
        thread::yield_now();
    }
    assert_eq!(used(&server.post(ECHO, row(1.0))), "hit");
    assert_eq!(server.get("/v2/models/echo/stats").ok()["model_stats"][0]["execution_count"], 1);
}

#[test]
fn large_questions_are_recognised_again() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy("tests/fixtures/models/identity_uint8.onnx", folder.path().join("echo.onnx")).expect("the model");
    std::fs::write(folder.path().join("echo.toml"), "[cache]\nmax_bytes = '64MiB'\n").expect("a manifest");
    let server =
        start_with(&[folder.path().join("echo.onnx").to_str().expect("a path")], |config| config.max_body = 8 << 20);
    let mut bytes = vec![7; 3 << 20];
    let ask = |bytes: &[u8]| server.send("POST", ECHO, &[("inference-header-content-length", "0")], bytes);
    let uses = [ask(&bytes), ask(&bytes)].map(|reply| used(&reply).to_owned());
    assert_eq!(uses, ["miss", "hit"]);
    bytes[2 << 20] = 8;
    let other = ask(&bytes);
    assert_eq!(used(&other), "miss");
    assert!(other.body.ends_with(&bytes));
}

#[test]
fn a_client_that_goes_away_leaves_nobody_waiting() {
    let (server, gate) = start_with_gate_and_manifest(CACHE, |_| {});
    let body = row(1.0);
    let mut leaving = server.connect();
    leaving.write(&format!("POST {ECHO} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    gate.wait_until_something_computes();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| server.post(ECHO, row(1.0)));
        drop(leaving);
        // One run is under way; whoever takes over may need another.
        gate.let_one_go();
        gate.let_one_go();
        used(&waiting.join().expect("an answer"));
    });
    assert_eq!(used(&server.post(ECHO, row(1.0))), "hit");
}

#[test]
fn errors_are_not_kept() {
    let (server, _gate) = start_with_gate_and_manifest(CACHE, |_| {});
    for _ in 0..2 {
        let reply = server.post(ECHO, row(3.0));
        assert!(reply.error(422).contains("three is too many"));
        assert_eq!(reply.header("x-cache"), None);
    }
    let cache = cache_of(&server, "echo");
    assert_eq!((&cache["entries"], &cache["hits"], &cache["misses"]), (&json!(0), &json!(0), &json!(2)));
}

#[test]
fn answers_that_depend_on_chance_cannot_be_kept() {
    let dice = || Fake::echo(2).depending_on_chance("dice");
    let server = start_engine(dice(), CACHE, api_config());
    let version = server.get("/models/echo").ok()["versions"][0].clone();
    assert_eq!(version["state"], "failed");
    assert!(version["reason"].as_str().is_some_and(|reason| reason.contains("cache") && reason.contains("dice")));
    let server = start_engine(dice(), "", api_config());
    assert_eq!(server.post(ECHO, row(2.0)).status, 200);
}

#[test]
fn kept_answers_are_the_computed_ones() {
    let (kept, computed) = (iris(&[]), start(&["models/iris"]));
    let numbers = prop::collection::vec(0u8..3, 4);
    let rows = prop::collection::vec(numbers, 1..3);
    let requests = prop::collection::vec((rows, 0usize..3), 1..30);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(12));
    let checked = runner.run(&requests, |requests| {
        for (rows, form) in requests {
            let path = |version: &str| match form {
                2 => format!("/v2/models/iris/versions/{version}/infer"),
                _ => format!("/predict/iris/{version}"),
            };
            let body = match form {
                0 => json!(rows),
                1 => json!(rows[0]),
                _ => json!({"inputs": [{"name": "measurements", "datatype": "FP32", "data": rows,
                    "shape": [rows.len(), 4]}]}),
            };
            let strip = |reply: Reply| {
                let mut answer = reply.ok();
                answer["version"] = Value::Null;
                answer["model_version"] = Value::Null;
                answer
            };
            let (kept, computed) =
                (kept.post(&path("1"), body.to_string()), computed.post(&path("2"), body.to_string()));
            prop_assert_eq!(strip(kept), strip(computed));
        }
        Ok(())
    });
    checked.expect("equal answers");
    assert!(cache_of(&kept, "iris")["hits"].as_u64() > Some(0));
}
