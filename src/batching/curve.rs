//! What a run costs by its number of rows: a few points, measured when the model is calibrated and kept current by its
//! runs. Between the points lies a straight line; beyond the last one every row costs what it costs there. Reading and
//! recording are a few atomic operations.
//!
//! A point is a product of three: what was measured of its size, what runs of that size have shown since, and the pace of
//! the moment, which all sizes share. Most of what makes a run slower or quicker, such as a busy machine, does so at every
//! size, and goes to the pace; sizes that are not run would otherwise be judged by how things were when they last were.
//! What lasts at one size only is learned there, ten times slower, and forgotten while only others run: a size that was
//! wrongly taken for dear would not be run, so it could never show that it is not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Numbers of rows that are remembered, and that batches are made up to.
pub const SIZES: [usize; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// The smallest of the [`SIZES`] that holds this many rows; what lies beyond them is rounded to nothing.
pub fn size_for(rows: usize) -> usize {
    SIZES.into_iter().find(|&size| size >= rows).unwrap_or(rows)
}

/// Index of the size that a run of so many rows tells of.
fn learned_at(rows: usize) -> usize {
    SIZES.partition_point(|&size| size <= rows).saturating_sub(1)
}

/// How far a run moves what is expected, and how much of that is put down to its size.
const MOVES: f64 = 0.1;
const OF_ITS_SIZE: f64 = 0.1;

/// Of a run after so many of other sizes more is put down to its size: they have just shown what pace it is, and it comes too
/// seldom to be learned by small steps that fade in between.
const SELDOM: u64 = 8;
const OF_A_SELDOM_SIZE: f64 = 0.5;

/// What a size has shown of itself fades by this much with every run: where no other size is run, it says nothing.
const FADES: f64 = 0.0005;

/// The same where the size was not calibrated: there are but a few runs to know it from, and little to trust in them.
const OF_AN_UNTIMED_SIZE: f64 = 0.5;
const UNTIMED_FADES: f64 = 0.005;

/// A single run counts for at most so many times what was expected: it may have lost its core for a while.
const OUTLIER: f64 = 2.0;

/// Of so many runs of a size that was not calibrated the quickest is where it begins, as in a calibration, and at most what
/// other sizes let expect: were it wrongly taken for dearer, requests would be cut into smaller parts, and none would show.
const FIRST_RUNS: u64 = 3;

/// Requests of an unknown size that are left whole so that it may become known: the first ones prepare the model for it, and
/// those of ever other numbers of rows never do.
const MOST_TRIES: u64 = 16;

/// Learned cost of one model at one shape of its rows.
#[derive(Debug, Default)]
pub struct Curve {
    points: [Point; SIZES.len()],
    pace: Factor,
    runs: AtomicU64,
}

#[derive(Debug, Default)]
struct Point {
    /// The bits of nanoseconds; 0 before anything was measured.
    measured: AtomicU64,
    /// The same of its first runs, while there are too few of them.
    quickest: AtomicU64,
    /// What its own runs have shown since.
    own: Factor,
    calibrated: AtomicBool,
    runs: AtomicU64,
    /// Which run of all sizes was its last.
    last: AtomicU64,
    /// Requests of its size that were left whole to find out what they cost.
    tries: AtomicU64,
}

impl Point {
    fn measured(&self) -> Option<f64> {
        let measured = f64::from_bits(self.measured.load(Ordering::Relaxed));
        (measured > 0.0).then_some(measured)
    }

    fn measure(&self, nanoseconds: f64) {
        self.measured.store(nanoseconds.max(1.0).to_bits(), Ordering::Relaxed);
    }

    /// Brings the factor nearer to one, by no more than a share of itself.
    fn fade(&self) {
        let factor = self.own.get();
        if factor != 1.0 {
            let fades = if self.is_calibrated() { FADES } else { UNTIMED_FADES };
            self.own.set(factor + (1.0 - factor) * factor.min(1.0) * fades);
        }
    }

    fn is_calibrated(&self) -> bool {
        self.calibrated.load(Ordering::Relaxed)
    }
}

/// A positive number near one, which is multiplied again and again; it has an end in either direction.
#[derive(Debug)]
struct Factor(AtomicU64);

impl Default for Factor {
    fn default() -> Self {
        Self(AtomicU64::new(1f64.to_bits()))
    }
}

impl Factor {
    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, factor: f64) {
        self.0.store(factor.clamp(1e-4, 1e4).to_bits(), Ordering::Relaxed);
    }
}

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    pub rows: usize,
    pub took: Duration,
    /// Runs it was learned from.
    pub runs: u64,
}

impl Curve {
    /// Expected duration of a run; `None` before anything has run.
    pub fn expected(&self, rows: usize) -> Option<Duration> {
        self.nanoseconds(rows).map(|nanoseconds| Duration::from_nanos(nanoseconds as u64))
    }

    fn point(&self, at: usize) -> Option<f64> {
        let point = &self.points[at];
        Some(point.measured()? * point.own.get() * self.pace.get())
    }

    /// The same in nanoseconds.
    pub(super) fn nanoseconds(&self, rows: usize) -> Option<f64> {
        let known = |at: usize| Some((SIZES[at] as f64, self.point(at)?));
        let upper = SIZES.partition_point(|&size| size < rows);
        if let Some((_, exact)) = known(upper.min(SIZES.len() - 1)).filter(|(size, _)| *size == rows as f64) {
            return Some(exact);
        }
        let below = (0..upper).rev().find_map(known);
        let above = (upper..SIZES.len()).find_map(known);
        match (below, above) {
            (Some((size, cost)), Some((next, more))) => {
                Some(cost + (more - cost) * (rows as f64 - size) / (next - size))
            }
            (Some((size, cost)), None) => Some(cost * rows as f64 / size),
            // Fewer rows than anything measured cost no more.
            (None, Some((_, cost))) => Some(cost),
            (None, None) => None,
        }
    }

    /// Learns from a run. A single outlier moves what is expected by a tenth; a lasting change is followed within some tens
    /// of runs. A lost race loses one sample.
    pub fn learn(&self, rows: usize, took: Duration) {
        let took = took.as_nanos().max(1) as f64;
        let at = learned_at(rows);
        let point = &self.points[at];
        let runs = point.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let is_seldom = number.saturating_sub(point.last.swap(number, Ordering::Relaxed)) > SELDOM;
        let is_new = !point.is_calibrated() && runs <= FIRST_RUNS;
        let Some(expected) = point.measured().filter(|_| !is_new).and_then(|_| self.nanoseconds(rows)) else {
            return self.begin(at, took * SIZES[at] as f64 / rows.max(1) as f64, runs);
        };
        let moved = 1.0 + MOVES * ((took / expected).min(OUTLIER) - 1.0);
        let of_its_size = moved.powf(match (point.is_calibrated(), is_seldom) {
            (false, _) => OF_AN_UNTIMED_SIZE,
            (true, true) => OF_A_SELDOM_SIZE,
            (true, false) => OF_ITS_SIZE,
        });
        let before = point.own.get();
        point.own.set(before * of_its_size);
        self.points.iter().for_each(Point::fade);
        self.pace.set(self.pace.get() * moved * before / point.own.get());
    }

    /// Whether so many rows are worth a run to learn what they cost, which counts as one.
    pub fn tries(&self, rows: usize) -> bool {
        let point = &self.points[learned_at(rows)];
        point.measured().is_none() && point.tries.fetch_add(1, Ordering::Relaxed) < MOST_TRIES
    }

    /// The first runs of a size that was not calibrated; where nothing else is known, one is enough to go by.
    fn begin(&self, at: usize, took: f64, runs: u64) {
        let point = &self.points[at];
        let expected = self.nanoseconds(SIZES[at]);
        let goes_by_it = expected.is_none() || point.measured().is_some() || runs >= FIRST_RUNS;
        let likely = expected.map_or(took, |expected| took.min(expected)) / self.pace.get();
        let known = point.quickest.load(Ordering::Relaxed);
        let quickest = if known == 0 { likely } else { likely.min(f64::from_bits(known)) };
        point.quickest.store(quickest.to_bits(), Ordering::Relaxed);
        if goes_by_it {
            point.measure(quickest);
        }
    }

    /// Records a careful measurement, which replaces what was known of that size.
    pub fn set(&self, rows: usize, took: Duration, runs: u64) {
        let Some(point) = SIZES.iter().position(|&size| size == rows).map(|at| &self.points[at]) else { return };
        if rows == SIZES[0] {
            // A calibration begins, which the pace is measured by.
            let pace = self.pace.get();
            self.pace.set(1.0);
            let known = self.points.iter().filter_map(|point| Some((point, point.measured()?)));
            known.for_each(|(point, measured)| point.measure(measured * pace));
        }
        point.measure(took.as_nanos() as f64);
        point.own.set(1.0);
        point.calibrated.store(true, Ordering::Relaxed);
        point.runs.fetch_add(runs, Ordering::Relaxed);
    }

    /// The points so far, by rising number of rows.
    pub fn measured(&self) -> Vec<Measured> {
        let measured = |(at, &rows): (usize, &usize)| {
            let took = Duration::from_nanos(self.point(at)?.round() as u64);
            Some(Measured { rows, took, runs: self.points[at].runs.load(Ordering::Relaxed) })
        };
        SIZES.iter().enumerate().filter_map(measured).collect()
    }

    /// What a row costs at the size where it costs least, in nanoseconds; infinite before anything has run.
    pub(super) fn cheapest_row(&self) -> f64 {
        let per_row = |(at, &rows): (usize, &usize)| Some(self.point(at)? / rows as f64);
        SIZES.iter().enumerate().filter_map(per_row).fold(f64::INFINITY, f64::min)
    }

    /// The largest size with a point.
    pub fn largest(&self) -> usize {
        let known = |(_, point): &(&usize, &Point)| point.measured().is_some();
        SIZES.iter().zip(&self.points).rfind(known).map_or(0, |(&size, _)| size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(microseconds: u64) -> Duration {
        Duration::from_micros(microseconds)
    }

    #[test]
    fn between_points_lies_a_line_and_beyond_them_a_row_costs_the_same() {
        let curve = Curve::default();
        assert_eq!(curve.expected(1), None);
        curve.set(1, us(100), 3);
        assert_eq!(curve.expected(1), Some(us(100)));
        assert_eq!(curve.expected(8), Some(us(800)));
        curve.set(8, us(240), 3);
        assert_eq!(
            [2, 4, 8, 16].map(|rows| curve.expected(rows)),
            [Some(us(120)), Some(us(160)), Some(us(240)), Some(us(480))]
        );
        assert_eq!((curve.largest(), curve.expected(4096)), (8, Some(us(122_880))));
    }

    #[test]
    fn follows_a_change_and_forgives_an_outlier() {
        let curve = Curve::default();
        (0..40).for_each(|_| curve.learn(1, us(100)));
        curve.learn(1, us(1_000_000));
        assert!(curve.expected(1).unwrap() <= us(111), "{curve:?}");
        (0..80).for_each(|_| curve.learn(1, us(500)));
        let expected = curve.expected(1).unwrap();
        assert!(expected > us(480) && expected < us(510), "{expected:?}");
    }

    /// How many times what one row costs so many cost.
    fn ratio(curve: &Curve, rows: usize) -> f64 {
        curve.nanoseconds(rows).unwrap() / curve.nanoseconds(1).unwrap()
    }

    /// The first points in microseconds.
    fn calibrated(points: &[(usize, u64)]) -> Curve {
        let curve = Curve::default();
        points.iter().for_each(|&(rows, took)| curve.set(rows, us(took), 3));
        curve
    }

    #[test]
    fn all_points_move_with_the_one_that_is_run() {
        let curve = calibrated(&[(1, 100), (8, 200)]);
        (0..200).for_each(|_| curve.learn(1, us(300)));
        let rises = ratio(&curve, 8);
        assert!(curve.expected(1).unwrap() > us(295) && (rises - 2.0).abs() < 0.25, "{curve:?}");
        (0..200).for_each(|_| curve.learn(1, us(100)));
        assert!((ratio(&curve, 8) - 2.0).abs() < 0.05, "{curve:?}");
    }

    #[test]
    fn a_size_that_costs_more_than_when_it_was_timed_is_found_out() {
        let curve = calibrated(&[(1, 100), (8, 200)]);
        for _ in 0..500 {
            curve.learn(1, us(100));
            curve.learn(8, us(600));
        }
        assert!((ratio(&curve, 8) - 6.0).abs() < 0.6, "{curve:?}");
    }

    #[test]
    fn a_size_that_is_not_run_becomes_again_what_it_was() {
        let curve = calibrated(&[(1, 100), (8, 200)]);
        (0..500).for_each(|at| curve.learn([1, 8][at % 2], us([100, 1600][at % 2])));
        assert!(ratio(&curve, 8) > 8.0, "{curve:?}");
        (0..10_000).for_each(|_| curve.learn(1, us(100)));
        assert!((ratio(&curve, 8) - 2.0).abs() < 0.1, "{curve:?}");
    }

    #[test]
    fn a_first_run_that_lost_its_core_is_not_believed() {
        let curve = calibrated(&[(1, 100)]);
        (0..3).for_each(|_| curve.learn(8, us(30_000_000)));
        assert!(ratio(&curve, 8) <= 8.01, "{curve:?}");
        for _ in 0..100 {
            curve.learn(1, us(100));
            curve.learn(8, us(800));
        }
        assert!((ratio(&curve, 8) - 8.0).abs() < 0.8, "{curve:?}");
    }

    #[test]
    fn no_order_of_runs_leads_astray_for_good() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20 {
            let curve = Curve::default();
            let sizes = [1, 3, 8, 20, 64];
            let cost = |rows: usize| us(50 + 10 * rows as u64);
            for at in 0..2000 {
                if at == random.usize(..1000) {
                    SIZES.iter().for_each(|&rows| curve.set(rows, cost(rows) / 2, 3));
                }
                // Every now and then a run takes as long as whatever ran instead of it.
                let lost = if random.usize(..10) == 0 { us(random.u64(..1_000_000)) } else { Duration::ZERO };
                let rows = sizes[random.usize(..sizes.len())];
                curve.learn(rows, cost(rows) + lost);
            }
            for _ in 0..2000 {
                let rows = sizes[random.usize(..sizes.len())];
                curve.learn(rows, cost(rows));
            }
            for rows in sizes {
                let off = curve.nanoseconds(rows).unwrap() / cost(rows).as_nanos() as f64;
                assert!((0.85..1.15).contains(&off), "{rows} rows: {off} {curve:?}");
            }
        }
    }

    #[test]
    fn points_of_a_few_nanoseconds_stay_apart() {
        let curve = Curve::default();
        curve.set(1, Duration::from_nanos(400), 3);
        curve.set(64, Duration::from_nanos(2_800), 3);
        (0..1_000_000).for_each(|at| curve.learn(1, Duration::from_nanos(380 + at % 37)));
        let ratio = curve.expected(64).unwrap().as_nanos() as f64 / curve.expected(1).unwrap().as_nanos() as f64;
        assert!((ratio - 7.0).abs() < 0.05, "{curve:?}");
    }

    #[test]
    fn sizes_between_the_points_count_for_the_one_below() {
        let curve = Curve::default();
        curve.learn(3, us(300));
        assert_eq!(curve.measured(), [Measured { rows: 2, took: us(200), runs: 1 }]);
        assert_eq!(curve.expected(1), Some(us(200)));
        assert_eq!([1, 3, 1000, 5000].map(size_for), [1, 4, 1024, 5000]);
    }
}
