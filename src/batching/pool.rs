//! The compute threads of the process, one per slot, before the queues of all models; and the places for cheap work on the
//! threads that bring it, as many again, so that a small model never waits for a large one. A slot is held by a guard and
//! a job by its answer channel: whoever goes away, by panic or by leaving, gives back what it held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::priority::{self, Computing};
use crate::telemetry::Metrics;

use super::calibration::Calibration;
use super::job::{Job, Refused};
use super::lane::{How, Lane};
use super::queues::{LaneId, Next, Queues, Run};
use super::{Config, Tuning, worker};

/// Compute slots shared by all models. Cloning shares them.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    metrics: Arc<Metrics>,
    queues: Mutex<Queues>,
    /// Signalled when there may be something to do for one more compute thread, and at the close.
    work: Condvar,
    /// Runs on threads that are not ours.
    inline: AtomicUsize,
    closed: AtomicBool,
}

impl Pool {
    /// Starts the compute threads; with `config.threads` 0 as many as the machine or the container's CPU quota gives.
    pub fn start(config: Config, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let threads = match config.threads {
            // Reads scheduling affinity and cgroup quotas (v1 and v2), rounded down, at least 1.
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        metrics.slots_sized(threads);
        let config = Config { threads, ..config };
        let queues = Mutex::new(Queues::new(config.clone(), threads));
        let (work, inline, closed) = Default::default();
        let shared = Arc::new(Shared { config, metrics, queues, work, inline, closed });
        for number in 0..threads {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("compute-{number}")).spawn(move || shared.serve())?;
        }
        Ok(Self { shared })
    }

    /// Inferences that may run at the same moment.
    pub fn slots(&self) -> usize {
        self.shared.config.threads
    }

    /// How models are run that do not say.
    pub fn tuning(&self) -> Tuning {
        self.shared.config.tuning
    }

    /// No new jobs from now on; the threads end once the queues are empty.
    pub fn close(&self) {
        // Under the lock, so that no thread is between looking and sleeping.
        let queues = self.shared.queues();
        self.shared.closed.store(true, Ordering::Release);
        drop(queues);
        self.shared.work.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    pub(super) fn register(&self, lane: &Arc<Lane>) -> LaneId {
        self.shared.queues().register(Arc::clone(lane))
    }

    pub(super) fn retire(&self, id: LaneId) {
        let mut queues = self.shared.queues();
        queues.retire(id);
        self.shared.show_depth(&queues);
    }

    /// Has the model timed in spare time.
    pub(super) fn calibrate(&self, calibration: Calibration) {
        if self.shared.config.calibrate {
            self.shared.queues().calibrate(calibration);
            self.shared.work.notify_one();
        }
    }

    pub(super) fn waiting_rows(&self, id: LaneId) -> usize {
        self.shared.queues().waiting_rows(id)
    }

    /// A place for a cheap run on this thread; `None` while others use all.
    pub(super) fn try_inline<'p>(&'p self, id: LaneId, lane: &'p Lane, now: Instant) -> Option<InlineSlot<'p>> {
        let most = self.slots();
        // A model that computes elsewhere may hold what a run needs, such as its only session.
        if lane.running.load(Ordering::Relaxed) >= most {
            return None;
        }
        // Who waits for one of a few places must not see them go to whoever comes later.
        if (lane.is_bounded() && self.waiting_rows(id) > 0) || !lane.enters() {
            return None;
        }
        let taken = self.shared.inline.fetch_add(1, Ordering::AcqRel);
        let slot = InlineSlot { shared: &self.shared, lane, since: now, until: None };
        self.shared.metrics.slot_taken();
        (taken < most).then_some(slot)
    }

    /// Queues the parts of one request, all or none.
    pub(super) fn enqueue(&self, id: LaneId, jobs: Vec<Job>) -> Result<(), Refused> {
        let mut queues = self.shared.queues();
        if self.is_closed() {
            jobs.into_iter().for_each(|job| job.refuse(Refused::Closed));
            return Err(Refused::Closed);
        }
        let refused = queues.push(id, jobs, Instant::now());
        self.shared.show_depth(&queues);
        let displaced = queues.take_displaced();
        drop(queues);
        (0..displaced).for_each(|_| self.shared.metrics.request_shed("queue"));
        match refused {
            Ok(()) => self.shared.work.notify_one(),
            Err(_) => {
                self.shared.metrics.request_shed("queue");
                priority::refused();
            }
        }
        refused
    }
}

impl Shared {
    /// A compute thread's life.
    fn serve(self: Arc<Self>) {
        priority::give_way();
        while let Some(next) = self.wait() {
            match next {
                Next::Run(run) => self.run(run),
                Next::Calibrate(calibration) => self.calibrate(calibration),
                Next::Wait(_) => {}
            }
        }
    }

    fn run(&self, run: Run) {
        let (id, charged) = run.receipt();
        let slot = BusySlot::take(&self.metrics);
        // A panic drops the jobs' answer channels, which tells their callers; the thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(|| worker::run(&run.lane, run.jobs, How::Queued)));
        run.lane.leave();
        let took = slot.release();
        // This thread looks for work next, and wakes another one where there is more.
        self.queues().finished(id, charged, took);
    }

    fn calibrate(&self, calibration: Calibration) {
        let slot = BusySlot::take(&self.metrics);
        let lane = calibration.lane();
        let more = catch_unwind(AssertUnwindSafe(|| calibration.step())).ok().flatten();
        if let Some(lane) = lane {
            lane.leave();
        }
        let took = slot.release();
        self.queues().calibrated(more, took);
    }

    /// Waits for something to do; `None` at the close, when nothing waits any more.
    fn wait(&self) -> Option<Next> {
        let mut queues = self.queues();
        loop {
            let closed = self.closed.load(Ordering::Acquire);
            // Whoever asks is free itself.
            let free = 1 + queues.idle;
            let next = queues.next(Instant::now(), free);
            // Also where there is nothing to run: what nobody waits for any more is gone.
            self.show_depth(&queues);
            let until = match next {
                Next::Calibrate(_) if closed => continue,
                Next::Wait(until) => until,
                next => {
                    // There may be work for another one as well.
                    if !queues.is_empty() {
                        self.work.notify_one();
                    }
                    return Some(next);
                }
            };
            if closed && queues.is_empty() {
                // Whoever takes the last job leaves the other threads nothing to be woken by.
                self.work.notify_all();
                return None;
            }
            queues.idle += 1;
            queues = match until {
                None => self.work.wait(queues).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let patience = until.saturating_duration_since(Instant::now());
                    self.work.wait_timeout(queues, patience).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            queues.idle -= 1;
        }
    }

    /// Gives back a place in a lane on a thread that does not look for what else there is.
    fn leave(&self, lane: &Lane) {
        if lane.leave() {
            // Under the lock, so that no thread is between looking and sleeping.
            drop(self.queues());
            self.work.notify_one();
        }
    }

    fn show_depth(&self, queues: &Queues) {
        let (rows, bytes) = queues.depth();
        self.metrics.queue_is(rows, bytes);
        priority::work_waits(rows > 0);
    }

    /// The queues stay consistent across a panic (nothing in there panics between two related changes), so a poisoned
    /// lock is simply taken.
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in use on a thread of the server, given back when dropped.
pub struct InlineSlot<'p> {
    shared: &'p Shared,
    lane: &'p Lane,
    since: Instant,
    until: Option<Instant>,
}

impl InlineSlot<'_> {
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Gives it back when the time is known.
    pub fn release(mut self, now: Instant) {
        self.until = Some(now);
    }
}

impl Drop for InlineSlot<'_> {
    fn drop(&mut self) {
        self.shared.inline.fetch_sub(1, Ordering::AcqRel);
        self.shared.leave(self.lane);
        let until = self.until.unwrap_or_else(Instant::now);
        self.shared.metrics.slot_released(until - self.since);
    }
}

/// A compute thread at work.
struct BusySlot<'m> {
    metrics: &'m Metrics,
    since: Instant,
    _computing: Computing,
}

impl<'m> BusySlot<'m> {
    fn take(metrics: &'m Metrics) -> Self {
        metrics.slot_taken();
        Self { metrics, since: Instant::now(), _computing: Computing::begin() }
    }

    /// Says how long it was busy.
    fn release(self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for BusySlot<'_> {
    fn drop(&mut self) {
        self.metrics.slot_released(self.since.elapsed());
    }
}
