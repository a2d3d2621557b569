//! What the server tells about its models: states, and counts since start. Snapshots by value, taken without stopping
//! anyone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::model::{Description, ModelName, Version};

pub use crate::batching::{Independence, Measured, ProfileStatus, Status};
pub use crate::registry::Lifecycle;

/// One model with all its versions, newest first.
#[derive(Clone, Debug)]
pub struct ModelStatus {
    pub name: ModelName,
    /// Whether requests that name no model go here.
    pub is_default: bool,
    pub versions: Vec<VersionStatus>,
}

/// One version and the state of its life.
#[derive(Clone, Debug)]
pub struct VersionStatus {
    pub version: Version,
    pub state: Lifecycle,
    /// `None` until it was loaded once.
    pub description: Option<Arc<Description>>,
    pub memory_bytes: u64,
    /// How its requests are scheduled; `None` until it is ready.
    pub scheduling: Option<SchedulingStatus>,
    /// For models whose author wants a cache.
    pub cache: Option<CacheStatus>,
}

/// How one version's requests come to the compute slots, and what was learned for that.
#[derive(Clone, Debug)]
pub struct SchedulingStatus {
    pub lane: Status,
    /// Numbers of rows that runs were made with, and how many.
    pub runs: BTreeMap<u64, u64>,
    /// Runs with more rows than are counted by their number.
    pub larger_runs: u64,
}

/// A response cache: what it may hold, what it holds, how it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStatus {
    pub max_bytes: usize,
    pub ttl: Option<Duration>,
    pub entries: u64,
    pub bytes: u64,
    pub hits: u64,
    pub misses: u64,
}

/// Counts and durations of one version since it was loaded.
#[derive(Clone, Debug)]
pub struct Statistics {
    pub name: ModelName,
    pub version: Version,
    /// When the last request was answered.
    pub last_inference: Option<SystemTime>,
    /// Rows computed.
    pub inference_count: u64,
    /// Runs of the engine.
    pub execution_count: u64,
    pub success: StageStatistics,
    pub fail: StageStatistics,
    pub queue: StageStatistics,
    pub compute_input: StageStatistics,
    pub compute_infer: StageStatistics,
    pub compute_output: StageStatistics,
    /// Requests that found their answer in the cache, and how long they took to find it; none without a cache.
    pub cache_hit: StageStatistics,
    /// Requests that looked in the cache and had to be computed, and how long they looked.
    pub cache_miss: StageStatistics,
    /// By number of rows per run: how many runs and how long they took.
    pub batches: BTreeMap<u64, StageStatistics>,
    pub memory_bytes: u64,
}

/// How often a stage was passed and how long it took altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageStatistics {
    pub count: u64,
    pub nanoseconds: u64,
}
