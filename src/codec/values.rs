//! Elements while they are being read: one typed vector that grows by one JSON scalar at a time.

use half::f16;
use jiter::Peek;

use crate::tensor::{DataType, Element, Shape, SizeError, Tensor, nearest_f16};

use super::guess::Guess;
use super::number::{exact_integer, non_finite};
use super::{DecodeError, Reader, Result};

/// Elements of a known or guessed type, without a shape.
#[derive(Debug)]
pub struct Values(Elements);

#[derive(Debug)]
enum Elements {
    Bool(Vec<bool>),
    Uint8(Vec<u8>),
    Uint16(Vec<u16>),
    Uint32(Vec<u32>),
    Uint64(Vec<u64>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Fp16(Vec<f16>),
    Fp32(Vec<f32>),
    Fp64(Vec<f64>),
    Bytes(Vec<String>),
    Guessed(Guess),
}

macro_rules! each {
    ($elements:expr, $values:ident => $numbers:expr, $guess:ident => $guessed:expr) => {
        match $elements {
            Elements::Bool($values) => $numbers,
            Elements::Uint8($values) => $numbers,
            Elements::Uint16($values) => $numbers,
            Elements::Uint32($values) => $numbers,
            Elements::Uint64($values) => $numbers,
            Elements::Int8($values) => $numbers,
            Elements::Int16($values) => $numbers,
            Elements::Int32($values) => $numbers,
            Elements::Int64($values) => $numbers,
            Elements::Fp16($values) => $numbers,
            Elements::Fp32($values) => $numbers,
            Elements::Fp64($values) => $numbers,
            Elements::Bytes($values) => $numbers,
            Elements::Guessed($guess) => $guessed,
        }
    };
}

impl Values {
    /// `None` leaves the type to the values. `capacity` must be bounded by what the client really sent.
    pub(super) fn new(datatype: Option<DataType>, capacity: usize) -> Self {
        Self(match datatype {
            Some(DataType::Bool) => Elements::Bool(Vec::with_capacity(capacity)),
            Some(DataType::Uint8) => Elements::Uint8(Vec::with_capacity(capacity)),
            Some(DataType::Uint16) => Elements::Uint16(Vec::with_capacity(capacity)),
            Some(DataType::Uint32) => Elements::Uint32(Vec::with_capacity(capacity)),
            Some(DataType::Uint64) => Elements::Uint64(Vec::with_capacity(capacity)),
            Some(DataType::Int8) => Elements::Int8(Vec::with_capacity(capacity)),
            Some(DataType::Int16) => Elements::Int16(Vec::with_capacity(capacity)),
            Some(DataType::Int32) => Elements::Int32(Vec::with_capacity(capacity)),
            Some(DataType::Int64) => Elements::Int64(Vec::with_capacity(capacity)),
            Some(DataType::Fp16) => Elements::Fp16(Vec::with_capacity(capacity)),
            Some(DataType::Fp32) => Elements::Fp32(Vec::with_capacity(capacity)),
            Some(DataType::Fp64) => Elements::Fp64(Vec::with_capacity(capacity)),
            // A string of the tensor is larger than the two characters it may take in the text.
            Some(DataType::Bytes) => Elements::Bytes(Vec::new()),
            None => Elements::Guessed(Guess::Empty),
        })
    }

    pub fn len(&self) -> usize {
        each!(&self.0, values => values.len(), guess => guess.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes over the elements under a shape; the count must agree.
    pub fn into_tensor(self, shape: impl Into<Shape>) -> std::result::Result<Tensor, SizeError> {
        match self.0 {
            Elements::Bool(values) => Tensor::from_vec(shape, values),
            Elements::Uint8(values) => Tensor::from_vec(shape, values),
            Elements::Uint16(values) => Tensor::from_vec(shape, values),
            Elements::Uint32(values) => Tensor::from_vec(shape, values),
            Elements::Uint64(values) => Tensor::from_vec(shape, values),
            Elements::Int8(values) => Tensor::from_vec(shape, values),
            Elements::Int16(values) => Tensor::from_vec(shape, values),
            Elements::Int32(values) => Tensor::from_vec(shape, values),
            Elements::Int64(values) => Tensor::from_vec(shape, values),
            Elements::Fp16(values) => Tensor::from_vec(shape, values),
            Elements::Fp32(values) => Tensor::from_vec(shape, values),
            Elements::Fp64(values) => Tensor::from_vec(shape, values),
            Elements::Bytes(values) => Tensor::from_strings(shape, values),
            Elements::Guessed(guess) => guess.into_tensor(shape.into()),
        }
    }

    /// Reads one scalar that was peeked at and, up to `most` in all, plain numbers that follow it in the same array.
    /// Returns how many.
    pub(super) fn push_run(&mut self, reader: &mut Reader<'_>, peek: Peek, most: usize) -> Result<usize> {
        let count = match &mut self.0 {
            Elements::Uint8(values) => reader.plain_numbers(most, values),
            Elements::Uint16(values) => reader.plain_numbers(most, values),
            Elements::Uint32(values) => reader.plain_numbers(most, values),
            Elements::Uint64(values) => reader.plain_numbers(most, values),
            Elements::Int8(values) => reader.plain_numbers(most, values),
            Elements::Int16(values) => reader.plain_numbers(most, values),
            Elements::Int32(values) => reader.plain_numbers(most, values),
            Elements::Int64(values) => reader.plain_numbers(most, values),
            Elements::Fp32(values) => reader.plain_numbers(most, values),
            Elements::Fp64(values) => reader.plain_numbers(most, values),
            Elements::Bool(_) | Elements::Fp16(_) | Elements::Bytes(_) | Elements::Guessed(_) => 0,
        };
        if count == 0 {
            self.push(reader, peek)?;
        }
        Ok(count.max(1))
    }

    /// Reads one scalar that was peeked at.
    #[inline]
    fn push(&mut self, reader: &mut Reader<'_>, peek: Peek) -> Result<()> {
        each!(&mut self.0, values => values.push(Scalar::read(reader, peek)?), guess => guess.push(reader, peek)?);
        Ok(())
    }
}

/// A type that one JSON scalar can be read as.
trait Scalar: Sized {
    fn read(reader: &mut Reader<'_>, peek: Peek) -> Result<Self>;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Scalar for $type {
            #[inline]
            fn read(reader: &mut Reader<'_>, peek: Peek) -> Result<Self> {
                let offset = reader.here();
                if !peek.is_num() {
                    return Err(wrong(reader, peek, Self::DATATYPE));
                }
                let token = reader.number(peek)?;
                token.parse().or_else(|_| {
                    let Some(exact) = exact_integer(token) else {
                        return Err(not_an_integer(reader, offset, Self::DATATYPE));
                    };
                    exact.try_into().map_err(|_| {
                        let expected = format!("{} from {} to {}", Self::DATATYPE, Self::MIN, Self::MAX);
                        out_of_range(reader, offset, expected)
                    })
                })
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Scalar for $type {
            #[inline]
            fn read(reader: &mut Reader<'_>, peek: Peek) -> Result<Self> {
                if !peek.is_num() {
                    return quoted_float(reader, peek, Self::DATATYPE).map(|float| float as $type);
                }
                let offset = reader.here();
                let token = reader.number(peek)?;
                // The standard library reads the words NaN and Infinity, too.
                let float: $type = token.parse().unwrap_or(<$type>::NAN);
                if float.is_finite() || non_finite(token).is_some() {
                    return Ok(float);
                }
                Err(overflow(reader, offset, Self::DATATYPE))
            }
        }
    )*};
}

floats!(f32, f64);

impl Scalar for f16 {
    fn read(reader: &mut Reader<'_>, peek: Peek) -> Result<Self> {
        let offset = reader.here();
        if !peek.is_num() {
            return quoted_float(reader, peek, Self::DATATYPE).map(nearest_f16);
        }
        let token = reader.number(peek)?;
        let float = nearest_f16(token.parse().unwrap_or(f64::NAN));
        if float.is_finite() || non_finite(token).is_some() {
            return Ok(float);
        }
        Err(overflow(reader, offset, Self::DATATYPE))
    }
}

impl Scalar for bool {
    fn read(reader: &mut Reader<'_>, peek: Peek) -> Result<Self> {
        let offset = reader.here();
        if !peek.is_num() {
            return match peek {
                Peek::True | Peek::False => reader.known_bool(peek),
                other => Err(wrong(reader, other, Self::DATATYPE)),
            };
        }
        match exact_integer(reader.number(peek)?) {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => Err(out_of_range(reader, offset, "true, false, 1 or 0".into())),
        }
    }
}

impl Scalar for String {
    fn read(reader: &mut Reader<'_>, peek: Peek) -> Result<Self> {
        match peek {
            Peek::String => Ok(reader.string()?.into_owned()),
            other => Err(wrong(reader, other, DataType::Bytes)),
        }
    }
}

/// `"NaN"`, `"Infinity"` or `"-Infinity"`.
fn quoted_float(reader: &mut Reader<'_>, peek: Peek, datatype: DataType) -> Result<f64> {
    let offset = reader.here();
    if peek != Peek::String {
        return Err(wrong(reader, peek, datatype));
    }
    let string = reader.string()?;
    non_finite(&string).ok_or_else(|| {
        reader
            .error(offset, "wrong_type", "a value of the wrong type", a(datatype), reader.excerpt(offset))
            .hint("numbers are written without quotes; only \"NaN\", \"Infinity\" and \"-Infinity\" may have them")
    })
}

/// What a scalar of a type looks like.
fn a(datatype: DataType) -> String {
    match datatype {
        DataType::Bool => "true or false (BOOL)".into(),
        DataType::Bytes => "a string (BYTES)".into(),
        float if float.is_float() => format!("a number ({float})"),
        integer => format!("an integer ({integer})"),
    }
}

/// A scalar of another kind than the type wants.
#[cold]
fn wrong(reader: &Reader<'_>, peek: Peek, datatype: DataType) -> Box<DecodeError> {
    let error = reader.wrong_type(peek, a(datatype));
    if error.code != "wrong_type" {
        return error;
    }
    match (peek, datatype) {
        (Peek::Null, _) => null(error, datatype.is_float()),
        (Peek::True | Peek::False, _) => error.hint("write 1 for true and 0 for false"),
        (Peek::String, _) => error.hint("numbers and booleans are written without quotes"),
        (_, DataType::Bytes) => error.hint("strings are written in double quotes"),
        _ => error,
    }
}

/// A missing value, which no element type has.
#[cold]
pub(super) fn null(mut error: Box<DecodeError>, float: bool) -> Box<DecodeError> {
    if error.code != "wrong_type" {
        return error;
    }
    error.code = "null_value";
    error.what = "a value is missing".into();
    error.hint(if float {
        "null is no number; a model that knows missing values takes NaN or \"NaN\""
    } else {
        "null stands for no value of this type; among floats a missing one is sent as NaN or \"NaN\""
    })
}

#[cold]
fn out_of_range(reader: &Reader<'_>, offset: usize, expected: String) -> Box<DecodeError> {
    reader.error(offset, "out_of_range", "a value is out of range", expected, reader.excerpt(offset))
}

#[cold]
fn overflow(reader: &Reader<'_>, offset: usize, datatype: DataType) -> Box<DecodeError> {
    let largest = match datatype {
        DataType::Fp16 => "65504",
        DataType::Fp32 => "3.4028235e38",
        _ => "1.7976931348623157e308",
    };
    out_of_range(reader, offset, format!("{datatype} of at most {largest} in size"))
        .hint("infinity is sent as Infinity or \"Infinity\"")
}

#[cold]
fn not_an_integer(reader: &Reader<'_>, offset: usize, datatype: DataType) -> Box<DecodeError> {
    reader.error(
        offset,
        "not_an_integer",
        "a value would lose its fraction",
        format!("an integer ({datatype})"),
        reader.excerpt(offset),
    )
}
