//! What a body can be faulted for. One type for JSON, raw bytes and npy, so that the edge renders them alike.

/// Boxed, because the path without a fault should not carry its size.
pub type Result<T> = std::result::Result<T, Box<DecodeError>>;

/// A payload that cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}, got {got}")]
pub struct DecodeError {
    /// Stable machine-readable word, snake case, such as `ragged_rows`.
    pub code: &'static str,
    /// What is wrong, without a full stop.
    pub what: String,
    /// RFC 6901, from the root of the body; empty for the whole body and for what is not JSON.
    pub pointer: String,
    pub expected: String,
    pub got: String,
    pub hint: Option<String>,
    /// In the text of the body; `None` for what is not text.
    pub position: Option<Position>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Bytes before it.
    pub offset: usize,
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
}

impl DecodeError {
    /// A fault of a payload that has no text positions.
    pub fn new(
        code: &'static str,
        what: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Box<Self> {
        Box::new(Self {
            code,
            what: what.into(),
            pointer: String::new(),
            expected: expected.into(),
            got: got.into(),
            hint: None,
            position: None,
        })
    }

    pub fn hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault at another place, for payloads that lie outside the JSON text they belong to.
    pub fn at(mut self: Box<Self>, pointer: impl Into<String>) -> Box<Self> {
        self.pointer = pointer.into();
        self
    }
}
