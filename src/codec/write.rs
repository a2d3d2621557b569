//! Tensors as JSON text, appended to a buffer without an allocation per element. Floats are written in the shortest form
//! that reads back as the same float of their own width; what JSON has no number for becomes `null` or a string.

use half::f16;

use crate::tensor::{DataType, Element, Tensor, element_count};

/// How NaN and the infinities are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonFinite {
    #[default]
    Null,
    /// `"NaN"`, `"Infinity"`, `"-Infinity"`, which reading accepts again.
    String,
}

/// Writes nested arrays in the tensor's shape; a scalar stands alone.
pub fn write_nested(tensor: &Tensor, out: &mut Vec<u8>, non_finite: NonFinite) {
    write_part(tensor, tensor.shape(), 0, out, non_finite);
}

/// Writes one flat array of all elements.
pub fn write_flat(tensor: &Tensor, out: &mut Vec<u8>, non_finite: NonFinite) {
    write_part(tensor, &[tensor.len()], 0, out, non_finite);
}

/// Writes the elements from `start` on as nested arrays of a shape of its own: one row, or a tensor without an axis of 1.
/// Elements beyond the tensor are not written.
pub fn write_part(tensor: &Tensor, shape: &[usize], start: usize, out: &mut Vec<u8>, non_finite: NonFinite) {
    with_elements(tensor, start, element_count(shape).unwrap_or(0), |elements| {
        elements.write_nested(shape, out, non_finite);
    });
}

/// Hands a view of `count` elements from `start` on to `use_them`, to be written one by one in whatever order.
pub fn with_elements<R>(tensor: &Tensor, start: usize, count: usize, use_them: impl FnOnce(&dyn Elements) -> R) -> R {
    if let Some(strings) = tensor.strings() {
        return use_them(&strings.get(start..start + count).unwrap_or_default());
    }
    let (bytes, width) = (tensor.bytes(), tensor.datatype().width().unwrap_or(1));
    let part = bytes.and_then(|bytes| bytes.get(start * width..(start + count) * width)).unwrap_or_default();
    match tensor.datatype() {
        DataType::Bool => viewed::<bool, R>(part, use_them),
        DataType::Uint8 => viewed::<u8, R>(part, use_them),
        DataType::Uint16 => viewed::<u16, R>(part, use_them),
        DataType::Uint32 => viewed::<u32, R>(part, use_them),
        DataType::Uint64 => viewed::<u64, R>(part, use_them),
        DataType::Int8 => viewed::<i8, R>(part, use_them),
        DataType::Int16 => viewed::<i16, R>(part, use_them),
        DataType::Int32 => viewed::<i32, R>(part, use_them),
        DataType::Int64 => viewed::<i64, R>(part, use_them),
        DataType::Fp16 => viewed::<f16, R>(part, use_them),
        DataType::Fp32 => viewed::<f32, R>(part, use_them),
        DataType::Fp64 => viewed::<f64, R>(part, use_them),
        DataType::Bytes => use_them(&<&[String]>::default()),
    }
}

/// Writes a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    // Names and labels, as a rule, hold nothing that needs another spelling.
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    // Serialising a string into memory has no way to fail.
    let _ = serde_json::to_writer(out, text);
}

/// Elements of some type that can be written by their index.
pub trait Elements {
    fn write(&self, index: usize, out: &mut Vec<u8>, non_finite: NonFinite);

    /// All of them as nested arrays.
    fn write_nested(&self, shape: &[usize], out: &mut Vec<u8>, non_finite: NonFinite);

    /// The element as an index into something, if it is a non-negative integer.
    fn index(&self, index: usize) -> Option<usize>;
}

fn viewed<T: Element + WriteJson, R>(bytes: &[u8], use_them: impl FnOnce(&dyn Elements) -> R) -> R {
    let values = T::view(bytes).unwrap_or_default();
    use_them(&values.as_ref())
}

impl<T: WriteJson> Elements for &[T] {
    fn write(&self, index: usize, out: &mut Vec<u8>, non_finite: NonFinite) {
        if let Some(value) = self.get(index) {
            value.write(out, non_finite);
        }
    }

    fn write_nested(&self, shape: &[usize], out: &mut Vec<u8>, non_finite: NonFinite) {
        write_nesting(shape, out, |index, out| self.write(index, out, non_finite));
    }

    fn index(&self, index: usize) -> Option<usize> {
        self.get(index)?.as_index()
    }
}

/// Brackets and commas of nested arrays round what `leaf` writes for each position in row-major order. The recursion is
/// as deep as the shape, which belongs to a tensor we hold.
pub fn write_nesting(shape: &[usize], out: &mut Vec<u8>, mut leaf: impl FnMut(usize, &mut Vec<u8>)) {
    fn level(shape: &[usize], next: &mut usize, out: &mut Vec<u8>, leaf: &mut impl FnMut(usize, &mut Vec<u8>)) {
        let Some((&size, inner)) = shape.split_first() else {
            leaf(*next, out);
            *next += 1;
            return;
        };
        out.push(b'[');
        for index in 0..size {
            if index > 0 {
                out.push(b',');
            }
            if inner.is_empty() {
                leaf(*next, out);
                *next += 1;
            } else {
                level(inner, next, out, leaf);
            }
        }
        out.push(b']');
    }
    level(shape, &mut 0, out, &mut leaf);
}

trait WriteJson: Clone {
    fn write(&self, out: &mut Vec<u8>, non_finite: NonFinite);

    fn as_index(&self) -> Option<usize> {
        None
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl WriteJson for $type {
            fn write(&self, out: &mut Vec<u8>, _: NonFinite) {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }

            fn as_index(&self) -> Option<usize> {
                usize::try_from(*self).ok()
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl WriteJson for $type {
            fn write(&self, out: &mut Vec<u8>, non_finite: NonFinite) {
                if self.is_finite() {
                    out.extend_from_slice(zmij::Buffer::new().format_finite(*self).as_bytes());
                } else {
                    write_non_finite(f64::from(*self), out, non_finite);
                }
            }
        }
    )*};
}

floats!(f32, f64);

impl WriteJson for f16 {
    fn write(&self, out: &mut Vec<u8>, non_finite: NonFinite) {
        if !self.is_finite() {
            return write_non_finite(f64::from(*self), out, non_finite);
        }
        shortest(*self).write(out, non_finite);
    }
}

/// The f32 with the fewest digits that rounds to this half; five digits always suffice.
fn shortest(half: f16) -> f32 {
    use std::io::Write as _;
    let exact = f32::from(half);
    (0..5)
        .find_map(|digits| {
            let mut text = [0u8; 16];
            let mut rest = text.as_mut_slice();
            write!(rest, "{exact:.digits$e}").ok()?;
            let unused = rest.len();
            let rounded: f32 = std::str::from_utf8(&text[..16 - unused]).ok()?.parse().ok()?;
            (f16::from_f32(rounded) == half).then_some(rounded)
        })
        .unwrap_or(exact)
}

impl WriteJson for bool {
    fn write(&self, out: &mut Vec<u8>, _: NonFinite) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl WriteJson for String {
    fn write(&self, out: &mut Vec<u8>, _: NonFinite) {
        write_string(self, out);
    }
}

fn write_non_finite(value: f64, out: &mut Vec<u8>, non_finite: NonFinite) {
    out.extend_from_slice(match non_finite {
        NonFinite::Null => b"null",
        NonFinite::String if value.is_nan() => b"\"NaN\"",
        NonFinite::String if value > 0.0 => b"\"Infinity\"",
        NonFinite::String => b"\"-Infinity\"",
    });
}
