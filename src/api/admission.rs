//! How many predictions the server takes on at the same time. A request beyond that is refused at once: a client that
//! is told to come back is better served than one that waits behind a queue it cannot see. Everything that is no
//! prediction (health, metrics, listings) never comes here, so it is answered however busy the server is.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

use super::App;
use super::problem;
use crate::serving;

/// When a refused client should try again: predictions take milliseconds, so a second is a new situation.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Holds one of the places from before the body is read until the answer is built. The place is given back by
/// dropping it, so a request that is cancelled or fails cannot keep it.
pub(super) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Ok(_place) = app.places.try_acquire() else {
        app.serving.metrics().request_shed("in_flight");
        let reason = "as many predictions as --max-in-flight allows are under way";
        let error = serving::Problem::Overloaded { reason, retry_after: RETRY_AFTER };
        return problem::respond(problem::Dialect::of(request.uri().path()), &error.into());
    };
    next.run(request).await
}

/// The places of a server that takes `max_in_flight` predictions at the same time.
pub(super) fn places(max_in_flight: usize) -> Semaphore {
    Semaphore::new(max_in_flight.min(Semaphore::MAX_PERMITS))
}
