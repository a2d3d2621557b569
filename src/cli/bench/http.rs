//! Load for a server. In a closed loop each connection sends its next request when the answer has come; in an open loop
//! requests leave at times fixed beforehand, over whichever connection is free, and their latencies count from those times.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::runtime::Runtime;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep_until;

use super::super::Failure;
use super::alarm::Alarm;
use super::connection::{Connection, Exchanged};
use super::generator::Generator;
use super::request::{Request, Requests};
use super::schedule::Schedule;
use super::tally::{Failed, Tally};
use super::url::Url;

/// Pause of a connection after a failure, so that a server that is gone is not asked as fast as it can refuse.
const AFTER_FAILURE: Duration = Duration::from_millis(10);

/// How requests follow each other.
#[derive(Clone, Debug)]
pub(super) enum Pace {
    /// As fast as answers come.
    Closed,
    /// So many per second over all threads; at random times if there is something to draw them from.
    Open { rate: f64, random: Option<Rng> },
}

/// A load, to be shared out to threads.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) pace: Pace,
    pub(super) connections: usize,
    pub(super) threads: usize,
    /// Whether they look for answers all the time and never sleep.
    pub(super) awake: bool,
    /// How long to wait for outstanding answers at the end.
    pub(super) timeout: Duration,
}

/// One thread of it.
pub(super) struct Client {
    runtime: Runtime,
    /// Taken while load is made.
    connections: Vec<Connection>,
    requests: Requests,
    pace: Pace,
    awake: bool,
    timeout: Duration,
    part: (usize, usize),
}

impl Load {
    /// Connects, as far as the server lets it; what fails is tried again, and counted, with the first request.
    pub(super) fn clients(&self, url: &Url, requests: &Requests) -> Result<Vec<Client>, Failure> {
        let threads = self.threads.min(self.connections);
        (0..threads)
            .map(|part| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let count = (self.connections + threads - 1 - part) / threads;
                let mut connections: Vec<_> = (0..count).map(|_| Connection::new(url.address)).collect();
                runtime.block_on(async {
                    for connection in &mut connections {
                        if connection.open().await.is_err() {
                            break;
                        }
                    }
                });
                let mut pace = self.pace.clone();
                if let Pace::Open { random: Some(random), .. } = &mut pace {
                    (0..part).for_each(|_| *random = random.fork());
                }
                let (requests, timeout) = (Arc::clone(requests), self.timeout);
                let (awake, part) = (self.awake, (part, threads));
                Ok(Client { runtime, connections, requests, pace, awake, timeout, part })
            })
            .collect()
    }
}

impl Generator for Client {
    fn generate(&mut self, lasting: Duration) -> Result<Tally, Failure> {
        let begun = Instant::now();
        let lane = Lane {
            requests: Arc::clone(&self.requests),
            next: 0,
            end: begun + lasting,
            patience: begun + lasting + self.timeout,
            tally: Arc::new(Mutex::new(Tally::begin(begun)?)),
        };
        let schedule = match &mut self.pace {
            Pace::Closed => None,
            Pace::Open { rate, random } => {
                let random = random.as_mut().map(Rng::fork);
                let schedule = Schedule::new(begun, lasting, *rate, self.part, random);
                let _inside = self.runtime.enter();
                Some(Arc::new(tokio::sync::Mutex::new((schedule, Alarm::new()))))
            }
        };
        let mut lanes = JoinSet::new();
        let (part, threads) = self.part;
        let connections = self.connections.len() * threads;
        for (at, connection) in self.connections.drain(..).enumerate() {
            // Each begins elsewhere, so that they do not all ask the same at the same time.
            let next = (at * threads + part) * self.requests.len() / connections;
            let lane = Lane { next, ..lane.clone() };
            match &schedule {
                None => lanes.spawn_on(lane.closed(connection), self.runtime.handle()),
                Some(schedule) => lanes.spawn_on(lane.open(connection, Arc::clone(schedule)), self.runtime.handle()),
            };
        }
        self.connections = self.runtime.block_on(async {
            // Where somebody else is ready, the runtime looks for what has come, but does not wait for it.
            let awake = self.awake.then(|| {
                tokio::spawn(async {
                    loop {
                        yield_now().await;
                    }
                })
            });
            let connections = lanes.join_all().await;
            awake.as_ref().inspect(|task| task.abort());
            connections
        });
        let mut tally = lane.tally().clone();
        if let Some(schedule) = schedule {
            let (schedule, _) = &mut *schedule.blocking_lock();
            tally.lasted_until(schedule.end());
            while let Some(intended) = schedule.next() {
                tally.planned += 1;
                tally.unsent(intended, schedule.end());
                schedule.advance();
            }
        }
        Ok(tally)
    }
}

/// What one connection does for one stretch of load.
#[derive(Clone)]
struct Lane {
    requests: Requests,
    /// Which is the next to be sent, counted without an end.
    next: usize,
    /// No request leaves after this.
    end: Instant,
    /// No answer is waited for after this.
    patience: Instant,
    /// Of the thread; never held across a wait.
    tally: Arc<Mutex<Tally>>,
}

impl Lane {
    async fn closed(mut self, mut connection: Connection) -> Connection {
        let mut patience = pin!(sleep_until(self.patience.into()));
        let mut now = Instant::now();
        while now < self.end {
            let (sent, request) = (now, self.turn());
            let exchanged = tokio::select! {
                biased;
                exchanged = connection.exchange(&request, None) => Some(exchanged),
                () = &mut patience => None,
            };
            now = Instant::now();
            if !self.book(&request, exchanged, sent, now, &mut connection) {
                tokio::time::sleep(AFTER_FAILURE).await;
                now = Instant::now();
            }
        }
        connection
    }

    async fn open(
        mut self,
        mut connection: Connection,
        turns: Arc<tokio::sync::Mutex<(Schedule, Alarm)>>,
    ) -> Connection {
        let mut patience = pin!(sleep_until(self.patience.into()));
        loop {
            // Free connections queue up here; the first of them waits for the next request's time.
            let mut turn = turns.lock().await;
            let (schedule, alarm) = &mut *turn;
            let Some(intended) = schedule.next() else { break };
            let now = Instant::now();
            if intended <= now && now >= self.end {
                break;
            }
            let sent = alarm.wait_until(intended).await;
            schedule.advance();
            drop(turn);
            {
                let mut tally = self.tally();
                tally.planned += 1;
                tally.leaves(intended, sent);
            }
            let request = self.turn();
            let exchanged = tokio::select! {
                biased;
                exchanged = connection.exchange(&request, None) => Some(exchanged),
                () = &mut patience => None,
            };
            if !self.book(&request, exchanged, intended, Instant::now(), &mut connection) {
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
        connection
    }

    /// What to send next.
    fn turn(&mut self) -> Request {
        let request = self.requests[self.next % self.requests.len()].clone();
        self.next += 1;
        request
    }

    /// Whether the server answered.
    fn book(
        &self,
        request: &Request,
        exchanged: Option<std::io::Result<Exchanged>>,
        since: Instant,
        now: Instant,
        connection: &mut Connection,
    ) -> bool {
        let mut tally = self.tally();
        tally.bytes_out += request.bytes.len() as u64;
        match exchanged {
            Some(Ok(Exchanged { status, bytes, resent })) => {
                tally.resent += u64::from(resent);
                tally.bytes_in += bytes;
                match status {
                    200..300 => tally.succeeded(since, now),
                    status => tally.failed(Failed::Status(status), now, None),
                }
                true
            }
            Some(Err(error)) => {
                // What never came is no reason to count the time that was waited for it.
                tally.failed(Failed::Transport, now.min(self.end), Some(error.to_string()));
                false
            }
            None => {
                connection.close();
                tally.failed(Failed::Transport, now.min(self.end), Some("no answer in time".into()));
                false
            }
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
