//! What makes load: one per thread, first for the warm-up and then for the measurement. Between the two everything comes to
//! rest, so that what is counted here, by the server and by the system is the same requests.

use std::thread;
use std::time::Duration;

use super::super::Failure;
use super::tally::Tally;

/// One thread's part of a load.
pub(super) trait Generator: Send {
    /// Makes load for this long, waits for what is outstanding then, and says what came of it. Blocking.
    fn generate(&mut self, lasting: Duration) -> Result<Tally, Failure>;
}

/// Warms up, calls `between`, and measures. Blocking.
pub(super) fn measure(
    generators: &mut [impl Generator],
    warm_up: Duration,
    lasting: Duration,
    between: impl FnOnce(),
) -> Result<Tally, Failure> {
    if !warm_up.is_zero() {
        together(generators, warm_up)?;
    }
    between();
    together(generators, lasting)
}

fn together(generators: &mut [impl Generator], lasting: Duration) -> Result<Tally, Failure> {
    let tallies: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = generators.iter_mut().map(|each| scope.spawn(|| each.generate(lasting))).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut sum: Option<Tally> = None;
    for tally in tallies {
        let tally = tally.map_err(|_| Failure("a thread of the load generator broke off".into()))??;
        match &mut sum {
            Some(sum) => sum.add(&tally),
            None => sum = Some(tally),
        }
    }
    sum.ok_or_else(|| Failure("no thread to make load with".into()))
}
