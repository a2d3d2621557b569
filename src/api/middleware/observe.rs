//! What is seen of each request from outside: its id, one log line, the metrics, and the net under everything. The
//! record is written when the last byte of the answer was handed over or the client has left, whichever comes first.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{CONNECTION, CONTENT_LENGTH};
use axum::http::{HeaderValue, Method, StatusCode, Uri, Version};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::request_id::X_REQUEST_ID;
use super::{App, Call, Seen, problem};
use crate::telemetry::InFlight;

/// Recorded when the client left before its answer was ready; the number is nginx's, and nobody ever receives it.
const CLIENT_LEFT: u16 = 499;

pub(super) async fn observe<F: Future<Output = Response>>(
    app: &Arc<App>,
    call: Box<Call>,
    route: Option<&'static str>,
    next: impl FnOnce(Box<Call>) -> F,
) -> Response {
    let Call { request, context, .. } = &*call;
    let request_id = context.request_id.clone();
    let is_http1 = request.version() <= Version::HTTP_11;
    let dialect = problem::Dialect::of(request.uri().path());
    let mut exchange = Exchange {
        start: context.start,
        method: request.method().clone(),
        uri: request.uri().clone(),
        route: route.map(Route::Known).or_else(|| request.extensions().get().cloned().map(Route::Matched)),
        request_id: request_id.clone(),
        status: CLIENT_LEFT,
        bytes_in: announced(request),
        bytes_out: 0,
        seen: Arc::clone(&context.seen),
        code: None,
        _in_flight: app.serving.metrics().http_request_started(),
        app: Arc::clone(app),
    };

    // Pinned where it is made: handed to a function, it would be in this one twice.
    let mut answering = pin!(next(call));
    // After a panic the future is only dropped, never polled, so nothing sees a half-done state.
    let caught = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    });
    let mut response = match caught.await {
        Ok(response) => response,
        Err(panic) => {
            tracing::error!(
                panic = words(&*panic),
                path = exchange.uri.path(),
                "a handler panicked: please report this"
            );
            problem::refuse(dialect, problem::Refusal::Internal)
        }
    };
    response.headers_mut().insert(X_REQUEST_ID, request_id);
    if is_http1 && app.serving.readiness().is_draining() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    exchange.status = response.status().as_u16();
    exchange.code = response.extensions().get::<problem::Code>().map(|problem::Code(code)| *code);
    response.map(|body| Body::new(Counted { body, exchange }))
}

fn announced(request: &Request) -> u64 {
    let length = request.headers().get(CONTENT_LENGTH);
    length.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok()).unwrap_or(0)
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words")
}

/// A route of the table.
enum Route {
    Known(&'static str),
    Matched(MatchedPath),
}

impl Route {
    fn as_str(&self) -> &str {
        match self {
            Self::Known(route) => route,
            Self::Matched(path) => path.as_str(),
        }
    }
}

/// One request and its answer; written down when dropped.
struct Exchange {
    start: Instant,
    method: Method,
    uri: Uri,
    route: Option<Route>,
    request_id: HeaderValue,
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
    seen: Arc<Seen>,
    /// What was wrong, if something was.
    code: Option<&'static str>,
    _in_flight: InFlight,
    app: Arc<App>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let duration = self.start.elapsed();
        let route = self.route.as_ref().map_or("unmatched", Route::as_str);
        self.app.serving.metrics().http_request_finished(route, method_label(&self.method), self.status, duration);
        let model = self.seen.served.get();
        // A macro, since the level of a log line is fixed where it is written.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    method = self.method.as_str(),
                    path = self.uri.path(),
                    status = self.status,
                    duration_ms = (duration.as_secs_f64() * 1e6).round() / 1e3,
                    bytes_in = self.bytes_in.max(self.seen.received.load(Ordering::Relaxed)),
                    bytes_out = self.bytes_out,
                    request_id = self.request_id.to_str().unwrap_or_default(),
                    model = model.map(|id| id.name.as_str()),
                    version = model.map(|id| id.version.0),
                    code = self.code,
                    "request"
                )
            };
        }
        // Probes and scrapes come every few seconds for ever; they are of interest only when they fail.
        if is_probe(route) && self.status == StatusCode::OK { line!(debug) } else { line!(info) }
    }
}

fn is_probe(route: &str) -> bool {
    route.starts_with("/health")
        || route.starts_with("/v2/health")
        || matches!(route, "/livez" | "/readyz" | "/metrics")
        || route.ends_with("/ready")
}

/// Clients may invent methods; metrics must not grow with their imagination.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// A response body that counts what leaves and keeps the record until it has left.
struct Counted {
    body: Body,
    exchange: Exchange,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.exchange.bytes_out += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
