//! What scheduling costs around a model that computes nothing: a request that runs at once, one that goes through the queue
//! to a compute thread and back, and putting rows together and taking them apart.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::Bencher;
use onnxd::batching::{Batcher, Config, Observer, Pool, Ran, Tuning};
use onnxd::engine::fake::FakeSession;
use onnxd::telemetry::Metrics;
use onnxd::tensor::Tensor;

struct Nobody;

impl Observer for Nobody {
    fn ran(&self, run: &Ran<'_>) {
        black_box(run);
    }
}

fn row() -> Tensor {
    Tensor::from_vec(&[1, 4][..], vec![5.1f32, 3.5, 1.4, 0.2]).expect("four numbers")
}

fn ask(bencher: Bencher, tuning: Tuning) {
    let config = Config { threads: 1, calibrate: false, ..Config::default() };
    let pool = Pool::start(config, Arc::new(Metrics::new().expect("metrics"))).expect("threads");
    let session = FakeSession::new(FakeSession::rows_in_rows_out(4), |inputs| Ok(inputs.to_vec()));
    let batcher = Batcher::new(Arc::new(session), tuning, pool, Nobody);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let row = row();
    let once = || {
        let deadline = Instant::now() + Duration::from_secs(30);
        runtime.block_on(batcher.infer(vec![row.clone()], 1, deadline)).expect("an answer")
    };
    // Until it is known to be cheap.
    (0..8).for_each(|_| drop(once()));
    bencher.bench_local(once);
}

#[divan::bench]
fn here_and_now(bencher: Bencher) {
    ask(bencher, Tuning::default());
}

/// A delay of next to nothing makes it wait in the queue.
#[divan::bench]
fn through_the_queue(bencher: Bencher) {
    ask(bencher, Tuning { max_delay: Duration::from_nanos(1), ..Tuning::default() });
}

#[divan::bench(args = [2, 8, 32])]
fn stack_rows(bencher: Bencher, rows: usize) {
    let row = row();
    let parts = vec![&row; rows];
    bencher.bench_local(|| Tensor::stack_rows(black_box(&parts), 0));
}

#[divan::bench(args = [2, 8, 32])]
fn slice_rows(bencher: Bencher, rows: usize) {
    let row = row();
    let batch = Tensor::stack_rows(&vec![&row; rows], 0).expect("rows");
    bencher.bench_local(|| (0..rows).map(|at| batch.slice_rows(at, at + 1)).collect::<Vec<_>>());
}
