//! The words for what a reader finds wrong. Everything here runs once per refused body, so it may take a second look at
//! the text.

use std::borrow::Cow;

use jiter::{JiterError, JiterErrorType, JsonErrorType, Peek};

use super::{LONGEST_NAME, Reader, Span};
use crate::codec::{DecodeError, locate};

impl Reader<'_> {
    /// A fault at an offset of the text.
    #[cold]
    pub fn error(
        &self,
        offset: usize,
        code: &'static str,
        what: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Box<DecodeError> {
        Box::new(DecodeError {
            code,
            what: what.into(),
            pointer: locate::pointer(self.text, offset),
            expected: expected.into(),
            got: got.into(),
            hint: None,
            position: Some(locate::position(self.text, offset)),
        })
    }

    /// The value at an offset in a few words: the value itself where it is short, else its kind and beginning.
    #[cold]
    pub fn excerpt(&self, offset: usize) -> String {
        let rest = self.text.get(offset..).unwrap_or_default();
        let end = |stop: fn(char) -> bool| rest.find(stop).unwrap_or(rest.len());
        match rest.as_bytes().first() {
            None => "the end of the body".into(),
            Some(b'[') => "an array".into(),
            Some(b'{') => "an object".into(),
            Some(b'"') => {
                let mut part = self.at(Span { start: offset, end: self.text.len() });
                let string = part.string().map(Cow::into_owned).unwrap_or_else(|_| rest.into());
                format!("the string {:?}", shortened(&string))
            }
            Some(_) => shortened(&rest[..end(|c| c.is_whitespace() || matches!(c, ',' | ']' | '}' | ':'))]),
        }
    }

    /// A key that an object has already had.
    #[cold]
    pub fn duplicate(&self, offset: usize, key: &str) -> Box<DecodeError> {
        let what = format!("the key {key:?} is there twice");
        self.error(offset, "duplicate_key", what, "each key once", format!("{key:?} again"))
    }

    /// A key or a name of so many bytes.
    #[cold]
    pub(super) fn endless(&self, offset: usize, bytes: usize) -> Box<DecodeError> {
        let expected = format!("a name of at most {LONGEST_NAME} bytes");
        self.error(offset, "name_too_long", "a key or a name is longer than any", expected, format!("{bytes} bytes"))
    }

    /// A value of the wrong kind.
    #[cold]
    pub(in crate::codec) fn wrong_type(&self, peek: Peek, expected: impl Into<String>) -> Box<DecodeError> {
        let offset = self.here();
        // The first character may promise what the rest does not keep.
        let mut whole = self.at(Span { start: offset, end: self.text.len() });
        if !matches!(peek, Peek::Array | Peek::Object)
            && let Err(syntax) = whole.skip()
        {
            return syntax;
        }
        self.error(offset, "wrong_type", "a value of the wrong type", expected, self.excerpt(offset))
    }

    #[cold]
    pub(super) fn broken(&self, offset: usize, expected: &str) -> Box<DecodeError> {
        let got = match self.text.get(offset..).and_then(|rest| rest.chars().next()) {
            Some(character) => format!("{character:?}"),
            None => return self.truncated(offset, expected),
        };
        let place = locate::position(self.text, offset);
        let what = format!("the body is not valid JSON at line {}, column {}", place.line, place.column);
        self.error(offset, "invalid_json", what, expected, got)
    }

    #[cold]
    fn truncated(&self, offset: usize, expected: &str) -> Box<DecodeError> {
        if self.text.trim().is_empty() {
            return self.error(0, "empty_body", "the body is empty", "a JSON value", "nothing");
        }
        let what = format!("the body ends in the middle of a value, after {} bytes", self.text.len());
        self.error(offset, "truncated_json", what, expected, "the end of the body")
    }

    /// A fault of the JSON itself.
    #[cold]
    pub(super) fn syntax(&self, fault: &JiterError) -> Box<DecodeError> {
        use JsonErrorType::*;
        let offset = self.base + fault.index;
        let JiterErrorType::JsonError(kind) = &fault.error_type else {
            return self.broken(offset, "a JSON value");
        };
        match kind {
            EofWhileParsingList => self.truncated(offset, "',' or ']'"),
            EofWhileParsingObject => self.truncated(offset, "',' or '}'"),
            EofWhileParsingString => self.truncated(offset, "a closing quote"),
            EofWhileParsingValue => self.truncated(offset, "the rest of the value"),
            ExpectedColon => self.broken(offset, "':'"),
            ExpectedListCommaOrEnd => self.broken(offset, "',' or ']'"),
            ExpectedObjectCommaOrEnd => self.broken(offset, "',' or '}'"),
            TrailingComma => self.broken(offset, "a value after the comma"),
            KeyMustBeAString => self.broken(offset, "a key in double quotes"),
            InvalidNumber => self.broken(offset, "a number as JSON writes it, such as 0.5 or -1e3"),
            ExpectedSomeIdent => self.broken(offset, "true, false, null, NaN or Infinity"),
            InvalidEscape | InvalidUnicodeCodePoint | LoneLeadingSurrogateInHexEscape | UnexpectedEndOfHexEscape => {
                self.broken(offset, "a valid escape sequence")
            }
            ControlCharacterWhileParsingString => self.broken(offset, "control characters written as \\u escapes"),
            TrailingCharacters => {
                let what = "something follows the JSON value";
                self.error(offset, "trailing_data", what, "the end of the body", self.excerpt(offset))
            }
            RecursionLimitExceeded => {
                self.error(offset, "too_deep", "the JSON is nested too deeply", "at most 200 levels", "more")
            }
            NumberOutOfRange => self.error(
                offset,
                "out_of_range",
                "a number has too many digits",
                "at most 4300 digits before the point",
                "more",
            ),
            ExpectedSomeValue | FloatExpectingInt | DuplicateKey(_) | InternalError(_) => {
                self.broken(offset, "a JSON value")
            }
        }
    }
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
