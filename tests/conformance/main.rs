//! Models that people export, and ONNX's own tests of its operators: each gives the answers that an independent
//! implementation gave, or is refused when it is loaded. Never a wrong answer. What a case is stands in `case.py`.
//!
//! `ONNXD_CONFORMANCE=text` runs only the cases whose path holds the text, and prints what becomes of each.

// Helpers fail a test by panicking, just as its own assertions do.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

mod case;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use case::{Case, Outcome, files};
use onnxd::engine::tract::Tract;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/corpus")
}

/// What became of one case.
struct Row {
    /// Its path below the folder of the cases.
    name: String,
    outcome: Outcome,
    /// As they stand in the file, `domain.Operator`, with how each is run.
    operators: Vec<String>,
    tolerance: String,
}

/// Runs every case below a folder, two at a time; rows in the order of the names.
fn rows(root: &Path) -> Vec<Row> {
    let only = std::env::var("ONNXD_CONFORMANCE").ok();
    let name = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    let mut chosen: Vec<PathBuf> = files(root, "pb").iter().map(|path| path.with_extension("")).collect();
    chosen.retain(|path| only.as_ref().is_none_or(|only| name(path).contains(only.as_str())));
    let waiting = Mutex::new(chosen);
    let done = Mutex::new(Vec::new());
    let engine = Tract::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(path) = waiting.lock().unwrap().pop() else { break };
                    let case = Case::read(&path);
                    let row = Row {
                        name: name(&path),
                        outcome: case.run(&engine),
                        operators: case.operators(&engine),
                        tolerance: case.tolerance(),
                    };
                    if only.is_some() {
                        println!("{}: {}", row.name, row.outcome);
                    }
                    done.lock().unwrap().push(row);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by(|a, b| a.name.cmp(&b.name));
    done
}

fn summary(rows: &[Row]) -> String {
    let count = |kind: fn(&Outcome) -> bool| rows.iter().filter(|row| kind(&row.outcome)).count();
    format!(
        "{} right, {} refused, {} failed, {} wrong",
        count(|o| matches!(o, Outcome::Right)),
        count(|o| matches!(o, Outcome::Refused(_))),
        count(|o| matches!(o, Outcome::Failed(_))),
        count(|o| matches!(o, Outcome::Wrong(_)))
    )
}

/// Holds the cases below a folder to what is known of them: `refused` beside this file has the names of those that are
/// refused; all others are right. `ONNXD_CONFORMANCE_ACCEPT=1` writes the list instead of comparing with it, and
/// `ONNXD_CONFORMANCE_REPORT` names a folder for a table of the outcomes.
fn hold(root: &Path, refused: &str) {
    let rows = rows(root);
    println!("{}", summary(&rows));
    let bad = rows.iter().filter(|row| matches!(row.outcome, Outcome::Wrong(_) | Outcome::Failed(_)));
    let mut mistakes: Vec<String> = bad.map(|row| format!("{}: {}", row.name, row.outcome)).collect();
    if let Some(folder) = std::env::var_os("ONNXD_CONFORMANCE_REPORT") {
        let line = |row: &Row| {
            let outcome = row.outcome.to_string().replace(['\t', '\n'], " ");
            format!("{}\t{}\t{}\t{outcome}\n", row.name, row.tolerance, row.operators.join(" "))
        };
        let table: String = rows.iter().map(line).collect();
        std::fs::write(Path::new(&folder).join(format!("{refused}.tsv")), table).unwrap();
    }
    if std::env::var_os("ONNXD_CONFORMANCE").is_none() {
        let now = rows.iter().filter(|row| matches!(row.outcome, Outcome::Refused(_)));
        let now: BTreeSet<&str> = now.map(|row| &*row.name).collect();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/conformance/refused/{refused}.txt"));
        if std::env::var_os("ONNXD_CONFORMANCE_ACCEPT").is_some() {
            std::fs::write(&file, now.iter().map(|name| format!("{name}\n")).collect::<String>()).unwrap();
        }
        let known = std::fs::read_to_string(&file).unwrap();
        let known: BTreeSet<&str> = known.lines().collect();
        mistakes.extend(now.difference(&known).map(|name| format!("{name} is refused now")));
        mistakes
            .extend(known.difference(&now).map(|name| format!("{name} is not refused any more: {}", file.display())));
    }
    assert!(mistakes.is_empty(), "{}\n{}", summary(&rows), mistakes.join("\n"));
}

#[test]
fn models_of_the_corpus_are_right_or_refused() {
    hold(&corpus(), "corpus");
}

/// ONNX's own tests, which `node.py` makes from the `onnx` package into the folder that `ONNXD_NODE_TESTS` names.
#[test]
fn node_tests_are_right_or_refused() {
    if let Some(folder) = std::env::var_os("ONNXD_NODE_TESTS") {
        hold(Path::new(&folder), "node");
    }
}
