//! Casts between element types that keep every value, or fail naming the first that would change. A float that only
//! rounds to a narrower float is kept: a decimal number in JSON has no width of its own. A finite number that would
//! overflow to infinity is not.

use half::f16;

use super::{DataType, Tensor, nearest_f16};

/// Why a tensor cannot be had in another element type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CastError {
    /// No value of one kind stands for a value of the other, as with strings and numbers.
    #[error("{from} values cannot stand for {to}")]
    Kind { from: DataType, to: DataType },
    /// The element at flat position `index` has no exact counterpart.
    #[error("value {value} does not fit {to}")]
    Value { index: usize, value: String, to: DataType },
}

impl Tensor {
    /// The same values as elements of `to`. Booleans do not count as numbers, nor strings as anything else.
    pub fn cast(&self, to: DataType) -> Result<Self, CastError> {
        use DataType::*;
        let from = self.datatype();
        if from == to {
            return Ok(self.clone());
        }
        let kind = CastError::Kind { from, to };
        if matches!(from, Bool | Bytes) || matches!(to, Bool | Bytes) {
            return Err(kind);
        }
        match to {
            Uint8 => self.narrow::<u8>(Number::exact_u8),
            Uint16 => self.narrow::<u16>(Number::exact_u16),
            Uint32 => self.narrow::<u32>(Number::exact_u32),
            Uint64 => self.narrow::<u64>(Number::exact_u64),
            Int8 => self.narrow::<i8>(Number::exact_i8),
            Int16 => self.narrow::<i16>(Number::exact_i16),
            Int32 => self.narrow::<i32>(Number::exact_i32),
            Int64 => self.narrow::<i64>(Number::exact_i64),
            Fp16 => self.narrow::<f16>(Number::nearest_f16),
            Fp32 => self.narrow::<f32>(Number::nearest_f32),
            Fp64 => self.narrow::<f64>(Number::nearest_f64),
            Bool | Bytes => Err(kind),
        }
    }

    fn narrow<T: super::Element>(&self, convert: impl Fn(Number) -> Option<T>) -> Result<Self, CastError> {
        let mut values = Vec::with_capacity(self.len());
        let mut refused = None;
        self.each_number(|index, number| match convert(number) {
            Some(value) => values.push(value),
            None => refused = refused.take().or(Some((index, number))),
        });
        if let Some((index, number)) = refused {
            return Err(CastError::Value { index, value: number.to_string(), to: T::DATATYPE });
        }
        Self::from_vec(self.shape(), values).map_err(|_| CastError::Kind { from: self.datatype(), to: T::DATATYPE })
    }

    fn each_number(&self, mut visit: impl FnMut(usize, Number)) {
        macro_rules! visit {
            ($($datatype:ident: $type:ty => $number:expr),* $(,)?) => {
                match self.datatype() {
                    $(DataType::$datatype => {
                        let values = self.values::<$type>().unwrap_or_default();
                        values.iter().enumerate().for_each(|(index, &value)| visit(index, $number(value)));
                    })*
                    DataType::Bool | DataType::Bytes => {}
                }
            };
        }
        visit! {
            Uint8: u8 => |v| Number::Integer(i128::from(v)), Uint16: u16 => |v| Number::Integer(i128::from(v)),
            Uint32: u32 => |v| Number::Integer(i128::from(v)), Uint64: u64 => |v| Number::Integer(i128::from(v)),
            Int8: i8 => |v| Number::Integer(i128::from(v)), Int16: i16 => |v| Number::Integer(i128::from(v)),
            Int32: i32 => |v| Number::Integer(i128::from(v)), Int64: i64 => |v| Number::Integer(i128::from(v)),
            Fp16: f16 => |v: f16| Number::Float(v.to_f64()), Fp32: f32 => |v| Number::Float(f64::from(v)),
            Fp64: f64 => Number::Float,
        }
    }
}

/// Any element that is a number, wide enough to hold each exactly.
#[derive(Clone, Copy, Debug)]
enum Number {
    Integer(i128),
    Float(f64),
}

macro_rules! exact {
    ($($name:ident => $type:ty),*) => {$(
        fn $name(self) -> Option<$type> {
            self.integer()?.try_into().ok()
        }
    )*};
}

impl Number {
    exact! {
        exact_u8 => u8, exact_u16 => u16, exact_u32 => u32, exact_u64 => u64,
        exact_i8 => i8, exact_i16 => i16, exact_i32 => i32, exact_i64 => i64
    }

    fn integer(self) -> Option<i128> {
        match self {
            Self::Integer(value) => Some(value),
            Self::Float(value) if value.fract() == 0.0 && value.abs() < 1e30 => Some(value as i128),
            Self::Float(_) => None,
        }
    }

    fn nearest_f64(self) -> Option<f64> {
        match self {
            // Whole numbers are held to exactness: 2^53 + 1 sent as an integer means just that.
            Self::Integer(value) => Some(value as f64).filter(|&float| float as i128 == value),
            Self::Float(value) => Some(value),
        }
    }

    fn nearest_f32(self) -> Option<f32> {
        match self {
            Self::Integer(value) => Some(value as f32),
            Self::Float(wide) => Some(wide as f32).filter(|narrow| narrow.is_finite() || !wide.is_finite()),
        }
    }

    fn nearest_f16(self) -> Option<f16> {
        let wide = match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        };
        let narrow = nearest_f16(wide);
        (narrow.is_finite() || !wide.is_finite()).then_some(narrow)
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    fn vector<T: crate::tensor::Element>(values: Vec<T>) -> Tensor {
        Tensor::from_vec(Shape::from_slice(&[values.len()]), values).unwrap()
    }

    #[test]
    fn numbers_that_fit_are_kept() {
        assert_eq!(vector(vec![1i64, -2]).cast(DataType::Fp32).unwrap(), vector(vec![1f32, -2.0]));
        assert_eq!(vector(vec![1.0f64, 255.0]).cast(DataType::Uint8).unwrap(), vector(vec![1u8, 255]));
        assert_eq!(vector(vec![0.1f64]).cast(DataType::Fp32).unwrap(), vector(vec![0.1f32]));
        let nan = vector(vec![f64::NAN]).cast(DataType::Fp32).unwrap();
        assert!(nan.values::<f32>().unwrap()[0].is_nan());
    }

    #[test]
    fn floats_are_rounded_once() {
        // On the way through another float these would come to stand in the middle between two.
        let large = (1i64 << 60) + (1 << 36) + 1;
        let above = (1i64 << 60) + (1 << 37);
        assert_eq!(vector(vec![large]).cast(DataType::Fp32).unwrap(), vector(vec![above as f32]));
        let halves = vector(vec![1.0004883f64]).cast(DataType::Fp16).unwrap();
        assert_eq!(halves, vector(vec![f16::from_bits(0x3c01)]));
        assert!(vector(vec![65519.999f64]).cast(DataType::Fp16).is_ok());
        assert!(vector(vec![65520f64]).cast(DataType::Fp16).is_err());
    }

    #[test]
    fn numbers_that_do_not_fit_are_named() {
        let refused = |tensor: Tensor, to| match tensor.cast(to) {
            Err(CastError::Value { index, .. }) => Some(index),
            _ => None,
        };
        assert_eq!(refused(vector(vec![1i64, 300]), DataType::Uint8), Some(1));
        assert_eq!(refused(vector(vec![0.5f64]), DataType::Int64), Some(0));
        assert_eq!(refused(vector(vec![1.0, 1e39f64]), DataType::Fp32), Some(1));
        assert_eq!(refused(vector(vec![f64::INFINITY]), DataType::Int32), Some(0));
        assert_eq!(refused(vector(vec![u64::MAX]), DataType::Int64), Some(0));
    }

    #[test]
    fn kinds_do_not_mix() {
        let truth = vector(vec![true]);
        assert!(matches!(truth.cast(DataType::Fp32), Err(CastError::Kind { .. })));
        assert!(matches!(vector(vec![1i64]).cast(DataType::Bytes), Err(CastError::Kind { .. })));
    }
}
