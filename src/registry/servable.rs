//! One loaded version, able to answer: its session, its description, what it has learned about its cost, and its counts.
//! Nobody above knows how it runs; dropping the last handle frees the model.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::batching::{Answer, Batcher, How, Late, Observer, Pool, Ran, Status, Tuning};
use crate::engine::Session;
use crate::model::{Description, ModelId};
use crate::telemetry::{Metrics, ModelMetrics};
use crate::tensor::Tensor;

use super::ResponseCache;

/// Runs with up to this many rows are counted by size.
const COUNTED_SIZES: usize = 128;

pub struct Servable {
    pub description: Arc<Description>,
    pub metrics: Arc<ModelMetrics>,
    pub counters: Arc<Counters>,
    /// For models whose author wants one.
    pub cache: Option<Arc<ResponseCache>>,
    batcher: Batcher,
}

impl Servable {
    pub(super) fn new(
        description: Description,
        session: Box<dyn Session>,
        tuning: Tuning,
        pool: Pool,
        metrics: ModelMetrics,
        cache: Option<Arc<ResponseCache>>,
    ) -> Self {
        let (description, metrics, counters) = (Arc::new(description), Arc::new(metrics), Arc::<Counters>::default());
        let books = Books { metrics: Arc::clone(&metrics), counters: Arc::clone(&counters) };
        let batcher = Batcher::new(Arc::from(session), tuning, pool, books);
        Self { description, metrics, counters, cache, batcher }
    }

    /// Runs the model on inputs that fit its signature: at once where that is cheap, else when a compute slot is free, with
    /// others where that serves them sooner.
    pub fn infer(&self, inputs: Vec<Tensor>, rows: usize, deadline: Instant) -> impl Future<Output = Answer> {
        self.batcher.infer(inputs, rows, deadline)
    }

    /// The same, and hands the outputs of a run that is over too late for the caller to `late`.
    pub fn infer_or_late(
        &self,
        inputs: Vec<Tensor>,
        rows: usize,
        deadline: Instant,
        late: Late,
    ) -> impl Future<Output = Answer> {
        self.batcher.infer_or_late(inputs, rows, deadline, Some(late))
    }

    /// How its requests are scheduled, and what was learned for that.
    pub fn scheduling(&self) -> Status {
        self.batcher.status()
    }

    pub fn memory_bytes(&self) -> u64 {
        self.batcher.session().memory_bytes()
    }
}

/// The series of a version, with one counter for each way to run it.
pub(super) fn metrics_of(metrics: &Metrics, id: &ModelId) -> ModelMetrics {
    metrics.model(id, &How::ALL.map(How::word))
}

/// Books each run where it is made: one whose caller has left meanwhile cost as much as any other.
struct Books {
    metrics: Arc<ModelMetrics>,
    counters: Arc<Counters>,
}

impl Observer for Books {
    fn ran(&self, run: &Ran<'_>) {
        self.metrics.batch_ran(run.rows, run.queued, run.computed, run.succeeded, run.how as usize);
        self.counters.ran(run.rows, run.queued, run.computed, run.ended);
    }
}

/// Counts and durations since the version was loaded, for the statistics of the inference protocol.
#[derive(Debug)]
pub struct Counters {
    pub success: Stage,
    pub fail: Stage,
    pub queue: Stage,
    pub compute_input: Stage,
    pub compute_infer: Stage,
    pub compute_output: Stage,
    rows: AtomicU64,
    runs: AtomicU64,
    /// Index n-1: runs with n rows.
    sizes: Box<[Stage]>,
    /// Runs with more rows than that.
    larger: Stage,
    created: Instant,
    /// Nanoseconds after `created` when the last run had ended; 0 before the first.
    last_inference: AtomicU64,
}

/// How often, and how long altogether.
#[derive(Debug, Default)]
pub struct Stage {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            success: Stage::default(),
            fail: Stage::default(),
            queue: Stage::default(),
            compute_input: Stage::default(),
            compute_infer: Stage::default(),
            compute_output: Stage::default(),
            rows: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            sizes: (0..COUNTED_SIZES).map(|_| Stage::default()).collect(),
            larger: Stage::default(),
            created: Instant::now(),
            last_inference: AtomicU64::new(0),
        }
    }
}

impl Counters {
    fn ran(&self, rows: usize, queued: &[Duration], computed: Duration, ended: Instant) {
        // Each request counts with the whole of the run that it had a part in, as Triton counts.
        for &queued in queued {
            self.queue.add(queued);
            self.compute_infer.add(computed);
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        if let Some(index) = rows.checked_sub(1) {
            self.sizes.get(index).unwrap_or(&self.larger).add(computed);
        }
        self.last_inference.store(ended.saturating_duration_since(self.created).as_nanos() as u64, Ordering::Relaxed);
    }

    /// Runs of the engine.
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Rows computed.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub fn last_inference(&self) -> Option<SystemTime> {
        match self.last_inference.load(Ordering::Relaxed) {
            0 => None,
            nanoseconds => SystemTime::now().checked_sub((self.created + Duration::from_nanos(nanoseconds)).elapsed()),
        }
    }

    /// Runs with more rows than are counted by size.
    pub fn larger_runs(&self) -> u64 {
        self.larger.count()
    }

    /// Sizes that have run: rows, count, nanoseconds.
    pub fn sizes(&self) -> impl Iterator<Item = (u64, &Stage)> {
        self.sizes.iter().enumerate().map(|(index, stage)| (index as u64 + 1, stage)).filter(|(_, s)| s.count() > 0)
    }
}

impl Stage {
    pub fn add(&self, took: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub fn nanoseconds(&self) -> u64 {
        self.nanoseconds.load(Ordering::Relaxed)
    }
}
