//! `IsNaN`, in every precision: tract knows it in single precision alone.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required, slice, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct IsNan;

pub fn build(_: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(IsNan))
}

impl Kernel for IsNan {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::F32, DatumType::F64, DatumType::F16])?;
        Ok(tvec![bool::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let wide = input.cast_to::<f64>()?;
        Ok(tvec![tensor(input.shape(), slice::<f64>(&wide)?.iter().map(|x| x.is_nan()).collect())?])
    }
}
