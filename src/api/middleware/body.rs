//! Request bodies: unpacked, read whole, within the size limit and the deadline. Handlers get all of it in one piece
//! of memory, so a binary tensor is a slice of it.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::task::coop::consume_budget;
use tokio::time::{Duration, timeout, timeout_at};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::decompression::{DecompressionBody, RequestDecompressionLayer};

use super::last_byte::LastByteApart;
use super::{Call, problem};

/// A client that is still sending when it is refused would not read why; so much is taken from it and thrown away.
const DISCARDED_BYTES: usize = 64 << 20;
const DISCARDING_TIME: Duration = Duration::from_secs(2);

/// What can be unpacked, spelled as the library wants it.
const ENCODINGS: [&str; 3] = ["gzip", "zstd", "identity"];

/// The request with its body as it was before it was packed, and how that was, or the refusal of a packing nobody here knows.
async fn unpacked(mut request: Request) -> Result<(Request, Option<&'static str>), Response> {
    let mut encodings = request.headers().get_all(CONTENT_ENCODING).iter();
    let encoding = match (encodings.next(), encodings.next()) {
        (None, _) => return Ok((request, None)),
        (Some(one), None) => ENCODINGS.into_iter().find(|name| one.as_bytes().eq_ignore_ascii_case(name.as_bytes())),
        (Some(_), Some(_)) => None,
    };
    let Some(encoding) = encoding else { return Err(unknown_encoding(request).await) };
    request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    if encoding == "gzip" {
        request = request.map(|body| Body::new(LastByteApart::new(body)));
    }
    let mut opened = None;
    let taking = service_fn(|request: axum::http::Request<DecompressionBody<Body>>| {
        opened = Some(request.map(Body::new));
        ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let refused = RequestDecompressionLayer::new().layer(taking).oneshot(request).await;
    match (opened, refused) {
        (Some(request), _) => Ok((request, Some(encoding).filter(|&encoding| encoding != "identity"))),
        // Not for the encodings above.
        (None, Ok(refused)) => Err(refused.map(Body::new)),
        (None, Err(_)) => Err(Response::default()),
    }
}

async fn unknown_encoding(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    discard(&parts.headers, body).await;
    let all = parts.headers.get_all(CONTENT_ENCODING).iter();
    let got = all.map(|one| String::from_utf8_lossy(one.as_bytes())).collect::<Vec<_>>().join(", ");
    let refusal = problem::Refusal::UnknownEncoding { got };
    let mut response = problem::refuse(problem::Dialect::of(parts.uri.path()), refusal);
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"));
    response
}

/// Reads the body: unpacked, whole, and at most `limit` bytes.
pub(super) async fn read_whole<F: Future<Output = Response>>(
    limit: usize,
    mut call: Box<Call>,
    next: impl FnOnce(Box<Call>) -> F,
) -> Response {
    let mut encoding = None;
    if call.request.headers().contains_key(CONTENT_ENCODING) {
        match Box::pin(unpacked(std::mem::take(&mut call.request))).await {
            Ok((request, packed)) => (call.request, encoding) = (request, packed),
            Err(refused) => return refused,
        }
    }
    if call.request.body().is_end_stream() {
        return next(call).await;
    }
    let mut body = std::mem::take(call.request.body_mut());
    let announced = content_length(call.request.headers());
    let read = async {
        match announced {
            Some(length) if length > limit => Err(Unreadable::TooLarge),
            _ => collect(&mut body, announced.unwrap_or(0), limit).await,
        }
    };
    let read = timeout_at(call.context.deadline.into(), read).await.unwrap_or(Err(Unreadable::TooSlow));
    let refusal = match read {
        Ok(bytes) => {
            call.context.seen.received(bytes.len());
            call.body = bytes;
            return next(call).await;
        }
        Err(Unreadable::TooLarge) => {
            Box::pin(discard(call.request.headers(), body)).await;
            problem::Refusal::BodyTooLarge { limit }
        }
        Err(Unreadable::TooSlow) => problem::Refusal::BodyTooSlow,
        Err(Unreadable::Broken(reason)) => problem::Refusal::UnreadableBody { encoding, reason },
    };
    problem::refuse(problem::Dialect::of(call.request.uri().path()), refusal)
}

/// Takes out a body that is here already.
pub(super) async fn whole(mut body: Body) -> Option<Bytes> {
    collect(&mut body, 0, usize::MAX).await.ok()
}

#[derive(Debug, PartialEq, Eq)]
enum Unreadable {
    TooLarge,
    TooSlow,
    Broken(String),
}

/// All of the body in one piece, copied only when it came in several.
async fn collect(body: &mut Body, announced: usize, limit: usize) -> Result<Bytes, Unreadable> {
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // What is unpacked is always there; others on this thread get their turn all the same.
        consume_budget().await;
        let frame = frame.map_err(|error| Unreadable::Broken(cause(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if pieces.len() + whole.len() + data.len() > limit {
            return Err(Unreadable::TooLarge);
        }
        if whole.is_empty() && pieces.is_empty() {
            whole = data;
        } else {
            if pieces.is_empty() {
                pieces.reserve(announced.max(whole.len() + data.len()));
                pieces.extend_from_slice(&std::mem::take(&mut whole));
            }
            pieces.extend_from_slice(&data);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
}

/// The innermost error says what was wrong; the ones round it only pass it on.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map_or_else(String::new, ToString::to_string)
}

/// Takes the rest of a body that nobody will look at, so that the client gets to read the refusal.
pub(in crate::api) async fn discard(headers: &HeaderMap, mut body: Body) {
    // A client that waits for leave to send has not begun, and will not.
    if body.is_end_stream() || headers.contains_key(EXPECT) {
        return;
    }
    if content_length(headers).is_some_and(|length| length > DISCARDED_BYTES * 2) {
        return;
    }
    let read = async {
        let mut taken = 0;
        while let Some(Ok(frame)) = body.frame().await {
            taken += frame.data_ref().map_or(0, Bytes::len);
            if taken > DISCARDED_BYTES {
                break;
            }
        }
    };
    let _ = timeout(DISCARDING_TIME, read).await;
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
