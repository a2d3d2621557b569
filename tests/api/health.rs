//! `/`, `/health`, its aliases, `/models` and `/metrics`.

use serde_json::json;

use crate::harness::{start, start_with_gate};

const PROBES: [(&str, &str); 7] = [
    ("/health/live", "live"),
    ("/livez", "live"),
    ("/v2/health/live", "live"),
    ("/health/ready", "ready"),
    ("/readyz", "ready"),
    ("/v2/health/ready", "ready"),
    ("/health/startup", "started"),
];

#[test]
fn a_ready_server_says_so_to_every_probe() {
    let server = start(&["models/iris"]);
    for (path, word) in PROBES {
        assert_eq!(server.get(path).ok(), json!({ word: true }), "{path}");
        let head = server.send("HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    for path in ["/health", "/healthz"] {
        let health = server.get(path).ok();
        assert_eq!(health["status"], "ready");
        assert_eq!(health["default_model"], "iris");
        assert_eq!(health["models"], json!({"loading": 0, "verifying": 0, "ready": 2, "failed": 0}));
        assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
        assert!(health["uptime_seconds"].is_u64());
    }
}

#[test]
fn a_draining_server_is_alive_and_started_but_not_ready() {
    let server = start(&["models/iris"]);
    server.serving.readiness().drain();
    for (path, word) in PROBES {
        let reply = server.get(path);
        if word == "ready" {
            assert_eq!(reply.status, 503, "{path}");
            assert_eq!(reply.json()["ready"], false);
            assert_eq!(reply.json()["reason"], "the server is shutting down");
        } else {
            assert_eq!(reply.status, 200, "{path}");
        }
        assert_eq!(reply.header("connection"), Some("close"), "{path}");
    }
    let health = server.get("/health");
    assert_eq!((health.status, health.json()["status"].as_str()), (503, Some("draining")));
    assert_eq!(server.get("/v2/models/iris/ready").status, 503);
}

#[test]
fn the_root_shows_the_way() {
    let root = start(&["models/iris"]).get("/").ok();
    assert_eq!((&root["status"], &root["name"]), (&json!("alive"), &json!("onnxd")));
    assert_eq!(root["routes"]["predict"], "/predict");
}

#[test]
fn the_list_of_models_tells_everything() {
    let server = start(&["models/iris", "models/digits"]);
    let list = server.get("/models").ok();
    // What is being learned of the models meanwhile may differ, and with it the plans they have.
    let lasting = |model: &serde_json::Value| {
        let mut model = model.clone();
        for version in model["versions"].as_array_mut().expect("versions") {
            let version = version.as_object_mut().expect("a version");
            assert!(version.remove("scheduling").is_some() && version.remove("memory_bytes").is_some());
        }
        model
    };
    let each =
        |list: &serde_json::Value| list["models"].as_array().expect("a list").iter().map(lasting).collect::<Vec<_>>();
    assert_eq!(each(&list), each(&server.get("/v2/models").ok()));
    let names: Vec<_> = list["models"].as_array().expect("a list").iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["digits", "iris"]);

    let iris = server.get("/models/iris").ok();
    assert_eq!(lasting(&iris), lasting(&list["models"][1]));
    let newest = &iris["versions"][0];
    assert_eq!((&newest["version"], &newest["state"]), (&json!("2"), &json!("ready")));
    assert_eq!(newest["engine"], "tract");
    assert_eq!(newest["title"], "Iris species");
    assert_eq!(newest["labels"], json!(["setosa", "versicolor", "virginica"]));
    assert_eq!(newest["features"][0], "sepal_length");
    assert_eq!(newest["inputs"], json!([{"name": "measurements", "datatype": "FP32", "shape": [-1, 4]}]));
    assert_eq!(newest["digest"].as_str().map(str::len), Some("sha256:".len() + 64));
    assert!(newest["memory_bytes"].as_u64() > Some(0));

    let example = &newest["example"];
    assert_eq!(example["path"], "/predict/iris");
    let url = format!("curl -s {}/predict/iris -H 'content-type: application/json' -d '", server.url);
    assert!(example["curl"].as_str().expect("a command").starts_with(&url), "{example}");
    assert_eq!(iris["versions"][1]["example"]["path"], "/predict/iris/1");
}

#[test]
fn an_unknown_model_is_answered_with_the_known_ones() {
    let reply = start(&["models/iris"]).get("/models/iriss");
    assert_eq!((reply.status, reply.header("content-type")), (404, Some("application/problem+json")));
    assert!(reply.json()["detail"].as_str().expect("words").contains("iris"));
}

#[test]
fn a_model_that_failed_is_listed_with_the_reason() {
    let server = start(&["models/iris", "tests/fixtures/refused/garbage.onnx"]);
    let garbage = server.get("/models/garbage").ok();
    assert_eq!(garbage["ready"], false);
    assert_eq!(garbage["versions"][0]["state"], "failed");
    assert!(!garbage["versions"][0]["reason"].as_str().expect("a reason").is_empty());
    let health = server.get("/health").json();
    assert_eq!(health["models"]["failed"], 1);
    assert_eq!(health["failed"][0]["name"], "garbage");
}

#[test]
fn metrics_are_prometheus_text_and_count_requests_by_route() {
    let server = start(&["models/iris"]);
    server.get("/v2/models/iris");
    server.get("/nowhere");
    let reply = server.get("/metrics");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let has = |labels: &str| reply.text().lines().any(|line| line.contains("_count{") && line.contains(labels));
    assert!(has(r#"method="GET",route="/v2/models/{model}",status="200""#), "{}", reply.text());
    assert!(has(r#"route="unmatched",status="404""#), "{}", reply.text());
}

#[test]
fn probes_and_metrics_answer_while_predictions_are_full() {
    let (server, gate) = start_with_gate(|config| config.max_in_flight = 1);
    let row = r#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}"#;
    std::thread::scope(|scope| {
        let first = scope.spawn(|| server.post("/v2/models/echo/infer", row));
        gate.wait_until_something_computes();
        let second = server.post("/v2/models/echo/infer", row);
        assert!(second.error(503).contains("saturated"), "{}", second.text());
        assert_eq!(second.header("retry-after"), Some("1"));
        for path in ["/health", "/health/live", "/health/ready", "/metrics", "/models", "/v2/models/echo"] {
            assert_eq!(server.get(path).status, 200, "{path}");
        }
        gate.let_one_go();
        assert_eq!(first.join().expect("an answer").status, 200);
    });
    // The place is free again.
    let row = row.replace("[1,2]}]", "[0,2]}]");
    assert_eq!(server.post("/v2/models/echo/infer", row).status, 200);
}

#[test]
fn an_example_that_its_model_refuses_is_named() {
    for (example, words) in [
        (r#"{"instances": [[5.1, 3.5, 1.4]]}"#, &["/instances", "[1, 3]"][..]),
        (r#"{"inputs": {"measurement": [[5.1, 3.5, 1.4, 0.2]]}}"#, &["/inputs/measurement"]),
        (r#"[[5.1, 3.5, 1.4, "x"]]"#, &["/0/3"]),
        (r#"{"instances": [[5.1, 3.5, 1.4, 0.2]], "outputs": ["species"]}"#, &["/outputs/0", "species"]),
        ("[[5.1, 3.5, 1.4, 0.2]]", &[]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let model = folder.path().join("iris.onnx");
        std::fs::copy("models/iris/2/model.onnx", &model).expect("the model");
        std::fs::write(folder.path().join("iris.toml"), format!("example = '{example}'")).expect("a manifest");
        let server = start(&[model.to_str().expect("a path")]);
        let version = server.get("/models/iris").ok()["versions"][0].clone();
        assert_eq!(version["state"], "ready");
        match version["example_fault"].as_str() {
            None => assert!(words.is_empty(), "{example}: {version}"),
            Some(fault) => {
                assert!(!words.is_empty() && words.iter().all(|word| fault.contains(word)), "{example}: {fault}");
            }
        }
    }
}
