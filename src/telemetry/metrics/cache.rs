//! What the response caches do: one set of series per model version that has a cache, and none for the others.

use prometheus::{GaugeVec, IntCounter, IntCounterVec};

use super::{Make, Metrics};
use crate::model::ModelId;

const LABELS: [&str; 2] = ["model", "version"];

/// The families.
pub(super) struct Caches {
    hits: IntCounterVec,
    misses: IntCounterVec,
    evictions: IntCounterVec,
    entries: GaugeVec,
    bytes: GaugeVec,
}

/// The series of one cache, looked up once. Cloning shares them.
#[derive(Clone)]
pub struct CacheMetrics {
    hits: IntCounter,
    misses: IntCounter,
    evictions: IntCounter,
}

impl Caches {
    pub(super) fn new(make: &Make<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            hits: make.int_counters(
                "onnxd_cache_hits_total",
                "Predictions answered from the response cache, or by the run of an equal request.",
                &LABELS,
            )?,
            misses: make.int_counters(
                "onnxd_cache_misses_total",
                "Predictions of a model with a response cache that had to be computed.",
                &LABELS,
            )?,
            evictions: make.int_counters(
                "onnxd_cache_evictions_total",
                "Answers dropped from the response cache to make room for others.",
                &LABELS,
            )?,
            entries: make.gauges("onnxd_cache_entries", "Answers in the response cache.", &LABELS)?,
            bytes: make.gauges(
                "onnxd_cache_bytes",
                "Memory of the response cache: inputs, outputs and what holds them together.",
                &LABELS,
            )?,
        })
    }
}

impl Metrics {
    /// The series of one version's cache; from now on they are exposed, at zero.
    pub fn cache(&self, id: &ModelId) -> CacheMetrics {
        self.cache_holds(id, 0, 0);
        let version = id.version.to_string();
        let labels = [id.name.as_str(), version.as_str()];
        CacheMetrics {
            hits: self.caches.hits.with_label_values(&labels),
            misses: self.caches.misses.with_label_values(&labels),
            evictions: self.caches.evictions.with_label_values(&labels),
        }
    }

    pub fn cache_holds(&self, id: &ModelId, entries: u64, bytes: u64) {
        let version = id.version.to_string();
        let labels = [id.name.as_str(), version.as_str()];
        self.caches.entries.with_label_values(&labels).set(entries as f64);
        self.caches.bytes.with_label_values(&labels).set(bytes as f64);
    }
}

impl CacheMetrics {
    pub fn hit(&self) {
        self.hits.inc();
    }

    pub fn missed(&self) {
        self.misses.inc();
    }

    pub fn evicted(&self) {
        self.evictions.inc();
    }
}
