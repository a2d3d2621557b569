//! Tensors across the border: the server's little-endian bytes to tract's aligned memory and back. Inwards the numbers
//! are copied once, because tract takes only memory that it allocated itself; outwards the answer keeps tract's memory alive instead of
//! copying it. Only what loses nothing is converted: tract's symbolic integers to plain ones, integers to wider or
//! other integers when every value fits, floats to wider floats, quantised integers to the integers they are made of.

use std::sync::Arc;

use bytes::Bytes;
use half::f16;
use tract_onnx::prelude::{Blob, DatumType, TDim, TValue, Tensor as TractTensor};
use tract_onnx::tract_hir::internal::{IntoArcTensor, IntoTValue, PlainStorage, vector_size};

use crate::tensor::{DataType, Element, Shape, Tensor};

/// tract's word for an element type.
pub fn datum_type(datatype: DataType) -> DatumType {
    match datatype {
        DataType::Bool => DatumType::Bool,
        DataType::Uint8 => DatumType::U8,
        DataType::Uint16 => DatumType::U16,
        DataType::Uint32 => DatumType::U32,
        DataType::Uint64 => DatumType::U64,
        DataType::Int8 => DatumType::I8,
        DataType::Int16 => DatumType::I16,
        DataType::Int32 => DatumType::I32,
        DataType::Int64 => DatumType::I64,
        DataType::Fp16 => DatumType::F16,
        DataType::Fp32 => DatumType::F32,
        DataType::Fp64 => DatumType::F64,
        DataType::Bytes => DatumType::String,
    }
}

/// Whether an answer of tract's type can be given as the declared type: see the opening of this file.
pub fn can_become(got: DatumType, declared: DataType) -> bool {
    let got = got.unquantized();
    if got == datum_type(declared) {
        return true;
    }
    match got {
        DatumType::TDim => declared.is_integer(),
        DatumType::F16 => matches!(declared, DataType::Fp32 | DataType::Fp64),
        DatumType::F32 => declared == DataType::Fp64,
        got if got.is_integer() => declared.is_integer(),
        _ => false,
    }
}

/// A tensor for tract, or why there is none.
pub fn to_tract(tensor: &Tensor) -> Result<TValue, String> {
    let shape = tensor.shape();
    let made = match tensor.datatype() {
        DataType::Bool => numbers::<bool>(tensor),
        DataType::Uint8 => numbers::<u8>(tensor),
        DataType::Uint16 => numbers::<u16>(tensor),
        DataType::Uint32 => numbers::<u32>(tensor),
        DataType::Uint64 => numbers::<u64>(tensor),
        DataType::Int8 => numbers::<i8>(tensor),
        DataType::Int16 => numbers::<i16>(tensor),
        DataType::Int32 => numbers::<i32>(tensor),
        DataType::Int64 => numbers::<i64>(tensor),
        DataType::Fp16 => numbers::<f16>(tensor),
        DataType::Fp32 => numbers::<f32>(tensor),
        DataType::Fp64 => numbers::<f64>(tensor),
        DataType::Bytes => {
            let strings = tensor.strings().ok_or("a string tensor without strings")?;
            tract_onnx::prelude::tensor1(strings).into_shape(shape).map_err(|error| error.to_string())
        }
    };
    made.map(IntoTValue::into_tvalue)
}

fn numbers<T: Element + tract_onnx::prelude::Datum>(tensor: &Tensor) -> Result<TractTensor, String> {
    let shape = tensor.shape();
    match tensor.bytes() {
        // Read as numbers they would have to be copied before they are copied. Not every byte is a boolean.
        Some(bytes) if tensor.datatype() == T::DATATYPE && T::DATATYPE != DataType::Bool && !is_aligned::<T>(bytes) => {
            let blob = Blob::from_bytes_alignment(bytes, vector_size());
            let tensor = blob.map(|blob| TractTensor::from_storage(T::datum_type(), shape, PlainStorage::from(blob)));
            tensor.and_then(TractTensor::into_plain_ram).map_err(|error| error.to_string())
        }
        _ => {
            let values = tensor.values::<T>().ok_or("the elements are of another type")?;
            TractTensor::from_shape(shape, &values).map_err(|error| error.to_string())
        }
    }
}

fn is_aligned<T>(bytes: &[u8]) -> bool {
    bytes.as_ptr().addr().is_multiple_of(align_of::<T>())
}

/// The server's tensor of the declared type, or why there is none.
pub fn from_tract(value: TValue, declared: DataType) -> Result<Tensor, String> {
    let shape: Shape = value.shape().into();
    let got = value.datum_type().unquantized();
    if !can_become(got, declared) {
        return Err(format!("the engine answers with {got:?} where the model declares {declared}"));
    }
    if got == DatumType::String {
        let strings = slice::<String>(&value)?.to_vec();
        return Tensor::from_strings(shape, strings).map_err(|error| error.to_string());
    }
    if got == datum_type(declared) {
        let bytes = Bytes::from_owner(Elements(value.into_arc_tensor()));
        return Tensor::from_bytes(declared, shape, bytes).map_err(|error| error.to_string());
    }
    match (got, declared) {
        (DatumType::F16, DataType::Fp32) => collect(shape, slice::<f16>(&value)?.iter().map(|x| Ok(x.to_f32()))),
        (DatumType::F16, DataType::Fp64) => collect(shape, slice::<f16>(&value)?.iter().map(|x| Ok(x.to_f64()))),
        (DatumType::F32, DataType::Fp64) => collect(shape, slice::<f32>(&value)?.iter().map(|&x| Ok(f64::from(x)))),
        _ => {
            let wide = integers(&value)?;
            match declared {
                DataType::Uint8 => narrow::<u8>(shape, &wide),
                DataType::Uint16 => narrow::<u16>(shape, &wide),
                DataType::Uint32 => narrow::<u32>(shape, &wide),
                DataType::Uint64 => narrow::<u64>(shape, &wide),
                DataType::Int8 => narrow::<i8>(shape, &wide),
                DataType::Int16 => narrow::<i16>(shape, &wide),
                DataType::Int32 => narrow::<i32>(shape, &wide),
                _ => narrow::<i64>(shape, &wide),
            }
        }
    }
}

/// tract's memory behind the server's bytes. tract tensors are immutable once they are shared.
struct Elements(Arc<TractTensor>);

impl AsRef<[u8]> for Elements {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn slice<T: tract_onnx::prelude::Datum>(value: &TractTensor) -> Result<&[T], String> {
    let view = value.as_plain_ram().ok_or("the engine answers with something that is no plain tensor")?;
    view.as_slice::<T>().map_err(|error| error.to_string())
}

/// Any integers, wide enough for all of them.
fn integers(value: &TValue) -> Result<Vec<i128>, String> {
    fn wide<T: tract_onnx::prelude::Datum + Copy + Into<i128>>(value: &TValue) -> Result<Vec<i128>, String> {
        Ok(slice::<T>(value)?.iter().map(|&x| x.into()).collect())
    }
    match value.datum_type().unquantized() {
        DatumType::TDim => {
            let known =
                |dim: &TDim| dim.to_i64().map(i128::from).map_err(|_| format!("the size {dim} was never resolved"));
            slice::<TDim>(value)?.iter().map(known).collect()
        }
        DatumType::U8 => wide::<u8>(value),
        DatumType::U16 => wide::<u16>(value),
        DatumType::U32 => wide::<u32>(value),
        DatumType::U64 => wide::<u64>(value),
        DatumType::I8 => wide::<i8>(value),
        DatumType::I16 => wide::<i16>(value),
        DatumType::I32 => wide::<i32>(value),
        DatumType::I64 => wide::<i64>(value),
        other => Err(format!("{other:?} is no integer")),
    }
}

fn narrow<T: Element + TryFrom<i128>>(shape: Shape, wide: &[i128]) -> Result<Tensor, String> {
    let fits =
        |&value: &i128| T::try_from(value).map_err(|_| format!("{value} does not fit the declared {}", T::DATATYPE));
    collect(shape, wide.iter().map(fits))
}

fn collect<T: Element>(shape: Shape, values: impl Iterator<Item = Result<T, String>>) -> Result<Tensor, String> {
    Tensor::from_vec(shape, values.collect::<Result<Vec<T>, String>>()?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::prelude::tensor1;

    #[test]
    fn every_type_comes_back_as_it_went() {
        let tensors = [
            Tensor::from_vec(&[3][..], vec![true, false, true]),
            Tensor::from_vec(&[2][..], vec![1u8, 255]),
            Tensor::from_vec(&[2][..], vec![u64::MAX, 0]),
            Tensor::from_vec(&[2, 1][..], vec![i64::MIN, 7]),
            Tensor::from_vec(&[2][..], vec![f16::from_f32(1.5), f16::NAN]),
            Tensor::from_vec(&[0, 4][..], Vec::<f32>::new()),
            Tensor::from_vec(Shape::new(), vec![f64::INFINITY]),
            Tensor::from_strings(&[2][..], vec!["é".to_owned(), String::new()]),
        ];
        for tensor in tensors {
            let tensor = tensor.unwrap();
            let back = from_tract(to_tract(&tensor).unwrap(), tensor.datatype()).unwrap();
            assert_eq!(back, tensor);
        }
    }

    #[test]
    fn an_unaligned_view_is_read() {
        let bytes = Bytes::from(vec![0u8, 0, 0, 128, 63, 0, 0, 0, 64]);
        let tensor = Tensor::from_bytes(DataType::Fp32, &[2][..], bytes.slice(1..)).unwrap();
        let value = to_tract(&tensor).unwrap();
        assert_eq!(slice::<f32>(&value).unwrap(), [1.0, 2.0]);
        assert!(value.as_bytes().as_ptr().addr().is_multiple_of(vector_size()));
    }

    #[test]
    fn sizes_become_integers_and_nothing_is_lost_in_silence() {
        let sizes = || tensor1(&[TDim::from(3), TDim::from(-1)]).into_tvalue();
        let answer = from_tract(sizes(), DataType::Int64).unwrap();
        assert_eq!(answer.values::<i64>().unwrap()[..], [3, -1]);
        assert!(from_tract(sizes(), DataType::Uint8).unwrap_err().contains("-1 does not fit"));
        assert!(from_tract(sizes(), DataType::Fp32).is_err());
        assert!(from_tract(tensor1(&[1.5f64]).into_tvalue(), DataType::Fp32).is_err());
        assert!(from_tract(tensor1(&[1i64]).into_tvalue(), DataType::Bool).is_err());
        assert!(from_tract(tensor1(&[1i32]).into_tvalue(), DataType::Int64).is_ok());
        assert!(from_tract(tensor1(&[1.5f32]).into_tvalue(), DataType::Fp64).is_ok());
    }
}
