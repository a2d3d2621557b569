//! Everything that happens to every request, in one function. Each part has a file that says what it does.
//!
//! The parts are functions called one inside the other and not layers: a layer costs every request a boxed future and a
//! copy of all that lies below it. Those of the library are put round a request only where it calls for them. All of it is
//! one future, which is copied when it is boxed and takes its place in the fastest cache: so requests are boxed once and
//! handed on as that, and what is rarely done is boxed by itself.

mod body;
mod compression;
mod cors;
mod deadline;
mod last_byte;
mod observe;
mod request_id;

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::handler::Handler;
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;

pub(super) use body::discard;
pub(super) use cors::layer as cors;

use super::admission::Place;
use super::{App, admission, problem};
use crate::model::ModelId;

/// A request on its way in, with what is known of it.
pub(crate) struct Call {
    pub request: Request,
    pub context: Context,
    /// The request's body once it has been read, unpacked and whole.
    pub body: Bytes,
}

impl Call {
    pub fn begin(app: &App, request: Request) -> Box<Self> {
        let (start, request_id) = (Instant::now(), request_id::keep_or_make(request.headers()));
        let deadline = start + app.config.request_timeout;
        let context = Context { request_id, start, deadline, place: None, seen: Arc::default() };
        Box::new(Self { request, context, body: Bytes::new() })
    }

    /// All of it as the router takes it.
    fn into_request(self) -> Request {
        let Self { mut request, context, body } = self;
        request.extensions_mut().insert(context);
        if !body.is_empty() {
            *request.body_mut() = Body::from(body);
        }
        request
    }

    /// Undoes [`Call::into_request`].
    ///
    /// # Errors
    /// An answer, for a request that has not been through here.
    pub async fn of(mut request: Request) -> Result<Box<Self>, Response> {
        let context = request.extensions_mut().remove();
        let body = body::whole(std::mem::take(request.body_mut())).await;
        match (context, body) {
            (Some(context), Some(body)) => Ok(Box::new(Self { request, context, body })),
            _ => Err(problem::refuse(problem::Dialect::of(request.uri().path()), problem::Refusal::Internal)),
        }
    }
}

/// What handlers may know of a request besides its path, headers and body.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Sent by the client or made here; printable ASCII.
    pub request_id: HeaderValue,
    pub start: Instant,
    /// When the client stops waiting.
    pub deadline: Instant,
    /// Held by a prediction, and by everything that works for it.
    pub place: Option<Place>,
    /// What the log line is to say of it.
    pub seen: Arc<Seen>,
}

/// What is found out about a request while it is answered.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Bytes of the body after unpacking.
    received: AtomicU64,
    served: OnceLock<ModelId>,
}

impl Seen {
    fn received(&self, bytes: usize) {
        self.received.store(bytes as u64, Ordering::Relaxed);
    }

    /// Notes which model answered, or refused to.
    pub fn served_by(&self, model: &ModelId) {
        let _ = self.served.set(model.clone());
    }
}

/// The largest body of a request that is no prediction: none of them has more to say than a few words, and nothing but
/// this bounds how many are read at the same time.
const LARGEST_QUESTION: usize = 64 << 10;

/// All routes with what happens around them. Predictions differ from questions in two things: they need a place and may
/// be large. They bring what happens around them along, see [`Prediction`].
pub(super) fn stack(predictions: Router<Arc<App>>, questions: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .merge(questions.layer(from_fn_with_state(Arc::clone(app), around)))
        .merge(predictions)
        .fallback(Around(no_such_route))
        .method_not_allowed_fallback(Around(no_such_method))
}

/// Seen from outside first: the record, packing, leave for browsers, the deadline, the path.
async fn every_request<F: Future<Output = Response>>(
    app: &Arc<App>,
    call: Box<Call>,
    route: Option<&'static str>,
    next: impl FnOnce(Box<Call>) -> F,
) -> Response {
    let bounded = |call| deadline::limit(app, call, |call| readable_path(call, next));
    let shared = |call| cors::allow(app.cors.as_ref(), call, bounded);
    observe::observe(app, call, route, |call| compression::pack(call, shared)).await
}

async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = app.config.max_body.min(LARGEST_QUESTION);
    let read = |call| body::read_whole(limit, call, |call: Box<Call>| next.run(call.into_request()));
    every_request(&app, Call::begin(&app, request), None, read).await
}

/// A prediction with all that happens around it: what every request has, a place, so that nothing is read that will not be
/// answered, and the body. `route` is told by those who know it without the router.
pub(super) async fn prediction<F: Future<Output = Response>>(
    app: &Arc<App>,
    call: Box<Call>,
    route: Option<&'static str>,
    answer: impl FnOnce(Box<Call>) -> F,
) -> Response {
    let read = |call| body::read_whole(app.config.max_body, call, answer);
    every_request(app, call, route, |call| admission::admit(app, call, read)).await
}

/// A handler of predictions for the router.
#[derive(Clone)]
pub(super) struct Prediction<H>(pub H);

impl<H: Handler<T, Arc<App>>, T: 'static> Handler<T, Arc<App>> for Prediction<H> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, app: Arc<App>) -> Self::Future {
        let call = Call::begin(&app, request);
        Box::pin(async move {
            prediction(&app, call, None, |call| self.0.call(call.into_request(), Arc::clone(&app))).await
        })
    }
}

/// A handler with what every request has.
#[derive(Clone)]
struct Around<H>(H);

impl<H: Handler<T, Arc<App>>, T: 'static> Handler<T, Arc<App>> for Around<H> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, app: Arc<App>) -> Self::Future {
        let call = Call::begin(&app, request);
        Box::pin(async move {
            every_request(&app, call, None, |call| self.0.call(call.into_request(), Arc::clone(&app))).await
        })
    }
}

/// Names in a path are text: percent-encoded bytes that are none can name nothing.
async fn readable_path<F: Future<Output = Response>>(
    mut call: Box<Call>,
    next: impl FnOnce(Box<Call>) -> F,
) -> Response {
    if call.request.uri().path().contains('%') {
        match Box::pin(unescaped(std::mem::take(&mut call.request))).await {
            Ok(readable) => call.request = readable,
            Err(response) => return response,
        }
    }
    next(call).await
}

async fn unescaped(request: Request) -> Result<Request, Response> {
    let (mut parts, body) = request.into_parts();
    let names = RawPathParams::from_request_parts(&mut parts, &()).await;
    let request = Request::from_parts(parts, body);
    match names {
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => Err(no_such_route(request).await),
        _ => Ok(request),
    }
}

async fn no_such_route(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    discard(&parts.headers, body).await;
    let path = parts.uri.path();
    problem::refuse(problem::Dialect::of(path), problem::Refusal::UnknownRoute { path: path.into() })
}

async fn no_such_method(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    discard(&parts.headers, body).await;
    let refusal = problem::Refusal::MethodNotAllowed { method: parts.method.to_string() };
    problem::refuse(problem::Dialect::of(parts.uri.path()), refusal)
}
