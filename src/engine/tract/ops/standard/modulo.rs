//! `Mod`: the remainder with the sign of the divisor, or with `fmod` that of the dividend.

use tract_onnx::prelude::{Arc, Datum, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};
use tract_onnx::tract_core::broadcast::multi_broadcast;

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, slice, tensor};
use super::bit_shift::broadcast;
use super::shapes::{error, fact, narrow, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Modulo {
    fmod: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    match node.int_or("fmod", 0)? {
        0 => Ok(Arc::new(Modulo { fmod: false })),
        1 => Ok(Arc::new(Modulo { fmod: true })),
        other => Err(malformed(format!("its fmod is {other}"))),
    }
}

impl Kernel for Modulo {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (a, b) = (required(inputs, 0)?, required(inputs, 1)?);
        if a.datum_type != b.datum_type {
            return Err(error(format!("it divides {:?} by {:?}", a.datum_type, b.datum_type)));
        }
        let shape: TVec<TDim> = multi_broadcast(&[a.shape.to_tvec(), b.shape.to_tvec()])?;
        Ok(tvec![fact(a.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (a, b) = (required(inputs, 0)?, required(inputs, 1)?);
        let shape = multi_broadcast(&[a.shape(), b.shape()])?;
        let datatype = a.datum_type().unquantized();
        if datatype.is_float() {
            let (a, b) = (broadcast(&wide(a)?, a.shape(), &shape)?, broadcast(&wide(b)?, b.shape(), &shape)?);
            let rests = a.iter().zip(&b).map(|(a, b)| {
                let rest = a % b;
                // The sign of the divisor, as Python has it.
                if !self.fmod && rest != 0.0 && (rest < 0.0) != (*b < 0.0) { rest + b } else { rest }
            });
            return Ok(tvec![narrow(datatype, &shape, rests.collect())?]);
        }
        macro_rules! typed {
            ($($number:ident $kind:ty),*) => {
                match datatype {
                    $(DatumType::$number => integers::<$kind>(a, b, &shape, |a, b| {
                        if b == 0 {
                            return None;
                        }
                        let rest = a.wrapping_rem(b);
                        #[allow(unused_comparisons)]
                        let other_sign = (rest < 0) != (b < 0);
                        Some(if !self.fmod && rest != 0 && other_sign { rest.wrapping_add(b) } else { rest })
                    })?,)*
                    other => return Err(error(format!("it does not divide {other:?}"))),
                }
            };
        }
        Ok(tvec![typed!(U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64)])
    }
}

fn integers<T: Datum + Copy>(
    a: &Tensor,
    b: &Tensor,
    shape: &[usize],
    rest: impl Fn(T, T) -> Option<T>,
) -> TractResult<Tensor> {
    let (a, b) = (broadcast(slice::<T>(a)?, a.shape(), shape)?, broadcast(slice::<T>(b)?, b.shape(), shape)?);
    let rests = a.into_iter().zip(b).map(|(a, b)| rest(a, b)).collect::<Option<Vec<T>>>();
    tensor(shape, rests.ok_or_else(|| error("it divides an integer by zero"))?)
}
