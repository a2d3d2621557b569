//! `CumSum` and `CumProd`: running sums and products along an axis.

use std::ops::{Add, Mul};

use tract_onnx::prelude::{Arc, Datum, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{required, slice, tensor};
use super::shapes::{around, axis, fact, for_numbers, integer};
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug)]
struct Cumulative {
    product: bool,
    exclusive: bool,
    reverse: bool,
}

pub fn sum(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, false)
}

pub fn product(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, true)
}

fn build(node: &Node, product: bool) -> Result<Arc<dyn Kernel>, Refusal> {
    let (exclusive, reverse) = (node.int_or("exclusive", 0)? != 0, node.int_or("reverse", 0)? != 0);
    Ok(Arc::new(Cumulative { product, exclusive, reverse }))
}

impl Kernel for Cumulative {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        required(inputs, 1)?;
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, along) = (required(inputs, 0)?, integer(required(inputs, 1)?)?);
        let along = axis(along, input.rank())?;
        Ok(tvec![for_numbers!(input.datum_type(), accumulate(self, input, along))?])
    }
}

fn accumulate<T: Number>(op: &Cumulative, input: &Tensor, along: usize) -> TractResult<Tensor> {
    let (before, count, after) = around(input.shape(), along);
    let mut values = slice::<T>(input)?.to_vec();
    let start = if op.product { T::ONE } else { T::ZERO };
    for outer in 0..before {
        for inner in 0..after {
            let mut so_far = start;
            for step in 0..count {
                let step = if op.reverse { count - 1 - step } else { step };
                let at = (outer * count + step) * after + inner;
                let next = if op.product { so_far.times(values[at]) } else { so_far.plus(values[at]) };
                values[at] = if op.exclusive { so_far } else { next };
                so_far = next;
            }
        }
    }
    tensor(input.shape(), values)
}

/// Arithmetic that wraps around where integers overflow, as compiled C++ does.
pub trait Number: Datum + Copy {
    const ZERO: Self;
    const ONE: Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
}

macro_rules! integers_wrap {
    ($($number:ty),*) => {$(
        impl Number for $number {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
        }
    )*};
}

macro_rules! floats_round {
    ($($number:ty: $zero:expr, $one:expr);*) => {$(
        impl Number for $number {
            const ZERO: Self = $zero;
            const ONE: Self = $one;
            fn plus(self, other: Self) -> Self {
                Add::add(self, other)
            }
            fn times(self, other: Self) -> Self {
                Mul::mul(self, other)
            }
        }
    )*};
}

integers_wrap!(i8, i16, i32, i64, u8, u16, u32, u64);
floats_round!(half::f16: half::f16::ZERO, half::f16::ONE; f32: 0.0, 1.0; f64: 0.0, 1.0);
