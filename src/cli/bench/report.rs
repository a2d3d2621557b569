//! The results as data: what `--json` writes. Programs read it, so fields are only ever added.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counted;
use super::level::{Level, Mode};
use super::process::Usage;
use super::tally::{Failed, Tally};

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// Version of this form.
    pub(super) onnxd_bench: u32,
    /// Whether Ctrl-C ended it before all levels were measured.
    pub(super) interrupted: bool,
    pub(super) conditions: Conditions,
    pub(super) targets: Vec<Target>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Conditions {
    pub(super) threads: usize,
    pub(super) awake: bool,
    pub(super) warm_up_s: f64,
    pub(super) duration_s: f64,
    pub(super) rounds: usize,
    /// Of the machine.
    pub(super) cpus: usize,
    /// Of the machine when the run began, over one, five and fifteen minutes.
    pub(super) load_average: Option<[f64; 3]>,
    pub(super) seed: u64,
    pub(super) version: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Target {
    pub(super) target: String,
    /// What runs a model file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) engine: Option<&'static str>,
    /// In the order they ran.
    pub(super) levels: Vec<Measured>,
}

/// One level in one round.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    pub(super) mode: Mode,
    /// Threads, for a model file.
    pub(super) connections: usize,
    /// Requests per second that were meant.
    pub(super) rate: Option<f64>,
    /// Of the maximum before, where that is how the rate was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate_percent: Option<f64>,
    pub(super) round: usize,
    /// Answered with 2xx; latencies are theirs.
    pub(super) requests: u64,
    /// From the start until the last answer; of an open loop, not less than it was to last.
    pub(super) seconds: f64,
    pub(super) requests_per_second: f64,
    pub(super) rows_per_request: usize,
    pub(super) rows_per_second: f64,
    pub(super) latency_ms: Latency,
    /// By status; `transport` for no answer, `run` for a model that refused.
    pub(super) errors: BTreeMap<String, u64>,
    /// Requests that an open loop meant to send, that left more than 1 ms after their time, that never left.
    pub(super) planned: u64,
    pub(super) late: u64,
    pub(super) unsent: u64,
    pub(super) resent: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) server_cpu_us_per_request: Option<f64>,
    pub(super) server_peak_rss_bytes: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p99_9: f64,
    pub(super) max: f64,
}

impl Measured {
    /// `usage`: of the server, before and after.
    pub(super) fn new(level: &Level, rows: usize, tally: &Tally, usage: (Option<Usage>, Option<Usage>)) -> Self {
        let seconds = tally.elapsed().as_secs_f64();
        let per_second = if seconds > 0.0 { tally.succeeded as f64 / seconds } else { 0.0 };
        let answered = tally.succeeded + tally.failures() - tally.errors.get(&Failed::Transport).unwrap_or(&0);
        let used = usage.0.zip(usage.1).map(|(before, after)| (after.cpu_seconds - before.cpu_seconds).max(0.0));
        let mut errors: BTreeMap<String, u64> = tally.errors.iter().map(|(failed, n)| (failed.word(), *n)).collect();
        errors.entry(Failed::Transport.word()).or_default();
        Self {
            mode: level.mode,
            connections: level.connections,
            rate: level.rate,
            rate_percent: level.percent,
            round: level.round,
            requests: tally.succeeded,
            seconds,
            requests_per_second: per_second,
            rows_per_request: rows,
            rows_per_second: per_second * rows as f64,
            latency_ms: Latency {
                mean: tally.mean_ms(),
                p50: tally.quantile_ms(0.5),
                p90: tally.quantile_ms(0.9),
                p99: tally.quantile_ms(0.99),
                p99_9: tally.quantile_ms(0.999),
                max: tally.max_ms(),
            },
            errors,
            planned: tally.planned,
            late: tally.late,
            unsent: tally.unsent,
            resent: tally.resent,
            bytes_in: tally.bytes_in,
            bytes_out: tally.bytes_out,
            server_cpu_us_per_request: used.filter(|_| answered > 0).map(|used| used * 1e6 / answered as f64),
            server_peak_rss_bytes: usage.1.map(|usage| usage.peak_rss_bytes),
        }
    }

    /// The level in words.
    pub(super) fn load(&self) -> String {
        match self.rate {
            Some(rate) => format!("{rate:.3} requests/s"),
            None => counted(self.connections, "connection"),
        }
    }

    pub(super) fn failures(&self) -> u64 {
        self.errors.values().sum()
    }
}
