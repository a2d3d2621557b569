//! Defaults, file, environment, flags: each over the one before. Slips are refused wherever they stand.

use std::path::{Path, PathBuf};

use crate::program::{Outcome, Server, onnxd};

/// A file with settings in a folder of its own, which lives as long as the first of the two.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("onnxd.toml");
    std::fs::write(&path, text).expect("a file");
    (folder, path)
}

fn printed(flags: &[&str], environment: &[(&str, &str)], config: Option<&Path>) -> String {
    let mut command = onnxd(&["serve", "--print-config"]);
    command.args(flags).envs(environment.iter().copied());
    if let Some(path) = config {
        command.arg("--config").arg(path);
    }
    Outcome::of(&mut command).succeeded()
}

fn assert_sets(config: &str, lines: &[&str]) {
    lines.iter().for_each(|line| assert!(config.lines().any(|found| found == *line), "{line} is not in:\n{config}"));
}

#[test]
fn each_layer_covers_the_one_below() {
    let defaults = printed(&[], &[], None);
    assert_sets(&defaults, &[r#"listen = "0.0.0.0:8080""#, r#"max_body = "64MiB""#, r#"lame_duck = "5s""#]);

    let text = "max_body = '1MiB'\nlame_duck = '2s'\nrequest_timeout = '3s'\nmodels = ['/a']\n";
    let (_folder, path) = file(text);
    let environment = [("ONNXD_LAME_DUCK", "4s"), ("ONNXD_REQUEST_TIMEOUT", "5s"), ("ONNXD_MODELS", "/b:/c")];
    let config = printed(&["--request-timeout", "6s"], &environment, Some(&path));
    assert_sets(&config, &[r#"max_body = "1MiB""#, r#"lame_duck = "4s""#, r#"request_timeout = "6s""#]);
    assert_sets(&config, &[r#"models = ["/b", "/c"]"#, r#"drain_timeout = "30s""#]);

    let named = path.to_str().expect("a path");
    assert_sets(&printed(&[], &[("ONNXD_CONFIG", named)], None), &[r#"max_body = "1MiB""#, r#"models = ["/a"]"#]);
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let config = printed(&["--models", "/x", "--max-plans", "3", "--cors-origin", "*"], &[], None);
    let (_folder, path) = file(&config);
    assert_eq!(printed(&[], &[], Some(&path)), config);
}

#[test]
fn platforms_set_the_port_alone() {
    assert_sets(&printed(&[], &[("PORT", "9000")], None), &[r#"listen = "0.0.0.0:9000""#]);
    assert_sets(&printed(&[], &[("PORT", "9000"), ("AIP_HTTP_PORT", "9001")], None), &[r#"listen = "0.0.0.0:9001""#]);
    let (_folder, path) = file("listen = '127.0.0.1:1'\n");
    assert_sets(&printed(&[], &[("PORT", "9000")], Some(&path)), &[r#"listen = "127.0.0.1:9000""#]);
    let both = [("PORT", "9000"), ("ONNXD_LISTEN", "127.0.0.1:9002")];
    assert_sets(&printed(&[], &both, None), &[r#"listen = "127.0.0.1:9002""#]);
    Outcome::of(onnxd(&["serve"]).env("PORT", "http")).failed(1, &["PORT", "http"]);
}

#[test]
fn slips_are_refused_and_named() {
    let (_folder, path) = file("max_bodi = '1MiB'\n");
    let path = path.to_str().expect("a path");
    Outcome::of(&mut onnxd(&["serve", "--config", path])).failed(1, &[path, "max_bodi"]);
    Outcome::of(&mut onnxd(&["serve", "--config", "/nowhere.toml"])).failed(1, &["/nowhere.toml"]);
    let (_folder, path) = file("max_body = 'much'\n");
    let path = path.to_str().expect("a path");
    Outcome::of(&mut onnxd(&["serve", "--config", path])).failed(1, &[path, "max_body", "much"]);

    Outcome::of(onnxd(&["serve"]).env("ONNXD_MAX_BODI", "1")).failed(1, &["ONNXD_MAX_BODI", "ONNXD_MAX_BODY"]);
    Outcome::of(onnxd(&["serve"]).env("ONNXD_MAX_BODY", "much")).failed(1, &["ONNXD_MAX_BODY", "much"]);
    Outcome::of(&mut onnxd(&["serve", "--max-bodi", "1"])).failed(2, &["--max-bodi"]);
    Outcome::of(&mut onnxd(&["serve", "--max-body", "much"])).failed(2, &["--max-body", "much"]);
    Outcome::of(&mut onnxd(&["surf"])).failed(2, &["surf"]);
    // What can be read but cannot work; every mistake at once.
    Outcome::of(&mut onnxd(&["serve", "--max-plans", "0", "--intra-op-threads", "0"]))
        .failed(1, &["max_plans", "intra_op_threads"]);
}

#[test]
fn what_kubernetes_sets_for_a_service_of_that_name_is_no_slip() {
    let links = [("ONNXD_PORT", "tcp://10.0.0.1:80"), ("ONNXD_SERVICE_HOST", "10.0.0.1"), ("ONNXD_PORT_80_TCP", "x")];
    assert_eq!(printed(&[], &links, None), printed(&[], &[], None));
}

#[test]
fn the_engine_is_chosen_by_a_word() {
    assert_sets(&printed(&[], &[], None), &[r#"engine = "tract""#]);
    let config = printed(&["--engine", "auto=fastest"], &[("ONNXD_ONNXRUNTIME_LIB", "/x.so")], None);
    assert_sets(&config, &[r#"engine = "auto=fastest""#, r#"onnxruntime_lib = "/x.so""#]);
    Outcome::of(&mut onnxd(&["serve", "--engine", "fastest"])).failed(2, &["--engine", "auto=fastest"]);
}

#[test]
#[cfg(not(feature = "onnxruntime"))]
fn a_build_without_the_second_engine_says_where_to_get_it() {
    let words = ["onnxd-ort", "--features onnxruntime"];
    for engine in ["onnxruntime", "auto", "auto=fastest"] {
        let models = ["--models", "models/iris", "--engine", engine];
        Outcome::of(&mut onnxd(&[&["check"], &models[..]].concat())).failed(1, &words);
        Outcome::of(&mut onnxd(&[&["serve"], &models[..]].concat())).failed(1, &words);
        let file = "models/iris/1/model.onnx";
        Outcome::of(&mut onnxd(&["inspect", file, "--engine", engine])).failed(1, &words);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("wish");
    std::fs::create_dir(&model).expect("a folder");
    std::fs::copy("models/iris/1/model.onnx", model.join("model.onnx")).expect("a model");
    std::fs::write(model.join("model.toml"), "engine = 'onnxruntime'").expect("a manifest");
    let path = model.to_str().expect("a path");
    Outcome::of(&mut onnxd(&["check", "--models", path])).failed(1, &words);
}

#[test]
fn a_limit_that_was_set_is_kept() {
    let server = Server::start_ready(&["--models", "models/iris", "--max-body", "10B"]);
    let mut connection = crate::program::Connection::open(server.address).expect("a connection");
    assert_eq!(connection.ask("POST", "/predict", "[[5.1, 3.5, 1.4, 0.2]]").expect("an answer").status, 413);
}
