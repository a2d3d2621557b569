//! A cursor over JSON text that knows where it is. It walks envelopes key by key, remembers spans to come back to, and
//! turns every fault into a [`DecodeError`]. It never holds more than the text and one decoded string.

mod faults;

use std::borrow::Cow;

use jiter::{Jiter, Peek};

use super::run::{self, Plain};
use super::{DecodeError, Result, locate};

/// How deep arrays may be nested. Real tensors have a handful of axes.
pub const MAX_DEPTH: usize = 64;

/// Bytes of a key or a name. Quoted in an error, a longer one would take many times its size, and longer than any that means
/// something they are anyway.
const LONGEST_NAME: usize = 4096;

pub struct Reader<'j> {
    text: &'j str,
    /// Where in `text` the cursor's own part begins, ...
    base: usize,
    /// ... and ends.
    end: usize,
    jiter: Jiter<'j>,
}

/// What the next value is, by its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// Where a value stands in the text, to come back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// A key of an object, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<'j> {
    pub text: Cow<'j, str>,
    /// Where its opening quote stands, for [`Reader::error`].
    pub offset: usize,
}

impl<'j> Reader<'j> {
    /// Starts at the beginning of a body, which has to be UTF-8; a byte order mark is skipped.
    pub fn new(body: &'j [u8]) -> Result<Self> {
        let text = std::str::from_utf8(body).map_err(|fault| {
            let offset = fault.valid_up_to();
            let readable = body.get(..offset).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default();
            let byte = body.get(offset).copied().unwrap_or_default();
            let mut error =
                DecodeError::new("invalid_utf8", "the body is not text", "UTF-8", format!("the byte 0x{byte:02x}"))
                    .hint("JSON is UTF-8 text; send raw tensors as application/octet-stream or application/x-npy");
            error.position = Some(locate::position(readable, offset));
            error
        })?;
        let base = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Ok(Self::part(text, base, text.len()))
    }

    fn part(text: &'j str, base: usize, end: usize) -> Self {
        let bytes = text.as_bytes().get(base..end).unwrap_or_default();
        Self { text, base, end, jiter: Jiter::new(bytes).with_allow_inf_nan() }
    }

    /// Another cursor, at a value that was passed before.
    pub fn at(&self, span: Span) -> Self {
        Self::part(self.text, span.start, span.end)
    }

    /// A cursor at the next value, to look at what comes before reading it.
    pub fn lookahead(&mut self) -> Result<Self> {
        let start = self.offset()?;
        Ok(self.at(Span { start, end: self.text.len() }))
    }

    /// The whole text, whatever part the cursor walks.
    pub fn text(&self) -> &'j str {
        self.text
    }

    /// Where the next value starts.
    pub fn offset(&mut self) -> Result<usize> {
        self.peek()?;
        Ok(self.here())
    }

    pub fn kind(&mut self) -> Result<Kind> {
        let peek = self.peek()?;
        self.kind_of(peek)
    }

    /// Enters an object: its first key, or `None` when it is empty (and thereby passed).
    pub fn enter_object(&mut self) -> Result<Option<Key<'j>>> {
        match self.peek()? {
            Peek::Object => self.key(|jiter| jiter.known_object()),
            other => Err(self.wrong_type(other, "an object")),
        }
    }

    /// The next key of the object whose latest value has been passed, or `None` at its end.
    pub fn next_key(&mut self) -> Result<Option<Key<'j>>> {
        self.key(|jiter| jiter.next_key())
    }

    /// Enters an array; false when it is empty (and thereby passed).
    pub fn enter_array(&mut self) -> Result<bool> {
        match self.peek()? {
            Peek::Array => Ok(self.known_array()?.is_some()),
            other => Err(self.wrong_type(other, "an array")),
        }
    }

    /// Whether the array whose latest element has been passed goes on.
    pub fn next_element(&mut self) -> Result<bool> {
        Ok(self.array_step()?.is_some())
    }

    /// Passes the next value, whatever it is, checking only its syntax.
    pub fn skip(&mut self) -> Result<Span> {
        let start = self.offset()?;
        self.jiter.next_skip().map_err(|fault| self.syntax(&fault))?;
        Ok(Span { start, end: self.here() })
    }

    pub fn string(&mut self) -> Result<Cow<'j, str>> {
        match self.peek()? {
            Peek::String => {
                let (text, start) = (self.text, self.here());
                let decoded = self.jiter.known_str().map(|decoded| borrowed(text, start, decoded));
                decoded.map_err(|fault| self.syntax(&fault))
            }
            other => Err(self.wrong_type(other, "a string")),
        }
    }

    /// A string that names something.
    pub fn name(&mut self) -> Result<Cow<'j, str>> {
        let offset = self.offset()?;
        let name = self.string()?;
        if name.len() > LONGEST_NAME { Err(self.endless(offset, name.len())) } else { Ok(name) }
    }

    pub fn boolean(&mut self) -> Result<bool> {
        match self.peek()? {
            peek @ (Peek::True | Peek::False) => self.known_bool(peek),
            other => Err(self.wrong_type(other, "true or false")),
        }
    }

    /// A whole number that is no negative one.
    pub fn unsigned(&mut self) -> Result<u64> {
        let peek = self.peek()?;
        let offset = self.here();
        if !peek.is_num() {
            return Err(self.wrong_type(peek, "a whole number"));
        }
        let token = self.number(peek)?;
        let exact = super::number::exact_integer(token).and_then(|number| u64::try_from(number).ok());
        exact.ok_or_else(|| self.error(offset, "out_of_range", "not a count", "a whole number from 0", token))
    }

    /// Checks that nothing but white space follows.
    pub fn finish(&mut self) -> Result<()> {
        self.jiter.finish().map_err(|fault| self.syntax(&fault))
    }

    /// Where the cursor stands; the start of the next value once that has been peeked at.
    pub(super) fn here(&self) -> usize {
        self.base + self.jiter.current_index()
    }

    /// Bytes not yet read, the bound of what may be allocated for them.
    pub(super) fn remaining(&self) -> usize {
        self.text.len().saturating_sub(self.here())
    }

    pub(super) fn peek(&mut self) -> Result<Peek> {
        self.jiter.peek().map_err(|fault| self.syntax(&fault))
    }

    pub(super) fn known_array(&mut self) -> Result<Option<Peek>> {
        self.jiter.known_array().map_err(|fault| self.syntax(&fault))
    }

    pub(super) fn array_step(&mut self) -> Result<Option<Peek>> {
        self.jiter.array_step().map_err(|fault| self.syntax(&fault))
    }

    pub(super) fn known_bool(&mut self, peek: Peek) -> Result<bool> {
        self.jiter.known_bool(peek).map_err(|fault| self.syntax(&fault))
    }

    /// Reads plain numbers of the array the cursor is in, beginning with one that was peeked at, at most `most`. Stops
    /// behind the last number that is plain; the rest is for [`Reader::array_step`] and the like. Returns how many.
    pub(super) fn plain_numbers<T: Plain>(&mut self, most: usize, values: &mut Vec<T>) -> usize {
        let bytes = self.text.as_bytes().get(..self.end).unwrap_or_default();
        let (count, behind) = run::read(bytes, self.here(), most, values);
        if count > 0 {
            *self = Self::part(self.text, behind, self.end);
        }
        count
    }

    /// The text of a number that was peeked at.
    pub(super) fn number(&mut self, peek: Peek) -> Result<&'j str> {
        let start = self.here();
        if let Err(fault) = self.jiter.known_number_bytes(peek).map(drop) {
            return Err(self.syntax(&fault));
        }
        Ok(self.text.get(start..self.here()).unwrap_or_default())
    }

    fn kind_of(&self, peek: Peek) -> Result<Kind> {
        Ok(match peek {
            Peek::Null => Kind::Null,
            Peek::True | Peek::False => Kind::Bool,
            Peek::String => Kind::String,
            Peek::Array => Kind::Array,
            Peek::Object => Kind::Object,
            number if number.is_num() => Kind::Number,
            _ => return Err(self.broken(self.here(), "a JSON value")),
        })
    }

    fn key(
        &mut self,
        take: impl for<'a> FnOnce(&'a mut Jiter<'j>) -> jiter::JiterResult<Option<&'a str>>,
    ) -> Result<Option<Key<'j>>> {
        let text = self.text;
        let offset = {
            let bytes = text.as_bytes();
            let mut at = self.here();
            while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | b'{')) {
                at += 1;
            }
            at
        };
        let key =
            take(&mut self.jiter).map(|key| key.map(|decoded| Key { text: borrowed(text, offset, decoded), offset }));
        match key {
            Ok(Some(Key { text, .. })) if text.len() > LONGEST_NAME => Err(self.endless(self.here(), text.len())),
            key => key.map_err(|fault| self.syntax(&fault)),
        }
    }
}

/// A decoded string, borrowed from the text where it stands there without escapes.
fn borrowed<'j>(text: &'j str, quote: usize, decoded: &str) -> Cow<'j, str> {
    match text.get(quote + 1..quote + 1 + decoded.len()) {
        Some(same) if same == decoded => Cow::Borrowed(same),
        _ => Cow::Owned(decoded.into()),
    }
}
