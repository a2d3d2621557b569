//! What a run costs by its number of rows: a few points, measured when the model is calibrated and kept current by its
//! runs. Between the points lies a straight line; beyond the last one every row costs what it costs there. Reading and
//! recording are a few atomic operations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Numbers of rows that are remembered, and that batches are made up to.
pub const SIZES: [usize; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// The smallest of the [`SIZES`] that holds this many rows; what lies beyond them is rounded to nothing.
pub fn size_for(rows: usize) -> usize {
    SIZES.into_iter().find(|&size| size >= rows).unwrap_or(rows)
}

/// Learned cost of one model at one shape of its rows.
#[derive(Debug, Default)]
pub struct Curve {
    points: [Point; SIZES.len()],
}

#[derive(Debug, Default)]
struct Point {
    /// The bits of an exponentially weighted mean; 0 before the first run. Not rounded: the points move together millions
    /// of times, and would drift into one another by what is rounded each time.
    mean: AtomicU64,
    runs: AtomicU64,
}

impl Point {
    fn nanoseconds(&self) -> Option<f64> {
        let mean = f64::from_bits(self.mean.load(Ordering::Relaxed));
        (mean > 0.0).then_some(mean)
    }

    fn keep(&self, nanoseconds: f64) {
        self.mean.store(nanoseconds.max(1.0).to_bits(), Ordering::Relaxed);
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

    pub(super) fn nanoseconds(&self, rows: usize) -> Option<f64> {
        let known = |at: usize| Some((SIZES[at] as f64, self.points[at].nanoseconds()?));
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

    /// Learns from a run. A single outlier, such as a run that lost its core for a while, moves the mean by a tenth; a
    /// lasting change is followed within some tens of runs. What makes runs of one size slower or quicker, such as a busy
    /// machine, does so to all, so the other points move along; otherwise sizes that are not run would be judged by how
    /// things were when they were measured. A lost race loses one sample.
    pub fn learn(&self, rows: usize, took: Duration) {
        let at = SIZES.partition_point(|&size| size <= rows).saturating_sub(1);
        let sample = took.as_nanos() as f64 * SIZES[at] as f64 / rows.max(1) as f64;
        let point = &self.points[at];
        point.runs.fetch_add(1, Ordering::Relaxed);
        let Some(known) = point.nanoseconds() else { return point.keep(sample) };
        let mean = known * 0.9 + sample.min(known * 2.0) * 0.1;
        for (point, cost) in self.points.iter().filter_map(|point| Some((point, point.nanoseconds()?))) {
            point.keep(cost * mean / known);
        }
    }

    /// Records a careful measurement, which replaces what was known of that size.
    pub fn set(&self, rows: usize, took: Duration, runs: u64) {
        if let Some(point) = SIZES.iter().position(|&size| size == rows).map(|at| &self.points[at]) {
            point.keep(took.as_nanos() as f64);
            point.runs.fetch_add(runs, Ordering::Relaxed);
        }
    }

    /// The points so far, by rising number of rows.
    pub fn measured(&self) -> Vec<Measured> {
        let measured = |(&rows, point): (&usize, &Point)| {
            let took = Duration::from_nanos(point.nanoseconds()?.round() as u64);
            Some(Measured { rows, took, runs: point.runs.load(Ordering::Relaxed) })
        };
        SIZES.iter().zip(&self.points).filter_map(measured).collect()
    }

    /// What a row costs at the size where it costs least, in nanoseconds; infinite before anything has run.
    pub(super) fn cheapest_row(&self) -> f64 {
        let per_row = |(&rows, point): (&usize, &Point)| Some(point.nanoseconds()? / rows as f64);
        SIZES.iter().zip(&self.points).filter_map(per_row).fold(f64::INFINITY, f64::min)
    }

    /// The largest size with a point.
    pub fn largest(&self) -> usize {
        let known = |(_, point): &(&usize, &Point)| point.nanoseconds().is_some();
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

    #[test]
    fn all_points_move_with_the_one_that_is_run() {
        let curve = Curve::default();
        curve.set(1, us(100), 3);
        curve.set(8, us(200), 3);
        (0..200).for_each(|_| curve.learn(1, us(300)));
        let ratio = curve.expected(8).unwrap().as_secs_f64() / curve.expected(1).unwrap().as_secs_f64();
        assert!((ratio - 2.0).abs() < 0.01, "{curve:?}");
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
