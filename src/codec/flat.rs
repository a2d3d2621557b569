//! Elements whose shape stands elsewhere: one flat array, or arrays in arrays with the sizes that the shape says.

use jiter::Peek;
use smallvec::SmallVec;

use crate::tensor::{DataType, element_count};

use super::nested::read_nested;
use super::values::Values;
use super::{DecodeError, MAX_DEPTH, Reader, Result, Span};

/// Reads scalars in row-major order. Where there is a shape, more elements than it holds are refused where they begin, fewer
/// at the end, and so is nesting that is not the shape's: it would be cut anew, and whoever sent one row of four would get
/// two rows of two answered without a word. Without a shape, inner arrays are walked through, whatever their form.
pub fn read_elements(reader: &mut Reader<'_>, datatype: DataType, shape: Option<&[usize]>) -> Result<Values> {
    let start = reader.offset()?;
    let mut peek = reader.peek()?;
    if peek != Peek::Array {
        return Err(reader.wrong_type(peek, "an array of elements"));
    }
    let expected = shape.map(|shape| element_count(shape).unwrap_or(usize::MAX));
    // An element takes at least two bytes of text, itself and a comma, so this never exceeds four times the body.
    let mut values = Values::new(Some(datatype), expected.unwrap_or(0).min(reader.remaining() / 2));
    let count = |n: usize| format!("{n} elements, the product of the shape");
    // How much the arrays that are open have held so far, and the sizes they are to have unless the data is flat.
    let mut open: SmallVec<[usize; 6]> = SmallVec::new();
    let mut sizes: Option<&[usize]> = None;
    loop {
        if peek == Peek::Array {
            if *open == [0] {
                sizes = shape;
            }
            if shape.is_some() && !open.is_empty() && sizes.is_none_or(|sizes| open.len() >= sizes.len()) {
                return Err(nested_otherwise(reader, start, datatype, shape));
            }
            if open.len() == MAX_DEPTH {
                let most = format!("at most {MAX_DEPTH} levels");
                return Err(reader.error(reader.here(), "too_deep", "arrays are nested too deeply", most, "more"));
            }
            open.push(0);
            if let Some(first) = reader.known_array()? {
                peek = first;
                continue;
            }
        } else {
            if let Some(most) = expected.filter(|&most| values.len() >= most) {
                let what = "there are more elements than the shape holds";
                return Err(reader.error(reader.here(), "wrong_count", what, count(most), "more"));
            }
            if sizes.is_some_and(|sizes| open.len() != sizes.len()) {
                return Err(nested_otherwise(reader, start, datatype, shape));
            }
            let passed = values.push_run(reader, peek, expected.unwrap_or(usize::MAX) - values.len())?;
            if let Some(held) = open.last_mut() {
                *held += passed;
            }
            if let Some(next) = reader.array_step()? {
                peek = next;
                continue;
            }
        }
        // The innermost array has ended, and perhaps others with it.
        loop {
            let held = open.pop();
            if sizes.is_some_and(|sizes| sizes.get(open.len()).copied() != held) {
                return Err(nested_otherwise(reader, start, datatype, shape));
            }
            let Some(outer) = open.last_mut() else {
                return match expected {
                    Some(least) if values.len() < least => {
                        let what = "there are fewer elements than the shape holds";
                        Err(reader.error(start, "wrong_count", what, count(least), values.len().to_string()))
                    }
                    _ => Ok(values),
                };
            };
            *outer += 1;
            if let Some(next) = reader.array_step()? {
                peek = next;
                break;
            }
        }
    }
}

/// The data by itself, read once more: it has another shape, or none, which is said where that shows.
#[cold]
fn nested_otherwise(
    reader: &Reader<'_>,
    start: usize,
    datatype: DataType,
    shape: Option<&[usize]>,
) -> Box<DecodeError> {
    let shape = shape.unwrap_or_default();
    let hint = format!("data is one flat array, or nested like its shape, which is {shape:?} here");
    let mut again = reader.at(Span { start, end: reader.text().len() });
    match read_nested(&mut again, Some(datatype)) {
        Ok(tensor) => {
            let same = element_count(shape) == Some(tensor.len());
            let code = if same { "wrong_shape" } else { "wrong_count" };
            let what = "the data is nested otherwise than its shape says";
            let got = format!("arrays of shape {:?}", tensor.shape());
            reader.error(start, code, what, format!("arrays of shape {shape:?}, or a flat one"), got).hint(hint)
        }
        Err(fault) if fault.hint.is_none() => fault.hint(hint),
        Err(fault) => fault,
    }
}
