//! `StringConcat`: two strings in a row, element by element.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};
use tract_onnx::tract_core::broadcast::multi_broadcast;

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required, tensor};
use super::limit;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct StringConcat;

pub fn build(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(StringConcat))
}

impl Kernel for StringConcat {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (first, second) = (required(inputs, 0)?, required(inputs, 1)?);
        one_of(first, &[DatumType::String])?;
        one_of(second, &[DatumType::String])?;
        let shape = multi_broadcast(&[first.shape.to_tvec(), second.shape.to_tvec()])?;
        Ok(tvec![String::fact(shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (first, second) = (required(inputs, 0)?, required(inputs, 1)?);
        let shape = multi_broadcast(&[first.shape(), second.shape()])?;
        limit(&shape)?;
        let (first, second) = (first.to_plain_array_view::<String>()?, second.to_plain_array_view::<String>()?);
        let apart = || TractError::msg(format!("the shapes {:?} and {:?} do not fit", first.shape(), second.shape()));
        let firsts = first.broadcast(&*shape).ok_or_else(apart)?;
        let seconds = second.broadcast(&*shape).ok_or_else(apart)?;
        let joined = firsts.iter().zip(seconds.iter()).map(|(first, second)| format!("{first}{second}")).collect();
        Ok(tvec![tensor(&shape, joined)?])
    }
}
