//! The word that joins a client's log with ours: kept when the client sent one, made up otherwise.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST: usize = 128;

/// The client's id when it is short printable ASCII, else 128 random bits in hexadecimal.
pub(super) fn keep_or_make(headers: &HeaderMap) -> HeaderValue {
    let sane =
        |id: &&HeaderValue| (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(|b| (0x20..0x7f).contains(b));
    headers.get(X_REQUEST_ID).filter(sane).cloned().unwrap_or_else(make)
}

fn make() -> HeaderValue {
    let number = fastrand::u128(..);
    let digits: [u8; 32] = std::array::from_fn(|at| b"0123456789abcdef"[(number >> (4 * at)) as usize & 15]);
    // Hexadecimal digits always make a header value.
    HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(sent: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(sent).expect("a header value"));
        keep_or_make(&headers).to_str().expect("ASCII").to_owned()
    }

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        for sane in ["a", "2f1c-77", "trace:1/2 3", &"x".repeat(128)] {
            assert_eq!(answered(sane.as_bytes()), sane);
        }
        for odd in ["".as_bytes(), "é".as_bytes(), b"a\tb", "x".repeat(129).as_bytes()] {
            let made = answered(odd);
            assert!(made.len() == 32 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{made}");
        }
    }

    #[test]
    fn made_ids_differ() {
        assert_ne!(make(), make());
    }
}
