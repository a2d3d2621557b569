//! How many predictions the server takes on at the same time. A request beyond that is refused at once: a client that
//! is told to come back is better served than one that waits behind a queue it cannot see. Everything that is no
//! prediction (health, metrics, listings) never comes here, so it is answered however busy the server is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::burst::Large;
use super::middleware::{Call, discard};
use super::{App, problem};
use crate::{priority, serving};

/// When a refused client should try again: predictions take milliseconds, so a second is a new situation.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Smaller pieces of an answer leave without their place: they fit a socket's buffer, and a client that has read its
/// answer finds the place free.
const SMALL: usize = 64 << 10;

/// One of the places. It is given back when the last clone is dropped, so whatever keeps memory or a processor busy for
/// a request holds one, also when the request itself has been cancelled.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
    _large: Option<Arc<Large>>,
}

impl Place {
    pub(super) fn take(places: &Arc<Semaphore>) -> Option<Self> {
        let permit = Arc::clone(places).try_acquire_owned().ok()?;
        Some(Self { _permit: Arc::new(permit), _large: None })
    }
}

/// Takes a place before the body is read, for as long as anything of the request or its answer is in memory.
pub(super) async fn admit<F: Future<Output = Response>>(
    app: &App,
    mut call: Box<Call>,
    next: impl FnOnce(Box<Call>) -> F,
) -> Response {
    let Some(mut place) = Place::take(&app.places) else {
        app.serving.metrics().request_shed("in_flight");
        priority::refused();
        let (parts, body) = call.request.into_parts();
        Box::pin(discard(&parts.headers, body)).await;
        let reason = "as many predictions as --max-in-flight allows are under way";
        let error = serving::Problem::Overloaded { reason, retry_after: RETRY_AFTER };
        return problem::respond(problem::Dialect::of(parts.uri.path()), &error.into());
    };
    place._large = app.burst.count(&call.request.body().size_hint()).map(Arc::new);
    call.context.place = Some(place.clone());
    let response = next(call).await;
    match response.body().size_hint().exact() {
        Some(size) if size < SMALL as u64 => response,
        _ => response.map(|body| Body::new(Leaving { body, place })),
    }
}

/// The places of a server that takes `max_in_flight` predictions at the same time.
pub(super) fn places(max_in_flight: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(max_in_flight.min(Semaphore::MAX_PERMITS)))
}

/// An answer on its way to the client, which may read slowly.
struct Leaving {
    body: Body,
    place: Place,
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // The connection takes the bytes long before it gets rid of them, so they hold the place, too.
        let held = |bytes: Bytes| match bytes.len() {
            ..SMALL => bytes,
            _ => Bytes::from_owner(Held { bytes, _place: self.place.clone() }),
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of an answer that have not left.
struct Held {
    bytes: Bytes,
    _place: Place,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
