//! Every metric of the server with its help text, each recorded by a method named after the event. Labels come from
//! loaded models and matched routes only, so no client can make a new time series. Names carry base units.

mod cache;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use prometheus::core::{AtomicU64, GenericGauge};
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder,
};

use crate::model::{EngineProbe, ModelId};

use super::process;

pub use cache::CacheMetrics;

/// How a prediction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// The request did not fit the model.
    Invalid,
    /// The model could not compute with the request's values.
    Rejected,
    /// Refused because too much was waiting.
    Shed,
    /// The deadline passed first.
    Expired,
    /// The client went away before its answer.
    Abandoned,
}

impl Outcome {
    pub const ALL: [Self; 6] =
        [Self::Success, Self::Invalid, Self::Rejected, Self::Shed, Self::Expired, Self::Abandoned];

    /// The label's value.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Invalid => "invalid",
            Self::Rejected => "rejected",
            Self::Shed => "shed",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
        }
    }
}

/// From 50 µs, about what the smallest model takes, to 20 s.
const SECONDS: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 20.0,
];
const ROWS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
/// How far back the saturation gauge looks when scrapes are that far apart or nearer.
const SATURATION_WINDOW: Duration = Duration::from_secs(60);

/// All metrics of one server.
pub struct Metrics {
    registry: Registry,
    http_duration: HistogramVec,
    in_flight: IntGauge,
    shed: IntCounterVec,
    request_duration: HistogramVec,
    queue_duration: HistogramVec,
    compute_duration: HistogramVec,
    batch_rows: HistogramVec,
    rows: IntCounterVec,
    runs: IntCounterVec,
    cost: GaugeVec,
    queue_depth: IntGauge,
    queue_bytes: GenericGauge<AtomicU64>,
    slots: IntGauge,
    slots_busy: IntGauge,
    busy_seconds: prometheus::Counter,
    saturation: Gauge,
    saturation_samples: Mutex<VecDeque<(Instant, f64)>>,
    load_seconds: GaugeVec,
    model_memory: GaugeVec,
    model_engine: GaugeVec,
    engine_probes: GaugeVec,
    caches: cache::Caches,
    models: GaugeVec,
    ready: IntGauge,
    draining: IntGauge,
}

/// The series of one model version, looked up once.
#[derive(Clone)]
pub struct ModelMetrics {
    request: [Histogram; Outcome::ALL.len()],
    queue: Histogram,
    compute_success: Histogram,
    compute_rejected: Histogram,
    batch_rows: Histogram,
    rows: IntCounter,
    runs: Vec<IntCounter>,
}

/// Counts one request as in flight until dropped.
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Metric names and labels are fixed in this file, so registering them can only fail on a mistake in it.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let make = Make { registry: &registry };
        let model = ["model", "version"];
        let metrics = Self {
            http_duration: make.histograms(
                "onnxd_http_request_duration_seconds",
                "Time from a request's head to its answer, by route.",
                &["method", "route", "status"],
                &SECONDS,
            )?,
            in_flight: make.int_gauge("onnxd_requests_in_flight", "Requests being answered now.")?,
            shed: make.int_counters(
                "onnxd_requests_shed_total",
                "Predictions refused at once because too much was in flight or waiting.",
                &["reason"],
            )?,
            request_duration: make.histograms(
                "onnxd_request_duration_seconds",
                "Time of a prediction from decoded request to answer, queue included.",
                &["model", "version", "outcome"],
                &SECONDS,
            )?,
            queue_duration: make.histograms(
                "onnxd_queue_duration_seconds",
                "Time a prediction waited for a compute slot.",
                &model,
                &SECONDS,
            )?,
            compute_duration: make.histograms(
                "onnxd_compute_duration_seconds",
                "Time inside the engine per run.",
                &["model", "version", "outcome"],
                &SECONDS,
            )?,
            batch_rows: make.histograms("onnxd_batch_rows", "Rows per run of the engine.", &model, &ROWS)?,
            rows: make.int_counters("onnxd_rows_total", "Rows computed.", &model)?,
            runs: make.int_counters(
                "onnxd_runs_total",
                "Runs of the engine: inline (at once, where the request arrived), gathered (there, with others that were ready), queued (by a compute thread), again (alone, because a run with others failed).",
                &["model", "version", "how"],
            )?,
            cost: make.gauges(
                "onnxd_run_cost_seconds",
                "What a run of so many rows is expected to take; batches are made by it.",
                &["model", "version", "rows"],
            )?,
            queue_depth: make.int_gauge("onnxd_queue_depth_rows", "Rows waiting for a compute slot.")?,
            queue_bytes: make.add(GenericGauge::with_opts(Opts::new(
                "onnxd_queue_bytes",
                "Bytes of tensors waiting for a compute slot.",
            ))?)?,
            slots: make.int_gauge("onnxd_compute_slots", "Inferences that may run at the same moment.")?,
            slots_busy: make.int_gauge("onnxd_compute_slots_busy", "Inferences that run now.")?,
            busy_seconds: make.add(prometheus::Counter::with_opts(Opts::new(
                "onnxd_compute_busy_seconds_total",
                "Time that compute slots were busy, summed over slots.",
            ))?)?,
            saturation: make.add(Gauge::with_opts(Opts::new(
                "onnxd_saturation_ratio",
                "How much of the compute slots' time was used over about the last minute, 0 to 1; scale on this.",
            ))?)?,
            saturation_samples: Mutex::new(VecDeque::from([(Instant::now(), 0.0)])),
            load_seconds: make.gauges(
                "onnxd_model_load_duration_seconds",
                "Time the phases of loading took: read, prepare, verify.",
                &["model", "version", "phase"],
            )?,
            model_memory: make.gauges(
                "onnxd_model_memory_bytes",
                "Estimate of the memory a version holds: weights and the plans that pack their own copy.",
                &model,
            )?,
            model_engine: make.gauges(
                "onnxd_model_engine_info",
                "Always 1; the label tells which engine runs a version.",
                &["model", "version", "engine"],
            )?,
            engine_probes: make.gauges(
                "onnxd_model_engine_probe_seconds",
                "Time an engine took for a request of so many rows when the faster one was looked for.",
                &["model", "version", "engine", "rows"],
            )?,
            caches: cache::Caches::new(&make)?,
            models: make.gauges("onnxd_model_versions", "Model versions by state.", &["state"])?,
            ready: make.int_gauge("onnxd_ready", "1 when the server wants traffic.")?,
            draining: make.int_gauge("onnxd_draining", "1 once the server was asked to stop.")?,
            registry: registry.clone(),
        };
        let build = make.gauges("onnxd_build_info", "Always 1; the labels tell the build.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        // Shown from the start, so that a rate over them has a beginning.
        for reason in ["in_flight", "queue"] {
            metrics.shed.with_label_values(&[reason]).inc_by(0);
        }
        registry.register(Box::new(process::ProcessCollector::new()?))?;
        Ok(metrics)
    }

    /// The series of one version; from now on they are exposed, at zero.
    pub fn model(&self, id: &ModelId, ways_to_run: &[&str]) -> ModelMetrics {
        let version = id.version.to_string();
        let model = [id.name.as_str(), version.as_str()];
        let with = |vec: &HistogramVec, outcome: Outcome| vec.with_label_values(&[model[0], model[1], outcome.word()]);
        ModelMetrics {
            request: Outcome::ALL.map(|outcome| with(&self.request_duration, outcome)),
            queue: self.queue_duration.with_label_values(&model),
            compute_success: with(&self.compute_duration, Outcome::Success),
            compute_rejected: with(&self.compute_duration, Outcome::Rejected),
            batch_rows: self.batch_rows.with_label_values(&model),
            rows: self.rows.with_label_values(&model),
            runs: ways_to_run.iter().map(|how| self.runs.with_label_values(&[model[0], model[1], how])).collect(),
        }
    }

    pub fn http_request_started(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// `route` is the matched pattern, never the path a client typed.
    pub fn http_request_finished(&self, route: &str, method: &str, status: u16, took: Duration) {
        let mut digits = itoa::Buffer::new();
        self.http_duration.with_label_values(&[method, route, digits.format(status)]).observe(took.as_secs_f64());
    }

    pub fn request_shed(&self, reason: &'static str) {
        self.shed.with_label_values(&[reason]).inc();
    }

    pub fn slots_sized(&self, slots: usize) {
        self.slots.set(slots as i64);
    }

    pub fn queue_is(&self, rows: usize, bytes: usize) {
        self.queue_depth.set(rows as i64);
        self.queue_bytes.set(bytes as u64);
    }

    pub fn slot_taken(&self) {
        self.slots_busy.inc();
    }

    pub fn slot_released(&self, busy: Duration) {
        self.slots_busy.dec();
        self.busy_seconds.inc_by(busy.as_secs_f64());
    }

    pub fn model_phase_took(&self, model: &str, version: &str, phase: &str, took: Duration) {
        self.load_seconds.with_label_values(&[model, version, phase]).set(took.as_secs_f64());
    }

    /// Which engine runs a version, and what was measured to find the faster one.
    pub fn model_engine_is(&self, id: &ModelId, engine: &str, probes: &[EngineProbe]) {
        let version = id.version.to_string();
        self.model_engine.with_label_values(&[id.name.as_str(), &version, engine]).set(1.0);
        for probe in probes {
            let labels = [id.name.as_str(), &version, probe.engine, &probe.rows.to_string()];
            self.engine_probes.with_label_values(&labels).set(probe.seconds);
        }
    }

    pub fn run_cost_is(&self, id: &ModelId, rows: usize, cost: Duration) {
        let labels = [id.name.as_str(), &id.version.to_string(), &rows.to_string()];
        self.cost.with_label_values(&labels).set(cost.as_secs_f64());
    }

    pub fn model_memory_is(&self, id: &ModelId, bytes: u64) {
        self.model_memory.with_label_values(&[id.name.as_str(), &id.version.to_string()]).set(bytes as f64);
    }

    pub fn versions_in_state(&self, state: &str, count: usize) {
        self.models.with_label_values(&[state]).set(count as f64);
    }

    pub fn readiness_is(&self, ready: bool, draining: bool) {
        self.ready.set(i64::from(ready));
        self.draining.set(i64::from(draining));
    }

    /// Everything in Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        self.saturation.set(self.sample_saturation(Instant::now()));
        let mut text = Vec::new();
        // Writing to memory fails only on a metric without samples, which the registry does not hand out.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    fn sample_saturation(&self, now: Instant) -> f64 {
        let busy = self.busy_seconds.get();
        let mut samples = self.saturation_samples.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while samples.len() > 1 && samples[1].0 + SATURATION_WINDOW <= now {
            samples.pop_front();
        }
        let (since, busy_then) = *samples.front().unwrap_or(&(now, busy));
        if samples.back().is_none_or(|(last, _)| *last + Duration::from_secs(1) <= now) {
            samples.push_back((now, busy));
        }
        let available = (now - since).as_secs_f64() * self.slots.get().max(1) as f64;
        if available > 0.0 { ((busy - busy_then) / available).clamp(0.0, 1.0) } else { 0.0 }
    }
}

impl ModelMetrics {
    pub fn request_finished(&self, outcome: Outcome, took: Duration) {
        self.request[outcome as usize].observe(took.as_secs_f64());
    }

    /// `how` is an index into the words that `Metrics::model` was given.
    pub fn batch_ran(&self, rows: usize, queued: &[Duration], computed: Duration, succeeded: bool, how: usize) {
        queued.iter().for_each(|queued| self.queue.observe(queued.as_secs_f64()));
        if let Some(runs) = self.runs.get(how) {
            runs.inc();
        }
        let compute = if succeeded { &self.compute_success } else { &self.compute_rejected };
        compute.observe(computed.as_secs_f64());
        self.batch_rows.observe(rows as f64);
        self.rows.inc_by(rows as u64);
    }
}

struct Make<'r> {
    registry: &'r Registry,
}

impl Make<'_> {
    fn add<C: prometheus::core::Collector + Clone + 'static>(&self, collector: C) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.add(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?)
    }

    fn int_counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        self.add(GaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn int_gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.add(IntGauge::new(name, help)?)
    }
}
