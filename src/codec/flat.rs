//! Elements whose shape stands elsewhere: flat or nested, only their number matters.

use jiter::Peek;

use crate::tensor::DataType;

use super::values::Values;
use super::{MAX_DEPTH, Reader, Result};

/// Reads an array of scalars in row-major order; inner arrays are walked through, whatever their form. More elements
/// than expected are refused where they begin, fewer at the end.
pub fn read_elements(reader: &mut Reader<'_>, datatype: DataType, expected: Option<usize>) -> Result<Values> {
    let start = reader.offset()?;
    let mut peek = reader.peek()?;
    if peek != Peek::Array {
        return Err(reader.wrong_type(peek, "an array of elements"));
    }
    // An element takes at least two bytes of text, itself and a comma, so this never exceeds four times the body.
    let mut values = Values::new(Some(datatype), expected.unwrap_or(0).min(reader.remaining() / 2));
    let count = |n: usize| format!("{n} elements, the product of the shape");
    let mut depth = 0;
    loop {
        if peek == Peek::Array {
            if depth == MAX_DEPTH {
                let most = format!("at most {MAX_DEPTH} levels");
                return Err(reader.error(reader.here(), "too_deep", "arrays are nested too deeply", most, "more"));
            }
            if let Some(first) = reader.known_array()? {
                depth += 1;
                peek = first;
                continue;
            }
        } else {
            if let Some(most) = expected.filter(|&most| values.len() >= most) {
                let what = "there are more elements than the shape holds";
                return Err(reader.error(reader.here(), "wrong_count", what, count(most), "more"));
            }
            values.push_run(reader, peek, expected.unwrap_or(usize::MAX) - values.len())?;
        }
        loop {
            if depth == 0 {
                return match expected {
                    Some(least) if values.len() < least => {
                        let what = "there are fewer elements than the shape holds";
                        Err(reader.error(start, "wrong_count", what, count(least), values.len().to_string()))
                    }
                    _ => Ok(values),
                };
            }
            match reader.array_step()? {
                Some(next) => {
                    peek = next;
                    break;
                }
                None => depth -= 1,
            }
        }
    }
}
