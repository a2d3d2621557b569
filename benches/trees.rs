//! Times tree ensembles in this process, on one thread: loading, `Session::run`, nothing else. `trees.py` makes the
//! models and asks; this side answers line by line, so that another engine can take its turns on the same core.
//!
//! `trees FOLDER`, then on standard input `answer MODEL ROWS`, which writes the outputs to `FOLDER/MODEL.OUTPUT.got`,
//! or `time MODEL ROWS MILLISECONDS`, answered by the median and the least time of a run in nanoseconds.

// A harness fails by panicking, and prints.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use onnxd::engine::tract::Tract;
use onnxd::engine::{Engine, ModelSource, Session};
use onnxd::tensor::{DataType, Tensor};

struct Bench {
    folder: PathBuf,
    models: HashMap<String, (Box<dyn Session>, Bytes)>,
}

impl Bench {
    fn model(&mut self, name: &str) -> &(Box<dyn Session>, Bytes) {
        let folder = self.folder.clone();
        self.models.entry(name.to_owned()).or_insert_with(|| {
            let read = |ending: &str| Bytes::from(std::fs::read(folder.join(format!("{name}.{ending}"))).unwrap());
            let source = ModelSource { bytes: read("onnx"), directory: None };
            (Tract::default().load(&source).unwrap(), read("x"))
        })
    }

    /// The questions that go with a model, so many rows at a time.
    fn questions(&mut self, name: &str, rows: usize) -> Vec<Tensor> {
        let (session, questions) = self.model(name);
        let columns = session.signature().inputs[0].shape[1].fixed().unwrap();
        let size = rows * columns * 4;
        let question = |start| {
            let some = questions.slice(start..start + size);
            Tensor::from_bytes(DataType::Fp32, &[rows, columns][..], some).unwrap()
        };
        (0..=questions.len() - size).step_by(size).map(question).collect()
    }

    fn answer(&mut self, name: &str, rows: usize) {
        let questions = self.questions(name, rows);
        let folder = self.folder.clone();
        let (session, _) = self.model(name);
        let answers = session.run(&questions[..1]).unwrap();
        for (port, answer) in session.signature().outputs.iter().zip(answers) {
            std::fs::write(folder.join(format!("{name}.{}.got", port.name)), answer.bytes().unwrap()).unwrap();
        }
    }

    fn time(&mut self, name: &str, rows: usize, limit: Duration) -> (u128, u128) {
        let questions = self.questions(name, rows);
        let (session, _) = self.model(name);
        let mut times = Vec::new();
        let begun = Instant::now();
        // Other rows each time: a processor learns the branches that a few rows take by heart.
        for question in questions.iter().cycle().take_while(|_| begun.elapsed() < limit) {
            let start = Instant::now();
            std::hint::black_box(session.run(std::slice::from_ref(question)).unwrap());
            times.push(start.elapsed().as_nanos());
        }
        times.sort_unstable();
        (times[times.len() / 2], times[0])
    }
}

fn main() {
    // Cargo passes words of its own.
    let Some(folder) = std::env::args().skip(1).find(|word| !word.starts_with('-')) else { return };
    let mut bench = Bench { folder: Path::new(&folder).to_owned(), models: HashMap::new() };
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["answer", name, rows] => {
                bench.answer(name, rows.parse().unwrap());
                println!("done");
            }
            ["time", name, rows, limit] => {
                let limit = Duration::from_millis(limit.parse().unwrap());
                let (median, least) = bench.time(name, rows.parse().unwrap(), limit);
                println!("{median} {least}");
            }
            _ => panic!("not understood: {line}"),
        }
        std::io::stdout().flush().unwrap();
    }
}
