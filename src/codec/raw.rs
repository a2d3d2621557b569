//! Tensors as little-endian bytes, row-major, without padding: one byte for a BOOL, and for BYTES each element as its
//! length in four bytes followed by its UTF-8. Numbers are taken over without a copy.

use bytes::{Buf, Bytes};

use crate::tensor::{DataType, Shape, Tensor, element_count};

use super::{DecodeError, Result};

/// Reads a tensor whose type and shape are known.
pub fn read_raw(datatype: DataType, shape: impl Into<Shape>, bytes: Bytes) -> Result<Tensor> {
    let shape = shape.into();
    let count = checked_count(&shape)?;
    match datatype {
        DataType::Bytes => read_strings(shape, count, bytes),
        DataType::Bool => {
            if let Some(index) = bytes.iter().position(|&byte| byte > 1) {
                let what = format!("element {index} is no boolean");
                return Err(DecodeError::new("out_of_range", what, "a byte of 0 or 1", bytes[index].to_string()));
            }
            numbers(datatype, shape, bytes)
        }
        _ => numbers(datatype, shape, bytes),
    }
}

/// The elements as bytes; shared, not copied, for numbers.
pub fn write_raw(tensor: &Tensor) -> Bytes {
    if let Some(bytes) = tensor.bytes() {
        return bytes.clone();
    }
    let mut out = Vec::with_capacity(raw_size(tensor));
    for string in tensor.strings().unwrap_or_default() {
        // A string beyond 4 GiB cannot have come in through any body.
        out.extend_from_slice(&u32::try_from(string.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(string.as_bytes());
    }
    out.into()
}

/// How many bytes [`write_raw`] gives.
pub fn raw_size(tensor: &Tensor) -> usize {
    match tensor.strings() {
        Some(strings) => strings.iter().map(|string| string.len() + 4).sum(),
        None => tensor.bytes().map_or(0, Bytes::len),
    }
}

/// Number of elements of a shape that a client declared. A tensor without elements costs no bytes, so its other axes
/// are bounded here: `[0, 1000000000]` would otherwise be a billion rows to answer.
pub fn checked_count(shape: &[usize]) -> Result<usize> {
    const MOST_EMPTY: usize = 1 << 20;
    let others = shape.iter().filter(|&&size| size > 0).try_fold(1usize, |product, &size| product.checked_mul(size));
    match (element_count(shape), others) {
        (Some(0), Some(most)) if most <= MOST_EMPTY => Ok(0),
        (Some(count), Some(_)) if count > 0 => Ok(count),
        (Some(0), _) => Err(DecodeError::new(
            "wrong_shape",
            "a tensor without elements has outsized axes",
            format!("axes other than 0 whose product is at most {MOST_EMPTY}"),
            format!("{shape:?}"),
        )),
        _ => Err(DecodeError::new(
            "wrong_shape",
            "the shape is larger than can be addressed",
            "a shape whose elements fit the body",
            format!("{shape:?}"),
        )),
    }
}

fn numbers(datatype: DataType, shape: Shape, bytes: Bytes) -> Result<Tensor> {
    Tensor::from_bytes(datatype, shape, bytes).map_err(|fault| {
        let what = format!("the bytes do not make {datatype} of shape {:?}", fault.shape);
        DecodeError::new("wrong_count", what, fault.needed, format!("{} bytes", fault.got))
    })
}

fn read_strings(shape: Shape, count: usize, mut bytes: Bytes) -> Result<Tensor> {
    let fault = |code, index: usize, expected: String, got: String| {
        DecodeError::new(code, format!("element {index} of the BYTES tensor cannot be read"), expected, got)
            .hint("each element is its length as four little-endian bytes, followed by that many bytes of UTF-8")
    };
    // Four bytes of length are the least an element takes.
    let mut strings = Vec::with_capacity(count.min(bytes.len() / 4));
    for index in 0..count {
        if bytes.len() < 4 {
            return Err(fault("wrong_count", index, "4 bytes of length".into(), format!("{} bytes", bytes.len())));
        }
        let length = bytes.get_u32_le() as usize;
        if bytes.len() < length {
            return Err(fault("wrong_count", index, format!("{length} bytes"), format!("{} bytes", bytes.len())));
        }
        let string = String::from_utf8(bytes.split_to(length).into())
            .map_err(|bad| fault("invalid_utf8", index, "UTF-8".into(), bad.utf8_error().to_string()))?;
        strings.push(string);
    }
    if !bytes.is_empty() {
        let got = format!("{} bytes more", bytes.len());
        return Err(fault("wrong_count", count, format!("the end after {count} elements"), got));
    }
    Tensor::from_strings(shape, strings).map_err(|size| {
        DecodeError::new("wrong_count", "the elements do not fill the shape", size.needed, size.got.to_string())
    })
}
