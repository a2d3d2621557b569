//! Elements whose type nobody gave: it follows from how they are written. Integers become INT64 (UINT64 when some exceed
//! it and none is negative), any float makes all FP64, strings become BYTES, `true` and `false` BOOL. The strings `"NaN"`,
//! `"Infinity"` and `"-Infinity"` count as numbers where they stand among numbers or among their own kind alone.

use jiter::Peek;

use crate::tensor::{Shape, SizeError, Tensor};

use super::number::{exact_f64, exact_integer, is_integer, non_finite};
use super::values::null;
use super::{DecodeError, Reader, Result};

#[derive(Debug)]
pub(super) enum Guess {
    Empty,
    Int(Vec<i64>),
    Uint(Vec<u64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
    /// Strings that so far all are words for numbers that are not finite.
    Words(Vec<String>),
    Strings(Vec<String>),
}

impl Guess {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Int(values) => values.len(),
            Self::Uint(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Words(values) | Self::Strings(values) => values.len(),
        }
    }

    /// No elements at all are FP64, which casts to any other number type.
    pub(super) fn into_tensor(self, shape: Shape) -> std::result::Result<Tensor, SizeError> {
        match self {
            Self::Empty => Tensor::from_vec(shape, Vec::<f64>::new()),
            Self::Int(values) => Tensor::from_vec(shape, values),
            Self::Uint(values) => Tensor::from_vec(shape, values),
            Self::Float(values) => Tensor::from_vec(shape, values),
            Self::Bool(values) => Tensor::from_vec(shape, values),
            Self::Words(words) => Tensor::from_vec(shape, floats(&words)),
            Self::Strings(values) => Tensor::from_strings(shape, values),
        }
    }

    pub(super) fn push(&mut self, reader: &mut Reader<'_>, peek: Peek) -> Result<()> {
        let offset = reader.here();
        match peek {
            Peek::True | Peek::False => {
                let value = reader.known_bool(peek)?;
                match self {
                    Self::Bool(values) => values.push(value),
                    Self::Empty => *self = Self::Bool(vec![value]),
                    _ => return Err(self.mixed(reader, offset)),
                }
                Ok(())
            }
            Peek::String => self.push_string(reader, offset),
            Peek::Null => {
                let error = reader.wrong_type(peek, "a value");
                Err(null(error, matches!(self, Self::Empty | Self::Float(_) | Self::Int(_) | Self::Uint(_))))
            }
            number if number.is_num() => {
                let token = reader.number(peek)?;
                self.push_number(reader, offset, token)
            }
            other => Err(reader.wrong_type(other, "a number, string or boolean")),
        }
    }

    fn push_string(&mut self, reader: &mut Reader<'_>, offset: usize) -> Result<()> {
        let string = reader.string()?;
        let word = non_finite(&string);
        match (&mut *self, word) {
            (Self::Empty, None) => *self = Self::Strings(vec![string.into_owned()]),
            (Self::Empty, Some(_)) => *self = Self::Words(vec![string.into_owned()]),
            (Self::Words(words), None) => {
                words.push(string.into_owned());
                *self = Self::Strings(std::mem::take(words));
            }
            (Self::Words(values), Some(_)) | (Self::Strings(values), _) => values.push(string.into_owned()),
            (Self::Int(_) | Self::Uint(_) | Self::Float(_), Some(float)) => self.push_float(reader, offset, float)?,
            _ => return Err(self.mixed(reader, offset)),
        }
        Ok(())
    }

    fn push_number(&mut self, reader: &Reader<'_>, offset: usize, token: &str) -> Result<()> {
        if matches!(self, Self::Bool(_) | Self::Strings(_)) {
            return Err(self.mixed(reader, offset));
        }
        if !is_integer(token) {
            let float: f64 = token.parse().unwrap_or(f64::NAN);
            if !float.is_finite() && non_finite(token).is_none() {
                let expected = "a number of at most 1.7976931348623157e308 in size";
                return Err(too_large(reader, offset, expected));
            }
            return self.push_float(reader, offset, float);
        }
        match self {
            Self::Empty | Self::Int(_) => {
                if let Ok(value) = token.parse() {
                    match self {
                        Self::Int(values) => values.push(value),
                        _ => *self = Self::Int(vec![value]),
                    }
                    return Ok(());
                }
                self.widen(reader, offset, token)
            }
            Self::Uint(values) => {
                values.push(token.parse().map_err(|_| too_large(reader, offset, "an integer from 0 to 2^64 - 1"))?);
                Ok(())
            }
            Self::Float(_) | Self::Words(_) => {
                let exact = exact_integer(token).and_then(exact_f64);
                let float = exact.ok_or_else(|| inexact(reader, offset, reader.excerpt(offset)))?;
                self.push_float(reader, offset, float)
            }
            Self::Bool(_) | Self::Strings(_) => Err(self.mixed(reader, offset)),
        }
    }

    /// From signed to unsigned at the first integer that needs it.
    fn widen(&mut self, reader: &Reader<'_>, offset: usize, token: &str) -> Result<()> {
        let expected = "an integer from -2^63 to 2^63 - 1, or from 0 to 2^64 - 1 where none is negative";
        let value: u64 = token.parse().map_err(|_| too_large(reader, offset, expected))?;
        let before = match self {
            Self::Int(values) => values.as_slice(),
            _ => &[],
        };
        let mut values = before
            .iter()
            .map(|&value| u64::try_from(value))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|_| too_large(reader, offset, expected))?;
        values.push(value);
        *self = Self::Uint(values);
        Ok(())
    }

    fn push_float(&mut self, reader: &Reader<'_>, offset: usize, float: f64) -> Result<()> {
        let promoted = |value: i128| exact_f64(value).ok_or_else(|| inexact(reader, offset, value.to_string()));
        let mut values = match self {
            Self::Float(values) => {
                values.push(float);
                return Ok(());
            }
            Self::Empty => Vec::new(),
            Self::Int(values) => values.iter().map(|&value| promoted(value.into())).collect::<Result<Vec<_>>>()?,
            Self::Uint(values) => values.iter().map(|&value| promoted(value.into())).collect::<Result<Vec<_>>>()?,
            Self::Words(words) => floats(words),
            Self::Bool(_) | Self::Strings(_) => return Err(self.mixed(reader, offset)),
        };
        values.push(float);
        *self = Self::Float(values);
        Ok(())
    }

    #[cold]
    fn mixed(&self, reader: &Reader<'_>, offset: usize) -> Box<DecodeError> {
        let expected = match self {
            Self::Empty => "a value",
            Self::Int(_) | Self::Uint(_) | Self::Float(_) => "a number like the values before it",
            Self::Bool(_) => "true or false like the values before it",
            Self::Words(_) | Self::Strings(_) => "a string like the values before it",
        };
        reader
            .error(offset, "mixed_types", "values of different types in one tensor", expected, reader.excerpt(offset))
            .hint("a tensor has one element type; columns of different types are separate inputs")
    }
}

fn floats(words: &[String]) -> Vec<f64> {
    words.iter().map(|word| non_finite(word).unwrap_or(f64::NAN)).collect()
}

#[cold]
fn too_large(reader: &Reader<'_>, offset: usize, expected: &str) -> Box<DecodeError> {
    reader.error(offset, "out_of_range", "a value is out of range", expected, reader.excerpt(offset))
}

#[cold]
fn inexact(reader: &Reader<'_>, offset: usize, got: String) -> Box<DecodeError> {
    reader
        .error(
            offset,
            "out_of_range",
            "an integer among floats loses digits",
            "an integer that FP64 holds exactly",
            got,
        )
        .hint("write the integer with a decimal point if rounding it is fine")
}
