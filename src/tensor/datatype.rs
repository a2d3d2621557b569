//! Element types, named as the Open Inference Protocol names them, and the bridge from Rust's number types to bytes.
//! The byte order is little-endian everywhere; the crate refuses to compile for a big-endian machine.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use half::f16;
use half::slice::HalfBitsSliceExt as _;
use half::vec::{HalfBitsVecExt as _, HalfFloatVecExt as _};

#[cfg(target_endian = "big")]
compile_error!("onnxd keeps tensors as little-endian bytes and views them in place");

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Fp32,
    Fp64,
    /// UTF-8 strings of any length.
    Bytes,
}

impl DataType {
    pub const ALL: [Self; 13] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp16,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    /// Bytes per element; `None` for strings.
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }

    pub const fn is_float(self) -> bool {
        matches!(self, Self::Fp16 | Self::Fp32 | Self::Fp64)
    }

    pub const fn is_integer(self) -> bool {
        !self.is_float() && !matches!(self, Self::Bool | Self::Bytes)
    }

    /// The name in the Open Inference Protocol, such as `FP32`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no element type of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown datatype {0:?}")]
pub struct UnknownDataType(pub String);

impl FromStr for DataType {
    type Err = UnknownDataType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|d| d.name() == name).ok_or_else(|| UnknownDataType(name.into()))
    }
}

/// A Rust number type that is the element of some tensor.
pub trait Element: Copy + Send + Sync + 'static {
    const DATATYPE: DataType;

    /// The vector's memory as bytes, without a copy.
    fn into_bytes(values: Vec<Self>) -> Bytes;

    /// The bytes as values, copied only where they are not aligned for `Self`; `None` when they do not divide evenly.
    fn view(bytes: &[u8]) -> Option<Cow<'_, [Self]>>;
}

struct Owner<T>(Vec<T>);

impl<T: bytemuck::NoUninit> AsRef<[u8]> for Owner<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

macro_rules! element {
    ($($type:ty => $datatype:ident),* $(,)?) => {$(
        impl Element for $type {
            const DATATYPE: DataType = DataType::$datatype;

            fn into_bytes(values: Vec<Self>) -> Bytes {
                Bytes::from_owner(Owner(values))
            }

            fn view(bytes: &[u8]) -> Option<Cow<'_, [Self]>> {
                match bytemuck::try_cast_slice(bytes) {
                    Ok(values) => Some(Cow::Borrowed(values)),
                    Err(_) if bytes.len() % size_of::<$type>() == 0 => {
                        Some(Cow::Owned(bytemuck::pod_collect_to_vec(bytes)))
                    }
                    Err(_) => None,
                }
            }
        }
    )*};
}

element! {
    u8 => Uint8, u16 => Uint16, u32 => Uint32, u64 => Uint64,
    i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64,
    f32 => Fp32, f64 => Fp64,
}

/// By way of its bits: `half` and `bytemuck` know each other only through a feature that would rebuild the engine.
impl Element for f16 {
    const DATATYPE: DataType = DataType::Fp16;

    fn into_bytes(values: Vec<Self>) -> Bytes {
        u16::into_bytes(values.reinterpret_into())
    }

    fn view(bytes: &[u8]) -> Option<Cow<'_, [Self]>> {
        u16::view(bytes).map(|bits| match bits {
            Cow::Borrowed(bits) => Cow::Borrowed(bits.reinterpret_cast()),
            Cow::Owned(bits) => Cow::Owned(bits.reinterpret_into()),
        })
    }
}

impl Element for bool {
    const DATATYPE: DataType = DataType::Bool;

    fn into_bytes(values: Vec<Self>) -> Bytes {
        Bytes::from_owner(Owner(values))
    }

    /// Any byte but 0 counts as true, so the values are always copied.
    fn view(bytes: &[u8]) -> Option<Cow<'_, [Self]>> {
        Some(Cow::Owned(bytes.iter().map(|&byte| byte != 0).collect()))
    }
}
