//! The headers that say who gave an answer and how long it took, the same in every protocol that has predictions.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::{Digest, ModelId};
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
    headers.insert(X_MODEL_DIGEST, digest_value(&model.digest));
    if let Some(cache) = cache {
        headers.insert(X_CACHE, HeaderValue::from_static(cache.word()));
    }
    let mut timing = Text::new();
    timing.put("queue;dur=").milliseconds(timings.queue);
    timing.put(", compute;dur=").milliseconds(timings.compute);
    timing.put(", total;dur=").milliseconds(start.elapsed());
    headers.insert(SERVER_TIMING, timing.value());
}

/// The digest as a value that is shared by the answers of this thread: it is the longest one and always the same.
fn digest_value(digest: &Digest) -> HeaderValue {
    /// Models asked in turns on one thread that are told apart; more are written each time.
    const KEPT: usize = 8;
    thread_local! {
        static VALUES: RefCell<[Option<(Digest, HeaderValue)>; KEPT]> = const { RefCell::new([const { None }; KEPT]) };
    }
    let place = usize::from(digest.0[0]) % KEPT;
    VALUES.with_borrow_mut(|values| match &mut values[place] {
        Some((known, value)) if known == digest => value.clone(),
        other => {
            let value = Text::new().put("sha256:").put(digest.hexadecimal()).value();
            other.insert((*digest, value)).1.clone()
        }
    })
}

/// A header's value on its way, which is written often enough to leave the formatter of the standard library alone, and to
/// be allocated once, when it is whole.
struct Text {
    bytes: [u8; MOST],
    length: usize,
}

/// Longer than any value here; what would go beyond is left out.
const MOST: usize = 128;

impl Text {
    fn new() -> Self {
        Self { bytes: [0; MOST], length: 0 }
    }

    #[inline]
    fn put(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        let text = text.as_ref();
        if let Some(room) = self.bytes.get_mut(self.length..self.length + text.len()) {
            room.copy_from_slice(text);
            self.length += text.len();
        }
        self
    }

    /// With three places.
    fn milliseconds(&mut self, time: Duration) -> &mut Self {
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
    fn value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.bytes[..self.length]).unwrap_or(HeaderValue::from_static("-"))
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
            let value = Text::new().milliseconds(Duration::from_nanos(nanoseconds)).value();
            assert_eq!(value, expected);
        }
    }
}
