//! `BitShift`: bits shifted left or right, all of them out where it is by the width of the type or more. Negative integers
//! shifted right stay negative.

use tract_onnx::prelude::{Arc, Datum, TDim, TVec, Tensor, TractResult, TypedFact, tvec};
use tract_onnx::tract_core::broadcast::multi_broadcast;

use super::super::Kernel;
use super::super::budget;
use super::super::node::{Node, malformed};
use super::super::values::{required, slice, tensor};
use super::shapes::{each, error, fact, strides};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct BitShift {
    left: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    match node.text("direction")? {
        Some("LEFT") => Ok(Arc::new(BitShift { left: true })),
        Some("RIGHT") => Ok(Arc::new(BitShift { left: false })),
        other => Err(malformed(format!("it has no direction {:?}", other.unwrap_or_default()))),
    }
}

impl Kernel for BitShift {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (bits, by) = (required(inputs, 0)?, required(inputs, 1)?);
        if bits.datum_type != by.datum_type || !bits.datum_type.is_integer() {
            return Err(error(format!("it does not shift {:?} by {:?}", bits.datum_type, by.datum_type)));
        }
        let shape: TVec<TDim> = multi_broadcast(&[bits.shape.to_tvec(), by.shape.to_tvec()])?;
        Ok(tvec![fact(bits.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (bits, by) = (required(inputs, 0)?, required(inputs, 1)?);
        macro_rules! typed {
            ($($number:ident $kind:ty),*) => {
                match bits.datum_type().unquantized() {
                    $(tract_onnx::prelude::DatumType::$number => self.shift::<$kind>(bits, by, <$kind>::checked_shl, <$kind>::checked_shr)?,)*
                    other => return Err(error(format!("it does not shift {other:?}"))),
                }
            };
        }
        Ok(tvec![typed!(U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64)])
    }
}

impl BitShift {
    fn shift<T: Datum + Copy + Default + TryInto<u32>>(
        &self,
        bits: &Tensor,
        by: &Tensor,
        left: fn(T, u32) -> Option<T>,
        right: fn(T, u32) -> Option<T>,
    ) -> TractResult<Tensor> {
        let shape = multi_broadcast(&[bits.shape(), by.shape()])?;
        let shift = if self.left { left } else { right };
        let values = broadcast(slice::<T>(bits)?, bits.shape(), &shape)?.into_iter();
        let last = u32::try_from(8 * size_of::<T>() - 1)?;
        let shifted = values.zip(broadcast(slice::<T>(by)?, by.shape(), &shape)?).map(|(bits, by)| {
            // A negative number of places is taken for a large one, as if it had no sign.
            let shifted = by.try_into().ok().and_then(|by| shift(bits, by));
            let out = || if self.left { None } else { shift(bits, last).and_then(|sign| shift(sign, 1)) };
            shifted.or_else(out).unwrap_or_default()
        });
        tensor(&shape, shifted.collect())
    }
}

/// The elements as they stand in a value of a larger shape.
pub fn broadcast<T: Copy>(values: &[T], shape: &[usize], to: &[usize]) -> TractResult<Vec<T>> {
    // Two such and the result.
    let mut spread = Vec::with_capacity(budget::elements(to, size_of::<T>(), 2 * size_of::<T>())?);
    if shape == to {
        spread.extend_from_slice(values);
        return Ok(spread);
    }
    let missing = to.len() - shape.len();
    let steps: TVec<usize> =
        strides(shape).iter().zip(shape).map(|(&step, &size)| if size == 1 { 0 } else { step }).collect();
    each(to, |at| {
        let place = at[missing..].iter().zip(&steps).map(|(at, step)| at * step).sum::<usize>();
        spread.extend(values.get(place));
    });
    Ok(spread)
}
