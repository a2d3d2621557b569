//! One thing that went wrong, told in full, and its two spellings.

use std::time::Duration;

use axum::http::StatusCode;

use crate::codec::write_string;

/// Bytes of one text, which may quote what a client sent.
const LONGEST: usize = 2048;

/// What a client is told. Texts without a full stop, shortened to [`LONGEST`], and pointers no longer than that; absent ones
/// are left out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    pub status: StatusCode,
    pub code: &'static str,
    pub title: String,
    pub detail: String,
    pub pointer: Option<String>,
    pub expected: Option<String>,
    pub got: Option<String>,
    pub hint: Option<String>,
    /// A body that would have worked, as JSON text.
    pub example: Option<String>,
    pub retry_after: Option<Duration>,
}

impl Facts {
    pub(super) fn new(status: StatusCode, code: &'static str, title: &str, detail: String) -> Self {
        Self {
            status,
            code,
            title: title.into(),
            detail: shortened(detail),
            pointer: None,
            expected: None,
            got: None,
            hint: None,
            example: None,
            retry_after: None,
        }
    }

    pub(super) fn pointer(self, pointer: String) -> Self {
        // A part of one leads nowhere.
        Self { pointer: Some(pointer).filter(|pointer| pointer.len() <= LONGEST), ..self }
    }

    pub(super) fn pointed(self, pointer: Option<String>) -> Self {
        match pointer {
            Some(pointer) => self.pointer(pointer),
            None => self,
        }
    }

    pub(super) fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(shortened(expected.into())), ..self }
    }

    pub(super) fn got(self, got: impl Into<String>) -> Self {
        Self { got: Some(shortened(got.into())), ..self }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(shortened(hint.into())), ..self }
    }

    pub(super) fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// Whole seconds, at least one: the header knows no fractions.
    pub(super) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|after| after.as_secs() + u64::from(after.subsec_nanos() > 0)).map(|s| s.max(1))
    }

    /// An RFC 9457 problem document.
    pub(super) fn document(&self, request_id: Option<&str>) -> Vec<u8> {
        let mut object = Object::new();
        object.string("type", &format!("urn:onnxd:error:{}", self.code));
        object.string("title", &self.title);
        object.raw("status", self.status.as_str());
        object.string("code", self.code);
        object.string("detail", &self.detail);
        self.particulars(&mut object);
        object.optional("request_id", request_id);
        object.end()
    }

    /// The Open Inference Protocol's error, whose readers look at the key `error` alone: it says everything in one
    /// sentence, the keys beside it say the same to programs.
    pub(super) fn error_object(&self) -> Vec<u8> {
        let mut sentence = self.detail.clone();
        if let Some(pointer) = self.pointer.as_deref().filter(|pointer| !pointer.is_empty()) {
            sentence.push_str(&format!(" (at {pointer})"));
        }
        if let Some(hint) = &self.hint {
            sentence.push_str("; ");
            sentence.push_str(hint);
        }
        let mut object = Object::new();
        object.string("error", &sentence);
        object.string("code", self.code);
        self.particulars(&mut object);
        object.end()
    }

    fn particulars(&self, object: &mut Object) {
        object.optional("pointer", self.pointer.as_deref());
        object.optional("expected", self.expected.as_deref());
        object.optional("got", self.got.as_deref());
        object.optional("hint", self.hint.as_deref());
        if let Some(example) = &self.example {
            object.raw("example", example);
        }
    }
}

/// Beginning and end of a long text: a sentence says at its beginning what is wrong and at its end what came.
fn shortened(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    const GAP: &str = " ... ";
    let part = (LONGEST - GAP.len()) / 2;
    let (head, tail) = (text.floor_char_boundary(part), text.ceil_char_boundary(text.len() - part));
    [&text[..head], GAP, &text[tail..]].concat()
}

/// A JSON object being written.
struct Object(Vec<u8>);

impl Object {
    fn new() -> Self {
        Self(Vec::with_capacity(512))
    }

    fn key(&mut self, key: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        write_string(key, &mut self.0);
        self.0.push(b':');
    }

    fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        write_string(value, &mut self.0);
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.string(key, value);
        }
    }

    /// `value` is JSON already.
    fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.extend_from_slice(value.as_bytes());
    }

    fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}
