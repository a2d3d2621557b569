//! One loaded version, able to answer: its session, its description, what it has learned about its cost, and its counts.
//! Nobody above knows how it runs; dropping the last handle frees the model.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::batching::{Cost, Pool, Refused, Size};
use crate::engine::{RunError, Session};
use crate::model::Description;
use crate::telemetry::ModelMetrics;
use crate::tensor::Tensor;

use super::ResponseCache;

/// Runs with up to this many rows are counted by size.
const COUNTED_SIZES: usize = 128;

pub struct Servable {
    pub description: Arc<Description>,
    pub metrics: Arc<ModelMetrics>,
    pub counters: Arc<Counters>,
    /// For models whose author wants one.
    pub cache: Option<ResponseCache>,
    session: Arc<dyn Session>,
    pool: Pool,
    cost: Arc<Cost>,
}

/// The outputs of one run and where its time went.
#[derive(Debug)]
pub struct Inferred {
    pub outputs: Vec<Tensor>,
    pub queued: Duration,
    pub computed: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Run(#[from] RunError),
}

impl Servable {
    pub(super) fn new(
        description: Description,
        session: Box<dyn Session>,
        pool: Pool,
        metrics: ModelMetrics,
        cache: Option<ResponseCache>,
    ) -> Self {
        let (description, session) = (Arc::new(description), Arc::from(session));
        let (metrics, counters, cost) = (Arc::new(metrics), Arc::default(), Arc::default());
        Self { description, metrics, counters, cache, session, pool, cost }
    }

    /// Runs the model on inputs that fit its signature: at once where that is cheap, else when a compute slot is free.
    pub async fn infer(&self, inputs: Vec<Tensor>, rows: usize, deadline: Instant) -> Result<Inferred, InferError> {
        let size = Size { rows, bytes: inputs.iter().map(Tensor::size_in_bytes).sum() };
        // A run that has to prepare the model first is costly, whatever runs of this size have cost before.
        let expected = self.cost.expected(rows).filter(|_| self.session.is_prepared(&inputs));
        let (session, cost) = (Arc::clone(&self.session), Arc::clone(&self.cost));
        let (metrics, counters) = (Arc::clone(&self.metrics), Arc::clone(&self.counters));
        let submitted = Instant::now();
        // Booked where it runs: a run whose caller has left meanwhile cost as much as any other.
        let work = move || {
            let begun = Instant::now();
            let outputs = session.run(&inputs);
            let (queued, computed) = (begun - submitted, begun.elapsed());
            metrics.batch_ran(rows, queued, computed, outputs.is_ok());
            counters.ran(rows, queued, computed);
            // A failed run says nothing about what a good one costs.
            if outputs.is_ok() {
                cost.learn(rows, computed);
            }
            outputs
        };
        let ran = self.pool.run(size, expected, deadline, work).await?;
        Ok(Inferred { outputs: ran.value?, queued: ran.queued, computed: ran.computed })
    }

    pub fn memory_bytes(&self) -> u64 {
        self.session.memory_bytes()
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
    /// Index n-1: runs with n rows.
    sizes: Box<[Stage]>,
    last_inference_ms: AtomicU64,
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
            sizes: (0..COUNTED_SIZES).map(|_| Stage::default()).collect(),
            last_inference_ms: AtomicU64::new(0),
        }
    }
}

impl Counters {
    fn ran(&self, rows: usize, queued: Duration, computed: Duration) {
        self.queue.add(queued);
        self.compute_infer.add(computed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        if let Some(size) = rows.checked_sub(1).and_then(|index| self.sizes.get(index)) {
            size.add(computed);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_inference_ms.store(now.as_millis() as u64, Ordering::Relaxed);
    }

    /// Rows computed.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub fn last_inference(&self) -> Option<SystemTime> {
        let ms = self.last_inference_ms.load(Ordering::Relaxed);
        (ms > 0).then(|| UNIX_EPOCH + Duration::from_millis(ms))
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
