//! Runs what was taken from a queue: puts requests together, computes, and hands each its rows. A batch that fails is run
//! again request by request, so that only the guilty one fails. Blocking; used by compute threads and, for what is cheap,
//! by the threads of the server.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::engine::RunError;
use crate::tensor::Tensor;

use super::curve::size_for;
use super::job::{Answer, Computed, Job};
use super::lane::{How, Lane, Ran};
use super::profile::Profile;

/// Runs the jobs, all of one profile, in one run.
pub fn run(lane: &Lane, jobs: Vec<Job>, how: How) {
    let begun = Instant::now();
    jobs.iter().for_each(|job| job.begun.store(true, Ordering::Release));
    match jobs.len() {
        0 | 1 => jobs.into_iter().for_each(|job| alone(lane, job, begun, how)),
        _ => together(lane, jobs, begun, how),
    }
}

/// How long a run took, and when it had ended.
#[derive(Clone, Copy)]
pub struct Took {
    pub computed: Duration,
    pub ended: Instant,
}

/// A request that is run as it is.
pub struct Single<'r> {
    pub profile: &'r Profile,
    pub inputs: &'r [Tensor],
    pub rows: usize,
    pub queued: Duration,
    pub how: How,
    /// Whether the model is prepared for it.
    pub prepared: bool,
}

/// One run, now, for one request.
pub fn compute(lane: &Lane, single: &Single<'_>, begun: Instant) -> (Result<Vec<Tensor>, RunError>, Took) {
    let Single { profile, inputs, rows, queued, how, prepared } = *single;
    let (outputs, took) = timed(lane, inputs, begun);
    let Took { computed, ended } = took;
    lane.observer.ran(&Ran { rows, queued: &[queued], computed, ended, succeeded: outputs.is_ok(), how });
    if let Ok(outputs) = &outputs {
        profile.check(outputs);
    }
    // A failed run says nothing about what a good one costs, and one that had to be prepared does not come again.
    if prepared && outputs.is_ok() {
        profile.learn(inputs, rows, computed);
    }
    (outputs, took)
}

/// The same for one that waited.
fn compute_job(lane: &Lane, job: &Job, queued: Duration, how: How) -> (Result<Vec<Tensor>, RunError>, Duration) {
    let prepared = lane.session.is_prepared(&job.inputs);
    let single = Single { profile: &job.profile, inputs: &job.inputs, rows: job.rows, queued, how, prepared };
    let (outputs, took) = compute(lane, &single, Instant::now());
    (outputs, took.computed)
}

fn alone(lane: &Lane, job: Job, begun: Instant, how: How) {
    let queued = begun.saturating_duration_since(job.submitted);
    let (outputs, computed) = match padding(lane, &job) {
        // A shape nobody prepared for is rounded up to one that is used anyway.
        Some(padding) => match stacked(lane, &[&job], job.rows, padding, how, begun) {
            Some((mut answers, computed)) if answers.len() == 1 => (Ok(answers.remove(0)), computed),
            _ => compute_job(lane, &job, queued, how),
        },
        None => compute_job(lane, &job, queued, how),
    };
    job.deliver(answer(outputs, queued, computed));
}

fn answer(outputs: Result<Vec<Tensor>, RunError>, queued: Duration, computed: Duration) -> Answer {
    Ok(Computed { outputs: outputs?, queued, computed })
}

/// Rows to fill up with, where the request's own number is not prepared and the rounded one is known to the curve.
fn padding(lane: &Lane, job: &Job) -> Option<usize> {
    let size = size_for(job.rows);
    let rounds = job.profile.is_independent() && size != job.rows && size <= job.profile.curve.largest();
    (rounds && lane.may_batch && lane.session.prefers_few_sizes() && !lane.session.is_prepared(&job.inputs))
        .then(|| size - job.rows)
}

/// Rows of the run that so many are put into.
fn size_of_run(lane: &Lane, rows: usize) -> usize {
    if lane.session.prefers_few_sizes() { size_for(rows) } else { rows }
}

/// Whether the jobs, all of one profile, can run without preparing the model for it.
pub fn is_prepared(lane: &Lane, jobs: &[Job]) -> bool {
    let rows = || size_of_run(lane, jobs.iter().map(|job| job.rows).sum());
    match jobs {
        [] => true,
        [job] => lane.session.is_prepared(&job.inputs),
        [job, ..] => lane.session.is_prepared_for_rows(&job.inputs, rows()),
    }
}

fn together(lane: &Lane, jobs: Vec<Job>, begun: Instant, how: How) {
    let rows = jobs.iter().map(|job| job.rows).sum::<usize>();
    let all: SmallVec<[&Job; 32]> = jobs.iter().collect();
    let padding = size_of_run(lane, rows) - rows;
    let outcome = stacked(lane, &all, rows, padding, how, begun);
    drop(all);
    let Some((answers, computed)) = outcome else {
        let again = |job: Job| {
            let queued = begun.saturating_duration_since(job.submitted);
            let (outputs, computed) = compute_job(lane, &job, queued, How::Again);
            job.deliver(answer(outputs, queued, computed));
        };
        return jobs.into_iter().for_each(again);
    };
    for (job, outputs) in jobs.into_iter().zip(answers) {
        let queued = begun.saturating_duration_since(job.submitted);
        job.deliver(Ok(Computed { outputs, queued, computed }));
    }
}

/// One run for all: the outputs of each. `None` where the inputs do not stack, the run fails, or what comes out does not
/// have the rows that went in.
fn stacked(
    lane: &Lane,
    jobs: &[&Job],
    rows: usize,
    padding: usize,
    how: How,
    begun: Instant,
) -> Option<(Vec<Vec<Tensor>>, Duration)> {
    let inputs = jobs.first()?.inputs.len();
    let column = |at: usize| {
        let parts = jobs.iter().map(|job| job.inputs.get(at)).collect::<Option<SmallVec<[&Tensor; 32]>>>()?;
        Tensor::stack_rows(&parts, padding)
    };
    let inputs = (0..inputs).map(column).collect::<Option<Vec<_>>>()?;
    let prepared = lane.session.is_prepared(&inputs);
    let (outputs, Took { computed, ended }) = timed(lane, &inputs, Instant::now());
    let outputs = outputs.ok().filter(|outputs| jobs.first().is_none_or(|job| job.profile.check(outputs)));
    let answers = outputs.and_then(|outputs| scatter(&outputs, jobs.iter().map(|job| job.rows), rows + padding));
    let queued: SmallVec<[Duration; 32]> =
        jobs.iter().map(|job| begun.saturating_duration_since(job.submitted)).collect();
    lane.observer.ran(&Ran { rows, queued: &queued, computed, ended, succeeded: answers.is_some(), how });
    match (&answers, jobs.first()) {
        (Some(_), Some(job)) if prepared => job.profile.curve.learn(rows + padding, computed),
        _ => {}
    }
    Some((answers?, computed))
}

/// The rows of a batch's outputs, request by request.
fn scatter(outputs: &[Tensor], rows: impl Iterator<Item = usize>, all: usize) -> Option<Vec<Vec<Tensor>>> {
    if outputs.iter().any(|output| output.rows() != Some(all)) {
        return None;
    }
    let mut start = 0;
    let part = |rows: usize| {
        let (from, to) = (start, start + rows);
        start = to;
        outputs.iter().map(|output| output.slice_rows(from, to).ok()).collect()
    };
    rows.map(part).collect()
}

/// The run itself, counted while it lasts, also when it unwinds; it is over before its answer is seen.
fn timed(lane: &Lane, inputs: &[Tensor], begun: Instant) -> (Result<Vec<Tensor>, RunError>, Took) {
    let _running = Running::of(lane);
    let outputs = lane.session.run(inputs);
    let ended = Instant::now();
    (outputs, Took { computed: ended - begun, ended })
}

struct Running<'l>(&'l Lane);

impl<'l> Running<'l> {
    fn of(lane: &'l Lane) -> Self {
        lane.running.fetch_add(1, Ordering::Relaxed);
        Self(lane)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
