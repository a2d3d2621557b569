//! The handle to one model's place in the scheduler. A request that is cheap runs here and now; where a model gains by it,
//! requests that are ready at the same moment on the same thread are gathered into one run, without waiting for any; what
//! is costly, or finds no place, goes to the queue of the compute threads.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::Session;
use crate::tensor::Tensor;

use super::calibration::Calibration;
use super::job::{Answer, Computed, InferError, Job, Late, Refused};
use super::lane::{How, Lane, Observer, Status};
use super::pool::InlineSlot;
use super::profile::Profile;
use super::queues::LaneId;
use super::worker::Single;
use super::{Pool, Tuning, policy, split, worker};

/// One model version's way to the compute slots. Dropping it gives the model back once its last job is done.
pub struct Batcher {
    lane: Arc<Lane>,
    id: LaneId,
    pool: Pool,
}

/// A request whose rows are counted and whose costs are looked up.
struct Asked {
    inputs: Vec<Tensor>,
    rows: usize,
    profile: Arc<Profile>,
    submitted: Instant,
    deadline: Instant,
    late: Option<Late>,
}

impl Batcher {
    /// Registers a model and has it timed in spare time.
    pub fn new(session: Arc<dyn Session>, tuning: Tuning, pool: Pool, observer: impl Observer) -> Self {
        let lane = Arc::new(Lane::new(session, tuning, Box::new(observer)));
        let id = pool.register(&lane);
        let batcher = Self { lane, id, pool };
        if let Some(sample) = batcher.lane.session.sample(0.0) {
            let (profile, _) = batcher.lane.profiles.of(&sample);
            batcher.calibrate(&profile, None);
        }
        batcher
    }

    /// Runs the model on inputs that fit its signature and waits for the answer until `deadline`. When the future is
    /// dropped, work that has not begun never does.
    pub fn infer(&self, inputs: Vec<Tensor>, rows: usize, deadline: Instant) -> impl Future<Output = Answer> {
        self.infer_or_late(inputs, rows, deadline, None)
    }

    /// The same, and hands the outputs of a run that is over too late for the caller to `late`; not where it was cut into parts.
    pub async fn infer_or_late(
        &self,
        inputs: Vec<Tensor>,
        rows: usize,
        deadline: Instant,
        late: Option<Late>,
    ) -> Answer {
        let submitted = Instant::now();
        if submitted >= deadline {
            return Err(Refused::ExpiredInQueue.into());
        }
        if self.pool.is_closed() {
            return Err(Refused::Closed.into());
        }
        let (profile, is_new) = self.lane.profiles.of(&inputs);
        if is_new {
            self.calibrate(&profile, Some(&inputs));
        }
        let asked = Asked { inputs, rows, profile, submitted, deadline, late };
        let may_batch = self.lane.may_batch && asked.profile.is_independent();
        // One that is to wait for others goes where that is done.
        let waits = may_batch && !self.lane.tuning.max_delay.is_zero();
        if !waits && self.is_cheap(&asked) {
            if may_batch && policy::gathers(&asked.profile.curve, self.lane.tuning.max_batch) {
                if policy::looks_for_company(self.lane.lonely.load(Ordering::Relaxed)) {
                    return self.gather(asked).await;
                }
                self.lane.lonely.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(slot) = self.pool.try_inline(self.id, &self.lane, submitted) {
                return self.here_and_now(&asked, slot);
            }
        }
        let may_cut = may_batch && rows <= asked.profile.most_by_outputs();
        let curve = &asked.profile.curve;
        let is_a_try = || policy::may_be_tried_whole(rows, curve) && curve.tries(rows);
        let part = if may_cut && !is_a_try() { policy::part_rows(rows, curve, self.pool.slots()) } else { rows };
        if part < rows {
            self.lane.split.fetch_add(1, Ordering::Relaxed);
        }
        let Asked { inputs, profile, late, .. } = asked;
        let (mut jobs, tickets) = split::parts(inputs, rows, part, &profile, submitted, deadline);
        if let [job] = jobs.as_mut_slice() {
            job.late = late;
        }
        self.pool.enqueue(self.id, jobs)?;
        split::join(tickets).await
    }

    pub fn session(&self) -> &dyn Session {
        &*self.lane.session
    }

    pub fn status(&self) -> Status {
        self.lane.status(self.pool.waiting_rows(self.id))
    }

    #[cfg(test)]
    pub(super) fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    fn calibrate(&self, profile: &Arc<Profile>, like: Option<&[Tensor]>) {
        if let Some(calibration) = Calibration::of(&self.lane, profile, like) {
            self.pool.calibrate(calibration);
        }
    }

    /// Whether the run is worth no hand-over. One that has to prepare the model first is costly, whatever others cost.
    fn is_cheap(&self, asked: &Asked) -> bool {
        asked.profile.is_cheap(&asked.inputs, asked.rows) && self.lane.session.is_prepared(&asked.inputs)
    }

    fn here_and_now(&self, asked: &Asked, slot: InlineSlot<'_>) -> Result<Computed, InferError> {
        let Asked { inputs, rows, profile, .. } = asked;
        // Only what the model is prepared for is cheap.
        let (queued, how, prepared) = (Duration::ZERO, How::Inline, true);
        let single = Single { profile, inputs, rows: *rows, queued, how, prepared };
        let run = || worker::compute(&self.lane, &single, slot.since());
        let (outputs, took) = catch_unwind(AssertUnwindSafe(run)).map_err(|_| Refused::Panicked)?;
        slot.release(took.ended);
        Ok(Computed { outputs: outputs?, queued: Duration::ZERO, computed: took.computed })
    }

    /// Lets this thread read the other requests that have arrived, and answers all of them in as few runs as is best.
    /// Whoever is resumed first does it for the others. On an idle server that is this request alone, at once.
    async fn gather(&self, asked: Asked) -> Result<Computed, InferError> {
        let (mut job, mut ticket) = Job::new(asked.inputs, asked.rows, &asked.profile, asked.submitted, asked.deadline);
        job.late = asked.late;
        self.gathered().push_back(job);
        behind_what_is_ready().await;
        loop {
            if let Some(answer) = ticket.try_redeem() {
                return answer;
            }
            let jobs = self.take_gathered();
            if jobs.is_empty() {
                // Another thread is at it.
                return ticket.redeem().await;
            }
            let rows = jobs.iter().map(|job| job.rows).sum();
            let expected = jobs.first().and_then(|job| job.profile.curve.expected(rows));
            let is_cheap =
                expected.is_some_and(|cost| cost <= policy::CHEAP_GATHERED) && worker::is_prepared(&self.lane, &jobs);
            match self.pool.try_inline(self.id, &self.lane, Instant::now()).filter(|_| is_cheap) {
                Some(_slot) => {
                    // A panic drops the answer channels, which tells those who wait.
                    let _ = catch_unwind(AssertUnwindSafe(|| worker::run(&self.lane, jobs, How::Gathered)));
                }
                None => jobs.into_iter().for_each(|job| {
                    // Whoever is refused is told by its ticket.
                    let _ = self.pool.enqueue(self.id, vec![job]);
                }),
            }
        }
    }

    /// The next of the gathered jobs to run together.
    fn take_gathered(&self) -> Vec<Job> {
        let now = Instant::now();
        let mut gathered = self.gathered();
        gathered.retain(|job| job.is_due(now));
        let Some(first) = gathered.front() else { return Vec::new() };
        let profile = Arc::clone(&first.profile);
        let alike = gathered.iter().take_while(|job| Arc::ptr_eq(&job.profile, &profile)).map(|job| job.rows);
        let most = profile.most_rows(self.lane.tuning.max_batch);
        let count = self.lane.next_run(alike, &profile.curve, most, policy::Where::Here);
        let jobs: Vec<Job> = gathered.drain(..count).collect();
        drop(gathered);
        if policy::was_worth_gathering(jobs.len(), jobs.iter().map(|job| job.rows).sum(), &profile.curve) {
            self.lane.lonely.store(0, Ordering::Relaxed);
        } else {
            self.lane.lonely.fetch_add(1, Ordering::Relaxed);
        }
        jobs
    }

    /// Nothing that can panic runs under the lock.
    fn gathered(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.lane.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.pool.retire(self.id);
    }
}

/// Resumes after the tasks that are ready on this thread. Unlike `tokio::task::yield_now` it does not ask the system for
/// more, so it costs next to nothing when there are none.
async fn behind_what_is_ready() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
