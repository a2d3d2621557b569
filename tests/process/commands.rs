//! The commands that end by themselves: check, inspect, predict, probe.

use serde_json::{Value, json};

use crate::program::{Outcome, Server, onnxd};

const REFUSED: &str = "tests/fixtures/refused";

#[test]
fn check_passes_models_that_can_be_served() {
    let report = Outcome::of(&mut onnxd(&["check", "--models", "models"])).succeeded();
    for model in ["iris/1", "iris/2", "digits/1", "diabetes/1"] {
        let line = report.lines().find(|line| line.contains(model)).unwrap_or_else(|| panic!("{model} in {report}"));
        assert!(line.starts_with("ok ") && line.contains("sha256:"), "{line}");
    }
    Outcome::of(&mut onnxd(&["check", "--models", "tests/fixtures/models"])).succeeded();
}

#[test]
fn check_names_what_is_wrong_with_the_others() {
    for (model, words) in [
        ("garbage.onnx", &["garbage/1"][..]),
        ("noise.onnx", &["noise/1", "RandomNormalLike", "random numbers outside"]),
        ("unknown_operator.onnx", &["unknown_operator/1", "Frobnicate"]),
        ("wrong_golden", &["wrong_golden", "golden.outputs", "expected 5"]),
        ("bad_toml", &["bad_toml", "model.toml", "colour"]),
    ] {
        let path = format!("{REFUSED}/{model}");
        Outcome::of(&mut onnxd(&["check", "--models", &path])).failed(1, &[words, &["1 of 1 models failed"]].concat());
    }
    let beside = format!("{REFUSED}/garbage.onnx");
    let outcome = Outcome::of(&mut onnxd(&["check", "--models", "models/iris", "--models", &beside]));
    outcome.failed(1, &["failed  garbage/1", "ok      iris/1", "ok      iris/2", "1 of 3 models failed"]);
}

#[test]
fn inspect_tells_what_a_file_takes_gives_and_is_made_of() {
    let report = Outcome::of(&mut onnxd(&["inspect", "models/iris/2/model.onnx"])).succeeded();
    for part in ["sha256:", "ONNX IR", "ai.onnx", "measurements", "FP32", "probabilities", "INT64", "by tract"] {
        assert!(report.contains(part), "{part:?} is not in:\n{report}");
    }
    assert!(report.ends_with("loads     yes\n"), "{report}");
    Outcome::of(&mut onnxd(&["inspect", "tests/fixtures/models/external_data/1/model.onnx"])).succeeded();
    let here = &mut onnxd(&["inspect", "model.onnx"]);
    Outcome::of(here.current_dir("tests/fixtures/models/external_data/1")).succeeded();
}

#[test]
fn inspect_tells_what_it_can_of_files_that_cannot_be_loaded() {
    for (file, words) in [
        ("garbage.onnx", &["onnxd: "][..]),
        ("parts.onnx", &["SplitToSequence", "sequence", "loads     no"]),
        ("noise.onnx", &["RandomNormalLike", "refused", "loads     no"]),
        ("unknown_operator.onnx", &["Frobnicate", "refused", "loads     no"]),
    ] {
        Outcome::of(&mut onnxd(&["inspect", &format!("{REFUSED}/{file}")])).failed(1, words);
    }
    Outcome::of(&mut onnxd(&["inspect", "nowhere.onnx"])).failed(1, &["nowhere.onnx"]);
}

#[test]
fn predict_answers_what_it_is_given() {
    let ask = |arguments: &[&str], body: &str| {
        let mut command = onnxd(&["predict", "--model"]);
        Outcome::told(command.args(arguments), body)
    };
    let read = |answer: &str| -> Value { serde_json::from_str(answer).expect("JSON") };
    let row = "[[5.1, 3.5, 1.4, 0.2]]";
    let answer = read(&ask(&["models/iris", "--input", "-"], row).succeeded());
    assert_eq!((&answer["model"], &answer["version"]), (&json!("iris"), &json!("2")));
    assert_eq!(answer["predictions"][0]["label"], "setosa");
    let first = ["models", "--name", "iris", "--version", "1", "--output", "label", "--input", "-"];
    let answer = read(&ask(&first, row).succeeded());
    assert_eq!((&answer["version"], &answer["predictions"]), (&json!("1"), &json!(["setosa"])));
    let answer = read(&ask(&["tests/fixtures/models/gather.onnx", "--input", "-"], "[3]").succeeded());
    assert_eq!(answer["predictions"], json!([30.0]));

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("row.json");
    std::fs::write(&file, row).expect("a file");
    let file = file.to_str().expect("a path");
    ask(&["models/iris", "--input", file], "").succeeded();

    ask(&["models/iris", "--input", "-"], "[[5.1]]").failed(1, &["wrong_shape", "example"]);
    ask(&["tests/fixtures/models/gather.onnx", "--input", "-"], "[10]").failed(1, &["rejected_by_model"]);
    ask(&["models/iris", "--input", "nowhere.json"], "").failed(1, &["nowhere.json"]);
    ask(&[&format!("{REFUSED}/garbage.onnx"), "--input", "-"], row).failed(1, &["garbage"]);
}

#[test]
fn check_names_an_example_that_its_model_refuses() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy("models/iris/2/model.onnx", folder.path().join("iris.onnx")).expect("the model");
    std::fs::write(folder.path().join("iris.toml"), "example = '[[5.1, 3.5]]'").expect("a manifest");
    let checked = Outcome::of(&mut onnxd(&["check", "--models", folder.path().to_str().expect("a path")])).succeeded();
    assert!(checked.contains("refuses its example") && checked.contains("[1, 2]"), "{checked}");
    let server = Server::start(&["--models", folder.path().to_str().expect("a path")]);
    server.wait_for("the example in model.toml is refused");
}

#[test]
fn probe_is_yes_or_no() {
    let server = Server::start_ready(&["--models", "models/iris", "--lame-duck", "1h"]);
    let url = format!("http://{}", server.address);
    let probe = |url: &str| Outcome::of(&mut onnxd(&["probe", url]));
    assert!(probe(&url).succeeded().starts_with("200 "));
    probe(&format!("{url}/livez")).succeeded();
    probe(&format!("{url}/nowhere")).failed(1, &["404"]);
    // Without a URL it asks the port that the environment gives the server.
    let (address, port) = (server.address.to_string(), server.address.port().to_string());
    Outcome::of(onnxd(&["probe"]).env("ONNXD_LISTEN", &address)).succeeded();
    Outcome::of(onnxd(&["probe"]).env("PORT", &port)).succeeded();

    server.signal("TERM");
    server.wait_for("shutdown 1/4");
    probe(&url).failed(1, &["503", "shutting down"]);
    drop(server);
    probe(&url).failed(1, &[&address]);
    probe("https://example.org/").failed(1, &["http://ADDRESS:PORT/PATH"]);
}

#[test]
fn help_and_version_are_no_failures() {
    assert!(Outcome::of(&mut onnxd(&["--version"])).succeeded().contains(env!("CARGO_PKG_VERSION")));
    let help = Outcome::of(&mut onnxd(&["--help"])).succeeded();
    for command in ["serve", "predict", "inspect", "check", "bench", "probe"] {
        assert!(help.contains(command), "{command}");
    }
}
