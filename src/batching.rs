//! When and where inference runs: one set of compute slots for the process, a bounded queue before them, and the rule
//! that cheap work on an idle server runs at once on the thread that brought it.

mod cost;
mod pool;

pub use cost::Cost;
pub use pool::{Pool, Ran, Refused, Size};

/// How much may compute and wait at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Inferences that run at the same moment. 0: as many as the CPU quota of the container allows, rounded down.
    pub threads: usize,
    /// Rows that may wait; more are refused at once with 503. A larger bound trades latency for fewer refusals.
    pub queue_rows: usize,
    /// Bytes of tensors that may wait, the memory bound of the queue.
    pub queue_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { threads: 0, queue_rows: 4096, queue_bytes: 256 << 20 }
    }
}
