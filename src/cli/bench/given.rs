//! The messages that the flags of the command line describe, and what they change in one that was made otherwise.

use std::io::Read;

use super::super::Failure;
use super::Bench;
use super::request::{Message, header};

impl Bench {
    /// What to send in turn, if the flags say it: one message at least.
    pub(super) fn messages(&self) -> Result<Option<Vec<Message>>, Failure> {
        let given = self.given()?;
        if given.is_none() && (self.method.is_none() || self.model.is_some()) {
            return Ok(None);
        }
        let mut headers = Vec::new();
        if given.is_some() {
            let content_type = self.content_type.as_deref().unwrap_or("application/json");
            headers.push(header(&format!("content-type: {content_type}"))?);
        }
        let method = if given.is_some() { "POST" } else { "GET" };
        let path = self.model.as_ref().map_or("/".into(), |model| match model.split_once('/') {
            Some((name, version)) => format!("/v2/models/{name}/versions/{version}/infer"),
            None => format!("/v2/models/{model}/infer"),
        });
        let like = self.with_headers(Message { method: method.into(), path, headers, body: Vec::new() })?;
        let message = |body| Message { body, ..like.clone() };
        Ok(Some(given.unwrap_or_else(|| vec![Vec::new()]).into_iter().map(message).collect()))
    }

    /// The bodies that the flags say.
    fn given(&self) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        match (self.body.as_deref(), self.bodies.as_deref()) {
            (None, None) => Ok(None),
            (Some(text), _) => Ok(Some(vec![match text.strip_prefix('@') {
                Some(text) => text.into(),
                None => read("body", text)?,
            }])),
            (None, Some(file)) => {
                let lines = read("bodies", file)?;
                let lines = lines.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
                let bodies: Vec<_> = lines.map(Into::into).collect();
                if bodies.is_empty() {
                    return Err(Failure(format!("--bodies {file}: there is no line with a body in it")));
                }
                Ok(Some(bodies))
            }
        }
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

/// What is in a file, or on standard input.
fn read(flag: &str, file: &str) -> Result<Vec<u8>, Failure> {
    if file == "-" {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body)?;
        return Ok(body);
    }
    std::fs::read(file).map_err(|error| Failure(format!("--{flag} {file}: {error}")))
}
