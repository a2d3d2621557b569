//! How a version's requests are scheduled, for `GET /models/{model}`: the limits in force, what runs were found to cost by
//! their rows, and which sizes have been chosen so far.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::serving::{Independence, Measured, ProfileStatus, SchedulingStatus};

#[derive(Serialize)]
pub(super) struct Scheduling {
    max_batch: usize,
    max_delay_ms: f64,
    weight: f64,
    priority: i64,
    /// Absent where it is as many as there are slots.
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<usize>,
    /// Rows of this model that may wait; absent where only the bound of the server holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_rows: Option<usize>,
    waiting_rows: usize,
    running: usize,
    /// Requests that were cut into parts for the cores.
    split_requests: u64,
    /// Runs by their number of rows.
    runs: BTreeMap<u64, u64>,
    /// Runs with more rows than the 128 up to which they are counted one by one.
    larger_runs: u64,
    shapes: Vec<Rows>,
}

/// What is known of rows of one shape.
#[derive(Serialize)]
struct Rows {
    /// Shapes of a row by input, where the model takes rows of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    row_shapes: Option<Vec<Vec<usize>>>,
    /// `independent`: a row is answered the same alone and in company, so requests may be merged; `dependent`; `unknown`
    /// until it was tried.
    rows: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    cost: Vec<Cost>,
    /// The number of rows at which one costs least.
    #[serde(skip_serializing_if = "Option::is_none")]
    cheapest_at: Option<usize>,
}

#[derive(Serialize)]
struct Cost {
    rows: usize,
    microseconds: f64,
    microseconds_per_row: f64,
    /// Runs it was learned from.
    runs: u64,
}

impl Scheduling {
    pub(super) fn of(status: &SchedulingStatus) -> Self {
        let SchedulingStatus { lane, runs, larger_runs } = status;
        Self {
            max_batch: lane.tuning.max_batch,
            max_delay_ms: lane.tuning.max_delay.as_secs_f64() * 1e3,
            weight: lane.tuning.weight,
            priority: lane.tuning.priority,
            instances: Some(lane.tuning.instances).filter(|&instances| instances > 0),
            queue_rows: Some(lane.tuning.queue_rows).filter(|&rows| rows != usize::MAX),
            waiting_rows: lane.waiting_rows,
            running: lane.running,
            split_requests: lane.split,
            runs: runs.clone(),
            larger_runs: *larger_runs,
            shapes: lane.profiles.iter().map(Rows::of).collect(),
        }
    }
}

impl Rows {
    fn of(profile: &ProfileStatus) -> Self {
        let (rows, reason) = match &profile.independence {
            Independence::Unknown => ("unknown", None),
            Independence::Proven => ("independent", None),
            Independence::Refuted(reason) => ("dependent", Some(reason.clone())),
        };
        let cost: Vec<Cost> = profile.curve.iter().map(Cost::of).collect();
        let cheapest = cost.iter().min_by(|a, b| a.microseconds_per_row.total_cmp(&b.microseconds_per_row));
        Self {
            row_shapes: profile.row_shapes.as_ref().map(|shapes| shapes.iter().map(|shape| shape.to_vec()).collect()),
            rows,
            reason,
            cheapest_at: cheapest.map(|cost| cost.rows),
            cost,
        }
    }
}

impl Cost {
    fn of(&Measured { rows, took, runs }: &Measured) -> Self {
        // Hundredths are more than the measurement is good for.
        let rounded = |microseconds: f64| (microseconds * 100.0).round() / 100.0;
        let microseconds = took.as_secs_f64() * 1e6;
        Self {
            rows,
            microseconds: rounded(microseconds),
            microseconds_per_row: rounded(microseconds / rows as f64),
            runs,
        }
    }
}
