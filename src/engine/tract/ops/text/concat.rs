//! `StringConcat`: two strings in a row, element by element.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};
use tract_onnx::tract_core::broadcast::multi_broadcast;

use super::super::Kernel;
use super::super::budget;
use super::super::node::Node;
use super::super::values::{one_of, required, tensor};
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
        budget::strings(&shape, 0)?;
        let (first, second) = (first.to_plain_array_view::<String>()?, second.to_plain_array_view::<String>()?);
        let apart = || TractError::msg(format!("the shapes {:?} and {:?} do not fit", first.shape(), second.shape()));
        let firsts = first.broadcast(&*shape).ok_or_else(apart)?;
        let seconds = second.broadcast(&*shape).ok_or_else(apart)?;
        // A long string may stand beside many others.
        let bytes = firsts.iter().zip(seconds.iter()).map(|(first, second)| first.len() + second.len());
        budget::strings(&shape, bytes.fold(0, usize::saturating_add))?;
        let joined = firsts.iter().zip(seconds.iter()).map(|(first, second)| format!("{first}{second}")).collect();
        Ok(tvec![tensor(&shape, joined)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_string_is_not_repeated_without_end() {
        let long = tensor(&[1, 1], vec!["x".repeat(1 << 20)]).unwrap();
        let beside = |count: usize| {
            let others = tensor(&[count, 1], vec![String::new(); count]).unwrap();
            budget::within(8 << 20, || StringConcat.run(&[Some(&long), Some(&others)]).map(|joined| joined[0].len()))
        };
        assert_eq!(beside(7).unwrap(), 7);
        assert!(beside(8).unwrap_err().to_string().contains("--max-tensor"));
    }
}
