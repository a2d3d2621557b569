//! The decisions of the scheduler, without a clock, a thread or a queue in sight: whether work is cheap enough to be done
//! where it arrived, how many waiting requests make the next run, and into which parts a large request is cut.

use std::time::Duration;

use super::curve::{Curve, SIZES, size_for};

/// What is expected to take no longer than this runs on the thread that parsed it: about ten times what handing over costs.
pub const CHEAP: Duration = Duration::from_micros(250);

/// What is gathered on a thread of the server may take so long altogether; more goes to the compute threads.
pub const CHEAP_GATHERED: Duration = Duration::from_millis(1);

/// What a job of its own costs, and a run of its own, besides computing: a channel, a copy, the books. Gathering and cutting
/// have to save more than that.
const JOB_NS: f64 = 2_000.0;

/// A run that serves the queue nearly as soon is as good, see [`Where`].
const NEARLY: f64 = 1.1;

/// Now and then the largest run is made that is believed to serve the queue in so many times the time of the best. Costs at a
/// size are learned from its runs, and what makes a run dear may not last longer for many rows than for one: a row alone
/// finds its model, and what reads and writes requests, out of the caches again and again.
const TRIED: f64 = 1.2;
const TRIED_EVERY: u32 = 16;

/// For each row of such a run there are so many of others, so that little is lost where the belief is wrong.
pub const BETWEEN_TRIES: usize = 15;

/// Costs are estimates, and machines that others use, too, get slower by a third for a while: a request is taken when it
/// would be done in this part of the time it has.
pub const SURE: f64 = 0.7;

/// A request of many rows is cut for the cores when it takes longer than this.
const WORTH_SPLITTING: Duration = Duration::from_micros(500);

/// A part, or a run to find out by, takes about this long at most, so that others get their turn and a client that leaves
/// saves the rest.
const LONG_PART: Duration = Duration::from_millis(20);

/// Parts of one request at most.
const MOST_PARTS: usize = 256;

/// Whether requests that are ready at the same moment are better run together than one after another.
pub fn gathers(curve: &Curve, most: usize) -> bool {
    let per_row = |rows: usize| Some(curve.nanoseconds(rows)? / rows as f64);
    let gains = |rows: usize| matches!((per_row(1), per_row(rows)), (Some(one), Some(many)) if one - many >= JOB_NS);
    [8, 16].map(|rows: usize| rows.min(most).min(curve.largest())).into_iter().any(|rows| rows > 1 && gains(rows))
}

/// Whether requests that were gathered and run together gained by it: two at a time may cost what they cost alone where
/// eight would not, and then there is no point in waiting for one other.
pub fn was_worth_gathering(requests: usize, rows: usize, curve: &Curve) -> bool {
    let alone = curve.nanoseconds((rows / requests.max(1)).max(1));
    let gain = |(alone, together): (f64, f64)| alone - together / requests as f64;
    requests > 1 && alone.zip(curve.nanoseconds(size_for(rows))).is_some_and(|costs| gain(costs) >= JOB_NS)
}

/// Whether to look for others that are ready, after so many runs in a row that gained nothing by it: always at first, and
/// now and then for ever, because looking costs a lonely request more than it costs to be wrong for a few. Several look one
/// after another: a single one would always find the others served already.
pub fn looks_for_company(lonely: u32) -> bool {
    lonely % 128 < 16
}

/// Whether the run of this number is one to find out by, see [`next_run`].
pub fn is_a_try(runs: u32) -> bool {
    runs % TRIED_EVERY == TRIED_EVERY - 1
}

/// Where the runs for the waiting requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// On so many free slots, by threads that do nothing else: answers are written while the next run is made, so smaller
    /// runs bring the first ones forward.
    Slots(usize),
    /// On a thread of the server, which writes answers after the last run only: fewer runs leave more time for everything else.
    Here,
}

/// How many of the waiting requests, first come first, make the next run: the number that serves all of them soonest, or, for
/// a try after so many rows, nearly any larger one. Of those that serve them nearly as soon it is the smallest, or, on a
/// thread of the server, the largest that may run there. `waiting` is their numbers of rows; at least one is taken, and no
/// more than `most` rows together unless the first alone has more.
pub fn next_run(
    waiting: impl Iterator<Item = usize>,
    curve: &Curve,
    most: usize,
    runs: Where,
    try_after: Option<usize>,
) -> NextRun {
    let slots = match runs {
        Where::Slots(slots) => slots.max(1),
        Where::Here => 1,
    };
    // What has not been measured is not tried on somebody's request.
    let most = most.min(curve.largest());
    let (mut all, mut open) = (0usize, true);
    // For each size, the longest beginning of the queue that fits: (jobs, rows).
    let mut fits = [(0usize, 0usize); SIZES.len()];
    for (at, rows) in waiting.enumerate() {
        all = all.saturating_add(rows);
        open = open && all <= most;
        if open {
            let fitting = fits.iter_mut().zip(SIZES).filter(|(_, size)| *size >= all);
            fitting.for_each(|(fit, _)| *fit = (at + 1, all));
        }
    }
    let soonest = |&(jobs, rows): &(usize, usize)| {
        let cost = curve.nanoseconds(size_for(rows)).filter(|_| jobs > 0)?;
        Some(all.div_ceil(rows.max(1)).div_ceil(slots) as f64 * (cost + JOB_NS))
    };
    let best = fits.iter().filter_map(soonest).fold(f64::INFINITY, f64::min);
    let is_within = |fit: &&(usize, usize), times: f64| soonest(fit).is_some_and(|time| time <= best * times);
    let takes =
        |fit: &&(usize, usize), most: Duration| curve.expected(size_for(fit.1)).is_some_and(|cost| cost <= most);
    let largest = || fits.iter().rfind(|fit| takes(fit, CHEAP_GATHERED) && is_within(fit, NEARLY));
    let smallest = || fits.iter().find(|fit| is_within(fit, NEARLY));
    let best_run = match runs {
        Where::Slots(_) => smallest(),
        Where::Here => largest().or_else(smallest),
    };
    let chosen = best_run.copied().unwrap_or((1, 0));
    let tried = try_after.and_then(|since| {
        let largest = fits.iter().rfind(|fit| takes(fit, LONG_PART) && is_within(fit, TRIED));
        largest.filter(|(_, rows)| rows * BETWEEN_TRIES <= since)
    });
    let (jobs, rows) = tried.copied().unwrap_or(chosen);
    NextRun { jobs, rows, is_a_try: rows > chosen.1 }
}

/// The first of those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextRun {
    pub jobs: usize,
    pub rows: usize,
    /// Whether it is made to find out what it costs.
    pub is_a_try: bool,
}

/// Whether a large request is left whole to find out what it costs, if it is of a size that has never run: what is believed
/// beyond the sizes that were timed is a guess, and were all such requests cut, nothing would ever show that it is wrong.
pub fn may_be_tried_whole(rows: usize, curve: &Curve) -> bool {
    curve.expected(rows).is_some_and(|cost| cost <= LONG_PART)
}

/// Rows of the parts that a request is cut into; its own number where it stays whole.
pub fn part_rows(rows: usize, curve: &Curve, slots: usize) -> usize {
    let Some(whole) = curve.nanoseconds(rows).filter(|_| rows > 1) else { return rows };
    let per_row = |size: usize| curve.nanoseconds(size).map_or(f64::INFINITY, |cost| cost / size as f64);
    let measured = || SIZES.into_iter().take_while(|&size| size <= curve.largest());
    let cheapest = curve.cheapest_row();
    let best = measured().find(|&size| per_row(size) <= cheapest * NEARLY).unwrap_or(1);
    let in_parts = rows as f64 * (per_row(best) + JOB_NS / best as f64);
    // More rows at a time cost more for each: as few as is best, on every core.
    if best < rows && whole > in_parts * NEARLY {
        return best.max(rows.div_ceil(MOST_PARTS));
    }
    if whole < WORTH_SPLITTING.as_nanos() as f64 {
        return rows;
    }
    let long = whole / LONG_PART.as_nanos() as f64;
    let parts = (long.ceil() as usize).max(slots).min(MOST_PARTS);
    // Powers of two, so that few shapes have to be prepared.
    rows.div_ceil(parts).next_power_of_two().max(best).min(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve with these points in microseconds.
    fn curve(points: &[(usize, u64)]) -> Curve {
        let curve = Curve::default();
        points.iter().for_each(|&(rows, us)| curve.set(rows, Duration::from_micros(us), 1));
        curve
    }

    /// A wide MLP: eight rows cost less than two of one.
    fn wide() -> Curve {
        curve(&[(1, 680), (2, 700), (4, 800), (8, 1195), (16, 2320), (32, 4640)])
    }

    /// A small convolution in tract: more rows cost more for each.
    fn conv() -> Curve {
        curve(&[(1, 171), (2, 700), (8, 2978)])
    }

    fn run(queue: &[usize], curve: &Curve, slots: usize) -> usize {
        next_run(queue.iter().copied(), curve, 64, Where::Slots(slots), None).jobs
    }

    #[test]
    fn a_batch_is_made_where_it_serves_the_queue_sooner() {
        assert_eq!(run(&[1], &wide(), 1), 1);
        assert_eq!(run(&[1; 2], &wide(), 1), 2);
        assert_eq!(run(&[1; 8], &wide(), 1), 8);
        // Sixteen at once would take as long as twice eight, and the first eight would wait for it.
        assert_eq!(run(&[1; 16], &wide(), 1), 8);
        assert_eq!(run(&[1; 3], &wide(), 1), 3, "rounded up to four");
        // Seven times two would compute for as long as sixteen once.
        assert_eq!(run(&[1; 14], &curve(&[(1, 10), (2, 18), (4, 35), (8, 69), (16, 122)]), 1), 14);
    }

    #[test]
    fn free_slots_take_a_share_each() {
        assert_eq!(run(&[1; 32], &wide(), 4), 8);
        assert_eq!(run(&[1; 8], &curve(&[(1, 100), (2, 190), (4, 370), (8, 730)]), 2), 1, "no gain, so side by side");
    }

    #[test]
    fn rows_that_cost_more_together_run_one_by_one() {
        assert_eq!(run(&[1; 8], &conv(), 1), 1);
        assert_eq!(run(&[1; 8], &conv(), 2), 1);
    }

    #[test]
    fn what_was_not_measured_is_not_tried() {
        assert_eq!(run(&[1; 8], &curve(&[(1, 680)]), 1), 1);
        assert_eq!(run(&[1; 8], &Curve::default(), 1), 1);
        assert_eq!(run(&[100, 1], &wide(), 1), 1, "a request of more rows than a batch runs alone");
        assert_eq!(next_run([1; 8].into_iter(), &wide(), 1, Where::Slots(1), None).jobs, 1, "batching is off");
    }

    #[test]
    fn larger_runs_are_tried_where_little_speaks_against_them() {
        let forest = curve(&[(1, 14), (2, 22), (4, 45), (8, 90), (16, 180)]);
        let tried = |queue: &[usize], curve: &Curve| {
            next_run(queue.iter().copied(), curve, 64, Where::Slots(1), Some(480)).jobs
        };
        assert_eq!((run(&[1; 16], &forest, 1), tried(&[1; 16], &forest)), (2, 16));
        assert_eq!((tried(&[1; 5], &forest), tried(&[1; 8], &conv()), tried(&[1; 64], &wide())), (2, 1, 32));
        let heavy = curve(&[(1, 6_000), (2, 12_000), (4, 24_000)]);
        assert_eq!(tried(&[1; 4], &heavy), 2, "others would wait");
        assert_eq!(tried(&[1; 8], &curve(&[(1, 30_000), (8, 60_000)])), 8, "as it would have been");
        assert_eq!((0..64).filter(|&run| is_a_try(run)).count(), 4);
    }

    #[test]
    fn fewer_runs_are_made_where_answers_wait_for_the_last() {
        let forest = curve(&[(1, 62), (2, 106), (4, 195), (8, 336), (16, 683), (32, 1322)]);
        let both = |queue: &[usize], curve: &Curve| {
            [Where::Slots(1), Where::Here].map(|runs| next_run(queue.iter().copied(), curve, 64, runs, None).jobs)
        };
        assert_eq!(both(&[1; 6], &forest), [2, 6], "filled up to eight");
        assert_eq!(both(&[1; 16], &forest), [8, 16]);
        assert_eq!(both(&[1; 32], &forest), [8, 16], "more take too long for a thread of the server");
        assert_eq!(both(&[1; 2], &conv()), [1, 1]);
        assert_eq!(both(&[1; 8], &curve(&[(1, 1_500), (2, 1_600), (8, 1_700)])), [8, 8], "not run there at all");
    }

    #[test]
    fn gathering_needs_a_gain() {
        assert!(gathers(&curve(&[(1, 10), (8, 16)]), 64));
        assert!(
            gathers(&curve(&[(1, 10), (8, 79), (16, 110)]), 64) && !gathers(&curve(&[(1, 10), (8, 79), (16, 110)]), 8)
        );
        assert!(!gathers(&curve(&[(1, 10), (8, 16)]), 1));
        assert!(!gathers(&curve(&[(1, 2), (8, 3)]), 64));
        assert!(!gathers(&conv(), 64) && !gathers(&Curve::default(), 64));
    }

    #[test]
    fn few_may_gain_nothing_where_many_do() {
        let digits = curve(&[(1, 22), (2, 43), (4, 74), (8, 120)]);
        assert!(gathers(&digits, 64));
        assert!(!was_worth_gathering(1, 1, &digits));
        assert!(!was_worth_gathering(2, 2, &digits));
        assert!(!was_worth_gathering(3, 3, &digits), "rounded up to four");
        assert!(was_worth_gathering(4, 4, &digits) && was_worth_gathering(8, 8, &digits));
    }

    #[test]
    fn large_requests_are_cut_for_the_cores() {
        let forest = curve(&[(1, 10), (8, 40), (64, 320)]);
        assert_eq!(part_rows(64, &forest, 2), 64, "too short to be worth it");
        assert_eq!(part_rows(1000, &forest, 2), 512);
        assert_eq!(part_rows(1000, &forest, 1), 1000);
        // 200 ms in parts of 20 ms.
        assert_eq!(part_rows(40_960, &forest, 2), 4096);
    }

    #[test]
    fn convolutions_are_cut_into_rows() {
        assert_eq!(part_rows(8, &conv(), 1), 1);
        assert_eq!(part_rows(1000, &conv(), 1), 4, "not more than so many parts");
        assert_eq!(part_rows(1, &conv(), 2), 1);
        let quick = curve(&[(1, 1), (8, 16), (64, 128)]);
        assert_eq!(part_rows(64, &quick, 1), 64, "handing over a row costs more than it");
        assert_eq!(part_rows(8, &Curve::default(), 2), 8);
    }
}
