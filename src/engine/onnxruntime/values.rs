//! Tensors across the border. Inwards numbers are lent where their bytes are aligned; outwards they are copied, because
//! what the library allocated must not outlive its session's turn.

use std::borrow::Cow;
use std::fmt::Debug;

use half::f16;
use ort::session::SessionInputValue;
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor as OrtTensor, TensorElementType, TensorRef, ValueType};

use super::words;
use crate::tensor::{DataType, Element, Shape, Tensor};

/// A tensor's elements as the library can read them.
pub enum Lent<'t> {
    Bool(Cow<'t, [bool]>),
    U8(Cow<'t, [u8]>),
    U16(Cow<'t, [u16]>),
    U32(Cow<'t, [u32]>),
    U64(Cow<'t, [u64]>),
    I8(Cow<'t, [i8]>),
    I16(Cow<'t, [i16]>),
    I32(Cow<'t, [i32]>),
    I64(Cow<'t, [i64]>),
    F16(Cow<'t, [f16]>),
    F32(Cow<'t, [f32]>),
    F64(Cow<'t, [f64]>),
    Strings(&'t [String]),
}

/// Aligns a tensor's elements where they are not.
pub fn lend(tensor: &Tensor) -> Result<Lent<'_>, String> {
    fn numbers<T: Element>(tensor: &Tensor) -> Result<Cow<'_, [T]>, String> {
        tensor.values::<T>().ok_or_else(|| "the elements are of another type".into())
    }
    Ok(match tensor.datatype() {
        DataType::Bool => Lent::Bool(numbers(tensor)?),
        DataType::Uint8 => Lent::U8(numbers(tensor)?),
        DataType::Uint16 => Lent::U16(numbers(tensor)?),
        DataType::Uint32 => Lent::U32(numbers(tensor)?),
        DataType::Uint64 => Lent::U64(numbers(tensor)?),
        DataType::Int8 => Lent::I8(numbers(tensor)?),
        DataType::Int16 => Lent::I16(numbers(tensor)?),
        DataType::Int32 => Lent::I32(numbers(tensor)?),
        DataType::Int64 => Lent::I64(numbers(tensor)?),
        DataType::Fp16 => Lent::F16(numbers(tensor)?),
        DataType::Fp32 => Lent::F32(numbers(tensor)?),
        DataType::Fp64 => Lent::F64(numbers(tensor)?),
        DataType::Bytes => Lent::Strings(tensor.strings().ok_or("a string tensor without strings")?),
    })
}

impl Lent<'_> {
    /// The library's view of the elements. Strings are copied, and must not hold the character that ends one in C.
    pub fn value(&self, shape: &[usize]) -> Result<SessionInputValue<'_>, String> {
        fn view<'a, T: PrimitiveTensorElementType + Clone + Debug + 'static>(
            shape: &[usize],
            values: &'a [T],
        ) -> Result<SessionInputValue<'a>, ort::Error> {
            TensorRef::from_array_view((shape.to_vec(), values)).map(SessionInputValue::from)
        }
        let made = match self {
            Self::Bool(values) => view(shape, values),
            Self::U8(values) => view(shape, values),
            Self::U16(values) => view(shape, values),
            Self::U32(values) => view(shape, values),
            Self::U64(values) => view(shape, values),
            Self::I8(values) => view(shape, values),
            Self::I16(values) => view(shape, values),
            Self::I32(values) => view(shape, values),
            Self::I64(values) => view(shape, values),
            Self::F16(values) => view(shape, values),
            Self::F32(values) => view(shape, values),
            Self::F64(values) => view(shape, values),
            Self::Strings(strings) => {
                if strings.iter().any(|string| string.contains('\0')) {
                    return Err("a string holds the character U+0000".into());
                }
                OrtTensor::from_string_array((shape.to_vec(), *strings)).map(SessionInputValue::from)
            }
        };
        made.map_err(|error| words::explain(error.message()))
    }

    pub fn holds_nan(&self) -> bool {
        match self {
            Self::F16(values) => values.iter().any(|value| value.is_nan()),
            Self::F32(values) => values.iter().any(|value| value.is_nan()),
            Self::F64(values) => values.iter().any(|value| value.is_nan()),
            _ => false,
        }
    }

    /// Whether some element is the smallest of its integer type.
    pub fn holds_smallest_integer(&self) -> bool {
        match self {
            Self::I32(values) => values.contains(&i32::MIN),
            Self::I64(values) => values.contains(&i64::MIN),
            _ => false,
        }
    }
}

/// The server's word for an element type; `None` where it has none.
pub fn datatype(kind: TensorElementType) -> Option<DataType> {
    Some(match kind {
        TensorElementType::Bool => DataType::Bool,
        TensorElementType::Uint8 => DataType::Uint8,
        TensorElementType::Uint16 => DataType::Uint16,
        TensorElementType::Uint32 => DataType::Uint32,
        TensorElementType::Uint64 => DataType::Uint64,
        TensorElementType::Int8 => DataType::Int8,
        TensorElementType::Int16 => DataType::Int16,
        TensorElementType::Int32 => DataType::Int32,
        TensorElementType::Int64 => DataType::Int64,
        TensorElementType::Float16 => DataType::Fp16,
        TensorElementType::Float32 => DataType::Fp32,
        TensorElementType::Float64 => DataType::Fp64,
        TensorElementType::String => DataType::Bytes,
        _ => return None,
    })
}

/// The server's copy of an answer of the declared type, or why there is none.
pub fn take(value: &DynValue, declared: DataType) -> Result<Tensor, String> {
    let ValueType::Tensor { ty, .. } = value.dtype() else {
        return Err("the engine answers with something that is no tensor".into());
    };
    if datatype(*ty) != Some(declared) {
        return Err(format!("the engine answers with {ty} where the model declares {declared}"));
    }
    match declared {
        DataType::Bool => numbers::<bool>(value),
        DataType::Uint8 => numbers::<u8>(value),
        DataType::Uint16 => numbers::<u16>(value),
        DataType::Uint32 => numbers::<u32>(value),
        DataType::Uint64 => numbers::<u64>(value),
        DataType::Int8 => numbers::<i8>(value),
        DataType::Int16 => numbers::<i16>(value),
        DataType::Int32 => numbers::<i32>(value),
        DataType::Int64 => numbers::<i64>(value),
        DataType::Fp16 => numbers::<f16>(value),
        DataType::Fp32 => numbers::<f32>(value),
        DataType::Fp64 => numbers::<f64>(value),
        DataType::Bytes => {
            let (dims, strings) = value.try_extract_strings().map_err(|error| words::explain(error.message()))?;
            Tensor::from_strings(shape(dims)?, strings).map_err(|error| error.to_string())
        }
    }
}

fn numbers<T: Element + PrimitiveTensorElementType>(value: &DynValue) -> Result<Tensor, String> {
    let (dims, elements) = value.try_extract_tensor::<T>().map_err(|error| words::explain(error.message()))?;
    Tensor::from_vec(shape(dims)?, elements.to_vec()).map_err(|error| error.to_string())
}

fn shape(dims: &[i64]) -> Result<Shape, String> {
    let sizes = dims.iter().map(|&size| usize::try_from(size));
    sizes.collect::<Result<_, _>>().map_err(|_| format!("the engine answers with the shape {dims:?}"))
}
