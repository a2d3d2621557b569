//! The message that the flags of the command line describe, and what they change in one that was made otherwise.

use std::io::Read;

use super::super::Failure;
use super::Bench;
use super::request::{Message, header};

impl Bench {
    /// What to send, if the flags say it.
    pub(super) fn message(&self) -> Result<Option<Message>, Failure> {
        let body = match self.body.as_deref() {
            None if self.method.is_none() || self.model.is_some() => return Ok(None),
            None => Vec::new(),
            Some("-") => {
                let mut body = Vec::new();
                std::io::stdin().read_to_end(&mut body)?;
                body
            }
            Some(text) => match text.strip_prefix('@') {
                Some(text) => text.into(),
                None => std::fs::read(text).map_err(|error| format!("--body {text}: {error}"))?,
            },
        };
        let mut headers = Vec::new();
        if self.body.is_some() {
            let content_type = self.content_type.as_deref().unwrap_or("application/json");
            headers.push(header(&format!("content-type: {content_type}"))?);
        }
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let path = self.model.as_ref().map_or("/".into(), |model| match model.split_once('/') {
            Some((name, version)) => format!("/v2/models/{name}/versions/{version}/infer"),
            None => format!("/v2/models/{model}/infer"),
        });
        self.with_headers(Message { method: method.into(), path, headers, body }).map(Some)
    }

    /// The message with the headers and the method of the command line, which win over its own.
    pub(super) fn with_headers(&self, mut message: Message) -> Result<Message, Failure> {
        for text in &self.headers {
            let (name, value) = header(text)?;
            message.headers.retain(|(known, _)| *known != name);
            message.headers.push((name, value));
        }
        if let Some(method) = &self.method {
            if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
                return Err(Failure(format!("--method {method:?}: expected a method such as POST")));
            }
            message.method.clone_from(method);
        }
        Ok(message)
    }
}
