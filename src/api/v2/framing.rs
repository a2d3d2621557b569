//! How a body divides into JSON and raw tensors. The request header `Inference-Header-Content-Length` says how many
//! bytes of JSON come first; without it all of the body is JSON, and 0 says that all of it is one tensor. Tensors are
//! slices of the body.

use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;

use crate::codec::{DecodeError, Result, read_raw};
use crate::model::Signature;
use crate::tensor::{DataType, Shape, Tensor};

pub const INFERENCE_HEADER: HeaderName = HeaderName::from_static("inference-header-content-length");

/// A body, divided.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed {
    /// `binary` holds the tensors that the JSON gives only the size of.
    Message { json: Bytes, binary: Bytes },
    /// One tensor, without a word about it.
    Raw(Bytes),
}

pub(super) fn divide(headers: &HeaderMap, mut body: Bytes) -> Result<Framed> {
    let Some(value) = headers.get(INFERENCE_HEADER) else {
        return Ok(Framed::Message { json: body, binary: Bytes::new() });
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let length = text.trim().parse::<usize>().map_err(|_| {
        let what = "header Inference-Header-Content-Length is no length";
        DecodeError::new("invalid_header", what, "the number of bytes of JSON at the start of the body", &*text)
    })?;
    if length == 0 {
        return Ok(Framed::Raw(body));
    }
    if length > body.len() {
        let what = "header Inference-Header-Content-Length goes beyond the body";
        let expected = format!("at most the {} bytes of the body", body.len());
        return Err(DecodeError::new("invalid_header", what, expected, length.to_string()));
    }
    let json = body.split_to(length);
    Ok(Framed::Message { json, binary: body })
}

/// A body that is nothing but a tensor: the model must have a single input, and its shape must follow from the size.
pub(super) fn whole_body_tensor(signature: &Signature, body: Bytes) -> Result<(String, Tensor)> {
    let [port] = signature.inputs.as_slice() else {
        let what = "a raw binary body fits only a model with one input";
        let got = format!("a model with {} inputs", signature.inputs.len());
        let hint = "describe the inputs in JSON and send its length in Inference-Header-Content-Length";
        return Err(DecodeError::new("raw_binary_not_possible", what, "a model with one input", got).hint(hint));
    };
    let Some(width) = port.datatype.width() else {
        return one_string(&port.name, port.shape.len(), body);
    };
    let mut shape: Shape = port.shape.iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
    let open: Vec<usize> = (0..shape.len()).filter(|&axis| port.shape[axis].fixed().is_none()).collect();
    // The batch is one row when another axis is open too; alone it is as long as the body says.
    let free = match open.as_slice() {
        [] => None,
        [axis] => Some(*axis),
        [0, axis] if signature.is_batched() => Some(*axis),
        _ => {
            let what = "the shape of a raw binary body does not follow from its size";
            let got = format!("{:?}", port.wire_shape());
            let hint = "give the shape in JSON and send its length in Inference-Header-Content-Length";
            let expected = "an input with at most one axis of open size";
            return Err(DecodeError::new("raw_binary_not_possible", what, expected, got).hint(hint));
        }
    };
    if let Some(axis) = free {
        let unit = shape.iter().try_fold(width, |bytes, &size| bytes.checked_mul(size)).unwrap_or(0);
        if unit == 0 || !body.len().is_multiple_of(unit) {
            let what = format!("the body does not divide into {} of shape {:?}", port.datatype, port.wire_shape());
            let expected = format!("a multiple of {unit} bytes");
            return Err(DecodeError::new("wrong_count", what, expected, format!("{} bytes", body.len())));
        }
        shape[axis] = body.len() / unit;
    }
    Ok((port.name.clone(), read_raw(port.datatype, shape, body)?))
}

/// A raw body for an input of strings is one string with its length before it.
fn one_string(name: &str, rank: usize, body: Bytes) -> Result<(String, Tensor)> {
    let shape = Shape::from_elem(1, rank);
    Ok((name.into(), read_raw(DataType::Bytes, shape, body)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dim, Port};

    fn framed(header: Option<&str>, body: &'static str) -> Result<Framed> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(INFERENCE_HEADER, header.parse().expect("a header value"));
        }
        divide(&headers, Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn the_header_divides_the_body() {
        let message =
            |json: &'static str, binary: &'static str| Framed::Message { json: json.into(), binary: binary.into() };
        assert_eq!(framed(None, "{}xx"), Ok(message("{}xx", "")));
        assert_eq!(framed(Some("2"), "{}xx"), Ok(message("{}", "xx")));
        assert_eq!(framed(Some("4"), "{}xx"), Ok(message("{}xx", "")));
        assert_eq!(framed(Some("0"), "{}xx"), Ok(Framed::Raw("{}xx".into())));
        for bad in ["5", "-1", "x", "", "1.5", "99999999999999999999999"] {
            assert_eq!(framed(Some(bad), "{}xx").expect_err(bad).code, "invalid_header", "{bad}");
        }
    }

    fn signature(datatype: DataType, shapes: &[&[i64]]) -> Signature {
        let dim = |(axis, &size): (usize, &i64)| match usize::try_from(size) {
            Ok(size) => Dim::Fixed(size),
            Err(_) => Dim::Symbol(format!("d{axis}")),
        };
        let port = |shape: &&[i64]| Port {
            name: "x".into(),
            datatype,
            shape: shape.iter().enumerate().map(dim).collect(),
            description: None,
        };
        Signature { inputs: shapes.iter().map(port).collect(), outputs: vec![] }
    }

    #[test]
    fn the_shape_of_a_raw_body_follows_from_its_size() {
        for (shape, bytes, expected) in [
            (&[2, 3][..], 24, Some(&[2, 3][..])),
            (&[2, 3], 20, None),
            (&[-1, 4], 16, Some(&[1, 4])),
            (&[-1, 4], 48, Some(&[3, 4])),
            (&[-1, 4], 17, None),
            (&[-1, -1], 20, Some(&[1, 5])),
            (&[-1, -1, -1], 20, None),
            (&[2, -1, -1], 16, None),
            (&[-1, 0], 0, None),
            (&[], 4, Some(&[])),
        ] {
            let got = whole_body_tensor(&signature(DataType::Fp32, &[shape]), Bytes::from(vec![0; bytes]));
            assert_eq!(got.as_ref().ok().map(|(_, tensor)| tensor.shape()), expected, "{shape:?} from {bytes} bytes");
        }
        let two = signature(DataType::Fp32, &[&[1], &[1]]);
        assert_eq!(whole_body_tensor(&two, Bytes::new()).expect_err("two inputs").code, "raw_binary_not_possible");
    }

    #[test]
    fn a_raw_body_of_strings_is_one_string() {
        let strings = signature(DataType::Bytes, &[&[-1]]);
        let (_, tensor) = whole_body_tensor(&strings, Bytes::from_static(b"\x02\0\0\0ab")).expect("a string");
        assert_eq!((tensor.shape(), tensor.strings()), (&[1][..], Some(&["ab".to_owned()][..])));
        assert!(whole_body_tensor(&strings, Bytes::from_static(b"ab")).is_err());
    }
}
