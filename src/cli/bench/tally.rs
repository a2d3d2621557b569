//! What was counted while a load ran: answers by status, failures, bytes, and the latencies of the answers that were
//! successes, in a histogram of three significant digits. One per thread, added up at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Latencies beyond an hour count as one.
const LONGEST: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;
/// A request of an open loop that left later than this after its time is counted as late.
const LATE: Duration = Duration::from_millis(1);

/// Counts of one thread, or of all.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    begun: Instant,
    /// When the last answer came, or the load was over.
    last: Instant,
    /// Nanoseconds.
    latencies: Histogram<u64>,
    pub(super) succeeded: u64,
    /// By status, or by the name of what else went wrong.
    pub(super) errors: BTreeMap<Failed, u64>,
    /// The first failure that was no answer, in words.
    pub(super) first_failure: Option<String>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// Requests that an open loop meant to send.
    pub(super) planned: u64,
    pub(super) late: u64,
    pub(super) unsent: u64,
    /// Requests that were sent once more, because a kept connection was closed without a byte.
    pub(super) resent: u64,
}

/// Ways to be no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failed {
    /// The connection failed, or no answer came in time.
    Transport,
    /// The model, run in process, refused its inputs.
    Run,
    Status(u16),
}

impl Failed {
    pub(super) fn word(self) -> String {
        match self {
            Self::Transport => "transport".into(),
            Self::Run => "run".into(),
            Self::Status(status) => status.to_string(),
        }
    }
}

impl Tally {
    /// # Errors
    /// When the histogram's memory cannot be had.
    pub(super) fn begin(begun: Instant) -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            begun,
            last: begun,
            latencies: Histogram::new_with_bounds(1, LONGEST, DIGITS)?,
            succeeded: 0,
            errors: BTreeMap::new(),
            first_failure: None,
            bytes_in: 0,
            bytes_out: 0,
            planned: 0,
            late: 0,
            unsent: 0,
            resent: 0,
        })
    }

    /// A success, which took from `since` until `now`.
    pub(super) fn succeeded(&mut self, since: Instant, now: Instant) {
        self.succeeded += 1;
        self.last = self.last.max(now);
        self.waited(now - since);
    }

    pub(super) fn failed(&mut self, failed: Failed, now: Instant, words: Option<String>) {
        *self.errors.entry(failed).or_default() += 1;
        self.last = self.last.max(now);
        if self.first_failure.is_none() {
            self.first_failure = words;
        }
    }

    /// A request whose time was `intended` leaves now.
    pub(super) fn leaves(&mut self, intended: Instant, now: Instant) {
        self.late += u64::from(now.saturating_duration_since(intended) > LATE);
    }

    /// The load was to last until then, whenever its last answer came: one request in two seconds, answered at once, is no
    /// thousand a second.
    pub(super) fn lasted_until(&mut self, end: Instant) {
        self.last = self.last.max(end);
    }

    /// A request that was to leave at its time and had not by the end. It had waited so long already, and counts as if it
    /// had been answered then: leaving it out would hide that the server could not keep up.
    pub(super) fn unsent(&mut self, intended: Instant, end: Instant) {
        self.unsent += 1;
        self.waited(end.saturating_duration_since(intended));
    }

    fn waited(&mut self, time: Duration) {
        self.latencies.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(LONGEST).max(1));
    }

    /// The counts of another thread of the same load.
    pub(super) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so there is room for all of it.
        let _ = self.latencies.add(&other.latencies);
        for (failed, count) in &other.errors {
            *self.errors.entry(*failed).or_default() += count;
        }
        self.begun = self.begun.min(other.begun);
        self.last = self.last.max(other.last);
        self.succeeded += other.succeeded;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.planned += other.planned;
        self.late += other.late;
        self.unsent += other.unsent;
        self.resent += other.resent;
        self.first_failure = self.first_failure.take().or_else(|| other.first_failure.clone());
    }

    /// From the start until the last answer, or until the load was over.
    pub(super) fn elapsed(&self) -> Duration {
        self.last - self.begun
    }

    pub(super) fn failures(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(super) fn mean_ms(&self) -> f64 {
        self.latencies.mean() / 1e6
    }

    /// The latency that this part of the requests stayed within, in milliseconds.
    pub(super) fn quantile_ms(&self, part: f64) -> f64 {
        self.latencies.value_at_quantile(part) as f64 / 1e6
    }

    pub(super) fn max_ms(&self) -> f64 {
        self.quantile_ms(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let (mut one, mut other) = (Tally::begin(begun).unwrap(), Tally::begin(at(1)).unwrap());
        one.succeeded(begun, at(10));
        one.failed(Failed::Status(503), at(12), None);
        other.succeeded(at(1), at(31));
        other.failed(Failed::Status(503), at(40), None);
        other.failed(Failed::Transport, at(41), Some("reset".into()));
        other.leaves(at(1), at(3));
        other.unsent(at(10), at(60));
        one.add(&other);
        one.lasted_until(at(30));
        assert_eq!((one.succeeded, one.failures(), one.late, one.unsent), (2, 3, 1, 1));
        assert_eq!(one.errors[&Failed::Status(503)], 2);
        assert_eq!(one.first_failure.as_deref(), Some("reset"));
        assert_eq!(one.elapsed(), Duration::from_millis(41));
        one.lasted_until(at(2000));
        assert_eq!(one.elapsed(), Duration::from_secs(2));
        let near = |got: f64, wanted: f64| (got - wanted).abs() <= wanted / 1000.0;
        assert!(near(one.quantile_ms(0.34), 30.0) && near(one.max_ms(), 50.0) && near(one.mean_ms(), 30.0));
    }
}
