//! The compute slots of the process and the bounded queue before them. A job that is known to be cheap and finds a free
//! slot runs at once on the caller's thread; any other goes through the queue to a compute thread, so that accepting
//! connections never waits for a model. A slot is held by a guard and a queued job by its answer channel: whoever goes
//! away, by panic or by leaving, gives back what it held.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::telemetry::Metrics;

use super::Config;

/// Jobs expected to take no longer than this run on the caller's thread: about what handing over costs ten times.
const INLINE_LIMIT: Duration = Duration::from_micros(250);

/// Compute slots shared by all models. Cloning shares them.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    /// Signalled when a job is queued while a slot is free, when a slot is freed while jobs wait, and at the close.
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    queued_rows: usize,
    queued_bytes: usize,
    busy: usize,
    closed: bool,
}

struct Job {
    size: Size,
    deadline: Instant,
    task: Box<dyn Task>,
}

impl Job {
    /// Whether it is still worth running.
    fn is_due(&self, now: Instant) -> bool {
        now < self.deadline && self.task.wanted()
    }
}

impl State {
    /// An empty queue takes a job of any size: a request larger than the bound must be able to run alone.
    fn has_room_for(&self, size: Size, bounds: &Config) -> bool {
        self.queue.is_empty()
            || (self.queued_rows.saturating_add(size.rows) <= bounds.queue_rows
                && self.queued_bytes.saturating_add(size.bytes) <= bounds.queue_bytes)
    }
}

/// Queued work, whatever it returns.
trait Task: Send {
    /// Whether the caller still waits.
    fn wanted(&self) -> bool;

    fn run(self: Box<Self>);
}

/// A closure and the way back to whoever waits for its value.
struct Call<T, F> {
    work: F,
    submitted: Instant,
    begun: oneshot::Sender<()>,
    answer: oneshot::Sender<Ran<T>>,
}

impl<T: Send, F: FnOnce() -> T + Send> Task for Call<T, F> {
    fn wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(self: Box<Self>) {
        // An error in either send means that the caller has left: nobody to tell.
        let _ = self.begun.send(());
        let started = Instant::now();
        let value = (self.work)();
        let _ = self.answer.send(Ran { value, queued: started - self.submitted, computed: started.elapsed() });
    }
}

/// How much a job weighs in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub rows: usize,
    pub bytes: usize,
}

/// A job's result and where its time went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran<T> {
    pub value: T,
    pub queued: Duration,
    pub computed: Duration,
}

/// Why a job did not run, or not in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the queue is full")]
    Full { retry_after: Duration },
    #[error("the deadline passed in the queue")]
    ExpiredInQueue,
    #[error("the deadline passed while computing")]
    ExpiredWhileComputing,
    #[error("the compute threads are shut down")]
    Closed,
    #[error("the computation panicked")]
    Panicked,
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
        let shared = Arc::new(Shared { config, metrics, state: Mutex::default(), work: Condvar::new() });
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

    /// Runs `work` in a compute slot and waits for it until `deadline`. `expected` is its likely duration, if known.
    /// When the returned future is dropped, work that has not begun never does.
    pub async fn run<T: Send + 'static>(
        &self,
        size: Size,
        expected: Option<Duration>,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Ran<T>, Refused> {
        let submitted = Instant::now();
        if submitted >= deadline {
            return Err(Refused::ExpiredInQueue);
        }
        if expected.is_some_and(|cost| cost <= INLINE_LIMIT)
            && let Some(slot) = self.shared.try_slot()
        {
            let value = catch_unwind(AssertUnwindSafe(work)).map_err(|_| Refused::Panicked);
            let computed = slot.release();
            return Ok(Ran { value: value?, queued: Duration::ZERO, computed });
        }
        let (begun, mut beginning) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let task = Box::new(Call { work, submitted, begun, answer });
        self.shared.enqueue(Job { size, deadline, task })?;
        match tokio::time::timeout_at(deadline.into(), answered).await {
            Ok(Ok(ran)) => Ok(ran),
            // The job was dropped without an answer: expired in the queue, or it panicked after it began.
            Ok(Err(_)) if beginning.try_recv().is_ok() => Err(Refused::Panicked),
            Err(_) if beginning.try_recv().is_ok() => Err(Refused::ExpiredWhileComputing),
            Ok(Err(_)) | Err(_) => Err(Refused::ExpiredInQueue),
        }
    }

    /// No new jobs from now on; the threads end once the queue is empty.
    pub fn close(&self) {
        lock(&self.shared.state).closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn try_slot(self: &Arc<Self>) -> Option<BusySlot> {
        let mut state = lock(&self.state);
        if state.closed || state.busy >= self.config.threads || !state.queue.is_empty() {
            return None;
        }
        Some(self.take_slot(&mut state))
    }

    fn take_slot(self: &Arc<Self>, state: &mut State) -> BusySlot {
        state.busy += 1;
        self.metrics.slot_taken();
        BusySlot { shared: Arc::clone(self), since: Instant::now() }
    }

    fn enqueue(&self, job: Job) -> Result<(), Refused> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Refused::Closed);
        }
        if !state.has_room_for(job.size, &self.config) {
            self.drop_unwanted(&mut state);
            if !state.has_room_for(job.size, &self.config) {
                self.metrics.request_shed("queue");
                return Err(Refused::Full { retry_after: Duration::from_secs(1) });
            }
        }
        state.queued_rows += job.size.rows;
        state.queued_bytes += job.size.bytes;
        self.metrics.job_queued(job.size.rows, job.size.bytes);
        state.queue.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// Jobs that nobody waits for any more give their room back; so do those whose time is over.
    fn drop_unwanted(&self, state: &mut State) {
        let now = Instant::now();
        let jobs = std::mem::take(&mut state.queue);
        for job in jobs {
            if job.is_due(now) {
                state.queue.push_back(job);
            } else {
                self.left_queue(state, job.size);
            }
        }
    }

    fn left_queue(&self, state: &mut State, size: Size) {
        state.queued_rows -= size.rows;
        state.queued_bytes -= size.bytes;
        self.metrics.job_left_queue(size.rows, size.bytes);
    }

    /// A compute thread's life.
    fn serve(self: Arc<Self>) {
        while let Some((job, slot)) = self.next() {
            // A panic drops the job's answer channel, which tells its caller; the thread goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| job.task.run()));
            slot.release();
        }
    }

    /// Waits for a job that somebody still wants and a slot to run it in; `None` at the close.
    fn next(self: &Arc<Self>) -> Option<(Job, BusySlot)> {
        let mut state = lock(&self.state);
        loop {
            if state.busy < self.config.threads
                && let Some(job) = state.queue.pop_front()
            {
                self.left_queue(&mut state, job.size);
                if !job.is_due(Instant::now()) {
                    continue;
                }
                let slot = self.take_slot(&mut state);
                return Some((job, slot));
            }
            if state.closed && state.queue.is_empty() {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }
}

/// A slot in use, given back when dropped.
struct BusySlot {
    shared: Arc<Shared>,
    since: Instant,
}

impl BusySlot {
    /// Gives the slot back and says how long it was held.
    fn release(self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for BusySlot {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.busy -= 1;
        let (waiting, closed) = (!state.queue.is_empty(), state.closed);
        drop(state);
        self.shared.metrics.slot_released(self.since.elapsed());
        if closed {
            // Whoever takes the last job leaves the other threads nothing to be woken by.
            self.shared.work.notify_all();
        } else if waiting {
            self.shared.work.notify_one();
        }
    }
}

/// The state stays consistent across a panic (nothing in here panics between two related changes), so a poisoned lock
/// is simply taken.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const ONE: Size = Size { rows: 1, bytes: 8 };
    const CHEAP: Option<Duration> = Some(Duration::from_micros(1));

    fn pool(queue_rows: usize) -> Pool {
        let config = Config { threads: 1, queue_rows, queue_bytes: 1 << 20 };
        Pool::start(config, Arc::new(Metrics::new().unwrap())).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// Occupies the only slot until the returned sender is used or dropped.
    async fn occupy(pool: &Pool) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (release, released) = mpsc::channel::<()>();
        let (begun, beginning) = oneshot::channel();
        let pool = pool.clone();
        let task = tokio::spawn(async move {
            let work = move || {
                let _ = begun.send(());
                let _ = released.recv();
            };
            pool.run(ONE, None, soon(), work).await.map(|_| ()).unwrap();
        });
        beginning.await.unwrap();
        (release, task)
    }

    #[tokio::test]
    async fn cheap_work_runs_on_the_callers_thread_and_costly_work_does_not() {
        let pool = pool(8);
        let here = thread::current().id();
        let cheap = pool.run(ONE, CHEAP, soon(), || thread::current().id()).await.unwrap();
        assert_eq!(cheap.value, here);
        let costly = pool.run(ONE, None, soon(), || thread::current().id()).await.unwrap();
        assert_ne!(costly.value, here);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_serves_what_it_took() {
        let pool = pool(1);
        let (release, busy) = occupy(&pool).await;
        let mut waiting = Box::pin(pool.run(ONE, CHEAP, soon(), || 7));
        assert!(futures_poll(&mut waiting).await.is_none(), "queued behind the busy slot");
        assert!(matches!(pool.run(ONE, CHEAP, soon(), || 8).await, Err(Refused::Full { .. })));
        drop(release);
        assert_eq!(waiting.await.unwrap().value, 7);
        busy.await.unwrap();
    }

    #[tokio::test]
    async fn abandoned_and_expired_work_never_runs() {
        let pool = pool(8);
        let (release, busy) = occupy(&pool).await;
        let (ran, runs) = mpsc::channel();
        let mut abandoned = Box::pin(pool.run(ONE, None, soon(), {
            let ran = ran.clone();
            move || ran.send("abandoned")
        }));
        assert!(futures_poll(&mut abandoned).await.is_none());
        drop(abandoned);
        let short = Instant::now() + Duration::from_millis(1);
        assert_eq!(pool.run(ONE, None, short, move || ran.send("expired")).await.err(), Some(Refused::ExpiredInQueue));
        drop(release);
        busy.await.unwrap();
        pool.run(ONE, None, soon(), || ()).await.unwrap();
        assert!(runs.try_recv().is_err());
    }

    #[tokio::test]
    async fn whoever_leaves_a_full_queue_makes_room() {
        let pool = pool(1);
        let (release, busy) = occupy(&pool).await;
        let mut left = Box::pin(pool.run(ONE, None, soon(), || 1));
        assert!(futures_poll(&mut left).await.is_none());
        drop(left);
        let mut next = Box::pin(pool.run(ONE, None, soon(), || 2));
        assert!(futures_poll(&mut next).await.is_none(), "waiting, not refused");
        drop(release);
        assert_eq!(next.await.unwrap().value, 2);
        busy.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_costs_one_job() {
        let pool = pool(8);
        for expected in [CHEAP, None] {
            let crashed = pool.run(ONE, expected, soon(), || panic!("boom")).await.map(|ran: Ran<()>| ran.value);
            assert_eq!(crashed, Err(Refused::Panicked));
        }
        assert_eq!(pool.run(ONE, None, soon(), || 1).await.unwrap().value, 1);
    }

    #[tokio::test]
    async fn a_closed_pool_refuses() {
        let pool = pool(8);
        pool.close();
        assert_eq!(pool.run(ONE, CHEAP, soon(), || 1).await.err(), Some(Refused::Closed));
    }

    /// Polls once.
    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
                std::task::Poll::Ready(value) => Some(value),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
