//! Batched equals single, with real models of the default engine: whatever mix of requests meets in the scheduler, each
//! caller gets the answer that its rows have alone. Requests are handed in on one thread before any is run, so that merging
//! does not depend on luck.

// Helpers fail a test by panicking, just as its own assertions do; how much was merged is worth reading.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use onnxd::batching::{Batcher, Config, Independence, InferError, Observer, Pool, Ran, Tuning};
use onnxd::engine::answers::compare;
use onnxd::engine::fake::FakeSession;
use onnxd::engine::tract::Tract;
use onnxd::engine::{Engine, ModelSource, RunError, Session};
use onnxd::telemetry::Metrics;
use onnxd::tensor::{DataType, Tensor};

/// Sums of floats are made in another order when more rows are computed together, which the last digits show.
const TOLERANCE: f64 = 1e-5;

/// How long a test waits for something that is bound to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs, and requests that shared one with others. Large requests are cut into several, so that the number of runs alone does
/// not tell whether anything was merged.
#[derive(Clone, Default)]
struct Runs {
    all: Arc<AtomicUsize>,
    shared: Arc<AtomicUsize>,
}

impl Observer for Runs {
    fn ran(&self, run: &Ran<'_>) {
        self.all.fetch_add(1, Ordering::SeqCst);
        if run.queued.len() > 1 {
            self.shared.fetch_add(run.queued.len(), Ordering::SeqCst);
        }
    }
}

/// Some must have met: a fifth is half of what does on a busy machine, and more than an accident.
fn merged(asked: usize, shared: usize) {
    println!("{shared} requests or parts of {asked} shared a run");
    assert!(shared * 5 > asked, "next to nothing was merged: {shared} of {asked} requests");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn load(file: &Path) -> Arc<dyn Session> {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())).into();
    let source = ModelSource { bytes, directory: None };
    Arc::from(Tract::default().load(&source).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

fn pool(threads: usize) -> Pool {
    Pool::start(Config { threads, ..Config::default() }, Arc::new(Metrics::new().unwrap())).unwrap()
}

/// A model in the scheduler, timed and proven.
fn scheduled(session: &Arc<dyn Session>, pool: &Pool) -> (Arc<Batcher>, Runs) {
    let runs = Runs::default();
    let batcher = Batcher::new(Arc::clone(session), Tuning::default(), pool.clone(), runs.clone());
    let begun = Instant::now();
    while batcher.status().profiles.iter().all(|profile| profile.independence == Independence::Unknown) {
        assert!(begun.elapsed() < PATIENCE, "it should have been timed by now");
        std::thread::yield_now();
    }
    (Arc::new(batcher), runs)
}

/// Numbers for so many rows of every input, from a seed.
fn request(session: &dyn Session, rows: usize, seed: u64) -> Vec<Tensor> {
    let mut random = fastrand::Rng::with_seed(seed);
    let ports = session.signature().inputs.iter().zip(session.sample_shapes());
    let tensor = |(port, mut shape): (&onnxd::model::Port, onnxd::tensor::Shape)| {
        shape[0] = rows;
        let count = shape.iter().product::<usize>();
        let values: Vec<f64> = match port.datatype.is_float() {
            true => (0..count).map(|_| random.f64() * 6.0 - 3.0).collect(),
            false => (0..count).map(|_| f64::from(random.u8(0..2))).collect(),
        };
        Tensor::from_vec(shape, values).unwrap().cast(port.datatype).unwrap()
    };
    ports.map(tensor).collect()
}

/// Asks everything at once on one thread and compares each answer with that of the session alone.
fn ask_at_once(
    session: &Arc<dyn Session>,
    batcher: &Arc<Batcher>,
    requests: Vec<Vec<Tensor>>,
    before_waiting: impl FnOnce(),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let answers = runtime.block_on(async {
        let ask = |inputs: Vec<Tensor>| {
            let batcher = Arc::clone(batcher);
            let rows = inputs[0].rows().unwrap();
            tokio::spawn(async move { batcher.infer(inputs, rows, Instant::now() + PATIENCE).await })
        };
        let asked: Vec<_> = requests.iter().cloned().map(ask).collect();
        // Each is handed in when its task runs for the first time.
        tokio::task::yield_now().await;
        before_waiting();
        let mut answers = Vec::new();
        for task in asked {
            answers.push(task.await.unwrap());
        }
        answers
    });
    for (inputs, answer) in requests.iter().zip(answers) {
        let outputs = answer.unwrap().outputs;
        for (at, expected) in session.run(inputs).unwrap().iter().enumerate() {
            compare(&outputs[at], expected, TOLERANCE).unwrap_or_else(|difference| panic!("output {at}: {difference}"));
        }
    }
}

/// Numbers of rows, and a seed for the values of each: most requests have one row, some a few, and some many.
fn mix(random: &mut fastrand::Rng) -> Vec<(usize, u64)> {
    let rows = |random: &mut fastrand::Rng| match random.u8(0..7) {
        0..4 => 1,
        4..6 => random.usize(1..6),
        _ => random.usize(1..80),
    };
    (0..random.usize(2..24)).map(|_| (rows(random), random.u64(..))).collect()
}

/// Networks, trees, linear models, and words: one of each kind that people serve.
const MODELS: [&str; 9] = [
    "models/iris/1/model.onnx",
    "models/iris/2/model.onnx",
    "models/diabetes/1/model.onnx",
    "models/digits/1/model.onnx",
    "tests/conformance/corpus/sklearn/bagging.onnx",
    "tests/conformance/corpus/sklearn/bayesian_ridge.onnx",
    "tests/conformance/corpus/sklearn/calibrated_sigmoid.onnx",
    "tests/conformance/corpus/sklearn/bernoulli_nb.onnx",
    "tests/conformance/corpus/sklearn/binarizer.onnx",
];

#[test]
fn requests_that_are_ready_together_are_answered_as_if_alone() {
    let pool = pool(1);
    let (mut asked, mut shared) = (0, 0);
    for model in MODELS {
        let session = load(&root().join(model));
        let (batcher, counted) = scheduled(&session, &pool);
        for seed in 0..12 {
            let mix = mix(&mut fastrand::Rng::with_seed(seed));
            asked += mix.len();
            let requests = mix.into_iter().map(|(rows, seed)| request(&*session, rows, seed)).collect();
            ask_at_once(&session, &batcher, requests, || ());
        }
        shared += counted.shared.load(Ordering::SeqCst);
    }
    merged(asked, shared);
}

#[test]
fn requests_that_wait_for_a_slot_are_answered_as_if_alone() {
    let (mut asked, mut shared) = (0, 0);
    for model in MODELS {
        let session = load(&root().join(model));
        for round in 0..6 {
            let pool = pool(1);
            // A moment's grace makes even cheap requests go to the queue, where others meet them.
            let (_, warm) = scheduled(&session, &pool);
            let counted = Runs::default();
            let tuning = Tuning { max_delay: Duration::from_millis(1), ..Tuning::default() };
            let batcher = Arc::new(Batcher::new(Arc::clone(&session), tuning, pool.clone(), counted.clone()));
            let begun = Instant::now();
            while batcher.status().profiles[0].independence == Independence::Unknown {
                assert!(begun.elapsed() < PATIENCE, "it should have been timed by now");
                std::thread::yield_now();
            }
            assert_eq!(warm.all.load(Ordering::SeqCst), 0);
            let hold = Hold::the_only_slot_of(&pool);
            let mix = mix(&mut fastrand::Rng::with_seed(1000 + round));
            asked += mix.len();
            let requests = mix.into_iter().map(|(rows, seed)| request(&*session, rows, seed)).collect();
            ask_at_once(&session, &batcher, requests, || hold.release());
            shared += counted.shared.load(Ordering::SeqCst);
        }
    }
    merged(asked, shared);
}

#[test]
fn rows_that_bear_on_each_other_beyond_a_threshold_are_never_merged() {
    let pool = pool(1);
    let session = load(&root().join("tests/engine/models/scaled_by_a_large_batch.onnx"));
    let (batcher, counted) = scheduled(&session, &pool);
    let Independence::Refuted(why) = &batcher.status().profiles[0].independence else {
        panic!("it is not independent")
    };
    assert!(why.contains("ReduceL2"), "{why}");
    let row = |value: f32| vec![Tensor::from_vec(&[1, 2][..], vec![value; 2]).unwrap()];
    ask_at_once(&session, &batcher, [1.0, 1000.0, 2.0, 3.0].map(row).to_vec(), || ());
    assert_eq!(counted.shared.load(Ordering::SeqCst), 0);
}

/// Something that computes until it is told to stop.
struct Hold {
    stop: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<Result<onnxd::batching::Computed, InferError>>,
}

impl Hold {
    fn the_only_slot_of(pool: &Pool) -> Self {
        let (begin, begun) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let ends = Mutex::new((begin, stopped));
        let session = FakeSession::new(FakeSession::rows_in_rows_out(1), move |inputs| {
            let ends = ends.lock().unwrap();
            let _ = ends.0.send(());
            let _ = ends.1.recv_timeout(PATIENCE);
            Ok::<_, RunError>(inputs.to_vec())
        });
        // Nothing to find out about this one.
        let tuning = Tuning { max_batch: 1, ..Tuning::default() };
        let pool = pool.clone();
        let thread = std::thread::spawn(move || {
            let batcher = Batcher::new(Arc::new(session), tuning, pool, Runs::default());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let input = Tensor::made_up(DataType::Fp32, &[1, 1], 1.0).unwrap();
            runtime.block_on(batcher.infer(vec![input], 1, Instant::now() + PATIENCE))
        });
        begun.recv_timeout(PATIENCE).unwrap();
        Self { stop, thread }
    }

    fn release(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap().unwrap();
    }
}
