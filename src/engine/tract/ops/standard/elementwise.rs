//! `Max`, `Min` and `Mul` of what may hold NaN. tract leaves it out of the first two, and takes a product with a stored zero
//! for zero; here NaN comes of it, as the standard has it. They are computed in double precision, where the product of
//! two floats is exact, so that it is rounded once.

use tract_onnx::prelude::{Arc, TDim, TVec, Tensor, TractResult, TypedFact, tvec};
use tract_onnx::tract_core::broadcast::multi_broadcast;

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::required;
use super::bit_shift::broadcast;
use super::shapes::{WIDE, error, fact, narrow, volume, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Elementwise {
    of: fn(f64, f64) -> f64,
}

// NaN is neither larger nor smaller, so it is asked for first.
pub fn max(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Elementwise { of: |a, b| if a.is_nan() || a > b { a } else { b } }))
}

pub fn min(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Elementwise { of: |a, b| if a.is_nan() || a < b { a } else { b } }))
}

pub fn mul(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Elementwise { of: |a, b| a * b }))
}

impl Kernel for Elementwise {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let first = required(inputs, 0)?;
        if !first.datum_type.is_float() || inputs.iter().flatten().any(|input| input.datum_type != first.datum_type) {
            return Err(error("it takes floats of one type"));
        }
        let shapes: TVec<TVec<TDim>> = inputs.iter().flatten().map(|input| input.shape.to_tvec()).collect();
        Ok(tvec![fact(first.datum_type, &multi_broadcast(&shapes)?)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let first = required(inputs, 0)?;
        let shapes: TVec<&[usize]> = inputs.iter().flatten().map(|input| input.shape()).collect();
        let shape = multi_broadcast(&shapes)?;
        volume(&shape, first.datum_type(), 2 * WIDE)?;
        let mut found = broadcast(&wide(first)?, first.shape(), &shape)?;
        for input in inputs.iter().skip(1).flatten() {
            let other = broadcast(&wide(input)?, input.shape(), &shape)?;
            found.iter_mut().zip(other).for_each(|(found, other)| *found = (self.of)(*found, other));
        }
        Ok(tvec![narrow(first.datum_type(), &shape, found)?])
    }
}
