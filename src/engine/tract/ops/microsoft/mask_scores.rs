//! `MaskScores` (private): the scores of a fused attention, `[rows, heads, queries, keys]`, with those taken down that
//! the mask hides. A mask is a length per row, a value per row and key, or one per row, query and key (not zero where the
//! key may be looked at); hidden scores have `filter` added. With `causal`, later keys are hidden altogether.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{floats, one_of, required, slice, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct MaskScores {
    filter: f32,
    causal: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let filter = node.float_or("filter", -10_000.0)?;
    Ok(Arc::new(MaskScores { filter, causal: node.int_or("causal", 0)? != 0 }))
}

/// Whether a key is hidden from a query of a row.
fn hidden(mask: &[i32], shape: &[usize], row: usize, query: usize, key: usize) -> bool {
    match *shape {
        [_] => mask.get(row).is_none_or(|&length| i32::try_from(key).is_ok_and(|key| key >= length)),
        [_, keys] => mask.get(row * keys + key).is_none_or(|&seen| seen <= 0),
        [_, queries, keys] => mask.get((row * queries + query) * keys + key).is_none_or(|&seen| seen <= 0),
        _ => false,
    }
}

impl Kernel for MaskScores {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let scores = required(inputs, 0)?;
        one_of(scores, &[DatumType::F32])?;
        if let Some(mask) = inputs.get(1).copied().flatten() {
            one_of(mask, &[DatumType::I32])?;
            if !(1..=3).contains(&mask.rank()) {
                return Err(TractError::msg(format!("its mask has {} axes, not one to three", mask.rank())));
            }
        }
        Ok(tvec![f32::fact(scores.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let scores = required(inputs, 0)?;
        let [rows, heads, queries, keys] = *scores.shape() else {
            return Err(TractError::msg("its scores do not have four axes"));
        };
        let mask = inputs.get(1).copied().flatten();
        let expected = [rows, queries, keys];
        if let Some(mask) = mask {
            let fits = match mask.shape() {
                [count] => *count == rows,
                [count, width] => [*count, *width] == [rows, keys],
                all => *all == expected,
            };
            if !fits {
                let shape = mask.shape();
                return Err(TractError::msg(format!(
                    "a mask of shape {shape:?} does not fit {rows} rows of {keys} keys"
                )));
            }
        }
        let shape = mask.map(Tensor::shape);
        let mask = mask.map(slice::<i32>).transpose()?;
        let mut values = floats(scores)?;
        let all = values.chunks_exact_mut(keys.max(1)).enumerate();
        for (at, line) in all {
            let (row, query) = (at / (heads * queries).max(1), at % queries.max(1));
            for (key, score) in line.iter_mut().enumerate() {
                let masked = mask.zip(shape).is_some_and(|(mask, shape)| hidden(mask, shape, row, query, key));
                if masked {
                    *score += self.filter;
                }
                if self.causal && key > query {
                    *score = f32::MIN;
                }
            }
        }
        Ok(tvec![tensor(scores.shape(), values)?])
    }
}
