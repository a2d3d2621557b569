//! NumPy's `.npy` files, versions 1 to 3: a header that is a Python literal, then the elements. Little-endian numbers in
//! row-major order are taken over as they are; column-major ones are transposed; `U` and `S` strings become BYTES.

mod header;

use bytes::Bytes;

use crate::tensor::{DataType, Tensor};

use super::{DecodeError, Result, checked_count, raw};
use header::{Header, Item};

/// Reads one array.
pub fn read_npy(bytes: Bytes) -> Result<Tensor> {
    let (header, start) = Header::parse(&bytes)?;
    let count = checked_count(&header.shape)?;
    let width = header.item.width();
    let elements = bytes.slice(start.min(bytes.len())..);
    if count.checked_mul(width) != Some(elements.len()) {
        let expected = match count.checked_mul(width) {
            Some(needed) => format!("{needed} bytes for shape {:?}", header.shape),
            None => "an array that fits the body".into(),
        };
        let got = format!("{} bytes", elements.len());
        return Err(DecodeError::new("invalid_npy", "the elements do not fill the array", expected, got));
    }
    let elements =
        if header.fortran_order { transposed(&elements, &header.shape, width, count).into() } else { elements };
    match header.item {
        Item::Number(datatype) => raw::read_raw(datatype, header.shape, elements),
        Item::Unicode { .. } => strings(&header, &elements, width, utf32),
        Item::Ascii { .. } => strings(&header, &elements, width, |bytes| {
            let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            String::from_utf8(bytes[..end].into()).ok()
        }),
    }
}

/// Strings may grow to so many times their own size when each is made a string of its own, or as long as the longest, ...
const MOST_GROWTH: usize = 8;

/// ... and to this size whatever their own is.
const ALWAYS_FITS: usize = 1 << 20;

/// Writes one array, version 1.0; strings as `U` of the longest one. `None` when one long string among many short ones
/// would make the array out of all proportion to what it holds. In two parts, the header and the elements, so that
/// numbers stay where they are.
pub fn write_npy(tensor: &Tensor) -> Option<(Vec<u8>, Bytes)> {
    let longest = tensor.strings().unwrap_or_default().iter().map(|s| s.chars().count()).max().unwrap_or(0).max(1);
    if let Some(strings) = tensor.strings() {
        let most = raw::raw_size(tensor).saturating_mul(MOST_GROWTH).max(ALWAYS_FITS);
        let width = Item::Unicode { characters: longest }.width();
        if width.saturating_mul(strings.len()) > most {
            return None;
        }
    }
    let head = header::write(tensor.datatype(), longest, tensor.shape());
    let Some(strings) = tensor.strings() else { return Some((head, tensor.bytes().cloned().unwrap_or_default())) };
    let mut out = Vec::with_capacity(4 * longest * strings.len());
    for string in strings {
        let padding = longest - string.chars().count();
        string.chars().for_each(|c| out.extend_from_slice(&u32::from(c).to_le_bytes()));
        out.resize(out.len() + 4 * padding, 0);
    }
    Some((head, out.into()))
}

/// Row-major elements from column-major ones.
fn transposed(elements: &[u8], shape: &[usize], width: usize, count: usize) -> Vec<u8> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = width;
    for &size in shape {
        strides.push(stride);
        stride = stride.saturating_mul(size);
    }
    let mut index = vec![0usize; shape.len()];
    let mut out = Vec::with_capacity(elements.len());
    let mut from = 0usize;
    for _ in 0..count {
        out.extend_from_slice(elements.get(from..from + width).unwrap_or_default());
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            from += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            from -= strides[axis] * index[axis];
            index[axis] = 0;
        }
    }
    out
}

fn strings(header: &Header, elements: &[u8], width: usize, decode: impl Fn(&[u8]) -> Option<String>) -> Result<Tensor> {
    let count = elements.len() / width.max(1);
    if count.saturating_mul(size_of::<String>()) > elements.len().saturating_mul(MOST_GROWTH).max(ALWAYS_FITS) {
        let got = format!("{count} strings of {width} bytes");
        let what = "so many short strings would take up far more memory than the array does";
        return Err(DecodeError::new("invalid_npy", what, "longer strings, or fewer of them", got));
    }
    let decoded = elements.chunks_exact(width).enumerate().map(|(index, bytes)| {
        decode(bytes).ok_or_else(|| {
            let what = format!("element {index} is not text");
            DecodeError::new("invalid_utf8", what, "Unicode characters", "other bytes")
        })
    });
    let decoded = decoded.collect::<Result<Vec<String>>>()?;
    Tensor::from_strings(header.shape.clone(), decoded).map_err(|size| {
        DecodeError::new("invalid_npy", "the strings do not fill the array", size.needed, size.got.to_string())
    })
}

fn utf32(bytes: &[u8]) -> Option<String> {
    let (words, _) = bytes.as_chunks::<4>();
    let characters: Option<Vec<char>> = words.iter().map(|word| char::from_u32(u32::from_le_bytes(*word))).collect();
    Some(characters?.into_iter().collect::<String>().trim_end_matches('\0').to_owned())
}

/// The name of a number type in an `.npy` header.
fn descr(datatype: DataType) -> Option<&'static str> {
    Some(match datatype {
        DataType::Bool => "|b1",
        DataType::Uint8 => "|u1",
        DataType::Uint16 => "<u2",
        DataType::Uint32 => "<u4",
        DataType::Uint64 => "<u8",
        DataType::Int8 => "|i1",
        DataType::Int16 => "<i2",
        DataType::Int32 => "<i4",
        DataType::Int64 => "<i8",
        DataType::Fp16 => "<f2",
        DataType::Fp32 => "<f4",
        DataType::Fp64 => "<f8",
        DataType::Bytes => return None,
    })
}
