//! What waits, of all models, and whose turn it is. Models of the highest priority go first; among equals the one that has
//! had least of the slots for its weight (start-time fair queueing, Goyal, Vin and Cheng 1996, with time used as the cost).
//! Measuring models in spare time stands in the same line with a small weight. Plain state: the lock, the threads and the
//! clock belong to the pool.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::calibration::Calibration;
use super::job::{Job, Refused};
use super::lane::Lane;
use super::{Config, Tuning, policy};

pub type LaneId = u64;

/// Part of the slots' time that measuring takes while there are requests; without any it takes what it needs.
const CALIBRATION_WEIGHT: f64 = 0.1;

/// Bytes of the inputs that are put together for one run, and jobs that are looked at for it.
const LARGEST_BATCH_BYTES: usize = 64 << 20;
const LONGEST_LOOK: usize = 2048;

/// How often at most the queues are searched for jobs that nobody waits for, before a request is refused because of them;
/// with so few rows in them as often as it takes.
const SWEPT_EVERY: Duration = Duration::from_millis(10);
const FEW_ROWS: usize = 64;

pub struct Queues {
    bounds: Config,
    slots: usize,
    lanes: BTreeMap<LaneId, Waiting>,
    last_id: LaneId,
    rows: usize,
    bytes: usize,
    /// Virtual time by priority: the tag of what was dispatched last. A model that was kept waiting by those of higher
    /// priority is not behind its equals for that.
    clocks: BTreeMap<i64, f64>,
    /// Compute threads that have nothing to do.
    pub idle: usize,
    calibrations: VecDeque<Calibration>,
    calibrating: bool,
    /// Time that measuring used beside requests of a priority.
    calibration_tags: BTreeMap<i64, f64>,
    /// The priority of the requests that waited when the calibration at hand was given its turn.
    calibrating_beside: Option<i64>,
    swept: Option<Instant>,
    displaced: usize,
}

/// The queue of one model.
struct Waiting {
    lane: Arc<Lane>,
    jobs: VecDeque<Job>,
    rows: usize,
    cost: Duration,
    running: usize,
    /// Time used per weight, in nanoseconds.
    tag: f64,
    retired: bool,
}

/// What a compute thread is to do.
pub enum Next {
    Run(Run),
    Calibrate(Calibration),
    /// Nothing before this moment, or before something happens.
    Wait(Option<Instant>),
}

pub struct Run {
    pub lane: Arc<Lane>,
    pub jobs: Vec<Job>,
    id: LaneId,
    charged: Duration,
}

impl Waiting {
    /// When its next run may begin; `None` without jobs, or while as many runs are being made as there may be.
    fn ready_at(&self) -> Option<Instant> {
        let Tuning { max_delay, max_batch, .. } = self.lane.tuning;
        let first = self.jobs.front().filter(|_| self.lane.may_enter())?;
        // What is never merged has nothing to wait for.
        let most = || if self.lane.may_batch { first.profile.most_rows(max_batch) } else { 1 };
        if max_delay.is_zero() || self.rows >= most() {
            return Some(first.submitted);
        }
        let patience = self.jobs.iter().map(Job::patience).min();
        first.submitted.checked_add(max_delay).into_iter().chain(patience).min()
    }

    fn has_room(&self, rows: usize) -> bool {
        fits(self.lane.tuning.queue_rows, self.rows, rows)
    }
}

impl Queues {
    pub fn new(bounds: Config, slots: usize) -> Self {
        Self {
            bounds,
            slots,
            lanes: BTreeMap::new(),
            last_id: 0,
            rows: 0,
            bytes: 0,
            clocks: BTreeMap::new(),
            idle: 0,
            calibrations: VecDeque::new(),
            calibrating: false,
            calibration_tags: BTreeMap::new(),
            calibrating_beside: None,
            swept: None,
            displaced: 0,
        }
    }

    pub fn register(&mut self, lane: Arc<Lane>) -> LaneId {
        self.last_id += 1;
        let tag = clock(&self.clocks, lane.tuning.priority);
        let waiting =
            Waiting { lane, jobs: VecDeque::new(), rows: 0, cost: Duration::ZERO, running: 0, tag, retired: false };
        self.lanes.insert(self.last_id, waiting);
        self.last_id
    }

    /// Forgets a model, whose handle is gone and with it everybody who waited, once its last run is done.
    pub fn retire(&mut self, id: LaneId) {
        if let Some(waiting) = self.lanes.get_mut(&id) {
            waiting.retired = true;
            waiting.jobs.clear();
            self.count();
        }
        self.forget_if_done(id);
    }

    pub fn calibrate(&mut self, calibration: Calibration) {
        self.calibrations.push_back(calibration);
        for (priority, clock) in &self.clocks {
            let tag = self.calibration_tags.entry(*priority).or_default();
            *tag = tag.max(*clock);
        }
    }

    fn calibration_tag(&self, priority: i64) -> f64 {
        self.calibration_tags.get(&priority).copied().unwrap_or_else(|| clock(&self.clocks, priority))
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0 && self.lanes.values().all(|waiting| waiting.jobs.is_empty())
    }

    pub fn waiting_rows(&self, id: LaneId) -> usize {
        self.lanes.get(&id).map_or(0, |waiting| waiting.rows)
    }

    /// Takes in the parts of one request, all or none; what is not taken is told so. What nobody waits for any more makes
    /// room.
    pub fn push(&mut self, id: LaneId, jobs: Vec<Job>, now: Instant) -> Result<(), Refused> {
        let sum = |of: fn(&Job) -> usize| jobs.iter().map(of).fold(0, usize::saturating_add);
        let (rows, bytes) = (sum(|job| job.rows), sum(|job| job.bytes));
        let cost: Duration = jobs.iter().map(|job| job.cost).sum();
        let side_by_side = jobs.len().clamp(1, self.slots.max(1)) as u32;
        let left = jobs.first().map_or(Duration::ZERO, |job| job.deadline.saturating_duration_since(now));
        if let Err(refused) = self.admit(id, (rows, bytes), cost / side_by_side, left, now) {
            jobs.into_iter().for_each(|job| job.refuse(refused));
            return Err(refused);
        }
        let Some(waiting) = self.lanes.get_mut(&id) else { return Err(Refused::Closed) };
        if waiting.jobs.is_empty() && waiting.running == 0 {
            // Time that was not used is not saved up.
            waiting.tag = waiting.tag.max(clock(&self.clocks, waiting.lane.tuning.priority));
        }
        waiting.rows += rows;
        waiting.cost += cost;
        waiting.jobs.extend(jobs);
        self.rows += rows;
        self.bytes += bytes;
        Ok(())
    }

    fn admit(
        &mut self,
        id: LaneId,
        (rows, bytes): (usize, usize),
        cost: Duration,
        left: Duration,
        now: Instant,
    ) -> Result<(), Refused> {
        if !self.has_room(id, rows, bytes) {
            self.sweep(now);
            self.displace(id, rows, bytes);
            if !self.has_room(id, rows, bytes) {
                return Err(Refused::Full { retry_after: retry_after(self.wait(id)) });
            }
        }
        // What comes to an empty queue is tried, whatever is believed of it.
        let is_late = |wait: Duration| !wait.is_zero() && wait + cost > left.mul_f64(policy::SURE);
        if is_late(self.wait(id)) {
            self.sweep(now);
        }
        let wait = self.wait(id);
        if is_late(wait) { Err(Refused::TooLate { retry_after: retry_after(wait) }) } else { Ok(()) }
    }

    /// Sends away the latest jobs of models of lower priority, if that makes room.
    fn displace(&mut self, id: LaneId, rows: usize, bytes: usize) {
        let Some(own) = self.lanes.get(&id).filter(|own| own.has_room(rows)) else { return };
        let priority = own.lane.tuning.priority;
        let lower = || self.lanes.values().filter(|other| other.lane.tuning.priority < priority);
        let theirs: usize = lower().map(|other| other.rows).sum();
        let their_bytes: usize = lower().flat_map(|other| &other.jobs).map(|job| job.bytes).sum();
        if !self.fits((self.rows - theirs, self.bytes - their_bytes), (rows, bytes)) {
            return;
        }
        let retry_after = retry_after(self.wait(id));
        while !self.fits(self.depth(), (rows, bytes)) {
            let least = self.lanes.values_mut().filter(|other| !other.jobs.is_empty());
            let Some(waiting) = least.min_by_key(|other| other.lane.tuning.priority) else { return };
            let Some(job) = waiting.jobs.pop_back() else { return };
            waiting.rows -= job.rows;
            waiting.cost = waiting.cost.saturating_sub(job.cost);
            self.rows -= job.rows;
            self.bytes -= job.bytes;
            self.displaced += 1;
            job.refuse(Refused::Full { retry_after });
        }
    }

    /// Jobs that were sent away since this was asked the last time.
    pub fn take_displaced(&mut self) -> usize {
        std::mem::take(&mut self.displaced)
    }

    fn has_room(&self, id: LaneId, rows: usize, bytes: usize) -> bool {
        self.fits(self.depth(), (rows, bytes)) && self.lanes.get(&id).is_none_or(|own| own.has_room(rows))
    }

    /// Whether there may wait as much more as that, in rows and bytes, where so much waits.
    fn fits(&self, waiting: (usize, usize), more: (usize, usize)) -> bool {
        let rows = fits(self.bounds.queue_rows, waiting.0, more.0);
        waiting.0 == 0 || rows && fits(self.bounds.queue_bytes, waiting.1, more.1)
    }

    /// About how long a job that comes now will wait for a slot: the model's own queue at its share of the slots, and no
    /// longer than everything that goes before it.
    fn wait(&self, id: LaneId) -> Duration {
        let Some(own) = self.lanes.get(&id).filter(|waiting| !waiting.jobs.is_empty()) else { return Duration::ZERO };
        let Tuning { priority, weight, .. } = own.lane.tuning;
        let busy = |other: &&Waiting| !other.jobs.is_empty() && other.lane.tuning.priority == priority;
        let weights: f64 = self.lanes.values().filter(busy).map(|other| other.lane.tuning.weight).sum();
        let ahead = self.lanes.values().filter(|other| other.lane.tuning.priority > priority);
        let ahead: Duration = ahead.map(|other| other.cost).sum();
        let equals: Duration = self.lanes.values().filter(busy).map(|other| other.cost).sum();
        let share = own.cost.mul_f64((weights / weight).max(1.0)).min(equals);
        (ahead + share) / self.slots as u32
    }

    /// The next run for one of `free` slots. Whoever makes it, or calibrates, leaves the lane afterwards.
    pub fn next(&mut self, now: Instant, free: usize) -> Next {
        self.drop_undue_heads(now);
        let ready = |(id, waiting): (&LaneId, &Waiting)| {
            Some((*id, waiting.lane.tuning.priority, waiting.tag, waiting.ready_at()?))
        };
        let mut earliest: Option<Instant> = None;
        let mut best: Option<(LaneId, i64, f64)> = None;
        let mut contenders = 0usize;
        for (id, priority, tag, at) in self.lanes.iter().filter_map(ready) {
            if at > now {
                earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
                continue;
            }
            contenders += 1;
            if best.is_none_or(|(_, other, least)| priority > other || (priority == other && tag < least)) {
                best = Some((id, priority, tag));
            }
        }
        let spare = !self.calibrating && !self.calibrations.is_empty();
        if spare
            && best.is_none_or(|(_, priority, tag)| self.calibration_tag(priority) < tag)
            && let Some(at) = self.calibrations.iter().position(Calibration::enters)
            && let Some(calibration) = self.calibrations.remove(at)
        {
            self.calibrating = true;
            self.calibrating_beside = best.map(|(_, priority, _)| priority);
            return Next::Calibrate(calibration);
        }
        let Some((id, priority, tag)) = best else { return Next::Wait(earliest) };
        let clock = self.clocks.entry(priority).or_default();
        *clock = clock.max(tag);
        // Slots that others want as well are no place for a second run of this one.
        match self.take(id, if contenders > 1 { 1 } else { free }, now) {
            Some(run) => Next::Run(run),
            // Another thread has entered the lane meanwhile, which is not ready any more.
            None => self.next(now, free),
        }
    }

    fn take(&mut self, id: LaneId, slots: usize, now: Instant) -> Option<Run> {
        let waiting = self.lanes.get_mut(&id)?;
        let profile = Arc::clone(&waiting.jobs.front()?.profile);
        if !waiting.lane.enters() {
            return None;
        }
        let most = if waiting.lane.may_batch { profile.most_rows(waiting.lane.tuning.max_batch) } else { 1 };
        let mut bytes = 0usize;
        let fits = |job: &Job| Arc::ptr_eq(&job.profile, &profile) && job.is_due(now);
        let alike = waiting.jobs.iter().take(LONGEST_LOOK).enumerate().filter(|(at, job)| *at == 0 || fits(job));
        let alike: Vec<(usize, usize)> = alike
            .take_while(|(at, job)| {
                bytes = bytes.saturating_add(job.bytes);
                *at == 0 || bytes <= LARGEST_BATCH_BYTES
            })
            .map(|(at, job)| (at, job.rows))
            .collect();
        let rows = alike.iter().map(|&(_, rows)| rows);
        let count = waiting.lane.next_run(rows, &profile.curve, most, policy::Where::Slots(slots));
        let mut jobs = Vec::with_capacity(count);
        // From the back, so that the places in front stay right.
        for &(at, _) in alike.iter().take(count).rev() {
            jobs.extend(waiting.jobs.remove(at));
        }
        jobs.reverse();
        let (mut rows, mut bytes, mut cost) = (0, 0, Duration::ZERO);
        for job in &jobs {
            rows += job.rows;
            bytes += job.bytes;
            cost += job.cost;
        }
        let charged = profile.curve.expected(rows).unwrap_or(cost);
        waiting.rows -= rows;
        waiting.cost = waiting.cost.saturating_sub(cost);
        waiting.running += 1;
        waiting.tag += charged.as_nanos() as f64 / waiting.lane.tuning.weight;
        self.rows -= rows;
        self.bytes -= bytes;
        Some(Run { lane: Arc::clone(&waiting.lane), jobs, id, charged })
    }

    /// Books what a run really took.
    pub fn finished(&mut self, id: LaneId, charged: Duration, took: Duration) {
        if let Some(waiting) = self.lanes.get_mut(&id) {
            waiting.running -= 1;
            waiting.tag += (took.as_nanos() as f64 - charged.as_nanos() as f64) / waiting.lane.tuning.weight;
        }
        self.forget_if_done(id);
    }

    /// Books one step of measuring; there is more to do when the calibration comes back.
    pub fn calibrated(&mut self, more: Option<Calibration>, took: Duration) {
        self.calibrating = false;
        // Spare time is free.
        if let Some(priority) = self.calibrating_beside.take() {
            let tag = self.calibration_tag(priority).max(clock(&self.clocks, priority));
            self.calibration_tags.insert(priority, tag + took.as_nanos() as f64 / CALIBRATION_WEIGHT);
        }
        // One after another, because each holds rows while it lasts.
        if let Some(more) = more {
            self.calibrations.push_front(more);
        }
    }

    fn forget_if_done(&mut self, id: LaneId) {
        if self.lanes.get(&id).is_some_and(|waiting| waiting.retired && waiting.jobs.is_empty() && waiting.running == 0)
        {
            self.lanes.remove(&id);
        }
    }

    /// Jobs at the head of each queue that nobody waits for, or that cannot be done in time, give way.
    fn drop_undue_heads(&mut self, now: Instant) {
        for waiting in self.lanes.values_mut() {
            while let Some(job) = waiting.jobs.pop_front_if(|job| !job.is_due(now)) {
                waiting.rows -= job.rows;
                waiting.cost = waiting.cost.saturating_sub(job.cost);
                self.rows -= job.rows;
                self.bytes -= job.bytes;
            }
        }
    }

    /// Drops the others as well. Under overload most requests are refused, and to search a long queue for each of them would
    /// cost more than to answer some.
    fn sweep(&mut self, now: Instant) {
        let lately = self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < SWEPT_EVERY);
        if lately && self.rows > FEW_ROWS {
            return;
        }
        self.swept = Some(now);
        self.lanes.values_mut().for_each(|waiting| waiting.jobs.retain(|job| job.is_due(now)));
        self.count();
    }

    /// Counts again what waits.
    fn count(&mut self) {
        for waiting in self.lanes.values_mut() {
            waiting.rows = waiting.jobs.iter().map(|job| job.rows).sum();
            waiting.cost = waiting.jobs.iter().map(|job| job.cost).sum();
        }
        self.rows = self.lanes.values().map(|waiting| waiting.rows).sum();
        self.bytes = self.lanes.values().flat_map(|waiting| &waiting.jobs).map(|job| job.bytes).sum();
    }

    /// Rows and bytes that wait, in all queues.
    pub fn depth(&self) -> (usize, usize) {
        (self.rows, self.bytes)
    }
}

impl Run {
    /// What `Queues::finished` wants to know of it, for when the run itself is gone.
    pub fn receipt(&self) -> (LaneId, Duration) {
        (self.id, self.charged)
    }
}

/// Whether so much more may wait beside what does. What is larger than the bound by itself comes in while the queue is no more
/// than half full: were it to wait until nothing waits, on a busy server it would never get in.
fn fits(bound: usize, waiting: usize, more: usize) -> bool {
    if more > bound { waiting <= bound / 2 } else { waiting.saturating_add(more) <= bound }
}

/// The virtual time of a priority.
fn clock(clocks: &BTreeMap<i64, f64>, priority: i64) -> f64 {
    clocks.get(&priority).copied().unwrap_or_default()
}

/// When half of what waits now will be done, in whole seconds as the header has them.
fn retry_after(wait: Duration) -> Duration {
    Duration::from_secs((wait.as_secs_f64() / 2.0).ceil().clamp(1.0, 60.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batching::job::Ticket;
    use crate::batching::lane::{Observer, Ran};
    use crate::engine::fake::FakeSession;
    use crate::tensor::Tensor;

    struct Nobody;

    impl Observer for Nobody {
        fn ran(&self, _run: &Ran<'_>) {}
    }

    fn lane(tuning: Tuning) -> Arc<Lane> {
        let session = FakeSession::new(FakeSession::rows_in_rows_out(1), |inputs| Ok(inputs.to_vec()));
        Arc::new(Lane::new(Arc::new(session), tuning, Box::new(Nobody)))
    }

    /// A request of one row that can wait so long.
    fn row(lane: &Lane, now: Instant, patience: Duration) -> (Job, Ticket) {
        let inputs = vec![Tensor::from_vec(&[1, 1][..], vec![0f32]).unwrap()];
        let (profile, _) = lane.profiles.of(&inputs);
        Job::new(inputs, 1, &profile, now, now + patience)
    }

    /// Three models with long queues, and what each got of the slots' time.
    #[test]
    fn equals_share_by_weight_and_idleness_is_not_saved_up() {
        let mut queues = Queues::new(Config::default(), 1);
        let now = Instant::now();
        let lanes = [1.0, 3.0, 1.0].map(|weight| lane(Tuning { weight, ..Tuning::default() }));
        // The third takes ten times as long for a run.
        let took = [1, 1, 10].map(Duration::from_millis);
        let ids = lanes.each_ref().map(|lane| queues.register(Arc::clone(lane)));
        let mut tickets = Vec::new();
        let mut fill = |queues: &mut Queues, at: usize, count: usize| {
            for _ in 0..count {
                let (job, ticket) = row(&lanes[at], now, Duration::from_secs(3600));
                queues.push(ids[at], vec![job], now).unwrap();
                tickets.push(ticket);
            }
        };
        let mut used = [Duration::ZERO; 3];
        let mut serve = |queues: &mut Queues, runs: usize| {
            for _ in 0..runs {
                let Next::Run(run) = queues.next(now, 1) else { panic!("there is work") };
                let (id, charged) = run.receipt();
                let at = ids.iter().position(|&other| other == id).unwrap();
                used[at] += took[at];
                queues.finished(id, charged, took[at]);
            }
            used
        };
        // The first has had the slots for itself.
        fill(&mut queues, 0, 500);
        serve(&mut queues, 100);
        fill(&mut queues, 1, 500);
        fill(&mut queues, 2, 100);
        let before = serve(&mut queues, 0);
        let after = serve(&mut queues, 400);
        let [first, second, third] = [0, 1, 2].map(|at| (after[at] - before[at]).as_millis() as f64);
        assert!((second / first - 3.0).abs() < 0.3, "{first} {second}");
        assert!((third / first - 1.0).abs() < 0.3, "{first} {third}");
    }

    #[test]
    fn what_waited_for_a_higher_priority_is_not_ahead_of_its_equals() {
        let mut queues = Queues::new(Config::default(), 1);
        let now = Instant::now();
        let lanes = [1, 0, 0].map(|priority| lane(Tuning { priority, ..Tuning::default() }));
        let ids = lanes.each_ref().map(|lane| queues.register(Arc::clone(lane)));
        let mut tickets = Vec::new();
        let mut fill = |queues: &mut Queues, at: usize, count: usize| {
            for _ in 0..count {
                let (job, ticket) = row(&lanes[at], now, Duration::from_secs(3600));
                queues.push(ids[at], vec![job], now).unwrap();
                tickets.push(ticket);
            }
        };
        let serve = |queues: &mut Queues| {
            let Next::Run(run) = queues.next(now, 1) else { panic!("there is work") };
            let (id, charged) = run.receipt();
            queues.finished(id, charged, Duration::from_millis(1));
            ids.iter().position(|&other| other == id).unwrap()
        };
        fill(&mut queues, 1, 200);
        fill(&mut queues, 0, 100);
        assert!((0..100).all(|_| serve(&mut queues) == 0));
        fill(&mut queues, 2, 200);
        let third = (0..100).filter(|_| serve(&mut queues) == 2).count();
        assert!((45..=55).contains(&third), "{third} of 100");
    }

    #[test]
    fn what_is_larger_than_the_bound_gets_in_while_others_wait() {
        let accepted = |waiting: usize, more: usize| fits(100, waiting, more);
        assert!(accepted(0, 100) && accepted(50, 50) && !accepted(51, 50));
        assert!(accepted(0, 1000) && accepted(50, 1000) && !accepted(51, 1000));
    }

    #[test]
    fn a_model_held_back_for_company_is_waited_for() {
        let mut queues = Queues::new(Config::default(), 1);
        let now = Instant::now();
        let delay = Duration::from_millis(5);
        let lane = lane(Tuning { max_delay: delay, ..Tuning::default() });
        let id = queues.register(Arc::clone(&lane));
        let (job, _ticket) = row(&lane, now, Duration::from_secs(1));
        job.profile.prove();
        queues.push(id, vec![job], now).unwrap();
        assert!(matches!(queues.next(now, 1), Next::Wait(Some(until)) if until == now + delay));
        // One that comes later and has less time does not wait as long.
        let (hurried, _ticket) = row(&lane, now, delay);
        queues.push(id, vec![hurried], now).unwrap();
        assert!(matches!(queues.next(now, 1), Next::Wait(Some(until)) if until == now + delay / 2));
        assert!(matches!(queues.next(now + delay / 2, 1), Next::Run(_)));
        assert!(matches!(queues.next(now + delay / 2, 1), Next::Run(_)));
        assert!(matches!(queues.next(now + delay, 1), Next::Wait(None)));
    }
}
