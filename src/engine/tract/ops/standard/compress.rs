//! `Compress`: the entries along an axis for which a condition holds.

use tract_onnx::prelude::{Arc, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{required, slice};
use super::shapes::{Found, around, axis, error, fact, pick};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Compress {
    /// All elements in a row where there is none.
    axis: Option<i64>,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Compress { axis: node.int("axis")?, found: Found::of(node) }))
}

impl Kernel for Compress {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (input, condition) = (required(inputs, 0)?, required(inputs, 1)?);
        if condition.rank() != 1 {
            return Err(error("its condition is not a list"));
        }
        let mut shape: TVec<TDim> = tvec![self.found.size(0)?];
        if let Some(along) = self.axis {
            let along = axis(along, input.rank())?;
            shape = input.shape.iter().cloned().collect();
            shape[along] = self.found.size(0)?;
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, condition) = (required(inputs, 0)?, slice::<bool>(required(inputs, 1)?)?);
        let mut shape = input.shape().to_vec();
        let (before, size, after) = match self.axis {
            Some(along) => around(&shape, axis(along, input.rank())?),
            None => (1, input.len(), 1),
        };
        if condition.len() > size {
            return Err(error(format!("its condition is {} long for {size} entries", condition.len())));
        }
        let kept: Vec<usize> = (0..condition.len()).filter(|&at| condition[at]).collect();
        match self.axis {
            Some(along) => shape[axis(along, input.rank())?] = kept.len(),
            None => shape = vec![kept.len()],
        }
        let places = (0..before).flat_map(|outer| kept.iter().map(move |at| (outer * size + at) * after));
        let positions: Vec<usize> = places.flat_map(|start| start..start + after).collect();
        Ok(tvec![pick(input, &shape, &positions, None)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}
