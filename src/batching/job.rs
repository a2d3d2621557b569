//! One request, or a part of one, on its way through the queue, and what comes back. A job is held by its answer channel:
//! when the caller leaves, the job is skipped; when the job is dropped, the caller is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::engine::RunError;
use crate::tensor::Tensor;

use super::policy::SURE;
use super::profile::Profile;

/// The outputs for one request and where its time went.
#[derive(Clone, Debug, PartialEq)]
pub struct Computed {
    pub outputs: Vec<Tensor>,
    /// From handing in to the beginning of the run.
    pub queued: Duration,
    /// The run, which may have been shared with others.
    pub computed: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Why a job did not run, or not in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the queue is full")]
    Full { retry_after: Duration },
    /// What waits already would take longer than this request can wait.
    #[error("the queue is longer than the time left")]
    TooLate { retry_after: Duration },
    #[error("the deadline passed in the queue")]
    ExpiredInQueue,
    #[error("the deadline passed while computing")]
    ExpiredWhileComputing,
    #[error("the compute threads are shut down")]
    Closed,
    #[error("the computation panicked")]
    Panicked,
}

pub type Answer = Result<Computed, InferError>;

/// What becomes of outputs that nobody waits for any more when they are there.
pub type Late = Box<dyn FnOnce(Vec<Tensor>) + Send>;

pub struct Job {
    pub inputs: Vec<Tensor>,
    pub rows: usize,
    pub bytes: usize,
    /// Its share of the time that the queue will take; zero while nothing is known.
    pub cost: Duration,
    pub profile: Arc<Profile>,
    pub submitted: Instant,
    pub deadline: Instant,
    pub begun: Arc<AtomicBool>,
    pub late: Option<Late>,
    pub answer: oneshot::Sender<Answer>,
}

/// Where a job's answer comes out.
pub struct Ticket {
    begun: Arc<AtomicBool>,
    answered: oneshot::Receiver<Answer>,
    deadline: Instant,
}

impl Job {
    pub fn new(
        inputs: Vec<Tensor>,
        rows: usize,
        profile: &Arc<Profile>,
        submitted: Instant,
        deadline: Instant,
    ) -> (Self, Ticket) {
        let (answer, answered) = oneshot::channel();
        let begun = Arc::new(AtomicBool::new(false));
        let ticket = Ticket { begun: Arc::clone(&begun), answered, deadline };
        let bytes = inputs.iter().map(Tensor::size_in_bytes).sum();
        let (cost, profile) = (profile.cost_in_queue(rows), Arc::clone(profile));
        (Self { inputs, rows, bytes, cost, profile, submitted, deadline, begun, late: None, answer }, ticket)
    }

    /// Hands over what came of it. A run cannot be broken off, so where the caller has left, it may still be of use.
    pub fn deliver(self, answer: Answer) {
        if let Err(Ok(Computed { outputs, .. })) = self.answer.send(answer)
            && let Some(late) = self.late
        {
            late(outputs);
        }
    }

    /// Tells whoever waits that it is not run.
    pub fn refuse(self, why: Refused) {
        // An error means that the caller has left: nobody to tell.
        let _ = self.answer.send(Err(why.into()));
    }

    /// Whether somebody still waits for it and it can be done in time. What is believed of its cost may be wrong, and only
    /// runs show that: it is tried as long as it has most of its time left.
    pub fn is_due(&self, now: Instant) -> bool {
        let allowed = self.deadline.saturating_duration_since(self.submitted);
        now + self.cost.min(allowed.mul_f64(SURE)) < self.deadline && !self.answer.is_closed()
    }

    /// Until when it waits for company: half of the time that it can spare.
    pub fn patience(&self) -> Instant {
        let allowed = self.deadline.saturating_duration_since(self.submitted);
        self.submitted + allowed.saturating_sub(self.cost) / 2
    }
}

impl Ticket {
    /// Waits for the answer until the deadline.
    pub async fn redeem(mut self) -> Result<Computed, InferError> {
        let answered = tokio::time::timeout_at(self.deadline.into(), &mut self.answered).await;
        let begun = || self.begun.load(Ordering::Acquire);
        match answered {
            Ok(Ok(answer)) => answer,
            // Dropped without an answer: skipped in the queue, or the run broke off.
            Ok(Err(_)) if begun() => Err(Refused::Panicked.into()),
            Err(_) if begun() => Err(Refused::ExpiredWhileComputing.into()),
            Ok(Err(_)) => Err(self.skipped().into()),
            Err(_) => Err(Refused::ExpiredInQueue.into()),
        }
    }

    /// Why a job was dropped that never ran: its time was over, or the rest of it too short for the run.
    fn skipped(&self) -> Refused {
        if Instant::now() < self.deadline {
            Refused::TooLate { retry_after: Duration::from_secs(1) }
        } else {
            Refused::ExpiredInQueue
        }
    }

    /// The answer, if it is there.
    pub fn try_redeem(&mut self) -> Option<Result<Computed, InferError>> {
        match self.answered.try_recv() {
            Ok(answer) => Some(answer),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) if self.begun.load(Ordering::Acquire) => {
                Some(Err(Refused::Panicked.into()))
            }
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(self.skipped().into())),
        }
    }
}
