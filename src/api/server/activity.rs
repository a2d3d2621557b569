//! What goes on on a connection, so that one on which nothing does can be told. HTTP libraries set a timer for the head of
//! each request; for a small model that costs as much as the prediction, and one timer for each connection does as well.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Version};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::time::sleep;

use super::Front;
use super::leaving::Leaving;
use crate::api::shortcut::Answering;
use crate::priority;

/// How many looks make sure that a connection is silent. With more, it is closed more punctually.
const LOOKS: u32 = 4;

/// Counts of one connection.
#[derive(Default)]
pub(super) struct Activity {
    spoke: AtomicBool,
    /// HTTP/2, whose connections may be silent for as long as their client answers pings.
    is_multiplexed: AtomicBool,
    in_flight: AtomicUsize,
    /// How often something was to be written. What the client does not take is the stream's to notice.
    writes: AtomicU64,
    /// The same of answers by HTTP/2, of which a client takes as much as it likes while it reads all that is written.
    leaving: Leaving,
}

impl Activity {
    /// Whether a request has come.
    pub fn spoke(&self) -> bool {
        self.spoke.load(Ordering::Relaxed)
    }

    pub fn note_write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Done when for `idle`, or up to a quarter more, no request was in flight and nothing of an answer left; what arrives
    /// counts only once it is a request, so sending one byte now and then holds no connection.
    pub async fn silence(&self, idle: Duration) {
        let (mut silent, mut moved_before) = (0, 0);
        while silent < LOOKS {
            sleep(idle / LOOKS).await;
            let is_multiplexed = self.is_multiplexed.load(Ordering::Relaxed);
            let moved = if is_multiplexed { self.leaving.taken() } else { self.writes.load(Ordering::Relaxed) };
            let is_kept = (is_multiplexed && self.leaving.is_empty())
                || self.in_flight.load(Ordering::Relaxed) > 0
                || moved != moved_before;
            silent = if self.spoke() && is_kept { 0 } else { silent + 1 };
            moved_before = moved;
        }
    }
}

/// Answers the requests of one connection and counts them.
pub(super) struct Watched {
    pub front: Front,
    pub activity: Arc<Activity>,
}

impl Service<Request<Incoming>> for Watched {
    type Response = Response;
    type Error = Infallible;
    type Future = InFlight;

    fn call(&self, request: Request<Incoming>) -> InFlight {
        if !self.activity.spoke() {
            self.activity.spoke.store(true, Ordering::Relaxed);
            self.activity.is_multiplexed.store(request.version() == Version::HTTP_2, Ordering::Relaxed);
        }
        self.activity.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { answering: self.front.answer(request.map(Body::new)), activity: Arc::clone(&self.activity) }
    }
}

/// A request until its answer begins.
pub(super) struct InFlight {
    answering: Answering,
    activity: Arc<Activity>,
}

impl Future for InFlight {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.answering.as_mut().poll(cx));
        let is_multiplexed = self.activity.is_multiplexed.load(Ordering::Relaxed);
        Poll::Ready(response.map(|response| match is_multiplexed {
            true => self.activity.leaving.watch(response),
            false => response,
        }))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.in_flight.fetch_sub(1, Ordering::Relaxed);
        priority::answered();
    }
}
