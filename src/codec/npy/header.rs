//! The header of an `.npy` file: magic, version, length, and a Python dictionary literal of three entries such as
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`. Only that subset of Python is read.

use std::fmt::Write as _;

use crate::codec::{DecodeError, MAX_DEPTH, Result};
use crate::tensor::{DataType, Shape};

use super::descr;

const MAGIC: &[u8] = b"\x93NUMPY";

#[derive(Debug)]
pub(super) struct Header {
    pub item: Item,
    pub fortran_order: bool,
    pub shape: Shape,
}

/// What one element is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Number(DataType),
    /// Four bytes per character, filled up with zeros.
    Unicode {
        characters: usize,
    },
    /// One byte per character, filled up with zeros.
    Ascii {
        characters: usize,
    },
}

impl Item {
    pub(super) fn width(self) -> usize {
        match self {
            Self::Number(datatype) => datatype.width().unwrap_or(1),
            Self::Unicode { characters } => characters.saturating_mul(4),
            Self::Ascii { characters } => characters,
        }
    }
}

impl Header {
    /// The header and the offset at which the elements begin.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, usize)> {
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| invalid("the bytes \\x93NUMPY at the start", "others"))?;
        let (length, start) = match rest {
            [1, _, low, high, ..] => (u32::from(u16::from_le_bytes([*low, *high])), 10),
            [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]), 12),
            [version, _, ..] if !(1..=3).contains(version) => {
                return Err(invalid("format version 1, 2 or 3", version.to_string()));
            }
            _ => return Err(invalid("a whole header", "the end of the body")),
        };
        let end = start + length as usize;
        let text = bytes.get(start..end).ok_or_else(|| invalid(format!("{length} bytes of header"), "fewer"))?;
        let text = std::str::from_utf8(text).map_err(|_| invalid("a header in UTF-8", "other bytes"))?;
        Ok((Literal { rest: text }.header()?, end))
    }
}

/// A header for a tensor, padded so that the elements start at a multiple of 64.
pub(super) fn write(datatype: DataType, characters: usize, shape: &[usize]) -> Vec<u8> {
    let mut text = String::from("{'descr': '");
    // Writing to a string cannot fail.
    let _ = match descr(datatype) {
        Some(descr) => write!(text, "{descr}"),
        None => write!(text, "<U{characters}"),
    };
    text.push_str("', 'fortran_order': False, 'shape': (");
    for size in shape {
        let _ = write!(text, "{size},");
    }
    text.push_str("), }");
    let unpadded = MAGIC.len() + 4 + text.len() + 1;
    text.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(64) - unpadded));
    text.push('\n');
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&[1, 0]);
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out
}

fn invalid(expected: impl Into<String>, got: impl Into<String>) -> Box<DecodeError> {
    DecodeError::new("invalid_npy", "the body is not a readable npy file", expected, got)
        .hint("write it with numpy.save(file, array, allow_pickle=False)")
}

/// A cursor over the literal.
struct Literal<'t> {
    rest: &'t str,
}

impl<'t> Literal<'t> {
    fn header(&mut self) -> Result<Header> {
        let (mut item, mut order, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.accept('}') {
            let key = self.string()?;
            self.expect(':')?;
            match key {
                "descr" => item = Some(self.descr()?),
                "fortran_order" => order = Some(self.boolean()?),
                "shape" => shape = Some(self.tuple()?),
                other => return Err(invalid("the keys descr, fortran_order and shape", format!("{other:?}"))),
            }
            if !self.accept(',') {
                self.expect('}')?;
                break;
            }
        }
        match (item, order, shape) {
            (Some(item), Some(fortran_order), Some(shape)) => Ok(Header { item, fortran_order, shape }),
            _ => Err(invalid("the keys descr, fortran_order and shape", "a header that lacks one")),
        }
    }

    fn accept(&mut self, character: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, character: char) -> Result<()> {
        if self.accept(character) {
            return Ok(());
        }
        let got = self.rest.chars().next().map_or_else(|| "the end of the header".into(), |c| format!("{c:?}"));
        Err(invalid(format!("{character:?}"), got))
    }

    fn string(&mut self) -> Result<&'t str> {
        let quote = if self.accept('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.expect(quote)?;
        }
        let (string, rest) = self.rest.split_once(quote).ok_or_else(|| invalid("a closing quote", "none"))?;
        self.rest = rest;
        Ok(string)
    }

    fn boolean(&mut self) -> Result<bool> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(invalid("True or False", "something else"))
    }

    fn tuple(&mut self) -> Result<Shape> {
        let mut shape = Shape::new();
        self.expect('(')?;
        while !self.accept(')') {
            self.rest = self.rest.trim_start();
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            shape.push(digits.parse().map_err(|_| invalid("sizes as whole numbers", format!("{digits:?}")))?);
            // Python 2 wrote long integers with a suffix.
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            if shape.len() > MAX_DEPTH {
                return Err(invalid(format!("at most {MAX_DEPTH} axes"), "more"));
            }
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn descr(&mut self) -> Result<Item> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('[') {
            return Err(unsupported("a structured type").hint("send each field as an array of its own"));
        }
        let descr = self.string()?;
        if let Some(datatype) = DataType::ALL.into_iter().find(|&d| super::descr(d) == Some(descr)) {
            return Ok(Item::Number(datatype));
        }
        if descr.starts_with('>') {
            let hint = "convert with array.astype(array.dtype.newbyteorder('<'))";
            return Err(unsupported(format!("the big-endian type {descr:?}")).hint(hint));
        }
        let plain = descr.trim_start_matches(['<', '=', '|']);
        let characters = plain.get(1..).and_then(|digits| digits.parse().ok()).filter(|&count: &usize| count > 0);
        match (plain.as_bytes().first(), characters) {
            (Some(b'U'), Some(characters)) => Ok(Item::Unicode { characters }),
            (Some(b'S'), Some(characters)) => Ok(Item::Ascii { characters }),
            // A one-byte number has no byte order, so any mark will do.
            _ => match plain {
                "b1" => Ok(Item::Number(DataType::Bool)),
                "u1" => Ok(Item::Number(DataType::Uint8)),
                "i1" => Ok(Item::Number(DataType::Int8)),
                _ => Err(unsupported(format!("the type {descr:?}"))),
            },
        }
    }
}

fn unsupported(got: impl Into<String>) -> Box<DecodeError> {
    let expected = "little-endian b1, i1 to i8, u1 to u8, f2, f4, f8, or U and S strings";
    DecodeError::new("invalid_npy", "the array has an element type that is not supported", expected, got)
}
