//! `ReverseSequence`: the first entries of each row of a batch in the opposite order, as many as the row is long.

use tract_onnx::prelude::{Arc, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::required;
use super::shapes::{each, error, fact, integers, pick, strides};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct ReverseSequence {
    batch: usize,
    time: usize,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    match (node.int_or("batch_axis", 1)?, node.int_or("time_axis", 0)?) {
        (1, 0) => Ok(Arc::new(ReverseSequence { batch: 1, time: 0 })),
        (0, 1) => Ok(Arc::new(ReverseSequence { batch: 0, time: 1 })),
        (batch, time) => Err(malformed(format!("its axes for batch and time are {batch} and {time}, not 0 and 1"))),
    }
}

impl Kernel for ReverseSequence {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        required(inputs, 1)?;
        if input.rank() < 2 {
            return Err(error("it takes values with axes for batch and time"));
        }
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, lengths) = (required(inputs, 0)?, integers(required(inputs, 1)?)?);
        let (rows, steps) = (input.shape()[self.batch], input.shape()[self.time]);
        let lengths = lengths.iter().map(|&length| usize::try_from(length).ok().filter(|&length| length <= steps));
        let lengths = lengths.collect::<Option<Vec<_>>>().filter(|lengths| lengths.len() == rows);
        let lengths = lengths.ok_or_else(|| error(format!("it takes {rows} lengths of at most {steps}")))?;
        let (mut positions, strides) = (Vec::with_capacity(input.len()), strides(input.shape()));
        each(input.shape(), |at| {
            let here = at.iter().zip(&strides).map(|(at, stride)| at * stride).sum::<usize>();
            let (step, length) = (at[self.time], lengths[at[self.batch]]);
            let source = if step < length { length - 1 - step } else { step };
            positions.push(here - step * strides[self.time] + source * strides[self.time]);
        });
        Ok(tvec![pick(input, input.shape(), &positions, None)?])
    }
}
