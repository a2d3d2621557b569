//! Leave for browsers: pages of other origins may call only when the operator said so.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use super::Call;

/// Headers of ours that scripts may read.
const READABLE: [HeaderName; 7] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-model-version"),
    HeaderName::from_static("x-model-digest"),
    HeaderName::from_static("server-timing"),
    HeaderName::from_static("x-cache"),
    HeaderName::from_static("inference-header-content-length"),
    RETRY_AFTER,
];

/// `None` without origins: then no answer carries a CORS header.
pub(in crate::api) fn layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(READABLE)
        .max_age(Duration::from_secs(3600));
    Some(if origins.iter().any(|origin| origin == "*") {
        layer.allow_origin(Any)
    } else {
        // No header value can never equal what a browser sends; the configuration has refused such text already.
        layer.allow_origin(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect::<Vec<_>>())
    })
}

/// Answers what browsers ask beforehand, and says in other answers who may read them.
pub(super) async fn allow<F: Future<Output = Response>>(
    layer: Option<&CorsLayer>,
    mut call: Box<Call>,
    next: impl FnOnce(Box<Call>) -> F,
) -> Response {
    let Some(layer) = layer else { return next(call).await };
    let request = std::mem::take(&mut call.request);
    let mut next = Some((next, call));
    let answering = service_fn(move |request: Request| {
        let next = next.take();
        async move {
            Ok::<_, Infallible>(match next {
                Some((next, mut call)) => {
                    call.request = request;
                    next(call).await
                }
                None => Response::default(),
            })
        }
    });
    let Ok(response) = Box::pin(layer.layer(answering).oneshot(request)).await;
    response
}
