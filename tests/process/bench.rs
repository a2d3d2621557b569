//! `onnxd bench`: that it counts what the server counts, tells failures apart, and keeps the form of its JSON. Nothing here
//! says how fast anything is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::program::{Outcome, Server, onnxd};

const QUICK: [&str; 4] = ["--duration", "0.2s", "--json", "-"];
const ROW: &str = r#"{"inputs":[{"name":"measurements","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]}"#;

fn bench(arguments: &[&str]) -> Outcome {
    let warm_up: &[_] = if arguments.contains(&"--warm-up") { &[] } else { &["--warm-up", "0.1s"] };
    Outcome::of(onnxd(&["bench"]).args(arguments).args(QUICK).args(warm_up))
}

/// The levels of the first target.
fn levels(outcome: Outcome) -> Vec<Value> {
    let report: Value = serde_json::from_str(&outcome.succeeded()).expect("JSON");
    assert_eq!(report["onnxd_bench"], 1);
    report["targets"][0]["levels"].as_array().expect("levels").clone()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn iris() -> (Server, String) {
    let server = Server::start_ready(&["--models", "models/iris"]);
    let url = format!("http://{}", server.address);
    (server, url)
}

/// Inferences that the server has answered, and rows that it has computed.
fn answered(server: &Server) -> (u64, u64) {
    let stats = server.get("/v2/models/iris/stats").json();
    let stats = &stats["model_stats"][0];
    (number(&stats["inference_stats"]["success"]["count"]), number(&stats["inference_count"]))
}

#[test]
fn a_closed_loop_counts_what_the_server_counts() {
    let (server, url) = iris();
    let levels = levels(bench(&[&url, "--connections", "1,3", "--warm-up", "0", "--rows", "2"]));
    let counted: u64 = levels.iter().map(|level| number(&level["requests"])).sum();
    // One more: the request that finds out whether the server answers at all.
    let (inferences, rows) = answered(&server);
    assert_eq!((inferences, rows), (counted + 1, 2 * (counted + 1)));
    assert_eq!(levels.len(), 2);
    for (level, connections) in levels.iter().zip([1, 3]) {
        assert_eq!((&level["mode"], number(&level["connections"])), (&"closed".into(), connections));
        assert!(number(&level["requests"]) > 0 && level["errors"]["transport"] == 0, "{level}");
        assert_eq!((number(&level["rows_per_request"]), &level["rate"]), (2, &Value::Null));
        assert!(level["seconds"].as_f64().expect("seconds") >= 0.2);
    }
}

#[test]
fn the_json_has_every_field_that_others_read() {
    let (server, url) = iris();
    let (pid, other) = (server.id().to_string(), format!("{url}/v2/models/iris/versions/1/infer"));
    let arguments = [&*url, "--connections", "2", "--rate", "50%", "--compare", &other, "--rounds", "2", "--pid", &pid];
    let report: Value = serde_json::from_str(&bench(&arguments).succeeded()).expect("JSON");
    let conditions = &report["conditions"];
    for (field, expected) in [("threads", 1.0), ("warm_up_s", 0.1), ("duration_s", 0.2), ("rounds", 2.0)] {
        assert_eq!(conditions[field].as_f64(), Some(expected), "{field}");
    }
    assert!(number(&conditions["cpus"]) > 0 && conditions["load_average"].as_array().expect("three").len() == 3);
    let targets = report["targets"].as_array().expect("targets");
    assert_eq!(targets[0]["target"], format!("{url}/v2/models/iris/infer"));
    assert_eq!(targets[1]["target"], other);
    for target in targets {
        let levels = target["levels"].as_array().expect("levels");
        let order: Vec<_> = levels.iter().map(|level| (number(&level["round"]), level["mode"].as_str())).collect();
        assert_eq!(order, [(0, Some("closed")), (0, Some("open")), (1, Some("closed")), (1, Some("open"))]);
        for level in levels {
            for field in ["seconds", "requests_per_second"] {
                assert!(level[field].as_f64().is_some_and(|number| number > 0.0), "{field} of {level}");
            }
            for field in ["mean", "p50", "p90", "p99", "p99_9", "max"] {
                assert!(level["latency_ms"][field].is_f64(), "{field} of {level}");
            }
            for field in ["requests", "rows_per_request", "late", "bytes_in", "bytes_out"] {
                number(&level[field]);
            }
            let first = target["target"] == targets[0]["target"];
            assert_eq!(level["server_cpu_us_per_request"].is_f64(), first, "{level}");
            assert_eq!(level["server_peak_rss_bytes"].is_u64(), first, "{level}");
        }
        let (closed, open) = (&levels[0], &levels[1]);
        let half = closed["requests_per_second"].as_f64().expect("a rate") / 2.0;
        assert!((open["rate"].as_f64().expect("a rate") - half).abs() < 1e-6 * half);
    }
}

#[test]
fn an_open_loop_accounts_for_every_request_it_meant_to_send() {
    let (server, url) = iris();
    let levels = levels(bench(&[&url, "--connections", "4", "--rate", "100,400", "--warm-up", "0"]));
    let mut counted = 0;
    for (level, planned) in levels.iter().zip([20, 80]) {
        let sent = number(&level["requests"]) + number(&level["errors"]["transport"]);
        assert_eq!(number(&level["planned"]), planned);
        assert_eq!(sent + number(&level["unsent"]), planned, "{level}");
        assert_eq!((&level["mode"], level["rate"].as_f64()), (&"open".into(), Some(planned as f64 * 5.0)));
        counted += sent;
    }
    assert_eq!(answered(&server).0, counted + 1);
    // More than it can be: what did not leave is said, and counts among the latencies.
    let (_, url) = (&server, format!("{url}/v2/models/iris/infer"));
    let level = &self::levels(bench(&[&url, "--connections", "1", "--rate", "1000000", "--poisson"]))[0];
    assert!(number(&level["unsent"]) > 0 && number(&level["late"]) > 0, "{level}");
    assert!(level["latency_ms"]["max"].as_f64() > Some(100.0), "{level}");
}

#[test]
fn every_way_to_ask_is_a_success() {
    let server = Server::start_ready(&["--models", "models"]);
    let url = format!("http://{}", server.address);
    let infer = format!("{url}/v2/models/iris/infer");
    let folder = tempfile::tempdir().expect("a folder");
    let body = folder.path().join("body.json");
    std::fs::write(&body, ROW).expect("a file");
    for arguments in [
        &[&*url, "--format", "predict", "--rows", "3"][..],
        &[&url, "--model", "iris/1", "--format", "v2-binary"],
        &[&url, "--model", "diabetes", "--rows", "2"],
        &[&url, "--model", "digits", "--format", "v2-binary"],
        &[&format!("{url}/predict/iris/1")],
        &[&infer],
        &[&infer, "--body", body.to_str().expect("a path")],
        &[&infer, "--body", &format!("@{ROW}"), "--header", "X-Request-Id: 7", "--threads", "2"],
        &[&format!("{url}/predict/iris"), "--body", "@[[5.1, 3.5, 1.4, 0.2]]", "--content-type", "text/json"],
        &[&format!("{url}/health"), "--method", "GET"],
    ] {
        let quick = [arguments, &["--connections", "2", "--fail-on-errors"]].concat();
        assert!(number(&levels(bench(&quick))[0]["requests"]) > 0, "{arguments:?}");
    }
    // In turn: with one row and with three, which the server counts.
    let before = answered(&server);
    let three = r#"{"inputs": {"measurements": [[5.1, 3.5, 1.4, 0.2], [4.9, 3.0, 1.4, 0.2], [4.7, 3.2, 1.3, 0.2]]}}"#;
    std::fs::write(&body, format!("[[5.1, 3.5, 1.4, 0.2]]\n\n{three}\n")).expect("a file");
    let predict = format!("{url}/predict/iris");
    let bodies = ["--bodies", body.to_str().expect("a path"), "--warm-up", "0"];
    let mut sent = 1; // It is asked once to find out whether it answers.
    for level in levels(bench(&[&[&*predict, "--connections", "1"][..], &bodies].concat())) {
        sent += number(&level["requests"]);
    }
    let after = answered(&server);
    assert_eq!(after.0 - before.0, sent);
    // The first of them was the one with one row, and they began with that again.
    assert_eq!(after.1 - before.1, 1 + 2 * (sent - 1) - (sent - 1) % 2);
    bench(&[&[&*predict, "--bodies", "/dev/null"][..]].concat()).failed(1, &["--bodies", "no line"]);
    let told = Outcome::told(onnxd(&["bench", &infer, "--body", "-", "--warm-up", "0"]).args(QUICK), ROW).succeeded();
    assert!(told.contains(&infer));
}

#[test]
fn failures_are_counted_by_status_and_fail_the_command() {
    let (server, url) = iris();
    let infer = format!("{url}/v2/models/iris/infer");
    let refused = bench(&[&infer, "--body", "@{}", "--connections", "2"]);
    assert!(refused.stderr.contains("answered 400") && refused.stderr.contains("no request succeeded"), "{refused:?}");
    let report: Value = serde_json::from_str(&refused.stdout).expect("JSON, all the same");
    let level = &report["targets"][0]["levels"][0];
    assert!(
        number(&level["errors"]["400"]) > 0 && level["requests"] == 0 && level["errors"]["transport"] == 0,
        "{level}"
    );
    assert_eq!(refused.code, Some(1));
    assert_eq!(answered(&server).0, 0);

    let wrong = tempfile::NamedTempFile::new().expect("a file");
    bench(&[&infer, "--expect", wrong.path().to_str().expect("a path")])
        .failed(1, &["not what --expect says", "probabilities"]);
    let right = server_answer(server.address);
    std::fs::write(wrong.path(), right).expect("a file");
    let expected =
        ["--expect", wrong.path().to_str().expect("a path"), "--body", &format!("@{ROW}"), "--connections", "1"];
    bench(&[&[&*infer][..], &expected].concat()).succeeded();
}

fn server_answer(address: SocketAddr) -> String {
    let mut connection = crate::program::Connection::open(address).expect("a connection");
    connection.ask("POST", "/v2/models/iris/infer", ROW).expect("an answer").body
}

#[test]
fn a_model_file_is_run_in_process() {
    let level = &levels(bench(&["models/iris/2/model.onnx", "--rows", "4"]))[0];
    assert!(number(&level["requests"]) > 0 && level["rows_per_request"] == 4 && level["connections"] == 1, "{level}");
    let of_two = levels(bench(&["tests/fixtures/models/two_inputs.onnx", "--connections", "1,2"]));
    assert_eq!(of_two.iter().map(|level| number(&level["connections"])).collect::<Vec<_>>(), [1, 2]);
    levels(bench(&["tests/fixtures/models/identity_string.onnx"]));
    for body in [ROW, "[[5.1, 3.5, 1.4, 0.2], [4.9, 3.0, 1.4, 0.2]]"] {
        levels(bench(&["models/iris/2/model.onnx", "--body", &format!("@{body}")]));
    }
    let described = r#"{"name":"measurements","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}"#;
    let head = format!(r#"{{"inputs":[{described}]}}"#);
    let (length, body) =
        (format!("inference-header-content-length: {}", head.len()), format!("@{head}sixteen letters."));
    levels(bench(&["models/iris/2/model.onnx", "--body", &body, "--header", &length]));
    levels(bench(&["models/iris/2/model.onnx", "--method", "POST"]));
    bench(&["models/iris/2/model.onnx", "--body", "@[[5.1, 3.5]]"]).failed(1, &["model.onnx"]);
    bench(&["models/iris/2/model.onnx", "--body", "@[[5.1, null]]"]).failed(1, &["model.onnx", "null"]);
    let misnamed = format!("@{}", ROW.replace("measurements", "m"));
    bench(&["models/iris/2/model.onnx", "--body", &misnamed]).failed(1, &["measurements", "FP32"]);
    let mistyped = format!("@{}", ROW.replace("5.1", "\"a\""));
    bench(&["models/iris/2/model.onnx", "--body", &mistyped]).failed(1, &["/inputs/0/data/0"]);
    let far = ["--header", "inference-header-content-length: 999"];
    bench(&[&["models/iris/2/model.onnx", "--body", &format!("@{ROW}")][..], &far].concat()).failed(1, &["999"]);
    levels(bench(&["tests/fixtures/models/fixed_batch.onnx"]));
    bench(&["tests/fixtures/models/fixed_batch.onnx", "--rows", "3"]).failed(1, &["takes no rows"]);
    bench(&["tests/fixtures/refused/garbage.onnx"]).failed(1, &["garbage.onnx"]);
    bench(&["models/iris/2/model.onnx", "--rate", "5"]).failed(1, &["--rate is for servers"]);
}

#[test]
fn what_cannot_be_measured_is_said_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let url = format!("http://{free}");
    bench(&[&url]).failed(1, &[&url, "refused"]);
    bench(&[&url, "--body", "@x"]).failed(1, &[&url, "refused"]);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let unanswered = format!("http://{}/", silent.local_addr().expect("an address"));
    bench(&[&unanswered, "--timeout", "0.2s"]).failed(1, &[&unanswered[..unanswered.len() - 1], "no answer in 0.2 s"]);
    let (_server, running) = iris();
    bench(&[&running, "--compare", &url]).failed(1, &[&url, "refused"]);
    bench(&[&running, "--model", "rose"]).failed(1, &["rose"]);
    bench(&["https://127.0.0.1/"]).failed(1, &["TLS"]);
    bench(&["nowhere.onnx"]).failed(1, &["nowhere.onnx"]);
    bench(&["neither"]).failed(1, &["http://HOST:PORT/PATH"]);
    bench(&[&running, "--pid", "4294967295"]).failed(1, &["no such process"]);
    bench(&[&running, "--warm-up", "25h"]).failed(1, &["--warm-up", "a day"]);
    for wrong in [&["--connections", "0"][..], &["--rate", "fast"], &["--warm-up", "5"], &["--format", "yaml"]] {
        bench(&[&[&*running][..], wrong].concat()).failed(2, &[wrong[0]]);
    }
}

#[test]
fn people_get_a_table() {
    let (_server, url) = iris();
    let quick = ["--duration", "0.2s", "--warm-up", "0", "--connections", "1,2"];
    let table = Outcome::of(onnxd(&["bench", &url]).args(quick)).succeeded();
    for word in ["/v2/models/iris/infer", "1 row", "requests/s", "p99.9", "errors"] {
        assert!(table.contains(word), "{word:?} is not in:\n{table}");
    }
    let other = format!("{url}/v2/models/iris/versions/1/infer");
    let table = Outcome::of(onnxd(&["bench", &url, "--compare", &other, "--rounds", "1"]).args(quick)).succeeded();
    assert!(table.contains("rate:A") && table.contains(&other), "{table}");
}

/// The URL of a server that gives every connection a thread.
fn serving(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    url
}

/// A server that reads requests without bodies and answers the first ones of each connection with this text, then closes.
fn answering(answer: &'static str, times: usize) -> String {
    serving(move |mut stream| {
        let (mut got, mut buffer) = (Vec::new(), [0; 1024]);
        for _ in 0..times {
            while !got.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => got.extend_from_slice(&buffer[..count]),
                    _ => return,
                }
            }
            got.clear();
            // In two pieces, so that whoever reads has to put them together.
            let (one, other) = answer.split_at(answer.len() / 2);
            if stream.write_all(one.as_bytes()).and_then(|()| stream.write_all(other.as_bytes())).is_err() {
                return;
            }
        }
    })
}

#[test]
fn every_kind_of_answer_is_read_to_its_end() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{\"a\":1\r\n1\r\n}\r\n0\r\n\r\n";
    let until_close = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\neverything";
    let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let lengthy = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    // The last one closes after every third answer without having said so.
    for (answer, times) in [(chunked, 9999), (until_close, 1), (closing, 1), (lengthy, 3)] {
        let url = answering(answer, times);
        let level = &levels(bench(&[&url, "--method", "GET", "--connections", "2", "--fail-on-errors"]))[0];
        let requests = number(&level["requests"]);
        assert!(requests > 0, "{answer}");
        assert_eq!(number(&level["bytes_in"]), answer.len() as u64 * requests, "{answer}");
        assert_eq!(number(&level["resent"]) > 0, times == 3, "{level}");
    }
    let broken = answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", 1);
    bench(&[&broken, "--method", "GET"]).failed(1, &["closed the connection"]);
    let other = answering("SSH-2.0-OpenSSH_9.2\r\n\r\n", 1);
    bench(&[&other, "--method", "GET"]).failed(1, &["not an HTTP/1.1 answer"]);
}

#[test]
fn an_answer_that_never_comes_does_not_stretch_the_time_of_the_others() {
    let is_stuck = AtomicBool::new(false);
    let url = serving(move |mut stream| {
        let mut buffer = [0; 1024];
        for answered in 0.. {
            // A request without a body comes in one piece.
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => {}
                _ => return,
            }
            let is_silent = answered > 5 && !is_stuck.swap(true, Ordering::Relaxed);
            if !is_silent && stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
                return;
            }
        }
    });
    let level =
        &levels(bench(&[&url, "--method", "GET", "--connections", "2", "--warm-up", "0", "--timeout", "3s"]))[0];
    assert_eq!(level["errors"]["transport"], 1, "{level}");
    assert!(
        number(&level["requests"]) > 5 && level["seconds"].as_f64().is_some_and(|seconds| seconds < 2.0),
        "{level}"
    );
}

#[test]
fn a_slow_rate_is_counted_over_all_of_its_time() {
    let (_server, url) = iris();
    let level = &levels(bench(&[&url, "--rate", "0.5", "--connections", "1", "--warm-up", "0"]))[0];
    assert_eq!((number(&level["planned"]), number(&level["requests"])), (1, 1), "{level}");
    let (seconds, rate) = (level["seconds"].as_f64().expect("seconds"), level["requests_per_second"].as_f64());
    assert!(seconds >= 0.2 && rate.is_some_and(|rate| rate <= 5.0), "{level}");
}

#[test]
fn a_level_without_any_answer_fails_the_command() {
    // The first answer is the one that finds out whether the server answers at all; one connection gets one more.
    let (asked, is_over) = (std::sync::atomic::AtomicU32::new(0), AtomicBool::new(false));
    let url = serving(move |mut stream| {
        let mut buffer = [0; 1024];
        // The second level comes with two connections at once, which are the third and the fourth.
        is_over.fetch_or(asked.fetch_add(1, Ordering::SeqCst) > 1, Ordering::SeqCst);
        while matches!(stream.read(&mut buffer), Ok(count) if count > 0) {
            let status = if is_over.load(Ordering::SeqCst) { "503 Busy" } else { "200 OK" };
            if stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).is_err() {
                return;
            }
        }
    });
    let arguments = ["--method", "GET", "--connections", "1,2", "--warm-up", "0"];
    let outcome = bench(&[&[&*url][..], &arguments].concat());
    let report: Value = serde_json::from_str(&outcome.stdout).expect("JSON, all the same");
    let levels = report["targets"][0]["levels"].as_array().expect("levels");
    assert!(number(&levels[0]["requests"]) > 0, "{report}");
    outcome.failed(1, &["no request succeeded at 2 connections"]);
}

#[test]
fn ctrl_c_keeps_what_was_measured() {
    let (connected, connections) = std::sync::mpsc::channel();
    let url = serving(move |mut stream| {
        let _ = connected.send(());
        let mut buffer = [0; 1024];
        while matches!(stream.read(&mut buffer), Ok(count) if count > 0)
            && stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_ok()
        {}
    });
    let mut command = onnxd(&["bench", &url, "--method", "GET", "--connections", "1,2,3,4,5", "--warm-up", "0"]);
    command.args(["--duration", "0.5s", "--json", "-"]);
    let running = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let running = running.expect("the program starts");
    // One that finds out whether there is an answer, one of the first level, and the first of the second.
    for _ in 0..3 {
        connections.recv_timeout(crate::program::PATIENCE).expect("a connection");
    }
    let sent = std::process::Command::new("sh").args(["-c", &format!("kill -INT {}", running.id())]).status();
    assert!(sent.expect("a shell").success());
    let output = running.wait_with_output().expect("the program ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("interrupted"), "{told}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let levels = report["targets"][0]["levels"].as_array().expect("levels");
    // The signal came in the second; there is time for it to arrive.
    assert!((1..5).contains(&levels.len()) && report["interrupted"] == true, "{report}");
    assert!(number(&levels[0]["requests"]) > 0, "{report}");
}

#[test]
fn what_is_wrong_with_a_target_is_said() {
    let (_server, url) = iris();
    bench(&[&url, "--model", "iris/9"]).failed(1, &["no version \"9\"", "1 (ready)"]);
    bench(&[&url, "--body", &format!("@{ROW}")]).failed(1, &["no path", "--model"]);
    bench(&[&format!("{url}/metrics")]).failed(1, &["/metrics", "--method GET"]);
    let broken = answering("HTTP/1.1 500 Oops\r\ncontent-length: 6\r\n\r\nburned", 9999);
    bench(&[&broken]).failed(1, &["answered 500: burned"]);
}
