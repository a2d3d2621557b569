//! `Tile` of strings; tract repeats numbers only.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TDim, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::budget;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Tile;

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    if node.has_input(2) {
        return Err(malformed("it repeats along an axis, as before operator set 6"));
    }
    Ok(Arc::new(Tile))
}

/// How often each axis is repeated.
fn repeats(tensor: &Tensor, rank: usize) -> TractResult<Vec<usize>> {
    let repeats = tensor.cast_to::<i64>()?;
    let repeats: Result<Vec<usize>, _> = slice::<i64>(&repeats)?.iter().map(|&times| usize::try_from(times)).collect();
    repeats.ok().filter(|repeats| repeats.len() == rank).ok_or_else(|| {
        TractError::msg(format!("its repeats are not {rank} numbers, one for each axis, of zero or more"))
    })
}

impl Kernel for Tile {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (input, times) = (required(inputs, 0)?, required(inputs, 1)?);
        one_of(input, &[DatumType::String])?;
        let times = times.konst.as_ref().ok_or_else(|| TractError::msg("its repeats must be stored in the model"))?;
        let repeats = repeats(times, input.rank())?;
        let shape: TVec<TDim> = input.shape.iter().zip(repeats).map(|(size, times)| size.clone() * times).collect();
        Ok(tvec![String::fact(shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, times) = (required(inputs, 0)?, required(inputs, 1)?);
        let repeats = repeats(times, input.rank())?;
        let shape: Vec<usize> =
            input.shape().iter().zip(&repeats).map(|(size, times)| size.saturating_mul(*times)).collect();
        let bytes: usize = slice::<String>(input)?.iter().map(String::len).sum();
        let times = repeats.iter().fold(1, |times: usize, &more| times.saturating_mul(more));
        budget::strings(&shape, bytes.saturating_mul(times))?;
        let input = input.to_plain_array_view::<String>()?;
        let tiled = tract_onnx::prelude::tract_ndarray::ArrayD::from_shape_fn(&*shape, |at| {
            let from: Vec<usize> = input.shape().iter().enumerate().map(|(axis, size)| at[axis] % size).collect();
            input[&*from].clone()
        });
        Ok(tvec![tensor(&shape, tiled.into_iter().collect())?])
    }
}
