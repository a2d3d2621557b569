//! When, where and how many at a time inference runs. One set of compute slots for the process with one bounded queue per
//! model before it; cheap work runs at once on the thread that brought it; waiting requests are merged where that serves
//! them sooner. Nothing in here has to be tuned: what a run costs is learned, and `policy` decides by it.

mod batcher;
mod calibration;
mod curve;
mod job;
mod lane;
mod policy;
mod pool;
mod profile;
mod queues;
mod split;
mod worker;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::model::SchedulingWish;

pub use batcher::Batcher;
pub use curve::Measured;
pub use job::{Answer, Computed, InferError, Late, Refused};
pub use lane::{How, Observer, ProfileStatus, Ran, Status};
pub use pool::Pool;
pub use profile::Independence;

/// How much may compute and wait at the same time, in the whole process.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Inferences that run at the same moment. 0: as many as the CPU quota of the container allows, rounded down.
    pub threads: usize,
    /// Rows that may wait; more are refused at once with 503. A larger bound trades latency for fewer refusals.
    pub queue_rows: usize,
    /// Bytes of tensors that may wait, the memory bound of the queue.
    pub queue_bytes: usize,
    /// Whether models are timed at several batch sizes in spare time. Without it nothing is ever merged.
    pub calibrate: bool,
    /// What models are run by that do not say.
    pub tuning: Tuning,
}

impl Default for Config {
    fn default() -> Self {
        Self { threads: 0, queue_rows: 4096, queue_bytes: 256 << 20, calibrate: true, tuning: Tuning::default() }
    }
}

/// How one model shares the compute slots. The defaults suit most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Rows up to which waiting requests are merged into one run. 1 turns batching off: every request is one run, as it
    /// came.
    pub max_batch: usize,
    /// How long a request may be held back for others to join it. More rows per run at the price of latency; not needed
    /// under load, where requests meet while they wait for a slot.
    pub max_delay: Duration,
    /// Rows of this model that may wait; the bound of the process holds in any case.
    pub queue_rows: usize,
    /// Share of the compute slots when several models want them: 2 gets twice the time of 1.
    pub weight: f64,
    /// Models of higher priority go first, whatever the weights.
    pub priority: i64,
    /// Runs of this model at the same moment; 0: as many as there are slots.
    pub instances: usize,
}

impl Tuning {
    /// The same, with what a model's author says.
    pub fn with(self, wish: SchedulingWish) -> Self {
        Self {
            max_batch: wish.max_batch.unwrap_or(self.max_batch),
            max_delay: wish.max_delay.unwrap_or(self.max_delay),
            queue_rows: wish.queue_rows.unwrap_or(self.queue_rows),
            weight: wish.weight.unwrap_or(self.weight),
            priority: wish.priority.unwrap_or(self.priority),
            instances: wish.instances.unwrap_or(self.instances),
        }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            max_batch: 64,
            max_delay: Duration::ZERO,
            queue_rows: usize::MAX,
            weight: 1.0,
            priority: 0,
            instances: 0,
        }
    }
}
