//! The headers that say who gave an answer and how long it took, the same in every protocol that has predictions.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use crate::model::ModelId;
use crate::serving::{CacheUse, Timings};

const X_MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
const X_MODEL_DIGEST: HeaderName = HeaderName::from_static("x-model-digest");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Puts them on an answer to a request that came at `start`.
pub(super) fn stamp(
    headers: &mut HeaderMap,
    model: &ModelId,
    timings: Timings,
    cache: Option<CacheUse>,
    start: Instant,
) {
    headers.insert(X_MODEL_VERSION, HeaderValue::from(model.version.0));
    let digest = Text::new().put("sha256:").put(model.digest.hexadecimal());
    headers.insert(X_MODEL_DIGEST, digest.value());
    if let Some(cache) = cache {
        headers.insert(X_CACHE, HeaderValue::from_static(cache.word()));
    }
    let timing = Text::new().put("queue;dur=").milliseconds(timings.queue);
    let timing = timing.put(", compute;dur=").milliseconds(timings.compute);
    headers.insert(SERVER_TIMING, timing.put(", total;dur=").milliseconds(start.elapsed()).value());
}

/// A header's value on its way, which is written often enough to leave the formatter of the standard library alone, and to
/// be allocated once, when it is whole.
struct Text(SmallVec<[u8; 112]>);

impl Text {
    fn new() -> Self {
        Self(SmallVec::new())
    }

    fn put(mut self, text: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(text.as_ref());
        self
    }

    /// With three places.
    fn milliseconds(self, time: Duration) -> Self {
        // In 64 bits, which hold half a million years: a division in 128 is a function.
        let microseconds = time.as_secs().saturating_mul(1_000_000) + u64::from(time.subsec_nanos() + 500) / 1000;
        let places = (microseconds % 1000) as u16;
        let digit = |of: u16| b'0' + (of % 10) as u8;
        self.put(itoa::Buffer::new().format(microseconds / 1000)).put([
            b'.',
            digit(places / 100),
            digit(places / 10),
            digit(places),
        ])
    }

    /// Digits, hexadecimal and punctuation always make a header value.
    fn value(self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_have_three_places() {
        for (nanoseconds, expected) in
            [(0, "0.000"), (499, "0.000"), (500, "0.001"), (1_234_567, "1.235"), (12_000_999_600, "12001.000")]
        {
            let text = Text::new().milliseconds(Duration::from_nanos(nanoseconds));
            assert_eq!(text.value(), expected);
        }
    }
}
