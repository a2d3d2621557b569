//! `MatMul` of two vectors.

use tract_onnx::prelude::{Arc, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{required, slice, tensor};
use super::cumulative::Number;
use super::shapes::{error, fact, for_numbers, narrow, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Dot;

pub fn build(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Dot))
}

impl Kernel for Dot {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (a, b) = (required(inputs, 0)?, required(inputs, 1)?);
        if a.rank() != 1 || b.rank() != 1 || a.datum_type != b.datum_type {
            return Err(error("it multiplies two vectors of one type"));
        }
        Ok(tvec![fact(a.datum_type, &[])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (a, b) = (required(inputs, 0)?, required(inputs, 1)?);
        if a.shape() != b.shape() {
            return Err(error(format!("vectors of shapes {:?} and {:?} have no product", a.shape(), b.shape())));
        }
        if a.datum_type().is_float() {
            let sum = wide(a)?.iter().zip(wide(b)?).map(|(a, b)| a * b).sum();
            return Ok(tvec![narrow(a.datum_type(), &[], vec![sum])?]);
        }
        Ok(tvec![for_numbers!(a.datum_type(), dot(a, b))?])
    }
}

fn dot<T: Number>(a: &Tensor, b: &Tensor) -> TractResult<Tensor> {
    let products = slice::<T>(a)?.iter().zip(slice::<T>(b)?).map(|(a, b)| a.times(*b));
    tensor(&[], vec![products.fold(T::ZERO, T::plus)])
}
