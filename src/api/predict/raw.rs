//! Raw little-endian bytes as the model's only input. They carry neither type nor shape: the model declares both, and
//! what it leaves open follows from the number of bytes or is said by the client.

use bytes::Bytes;

use super::body::sole_port;
use crate::codec::{self, DecodeError};
use crate::model::{Description, Dim, Port};
use crate::tensor::{DataType, Shape, Tensor};

/// Raw bytes of the model's only input. The number of rows follows from the number of bytes when nothing else is open.
pub(super) fn read(body: Bytes, shape: Option<&[usize]>, model: &Description) -> codec::Result<Tensor> {
    let Some(port) = sole_port(model) else {
        let count = model.signature.inputs.len();
        let what = format!("raw bytes are one tensor, but the model has {count} inputs");
        let hint = format!("send JSON, or binary tensors to POST /v2/models/{}/infer", model.id.name);
        return Err(DecodeError::new("inputs_not_named", what, format!("{count} tensors"), "one").hint(hint));
    };
    let shape = match shape {
        Some(shape) => Shape::from_slice(shape),
        None => open_shape(port, &body)?,
    };
    codec::read_raw(port.datatype, shape, body)
}

/// The declared shape with its one open axis filled in from the size of the body.
fn open_shape(port: &Port, body: &Bytes) -> codec::Result<Shape> {
    let mut shape: Shape = port.shape.iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
    let open: Vec<usize> =
        port.shape.iter().enumerate().filter(|(_, dim)| matches!(dim, Dim::Symbol(_))).map(|(axis, _)| axis).collect();
    let axis = match open.as_slice() {
        [] => return Ok(shape),
        [axis] => *axis,
        _ => {
            let what = format!("{} axes of input {:?} are of any size", open.len(), port.name);
            let error = DecodeError::new("missing_shape", what, "the shape of the tensor", "none");
            return Err(error.hint("send the header x-tensor-shape: 2,3,224,224 or the query ?shape=2,3,224,224"));
        }
    };
    let whole: usize = shape.iter().product();
    let (size, unit, unit_name) = match port.datatype {
        DataType::Bytes => (strings_in(body), whole, "strings"),
        number => (body.len(), whole.saturating_mul(number.width().unwrap_or(1)), "bytes"),
    };
    if unit == 0 || size % unit != 0 {
        let what = format!("the body is no whole number of {} with shape {:?}", port.datatype, port.wire_shape());
        let expected = format!("a multiple of {unit} {unit_name}");
        return Err(DecodeError::new("wrong_count", what, expected, format!("{size} {unit_name}")));
    }
    shape[axis] = size / unit;
    Ok(shape)
}

/// How many length-prefixed strings a body holds, as far as it is well-formed.
fn strings_in(body: &[u8]) -> usize {
    let (mut rest, mut count) = (body, 0);
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        count += 1;
        rest = tail.get(u32::from_le_bytes(*length) as usize..).unwrap_or_default();
    }
    count
}
