//! Models that people export, and ONNX's own tests of its operators: each gives the answers that an independent
//! implementation gave, or is refused when it is loaded. Never a wrong answer. What a case is stands in `case.py`.
//!
//! `ONNXD_CONFORMANCE=text` runs only the cases whose path holds the text, and prints what becomes of each.

// Helpers fail a test by panicking, just as its own assertions do.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

mod case;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use case::{Case, Outcome};
use onnxd::engine::tract::Tract;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/corpus")
}

/// Every case below a folder, by its path without the ending.
fn cases(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "pb") {
                found.push(path.with_extension(""));
            }
        }
    }
    found.sort();
    found
}

/// Runs every case below a folder, on both cores; outcomes in the order of the names.
fn outcomes(root: &Path) -> Vec<(String, Outcome)> {
    let only = std::env::var("ONNXD_CONFORMANCE").ok();
    let waiting = Mutex::new(cases(root).into_iter().rev().collect::<Vec<_>>());
    let done = Mutex::new(Vec::new());
    let engine = Tract::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(path) = waiting.lock().unwrap().pop() else { break };
                    let name = path.strip_prefix(root).unwrap().display().to_string();
                    if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
                        continue;
                    }
                    let outcome = Case::read(&path).run(&engine);
                    if only.is_some() {
                        println!("{name}: {outcome}");
                    }
                    done.lock().unwrap().push((name, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by(|a, b| a.0.cmp(&b.0));
    done
}

fn summary(outcomes: &[(String, Outcome)]) -> String {
    let count = |kind: fn(&Outcome) -> bool| outcomes.iter().filter(|(_, outcome)| kind(outcome)).count();
    format!(
        "{} right, {} refused, {} failed, {} wrong",
        count(|o| matches!(o, Outcome::Right)),
        count(|o| matches!(o, Outcome::Refused(_))),
        count(|o| matches!(o, Outcome::Failed(_))),
        count(|o| matches!(o, Outcome::Wrong(_)))
    )
}

fn report(root: &Path) {
    let outcomes = outcomes(root);
    let bad: Vec<String> = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Wrong(_) | Outcome::Failed(_)))
        .map(|(name, outcome)| format!("{name}: {outcome}"))
        .collect();
    println!("{}", summary(&outcomes));
    assert!(bad.is_empty(), "{}\n{}", summary(&outcomes), bad.join("\n"));
}

#[test]
fn models_of_the_corpus_are_right_or_refused() {
    report(&corpus());
}

/// ONNX's own tests, which `node.py` makes from the `onnx` package into the folder that `ONNXD_NODE_TESTS` names.
#[test]
fn node_tests_are_right_or_refused() {
    if let Some(folder) = std::env::var_os("ONNXD_NODE_TESTS") {
        report(Path::new(&folder));
    }
}
