//! Answers packed for clients that ask for it. What is small leaves as it is, without the library that packs.

use std::convert::Infallible;
use std::future::ready;

use axum::body::{Body, HttpBody};
use axum::http::header::ACCEPT_ENCODING;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::predicate::SizeAbove;
use tower_http::compression::{CompressionLayer, CompressionLevel};

use super::Call;

/// Answers smaller than this fit a packet or two.
const WORTH_PACKING: u64 = 1400;

pub(super) async fn pack<F: Future<Output = Response>>(call: Box<Call>, next: impl FnOnce(Box<Call>) -> F) -> Response {
    let wishes: Vec<HeaderValue> = call.request.headers().get_all(ACCEPT_ENCODING).iter().cloned().collect();
    let response = next(call).await;
    let status = response.status();
    let is_small = response.body().size_hint().exact().is_some_and(|size| size < WORTH_PACKING);
    if is_small {
        return response;
    }
    let mut packed = Box::pin(packed(wishes, response)).await;
    // Weights may say that no packing is right, nor the answer as it is. As it is, it says more than a refusal of what has been
    // done already, which is all that the library puts in its place.
    *packed.status_mut() = status;
    packed
}

/// The answer in the packing that is wished for most.
async fn packed(wishes: Vec<HeaderValue>, response: Response) -> Response {
    let mut asked = axum::http::Request::new(());
    let headers: &mut HeaderMap = asked.headers_mut();
    for wish in wishes {
        headers.append(ACCEPT_ENCODING, wish);
    }
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(WORTH_PACKING));
    let mut response = Some(response);
    let answering = service_fn(move |_| ready(Ok::<_, Infallible>(response.take().unwrap_or_default())));
    let Ok(packed) = layer.layer(answering).oneshot(asked).await;
    packed.map(Body::new)
}
