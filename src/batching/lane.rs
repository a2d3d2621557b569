//! One model version as the scheduler sees it: its session, how it is to share the slots, what is known of its costs, and
//! counts of what was decided for it. It waits for nothing and starts nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::engine::Session;
use crate::tensor::Shape;

use super::curve::Curve;
use super::job::Job;
use super::profile::Profiles;
use super::{Independence, Measured, Tuning, policy};

/// Told about every run.
pub trait Observer: Send + Sync + 'static {
    fn ran(&self, run: &Ran<'_>);
}

/// One run of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Ran<'r> {
    /// Rows that were asked for.
    pub rows: usize,
    /// How long each of its requests had waited.
    pub queued: &'r [Duration],
    pub computed: Duration,
    pub ended: Instant,
    pub succeeded: bool,
    pub how: How,
}

/// Where and for whom a run was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// At once, on the thread that brought the request.
    Inline,
    /// There, too, for requests that were ready at the same moment.
    Gathered,
    /// By a compute thread.
    Queued,
    /// One request again by itself, because a run with others failed.
    Again,
}

impl How {
    pub const ALL: [Self; 4] = [Self::Inline, Self::Gathered, Self::Queued, Self::Again];

    pub fn word(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Gathered => "gathered",
            Self::Queued => "queued",
            Self::Again => "again",
        }
    }
}

/// No more are made up for: enough for two of the largest runs.
const MOST_UNTRIED: usize = 32 << 10;

pub struct Lane {
    pub session: Arc<dyn Session>,
    pub tuning: Tuning,
    /// Whether runs may be merged with others or cut: the model has rows, and its owner does not object.
    pub may_batch: bool,
    pub profiles: Profiles,
    pub observer: Box<dyn Observer>,
    /// Jobs that wait until the thread they are on has read what else is ready.
    pub gathered: Mutex<VecDeque<Job>>,
    /// Runs in a row that gained nothing by looking for others to share them with, as far as it was tried.
    pub lonely: AtomicU32,
    /// Runs for which requests were chosen from several, or might have been.
    chosen: AtomicU32,
    /// Rows that were not run to find out what it costs, and not yet made up for.
    untried: AtomicUsize,
    /// Runs right now, wherever they are.
    pub running: AtomicUsize,
    /// Of a model whose owner bounds them: runs that are being made or about to be.
    entered: AtomicUsize,
    pub split: AtomicU64,
}

/// What is to be seen of a model's scheduling.
#[derive(Clone, Debug)]
pub struct Status {
    pub tuning: Tuning,
    /// One entry for each shape of rows; the shape is told where the model takes several.
    pub profiles: Vec<ProfileStatus>,
    /// Rows that wait now, and runs that are being made.
    pub waiting_rows: usize,
    pub running: usize,
    /// Requests that were cut into parts.
    pub split: u64,
}

#[derive(Clone, Debug)]
pub struct ProfileStatus {
    pub row_shapes: Option<Vec<Shape>>,
    pub independence: Independence,
    pub curve: Vec<Measured>,
}

impl Lane {
    pub fn new(session: Arc<dyn Session>, tuning: Tuning, observer: Box<dyn Observer>) -> Self {
        let profiles = Profiles::new(session.signature());
        let may_batch = tuning.max_batch > 1 && session.signature().is_batched();
        let (gathered, lonely, chosen, untried, running, entered, split) = Default::default();
        Self {
            session,
            tuning,
            may_batch,
            profiles,
            observer,
            gathered,
            lonely,
            chosen,
            untried,
            running,
            entered,
            split,
        }
    }

    /// Whether its owner bounds the runs that are made of it at the same moment.
    pub fn is_bounded(&self) -> bool {
        self.tuning.instances != 0
    }

    /// Whether one more run may be made now, as far as they are bounded.
    pub fn may_enter(&self) -> bool {
        !self.is_bounded() || self.entered.load(Ordering::Acquire) < self.tuning.instances
    }

    /// The same, and takes the place where it may: [`Lane::leave`] gives it back.
    pub fn enters(&self) -> bool {
        let one_more = |entered: usize| (entered < self.tuning.instances).then_some(entered + 1);
        !self.is_bounded() || self.entered.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    /// Whether somebody may have waited for the place.
    pub fn leave(&self) -> bool {
        self.is_bounded() && self.entered.fetch_sub(1, Ordering::AcqRel) > 0
    }

    /// How many of those that wait make the next run; see [`policy::next_run`].
    pub fn next_run(
        &self,
        waiting: impl Iterator<Item = usize>,
        curve: &Curve,
        most: usize,
        runs: policy::Where,
    ) -> usize {
        let untried = self.untried.load(Ordering::Relaxed);
        let try_after = policy::is_a_try(self.chosen.fetch_add(1, Ordering::Relaxed)).then_some(untried);
        let next = policy::next_run(waiting, curve, most, runs, try_after);
        // A lost race makes the next try come a little later.
        self.untried.store(
            match next.is_a_try {
                true => untried.saturating_sub(next.rows * policy::BETWEEN_TRIES),
                false => untried.saturating_add(next.rows).min(MOST_UNTRIED),
            },
            Ordering::Relaxed,
        );
        next.jobs
    }

    pub fn status(&self, waiting_rows: usize) -> Status {
        let profile = |(row_shapes, profile): (Option<Vec<Shape>>, Arc<super::profile::Profile>)| ProfileStatus {
            row_shapes,
            independence: profile.independence(),
            curve: profile.curve.measured(),
        };
        Status {
            tuning: self.tuning,
            profiles: self.profiles.all().into_iter().map(profile).collect(),
            waiting_rows,
            running: self.running.load(Ordering::Relaxed),
            split: self.split.load(Ordering::Relaxed),
        }
    }
}
