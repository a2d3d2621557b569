//! The codec through its public surface: what is read as what, what is refused where, and that no bytes at all can
//! make it fail in any other way.

mod binary;
mod json;
mod properties;

use super::*;
use crate::tensor::{DataType, Tensor};

/// Reads a whole text as one nested tensor.
fn nested(text: &str, datatype: Option<DataType>) -> Result<Tensor> {
    let mut reader = Reader::new(text.as_bytes())?;
    let tensor = read_nested(&mut reader, datatype)?;
    reader.finish()?;
    Ok(tensor)
}

/// Reads a whole text as elements of a shape.
fn elements(text: &str, datatype: DataType, shape: Option<&[usize]>) -> Result<Values> {
    let mut reader = Reader::new(text.as_bytes())?;
    let values = read_elements(&mut reader, datatype, shape)?;
    reader.finish()?;
    Ok(values)
}

fn written(tensor: &Tensor) -> String {
    let mut out = Vec::new();
    write_nested(tensor, &mut out, NonFinite::String);
    String::from_utf8(out).expect("UTF-8")
}

/// An array as it stands in a file.
fn npy_file(tensor: &Tensor) -> ::bytes::Bytes {
    let (head, elements) = write_npy(tensor).expect("strings of similar lengths");
    [head.as_slice(), &elements].concat().into()
}
