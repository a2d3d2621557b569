//! What is seen of a server that cannot begin its work.

use std::net::TcpListener;

use crate::program::{Outcome, Server, onnxd};

#[test]
fn a_server_with_a_broken_model_stays_unready_and_says_why() {
    let garbage = "tests/fixtures/refused/garbage.onnx";
    let server = Server::start(&["--models", "models/iris", "--models", garbage]);
    let failed = server.wait_for("model failed to load");
    assert_eq!(failed["model"], "garbage");
    let ready = server.get_until("/health/ready", |answer| answer.body.contains("garbage"));
    assert_eq!(ready.status, 503);
    let reason = ready.json()["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("garbage"), "{reason}");
    assert_eq!(server.get("/health/startup").status, 503);
    assert_eq!(server.get("/health/live").status, 200);

    let models = server.get("/models").json();
    assert_eq!(models["models"][0]["name"], "garbage");
    let version = &models["models"][0]["versions"][0];
    assert_eq!(version["state"], "failed");
    assert!(reason.contains(version["reason"].as_str().expect("a reason")), "{version}");
    assert_eq!(models["models"][1]["ready"], true, "the other one can be asked all the same");
}

#[test]
fn how_far_loading_is_can_be_read_in_the_log() {
    let garbage = "tests/fixtures/refused/garbage.onnx";
    let server = Server::start(&["--models", "models/iris", "--models", garbage]);
    let last = server.wait_for("loaded 2 of 3 models");
    assert_eq!((&last["loaded"], &last["failed"], &last["total"]), (&2.into(), &1.into(), &3.into()), "{last}");
    assert!(last["duration_ms"].is_u64(), "{last}");
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let outcome = Outcome::of(&mut onnxd(&["serve", "--models", "models/iris", "--listen", &address]));
    outcome.failed(1, &["onnxd: cannot listen on", &address, "in use"]);
}

#[test]
fn models_that_are_not_there_are_named() {
    for models in ["models/nobody", "tests/fixtures/expected"] {
        Outcome::of(&mut onnxd(&["--models", models, "--listen", "127.0.0.1:0"])).failed(1, &["onnxd: ", models]);
    }
    let unknown = ["--models", "models/iris", "--default-model", "rose", "--listen", "127.0.0.1:0"];
    Outcome::of(&mut onnxd(&unknown)).failed(1, &["rose", "iris"]);
}

#[test]
fn threads_that_compute_give_way_to_those_that_answer() {
    let server = Server::start_ready(&["serve", "--models", "models/iris", "--threads", "2"]);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).expect("Linux");
    // Behind the name, which stands in brackets, the 17th field is the niceness and the 39th the policy: see proc(5).
    let priorities = tasks.map(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).expect("a thread");
        let (before, behind) = stat.rsplit_once(')').expect("a name");
        let fields: Vec<&str> = behind.split_whitespace().collect();
        (before.contains("(compute-"), fields[16].parse::<i32>().unwrap(), fields[38].parse::<i32>().unwrap())
    });
    let (computing, answering): (Vec<_>, Vec<_>) = priorities.partition(|&(computes, ..)| computes);
    let least = answering.iter().map(|&(_, nice, _)| nice).min().expect("one at least");
    assert_eq!(computing.len(), 2);
    assert!(
        computing.iter().all(|&(_, nice, policy)| nice > least && matches!(policy, NORMAL | IDLE)),
        "{computing:?}"
    );
    assert!(answering.iter().all(|&(_, _, policy)| policy == NORMAL), "{answering:?}");
}

/// Policies of the scheduler, as sched(7) counts them.
const NORMAL: i32 = 0;
const IDLE: i32 = 5;
