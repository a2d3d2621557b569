//! `Binarizer`: one where a value is above the threshold, zero elsewhere.

use tract_onnx::prelude::{Arc, Datum, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};
use tract_onnx::tract_hir::internal::DatumTypeExt;

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required, slice, tensor};
use super::linear::NUMBERS;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Binarizer {
    threshold: f32,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Binarizer { threshold: node.float_or("threshold", 0.0)? }))
}

fn above<T: Datum + Copy>(input: &Tensor, above: impl Fn(T) -> bool, one: T, zero: T) -> TractResult<Tensor> {
    tensor(input.shape(), slice::<T>(input)?.iter().map(|&value| if above(value) { one } else { zero }).collect())
}

impl Kernel for Binarizer {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, NUMBERS)?;
        Ok(tvec![input.datum_type.fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let nan = match input.datum_type() {
            DatumType::F32 => slice::<f32>(input)?.iter().any(|x| x.is_nan()),
            DatumType::F64 => slice::<f64>(input)?.iter().any(|x| x.is_nan()),
            _ => false,
        };
        if nan {
            return Err(TractError::msg("NaN is neither above nor below a threshold; fill in what is missing"));
        }
        let threshold = f64::from(self.threshold);
        Ok(tvec![match input.datum_type() {
            DatumType::F64 => above(input, |x: f64| x > threshold, 1.0, 0.0)?,
            DatumType::I32 => above(input, |x: i32| f64::from(x) > threshold, 1, 0)?,
            DatumType::I64 => above(input, |x: i64| x as f64 > threshold, 1, 0)?,
            _ => above(input, |x: f32| x > self.threshold, 1.0, 0.0)?,
        }])
    }
}
