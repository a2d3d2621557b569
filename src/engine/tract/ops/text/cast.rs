//! `Cast` and `CastLike` from strings and to strings, letter for letter as ONNX Runtime reads and writes numbers: as the C library does,
//! with eight digits, and reading as far as a number goes.

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::prelude::{Arc, Datum, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, f16, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, slice, tensor};
use crate::engine::tract::checks::Refusal;
use crate::engine::tract::{convert, proto};

#[derive(Debug)]
struct Cast {
    /// Without one it is that of the second input.
    to: Option<DatumType>,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    about_small_floats(node)?;
    let to = node.int("to")?.and_then(|to| OnnxType::try_from(i32::try_from(to).ok()?).ok());
    let to =
        to.and_then(proto::datatype).ok_or_else(|| malformed("it casts to a type that the server does not have"))?;
    Ok(Arc::new(Cast { to: Some(convert::datum_type(to)) }))
}

pub fn like(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    about_small_floats(node)?;
    Ok(Arc::new(Cast { to: None }))
}

/// Attributes that say how 8-bit floats are made, which are no elements of the server's.
fn about_small_floats(node: &Node) -> Result<(), Refusal> {
    node.int("saturate")?;
    node.text("round_mode")?;
    Ok(())
}

impl Kernel for Cast {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let to = match self.to {
            Some(to) => to,
            None => required(inputs, 1)?.datum_type,
        };
        Ok(tvec![TypedFact::dt_shape(to, required(inputs, 0)?.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let to = match self.to {
            Some(to) => to,
            None => required(inputs, 1)?.datum_type(),
        };
        match (input.datum_type(), to) {
            (DatumType::String, DatumType::String) => Ok(tvec![input.clone()]),
            (DatumType::String, _) => read(input, to),
            (_, DatumType::String) => write(input),
            _ => Ok(tvec![input.cast_to_dt(to)?.into_owned()]),
        }
    }
}

fn read(input: &Tensor, to: DatumType) -> TractResult<TVec<Tensor>> {
    fn each<T: Datum>(input: &Tensor, of: impl Fn(&str) -> Option<T>) -> TractResult<TVec<Tensor>> {
        let read = slice::<String>(input)?.iter().map(|text| {
            of(text).ok_or_else(|| {
                let start: String = text.chars().take(40).collect();
                TractError::msg(format!("the string {start:?} is no number of the type it becomes"))
            })
        });
        Ok(tvec![tensor(input.shape(), read.collect::<TractResult<Vec<T>>>()?)?])
    }
    match to {
        DatumType::Bool => each::<bool>(input, |text| Some(unsigned(text)? != 0)),
        DatumType::U8 => each::<u8>(input, |text| Some(unsigned(text)? as u8)),
        DatumType::U16 => each::<u16>(input, |text| Some(unsigned(text)? as u16)),
        DatumType::U32 => each::<u32>(input, |text| Some(unsigned(text)? as u32)),
        DatumType::U64 => each::<u64>(input, unsigned),
        DatumType::I8 => each::<i8>(input, |text| Some(signed(text)? as i8)),
        DatumType::I16 => each::<i16>(input, |text| Some(signed(text)? as i16)),
        DatumType::I32 => each::<i32>(input, |text| Some(signed(text)? as i32)),
        DatumType::I64 => each::<i64>(input, signed),
        DatumType::F16 => each::<f16>(input, |text| Some(f16::from_f32(float(text)? as f32))),
        DatumType::F32 => each::<f32>(input, |text| Some(float(text)? as f32)),
        DatumType::F64 => each::<f64>(input, float),
        other => Err(TractError::msg(format!("no string becomes {other:?}"))),
    }
}

fn write(input: &Tensor) -> TractResult<TVec<Tensor>> {
    fn each<T: Datum>(input: &Tensor, of: impl Fn(&T) -> String) -> TractResult<TVec<Tensor>> {
        Ok(tvec![tensor(input.shape(), slice::<T>(input)?.iter().map(of).collect())?])
    }
    match input.datum_type() {
        DatumType::Bool => each::<bool>(input, |&value| u8::from(value).to_string()),
        DatumType::U8 => each::<u8>(input, u8::to_string),
        DatumType::U16 => each::<u16>(input, u16::to_string),
        DatumType::U32 => each::<u32>(input, u32::to_string),
        DatumType::U64 => each::<u64>(input, u64::to_string),
        DatumType::I8 => each::<i8>(input, i8::to_string),
        DatumType::I16 => each::<i16>(input, i16::to_string),
        DatumType::I32 => each::<i32>(input, i32::to_string),
        DatumType::I64 => each::<i64>(input, i64::to_string),
        DatumType::F16 => each::<f16>(input, |value| written(value.to_f64())),
        DatumType::F32 => each::<f32>(input, |&value| written(value.into())),
        DatumType::F64 => each::<f64>(input, |&value| written(value)),
        other => Err(TractError::msg(format!("{other:?} becomes no string"))),
    }
}

const DIGITS: i32 = 8;

/// A number as `%.8g` has it: eight digits without zeros at the end, and an exponent where it is very small or large.
fn written(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-INF" } else { "INF" }.into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let scientific = format!("{:.*e}", DIGITS as usize - 1, value.abs());
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = digits.replace('.', "");
    // Where the point stands: after so many of the digits.
    let (whole, mut fraction) = match exponent {
        -4..=-1 => ("0".into(), format!("{}{digits}", "0".repeat(-exponent as usize - 1))),
        0..DIGITS => (digits[..=exponent as usize].to_owned(), digits[exponent as usize + 1..].to_owned()),
        _ => (digits[..1].to_owned(), digits[1..].to_owned()),
    };
    fraction.truncate(fraction.trim_end_matches('0').len());
    let point = if fraction.is_empty() { "" } else { "." };
    let power = match exponent {
        -4..DIGITS => String::new(),
        _ => format!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    };
    format!("{sign}{whole}{point}{fraction}{power}")
}

/// The sign and the digits after the blanks that a number may begin with.
fn signed_digits(text: &str) -> (bool, &str) {
    let text = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The part of a text that is made of decimal digits.
fn leading_digits(text: &str) -> &str {
    &text[..text.bytes().take_while(u8::is_ascii_digit).count()]
}

fn signed(text: &str) -> Option<i64> {
    let (negative, digits) = signed_digits(text);
    let size: i128 = leading_digits(digits).parse().ok()?;
    i64::try_from(if negative { -size } else { size }).ok()
}

/// A negative number is counted down from the end of the range.
fn unsigned(text: &str) -> Option<u64> {
    let (negative, digits) = signed_digits(text);
    let size: u64 = leading_digits(digits).parse().ok()?;
    Some(if negative { size.wrapping_neg() } else { size })
}

/// Hexadecimal numbers and those beyond the range of double precision are none.
fn float(text: &str) -> Option<f64> {
    let (negative, rest) = signed_digits(text);
    let begins = |word: &str| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let size = if begins("inf") {
        f64::INFINITY
    } else if begins("nan") {
        f64::NAN
    } else {
        let hexadecimal =
            begins("0x") && rest[2..].trim_start_matches('.').starts_with(|c: char| c.is_ascii_hexdigit());
        let whole = leading_digits(rest).len();
        let fraction = rest[whole..].strip_prefix('.').map_or(0, |rest| 1 + leading_digits(rest).len());
        let digits = &rest[..whole + fraction];
        if hexadecimal || !digits.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let power = rest[digits.len()..].strip_prefix(['e', 'E']).map_or(0, |power| {
            let (_, unsigned) = match power.as_bytes().first() {
                Some(b'+' | b'-') => power.split_at(1),
                _ => ("", power),
            };
            match leading_digits(unsigned).len() {
                0 => 0,
                length => 1 + power.len() - unsigned.len() + length,
            }
        });
        let size: f64 = rest[..digits.len() + power].parse().ok()?;
        let is_zero = !digits.contains(|c: char| ('1'..='9').contains(&c));
        if size.is_infinite() || (size < f64::MIN_POSITIVE && !is_zero) {
            return None;
        }
        size
    };
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_eight_digits() {
        for (value, text) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.33333333"),
            (-2.5, "-2.5"),
            (100_000.0, "100000"),
            (16_777_217.0, "16777217"),
            (1e8, "1e+08"),
            (123_456_792.0, "1.2345679e+08"),
            (99_999_999.9, "1e+08"),
            (12_345_678.5, "12345678"),
            (12_345_677.5, "12345678"),
            (1e-4, "0.0001"),
            (9.999_999_7e-5, "9.9999997e-05"),
            (1e308, "1e+308"),
            (5e-324, "4.9406565e-324"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-INF"),
        ] {
            assert_eq!(written(value), text);
        }
    }

    #[test]
    fn numbers_are_read_as_far_as_they_go() {
        for (text, value) in [
            ("1", 1.0),
            ("\t 2.5x", 2.5),
            ("1,5", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1e3", -1000.0),
            ("1e", 1.0),
            ("1e+", 1.0),
            ("1e-2e", 0.01),
            ("0x", 0.0),
            ("+infinity", f64::INFINITY),
            ("-INF", f64::NEG_INFINITY),
            ("0e-999", 0.0),
        ] {
            assert_eq!(float(text), Some(value), "{text}");
        }
        assert!(float("nan(1)").is_some_and(f64::is_nan));
        for text in ["", "x", ".", "-", "1e400", "1e-400", "0x10", "é"] {
            assert_eq!(float(text), None, "{text}");
        }
    }

    #[test]
    fn integers_wrap_as_they_do_in_c() {
        assert_eq!(
            (signed(" 7.9"), signed("-5"), signed("9999999999999999999"), signed("")),
            (Some(7), Some(-5), None, None)
        );
        assert_eq!(signed("-9223372036854775808"), Some(i64::MIN));
        assert_eq!((unsigned("-5"), unsigned("+3 "), unsigned("x")), (Some(u64::MAX - 4), Some(3), None));
    }
}
