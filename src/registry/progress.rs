//! How far loading is, for people who wait for it: when a line is due, and nothing else. One model needs no such line, and
//! a folder of small ones gets only the last.

use std::time::Duration;

/// Least time between two lines.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts versions that are loaded or have failed.
#[derive(Debug)]
pub(super) struct Progress {
    total: usize,
    done: usize,
    failed: usize,
    last: Duration,
}

/// A line to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub loaded: usize,
    pub failed: usize,
    pub total: usize,
}

impl Progress {
    pub fn of(total: usize) -> Self {
        Self { total, done: 0, failed: 0, last: Duration::ZERO }
    }

    /// Counts one more, `elapsed` after the beginning. Something to tell when the last line is a while ago, or when this
    /// was the last one.
    pub fn count(&mut self, succeeded: bool, elapsed: Duration) -> Option<Standing> {
        self.done += 1;
        self.failed += usize::from(!succeeded);
        let due = elapsed.saturating_sub(self.last) >= PAUSE || self.done == self.total;
        if !due || self.total < 2 {
            return None;
        }
        self.last = elapsed;
        Some(Standing { loaded: self.done - self.failed, failed: self.failed, total: self.total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_each_second_at_most_and_the_last_in_any_case() {
        let mut progress = Progress::of(6);
        let told: Vec<_> = [300, 999, 1000, 1999, 2500, 2501]
            .into_iter()
            .enumerate()
            .map(|(at, ms)| progress.count(at != 1, Duration::from_millis(ms)))
            .map(|line| line.map(|line| (line.loaded, line.failed, line.total)))
            .collect();
        assert_eq!(told, [None, None, Some((2, 1, 6)), None, Some((4, 1, 6)), Some((5, 1, 6))]);
        assert_eq!(Progress::of(1).count(true, Duration::from_secs(5)), None);
    }
}
