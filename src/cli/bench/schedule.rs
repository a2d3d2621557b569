//! When the requests of an open loop are to leave: evenly, or at random as independent users would send them. Fixed before
//! anything is sent, so that a slow answer cannot put off the requests behind it.

use std::time::{Duration, Instant};

use fastrand::Rng;

/// The times of one thread's requests, in order.
#[derive(Debug)]
pub(super) struct Schedule {
    begun: Instant,
    end: Instant,
    /// Requests per second.
    rate: f64,
    /// Seconds since the start at which the next one leaves.
    next: f64,
    sent: u64,
    first: f64,
    random: Option<Rng>,
}

impl Schedule {
    /// The share of thread `part` of `parts` in so many requests per second altogether.
    pub(super) fn new(begun: Instant, lasting: Duration, rate: f64, part: (usize, usize), random: Option<Rng>) -> Self {
        // Threads take turns, so that together they send evenly.
        let first = part.0 as f64 / rate;
        let rate = rate / part.1 as f64;
        let mut schedule = Self { begun, end: begun + lasting, rate, next: first, sent: 0, first, random };
        if schedule.random.is_some() {
            schedule.next = schedule.gap();
        }
        schedule
    }

    /// When the next request is to leave; `None` after the end.
    pub(super) fn next(&self) -> Option<Instant> {
        let at = self.begun + Duration::try_from_secs_f64(self.next).ok()?;
        (at < self.end).then_some(at)
    }

    /// That one has left.
    pub(super) fn advance(&mut self) {
        self.sent += 1;
        self.next = match self.random {
            Some(_) => self.next + self.gap(),
            // From the start, so that rounding does not add up.
            None => self.first + self.sent as f64 / self.rate,
        };
    }

    pub(super) fn end(&self) -> Instant {
        self.end
    }

    /// Times between events that know nothing of each other are exponentially distributed.
    fn gap(&mut self) -> f64 {
        self.random.as_mut().map_or(0.0, |random| -(1.0 - random.f64()).ln() / self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(mut schedule: Schedule) -> Vec<Instant> {
        std::iter::from_fn(|| {
            let next = schedule.next();
            schedule.advance();
            next
        })
        .collect()
    }

    #[test]
    fn an_even_schedule_sends_the_rate_exactly() {
        let begun = Instant::now();
        let of = |part| times(Schedule::new(begun, Duration::from_millis(300), 1000.0, part, None));
        let one = of((0, 1));
        assert_eq!(one.len(), 300);
        assert_eq!((one[0], one[100]), (begun, begun + Duration::from_millis(100)));
        let mut both = [of((0, 2)), of((1, 2))].concat();
        both.sort();
        assert_eq!(both, one);
    }

    #[test]
    fn a_random_one_does_so_on_average_and_again_with_its_seed() {
        let begun = Instant::now();
        let of =
            |seed| times(Schedule::new(begun, Duration::from_secs(10), 1000.0, (0, 1), Some(Rng::with_seed(seed))));
        let one = of(7);
        assert!((9_500..10_500).contains(&one.len()), "{}", one.len());
        assert!(one == of(7) && one != of(8) && one.is_sorted());
    }
}
