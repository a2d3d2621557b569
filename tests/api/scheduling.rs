//! What is to be seen of the scheduler through HTTP: what was learned of a model, what its author asked for, and a refusal
//! that says when to come back.

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{PATIENCE, TestServer, start};

const ROW: &str = "[[5.1, 3.5, 1.4, 0.2]]";

fn scheduling(server: &TestServer, model: &str) -> Value {
    server.get(&format!("/models/{model}")).ok()["versions"][0]["scheduling"].clone()
}

/// The same, once the model was tried with several rows.
fn learned(server: &TestServer, model: &str) -> Value {
    let begun = Instant::now();
    loop {
        let seen = scheduling(server, model);
        if seen["shapes"][0]["rows"] != "unknown" {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "it should have been tried by now: {seen}");
        thread::yield_now();
    }
}

#[test]
fn a_model_shows_what_was_learned_of_it() {
    let server = start(&["models/iris"]);
    let seen = learned(&server, "iris");
    assert_eq!(seen["shapes"][0]["rows"], "independent");
    assert_eq!((&seen["max_batch"], &seen["weight"], &seen["priority"]), (&json!(64), &json!(1.0), &json!(0)));
    let cost = seen["shapes"][0]["cost"].as_array().expect("a curve");
    assert_eq!(cost[0]["rows"], 1);
    assert!(cost.iter().all(|point| point["microseconds"].as_f64().is_some_and(|us| us > 0.0)), "{seen}");

    server.post("/predict/iris", ROW).ok();
    let runs = scheduling(&server, "iris")["runs"].clone();
    assert_eq!(runs, json!({"1": 1}));
    assert_eq!((&seen["larger_runs"], &seen["queue_rows"]), (&json!(0), &Value::Null));
    let metrics = server.get("/metrics");
    let metrics = metrics.text();
    assert!(metrics.contains(r#"onnxd_run_cost_seconds{model="iris",rows="1",version="2"}"#), "{metrics}");
    assert!(metrics.contains(r#"onnxd_runs_total{how="queued",model="iris",version="2"}"#), "{metrics}");
}

#[test]
fn an_author_may_say_how_a_model_is_scheduled() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("iris");
    std::fs::create_dir_all(model.join("1")).expect("a folder for the model");
    std::fs::copy("models/iris/2/model.onnx", model.join("1/model.onnx")).expect("the model");
    let batching = "[batching]\nmax_batch = 1\nmax_delay = \"3ms\"\nweight = 2.5\npriority = -1\ninstances = 1\nqueue_rows = 700\n";
    std::fs::write(model.join("model.toml"), batching).expect("a manifest");
    let server = start(&[model.to_str().expect("a path")]);
    let seen = scheduling(&server, "iris");
    let expected =
        [("max_batch", json!(1)), ("max_delay_ms", json!(3.0)), ("weight", json!(2.5)), ("priority", json!(-1))];
    for (name, value) in expected {
        assert_eq!(seen[name], value, "{name}");
    }
    assert_eq!((&seen["instances"], &seen["queue_rows"]), (&json!(1), &json!(700)));
    server.post("/predict/iris", ROW).ok();
    // Beyond those that are counted one by one.
    let rows = vec![[5.1, 3.5, 1.4, 0.2]; 300];
    server.post("/predict/iris", json!(rows).to_string()).ok();
    let seen = scheduling(&server, "iris");
    assert_eq!((&seen["runs"], &seen["larger_runs"]), (&json!({"1": 1}), &json!(1)));
}
