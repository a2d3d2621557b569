//! The elements of a stored tensor as little-endian bytes, whichever of the fields of the message holds them, and half
//! precision widened.

use half::{bf16, f16};
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

pub fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location == Some(DataLocation::External as i32)
}

/// Bytes of an element; `None` for strings and for what is packed.
pub fn width(kind: DataType) -> Option<usize> {
    Some(match kind {
        DataType::Bool | DataType::Int8 | DataType::Uint8 => 1,
        DataType::Int16 | DataType::Uint16 | DataType::Float16 | DataType::Bfloat16 => 2,
        DataType::Int32 | DataType::Uint32 | DataType::Float => 4,
        DataType::Int64 | DataType::Uint64 | DataType::Double => 8,
        _ => return None,
    })
}

/// The bytes of a tensor that is stored in the file itself.
pub fn bytes(tensor: &TensorProto) -> Option<Vec<u8>> {
    let kind = DataType::try_from(tensor.data_type).ok()?;
    let width = width(kind)?;
    if is_external(tensor) {
        return None;
    }
    if !tensor.raw_data.is_empty() {
        return Some(tensor.raw_data.clone());
    }
    Some(match kind {
        DataType::Float => tensor.float_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Double => tensor.double_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Int64 => tensor.int64_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Uint32 | DataType::Uint64 => {
            tensor.uint64_data.iter().flat_map(|value| value.to_le_bytes().into_iter().take(width)).collect()
        }
        _ => tensor.int32_data.iter().flat_map(|value| value.to_le_bytes().into_iter().take(width)).collect(),
    })
}

/// The elements of a stored tensor of integers or truth values.
pub fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let kind = DataType::try_from(tensor.data_type).ok()?;
    let bytes = bytes(tensor)?;
    let pick = |chunk: &[u8], signed: bool| {
        let value = chunk.iter().rev().fold(0i64, |value, &byte| (value << 8) | i64::from(byte));
        let unused = 64 - 8 * chunk.len();
        if signed { value << unused >> unused } else { value }
    };
    let signed = match kind {
        DataType::Bool | DataType::Uint8 | DataType::Uint16 | DataType::Uint32 | DataType::Uint64 => false,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => true,
        _ => return None,
    };
    Some(bytes.chunks_exact(width(kind)?).map(|chunk| pick(chunk, signed)).collect())
}

/// Whether elements are floats of 16 bits.
pub fn is_narrow(kind: i32) -> bool {
    kind == DataType::Float16 as i32 || kind == DataType::Bfloat16 as i32
}

/// Makes a tensor of 16-bit floats one of single precision; whether it was one that lies in the file itself.
pub fn widen(tensor: &mut TensorProto) -> bool {
    let half = tensor.data_type == DataType::Float16 as i32;
    let Some(bytes) = is_narrow(tensor.data_type).then(|| bytes(tensor)).flatten() else { return false };
    let wide = |pair: &[u8]| {
        let bits = u16::from_le_bytes([pair[0], pair[1]]);
        if half { f16::from_bits(bits).to_f32() } else { bf16::from_bits(bits).to_f32() }
    };
    tensor.raw_data = bytes.chunks_exact(2).flat_map(|pair| wide(pair).to_le_bytes()).collect();
    tensor.int32_data.clear();
    tensor.data_type = DataType::Float as i32;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(kind: DataType) -> TensorProto {
        TensorProto { data_type: kind as i32, ..Default::default() }
    }

    #[test]
    fn every_field_is_read() {
        let tensor = TensorProto { int32_data: vec![-1, 258], ..stored(DataType::Int16) };
        assert_eq!(bytes(&tensor).unwrap(), [255, 255, 2, 1]);
        assert_eq!(integers(&tensor).unwrap(), [-1, 258]);
        let tensor = TensorProto { uint64_data: vec![7], ..stored(DataType::Uint32) };
        assert_eq!(bytes(&tensor).unwrap(), [7, 0, 0, 0]);
        let tensor = TensorProto { raw_data: vec![255, 1], ..stored(DataType::Uint8) };
        assert_eq!(integers(&tensor).unwrap(), [255, 1]);
        assert_eq!(bytes(&stored(DataType::String)), None);
        let away = Some(DataLocation::External as i32);
        assert_eq!(bytes(&TensorProto { data_location: away, ..stored(DataType::Float) }), None);
    }

    #[test]
    fn halves_become_singles_of_the_same_value() {
        for (kind, bits) in [(DataType::Float16, 0x3e00), (DataType::Bfloat16, 0x3fc0)] {
            let mut tensor = TensorProto { int32_data: vec![bits], ..stored(kind) };
            assert!(widen(&mut tensor));
            assert_eq!((tensor.data_type, &*tensor.raw_data), (DataType::Float as i32, &1.5f32.to_le_bytes()[..]));
            assert!(!widen(&mut tensor));
        }
    }
}
