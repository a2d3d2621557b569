//! What a run of one model costs, learned from the runs themselves. Only good enough to tell "run it here and now" from
//! "hand it to a compute thread"; reading and recording are a few atomic operations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Row counts up to this are remembered one by one.
const REMEMBERED_ROWS: usize = 64;

/// Learned cost of one model version.
#[derive(Debug, Default)]
pub struct Cost {
    /// Exponentially weighted mean; 0 before the first run.
    nanoseconds_per_row: AtomicU64,
    /// Bit n-1: a run with n rows has happened, so nothing needs to be prepared for that size any more.
    sizes_seen: AtomicU64,
}

impl Cost {
    /// Expected duration of a run; `None` for a number of rows that has not run yet and may have to be prepared first.
    pub fn expected(&self, rows: usize) -> Option<Duration> {
        let seen = size_bit(rows).is_some_and(|bit| self.sizes_seen.load(Ordering::Relaxed) & bit != 0);
        let per_row = self.nanoseconds_per_row.load(Ordering::Relaxed);
        (seen && per_row > 0).then(|| Duration::from_nanos(per_row.saturating_mul(rows.max(1) as u64)))
    }

    /// Learns from a finished run. The first run of a size is not representative (it may prepare the model for it), so
    /// it only counts as seen.
    pub fn learn(&self, rows: usize, took: Duration) {
        let first = match size_bit(rows) {
            Some(bit) => self.sizes_seen.fetch_or(bit, Ordering::Relaxed) & bit == 0,
            None => false,
        };
        let known = self.nanoseconds_per_row.load(Ordering::Relaxed);
        if first && known > 0 {
            return;
        }
        let sample = (took.as_nanos() as u64 / rows.max(1) as u64).max(1);
        // A quarter of weight for the newest: follows a change within some ten runs. A lost race loses one sample.
        let mean = if known == 0 { sample } else { known - known / 4 + sample / 4 };
        self.nanoseconds_per_row.store(mean.max(1), Ordering::Relaxed);
    }
}

fn size_bit(rows: usize) -> Option<u64> {
    (1..=REMEMBERED_ROWS).contains(&rows).then(|| 1 << (rows - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_until_a_size_has_run() {
        let cost = Cost::default();
        assert_eq!(cost.expected(1), None);
        cost.learn(1, Duration::from_micros(100));
        assert_eq!(cost.expected(1), Some(Duration::from_micros(100)));
        assert_eq!(cost.expected(2), None);
        cost.learn(2, Duration::from_secs(1));
        assert_eq!(cost.expected(2), Some(Duration::from_micros(200)), "the first run of a size is not learned from");
    }

    #[test]
    fn follows_a_change() {
        let cost = Cost::default();
        (0..40).for_each(|_| cost.learn(1, Duration::from_micros(100)));
        (0..40).for_each(|_| cost.learn(1, Duration::from_micros(500)));
        let expected = cost.expected(1).unwrap();
        assert!(expected > Duration::from_micros(490) && expected < Duration::from_micros(510), "{expected:?}");
    }
}
