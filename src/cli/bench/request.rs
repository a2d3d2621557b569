//! A request as the bytes that go over the wire, made once and sent many times.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::super::Failure;
use super::url::Url;

/// What is sent, but for where to.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) method: String,
    /// Where the URL has none.
    pub(super) path: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What is sent in turn.
pub(super) type Requests = Arc<[Request]>;

/// A message to one server, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) bytes: Arc<[u8]>,
    /// Whether the answer has no body, whatever its head says.
    pub(super) bodiless: bool,
}

impl Request {
    pub(super) fn body_length(&self) -> usize {
        let head = self.bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
        self.bytes.len() - head
    }
}

impl Message {
    pub(super) fn get(path: &str) -> Self {
        Self { method: "GET".into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Its headers as a server gets them.
    pub(super) fn header_map(&self) -> Result<HeaderMap, String> {
        let parsed = |(name, value): &(String, String)| {
            let parsed = name.parse::<HeaderName>().ok().zip(value.parse::<HeaderValue>().ok());
            parsed.ok_or_else(|| format!("header {name:?} cannot be sent"))
        };
        self.headers.iter().map(parsed).collect()
    }

    pub(super) fn to(&self, url: &Url) -> Request {
        let path = url.path.as_deref().unwrap_or(&self.path);
        let given = |name: &str| self.headers.iter().any(|(given, _)| given == name);
        let mut head = format!("{} {path} HTTP/1.1\r\n", self.method);
        if !given("host") {
            head += &format!("host: {}\r\n", url.host);
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !given("content-length") && (!self.body.is_empty() || matches!(&*self.method, "POST" | "PUT" | "PATCH")) {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        head += "\r\n";
        let bytes = [head.as_bytes(), &self.body].concat();
        Request { bytes: bytes.into(), bodiless: self.method == "HEAD" }
    }
}

/// `name: value` as a header that cannot break out of its line.
pub(super) fn header(text: &str) -> Result<(String, String), Failure> {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !text.contains(':') || name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
        return Err(Failure(format!("--header {text:?}: expected 'name: value'")));
    }
    Ok((name, value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_one_piece() {
        let url = Url::parse("http://127.0.0.1:9").unwrap();
        let headers = vec![header("Content-Type: text/plain").unwrap()];
        let message = Message { method: "POST".into(), path: "/p".into(), headers, body: b"hi".to_vec() };
        let expected =
            "POST /p HTTP/1.1\r\nhost: 127.0.0.1:9\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi";
        assert_eq!(*message.to(&url).bytes, *expected.as_bytes());
        let elsewhere = Url::parse("http://127.0.0.1:9/q").unwrap();
        assert_eq!(*Message::get("/p").to(&elsewhere).bytes, *b"GET /q HTTP/1.1\r\nhost: 127.0.0.1:9\r\n\r\n");
        for bad in ["x", ": y", "a b: c", "a: b\r\nc: d"] {
            assert!(header(bad).is_err(), "{bad}");
        }
    }
}
