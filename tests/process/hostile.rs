//! Files made to hurt: each is refused with a reason, in time and within its memory, while the server that was told to load
//! them goes on answering for a good model. What they are stands in `tests/hostile/make.py`; the large ones are made here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Connection, Outcome, Server, onnxd};

/// What no file may make anybody wait, or take.
const TIME: Duration = Duration::from_secs(10);
const MEMORY: u64 = 1 << 30;

/// A field of a protocol buffer: its number and its bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 127 {
        out.push((length & 127 | 128) as u8);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(bytes);
    out
}

/// A float of any shape.
fn port(name: &str) -> Vec<u8> {
    let float = field(1, &[1 << 3, 1, 2 << 3 | 2, 0]);
    [field(1, name.as_bytes()), field(2, &float)].concat()
}

fn node(input: &str, output: &str) -> Vec<u8> {
    [field(1, input.as_bytes()), field(2, output.as_bytes()), field(4, b"Relu")].concat()
}

fn model(nodes: &[u8], input: &str, output: &str) -> Vec<u8> {
    let graph = [nodes, &field(11, &port(input)), &field(12, &port(output))].concat();
    [vec![1 << 3, 8], field(7, &graph), field(8, &[2 << 3, 17])].concat()
}

/// Files too large to keep.
fn large() -> Vec<(&'static str, Vec<u8>)> {
    let value = |at: usize| format!("v{at}");
    let chain: Vec<u8> = (0..50_000).flat_map(|at| field(1, &node(&value(at), &value(at + 1)))).collect();
    let long = "n".repeat(10 << 20);
    // Two bytes each in the file, and hundreds in memory.
    let nothing = field(1, b"").repeat(16 << 20);
    vec![
        ("chain_of_fifty_thousand", model(&chain, "v0", "v50000")),
        ("name_of_ten_mebibytes", model(&field(1, &node("x", &long)), "x", &long)),
        ("millions_of_empty_nodes", model(&nothing, "x", "y")),
        ("fifty_mebibytes_of_zeros", vec![0; 50 << 20]),
    ]
}

/// A folder with every hostile file, and how many there are.
fn folder() -> (tempfile::TempDir, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut count = 0;
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/models");
    for entry in fs::read_dir(committed).expect("the files") {
        let path = entry.expect("an entry").path();
        count += usize::from(path.extension().is_some_and(|extension| extension == "onnx"));
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("a copy");
    }
    for (name, bytes) in large() {
        count += 1;
        fs::write(folder.path().join(format!("{name}.onnx")), bytes).expect("a file");
    }
    let outside = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    std::os::unix::fs::symlink(outside, folder.path().join("link.bin")).expect("a link");
    (folder, count)
}

/// The most memory that a process has filled, in bytes; 0 where it cannot be told.
fn most_memory(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn children(process: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(String::from).collect::<Vec<_>>()).collect()
}

#[test]
fn hostile_files_are_refused_while_a_good_model_answers() {
    let (folder, count) = folder();
    assert!(count >= 60, "{count} files");
    let hostile = folder.path().to_str().expect("a path");
    let server = Server::start(&["--models", "models/iris", "--models", hostile]);
    let iris = server.get_until("/models/iris", |answer| answer.json()["ready"] == true);
    assert_eq!(iris.status, 200);

    let (address, id) = (server.address, server.id());
    let loading = AtomicBool::new(true);
    let (slowest, most) = (AtomicU64::new(0), AtomicU64::new(0));
    let failures: BTreeMap<String, Value> = thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = Connection::open(address).expect("a connection");
            while loading.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let answer = connection.ask("POST", "/predict/iris", "[[5.1, 3.5, 1.4, 0.2]]");
                assert_eq!(answer.expect("an answer").status, 200);
                slowest.fetch_max(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(5));
            }
        });
        scope.spawn(|| {
            while loading.load(Ordering::Relaxed) {
                let used = children(id).iter().map(|child| most_memory(child)).max();
                most.fetch_max(used.unwrap_or(0), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(3));
            }
        });
        let failed = (0..count).map(|_| server.wait_for("model failed to load"));
        let failures = failed.map(|line| (line["model"].as_str().expect("a name").to_owned(), line)).collect();
        loading.store(false, Ordering::Relaxed);
        failures
    });

    for (name, line) in &failures {
        let took = line["duration_ms"].as_u64().expect("a duration");
        assert!(took < TIME.as_millis() as u64, "{name} took {took} ms: {}", line["reason"]);
        assert!(line["reason"].as_str().is_some_and(|reason| reason.len() > 10), "{name}: {line}");
    }
    assert_eq!(failures.len(), count);
    let slowest = slowest.into_inner();
    assert!(slowest < 2000, "an answer of the good model took {slowest} ms");
    for (whose, most) in [("a child", most.into_inner()), ("the server", most_memory(&server.id().to_string()))] {
        assert!(most <= MEMORY + (MEMORY >> 1), "{whose} filled {} MiB", most >> 20);
    }
    let models = server.get("/models").json();
    let listed = models["models"].as_array().expect("models").iter().filter(|model| model["name"] != "iris");
    let mut seen = 0;
    for model in listed {
        let version = &model["versions"][0];
        assert_eq!(version["state"], "failed", "{model}");
        assert!(version["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{model}");
        seen += 1;
    }
    assert_eq!(seen, count);
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.get("/health/ready").status, 503);
}

#[test]
fn a_trial_that_is_not_survived_is_told_by_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("millions.onnx");
    let nothing = field(1, b"").repeat(16 << 20);
    fs::write(&file, model(&nothing, "x", "y")).expect("a file");
    let file = file.to_str().expect("a path");
    let words = ["MiB of memory", "--load-memory"];
    Outcome::of(&mut onnxd(&["check", "--models", file])).failed(1, &words);
    Outcome::of(&mut onnxd(&["inspect", file])).failed(1, &words);
    Outcome::told(onnxd(&["predict", "--model", file, "--input", "-"]).env("LANG", "C"), "[1]").failed(1, &words);
}

#[test]
fn trials_keep_to_their_limits_and_can_be_left_out() {
    let check =
        |variable: &str, value: &str| Outcome::of(onnxd(&["check", "--models", "models/digits"]).env(variable, value));
    check("ONNXD_LOAD_MEMORY", "1MiB").failed(1, &["--load-memory"]);
    check("ONNXD_MAX_NODES", "2").failed(1, &["more than the 2 that are taken"]);
    check("ONNXD_TRIAL_LOAD", "false").succeeded();
    check("ONNXD_TRIAL_LOAD", "true").succeeded();
}
