//! Everything that happens to every request, in one function. Each part has a file that says what it does.

mod body;
mod cors;
mod deadline;
mod last_byte;
mod observe;
mod request_id;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, RawPathParams, Request};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::{Router, http};
use tower::util::{MapRequestLayer, option_layer};
use tower_http::compression::predicate::SizeAbove;
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::decompression::{DecompressionBody, RequestDecompressionLayer};

pub(super) use body::discard;

use super::admission::Place;
use super::{App, admission, problem};
use crate::model::ModelId;

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
}

/// A response extension: who computed the answer, for the log line.
#[derive(Clone, Debug)]
pub(crate) struct Served(pub ModelId);

/// Answers smaller than this fit a packet or two and are sent as they are.
const WORTH_COMPRESSING: u64 = 1400;

/// The largest body of a request that is no prediction: none of them has more to say than a few words, and nothing but
/// this bounds how many are read at the same time.
const LARGEST_QUESTION: usize = 64 << 10;

/// The stack, outermost first. Predictions differ from questions in two things: they need a place and may be large.
pub(super) fn stack(predictions: Router<Arc<App>>, questions: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    let whole_body = |limit: usize| {
        (
            from_fn(body::known_encoding),
            RequestDecompressionLayer::new(),
            MapRequestLayer::new(|request: http::Request<DecompressionBody<Body>>| request.map(Body::new)),
            from_fn_with_state(body::Limit(limit), body::read_whole),
        )
    };
    let max_body = app.config.max_body;
    let with_place = from_fn_with_state(Arc::clone(app), admission::admit);
    Router::new()
        .merge(predictions.layer((with_place, whole_body(max_body))))
        .merge(questions.layer(whole_body(max_body.min(LARGEST_QUESTION))))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer((
            from_fn_with_state(Arc::clone(app), observe::observe),
            CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(WORTH_COMPRESSING)),
            option_layer(cors::layer(&app.config.cors_origins)),
            from_fn_with_state(Arc::clone(app), deadline::limit),
            from_fn(readable_path),
            // The framework's own limit of 2 MB; ours is counted where the body is read.
            DefaultBodyLimit::disable(),
        ))
}

/// Names in a path are text: percent-encoded bytes that are none can name nothing.
async fn readable_path(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let names = RawPathParams::from_request_parts(&mut parts, &()).await;
    let request = Request::from_parts(parts, body);
    match names {
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => no_such_route(request).await,
        _ => next.run(request).await,
    }
}

async fn no_such_route(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    discard(&parts, body).await;
    let path = parts.uri.path();
    problem::refuse(problem::Dialect::of(path), problem::Refusal::UnknownRoute { path: path.into() })
}

async fn no_such_method(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    discard(&parts, body).await;
    let refusal = problem::Refusal::MethodNotAllowed { method: parts.method.to_string() };
    problem::refuse(problem::Dialect::of(parts.uri.path()), refusal)
}
