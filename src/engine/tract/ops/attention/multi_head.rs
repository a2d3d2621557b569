//! `MultiHeadAttention` of `com.microsoft`: attention with a bias for queries, keys and values, a mask for what only fills
//! sequences up, and numbers to add to the scores. Queries, keys and values packed into one input are not done.

use tract_onnx::prelude::{Arc, DatumType, DatumTypeExt, TDim, TVec, Tensor, TractError, TractResult, TypedFact, tvec};
use tract_onnx::tract_hir::internal::DimLike;

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use super::compute::Given;
use super::mask::View;
use super::node::{Attention, Shown};
use crate::engine::tract::checks::Refusal;

/// What lies on a score that is masked, when the node does not say.
const FILTER: f32 = -10_000.0;

#[derive(Debug)]
struct MultiHead {
    attention: Attention,
    heads: usize,
    /// What is added to the score of a key that only fills its sequence up.
    filter: f32,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let heads = usize::try_from(node.int_or("num_heads", 0)?).ok().filter(|heads| (1..65_536).contains(heads));
    let heads = heads.ok_or_else(|| malformed("it does not say how many heads it has"))?;
    let unpacked = "Optimise the model without packing queries, keys and values: use_packed_qkv and use_packed_kv off";
    if !node.has_input(1) || !node.has_input(2) {
        return Err(Refusal::new(
            "its queries, keys and values come in one input, which the engine does not do",
            unpacked,
        ));
    }
    if node.has_input(6) != node.has_input(7) {
        return Err(malformed("it has past keys or past values, but not both"));
    }
    if node.has_input(8) || node.has_input(9) || node.has_output(3) {
        let reason = "it shares buffers with the runs before it, which the engine does not do";
        return Err(Refusal::new(reason, "Save the model before ONNX Runtime optimises it for text generation"));
    }
    let causal = node.int_or("unidirectional", 0)? != 0;
    let attention = Attention {
        view: View { causal, before: None, after: None },
        // Zero is told to mean the usual one.
        scale: node.float("scale")?.filter(|&scale| scale != 0.0),
        softcap: 0.0,
        shown: Shown::Products,
        heads: Some((heads, heads)),
        wanted: [node.has_output(1), node.has_output(2), false],
        precision: None,
    };
    Ok(Arc::new(MultiHead { attention, heads, filter: node.float_or("mask_filter_value", FILTER)? }))
}

impl MultiHead {
    /// Which keys are masked, as numbers to add of the shape `[batch, 1, queries or 1, keys]`.
    fn padding(&self, mask: &Tensor, batch: usize, queries: usize, keys: usize) -> TractResult<Tensor> {
        let told = mask.cast_to::<i64>()?;
        let told = slice::<i64>(&told)?;
        let number = |kept: bool| if kept { 0.0 } else { self.filter };
        match *mask.shape() {
            [count] if count == batch => {
                let rows = told.iter().flat_map(|&length| (0..keys as i64).map(move |key| number(key < length)));
                tensor(&[batch, 1, 1, keys], rows.collect::<Vec<f32>>())
            }
            [rows, columns] if (rows, columns) == (batch, keys) => {
                tensor(&[batch, 1, 1, keys], told.iter().map(|&kept| number(kept > 0)).collect::<Vec<f32>>())
            }
            [a, b, c] if (a, b, c) == (batch, queries, keys) => {
                tensor(&[batch, 1, queries, keys], told.iter().map(|&kept| number(kept > 0)).collect::<Vec<f32>>())
            }
            _ => Err(TractError::msg(format!(
                "a mask of the shape {:?} does not fit {batch} sequences of {keys} keys",
                mask.shape()
            ))),
        }
    }
}

/// A tensor `[batch, length, width]` with a part of the bias added to every row.
fn biased(input: &Tensor, bias: Option<&[f32]>) -> TractResult<Tensor> {
    let Some(bias) = bias else { return Ok(input.clone()) };
    let mut values = slice::<f32>(input)?.to_vec();
    if input.rank() != 3 || input.shape()[2] != bias.len() {
        return Err(TractError::msg(format!("a bias of {} values meets the shape {:?}", bias.len(), input.shape())));
    }
    for row in values.chunks_exact_mut(bias.len().max(1)) {
        row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
    }
    tensor(input.shape(), values)
}

impl Kernel for MultiHead {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (q, k, v) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        for input in [0, 1, 2, 3, 5, 6, 7].into_iter().filter_map(|at| inputs.get(at).copied().flatten()) {
            one_of(input, &[DatumType::F32])?;
        }
        if q.rank() != 3 || !matches!(k.rank(), 3 | 4) || v.rank() != k.rank() {
            let shapes = [q, k, v].map(|fact| format!("{:?}", fact.shape)).join(", ");
            return Err(TractError::msg(format!(
                "queries, keys and values of the shapes {shapes} are packed or malformed"
            )));
        }
        let heads = TDim::from(self.heads);
        let (length, width, v_all) = if k.rank() == 3 {
            let all = v.shape[2].clone();
            let width =
                |all: &TDim| all.to_usize().ok().filter(|all| all % self.heads == 0).map(|all| all / self.heads);
            let widths = width(&k.shape[2]).zip(width(&v.shape[2]));
            let widths = widths.ok_or_else(|| TractError::msg(format!("{all} values do not make {heads} heads")))?;
            (k.shape[1].clone(), [TDim::from(widths.0), TDim::from(widths.1)], all)
        } else {
            let width = [k.shape[3].clone(), v.shape[3].clone()];
            (k.shape[2].clone(), width.clone(), width[1].clone() * self.heads)
        };
        let past = inputs.get(6).copied().flatten().filter(|past| past.rank() == 4).map(|past| past.shape[2].clone());
        let total = past.unwrap_or_else(|| 0.into()) + length;
        let (batch, queries) = (q.shape[0].clone(), q.shape[1].clone());
        let [k_width, v_width] = width;
        Ok(tvec![
            DatumType::F32.fact([batch.clone(), queries, v_all]),
            DatumType::F32.fact([batch.clone(), heads.clone(), total.clone(), k_width]),
            DatumType::F32.fact([batch, heads, total, v_width]),
        ])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let given = |at: usize| inputs.get(at).copied().flatten();
        let (q, k, v) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        let bias = given(3).map(slice::<f32>).transpose()?;
        let (q_width, k_width) = (q.shape()[2], if k.rank() == 3 { k.shape()[2] } else { 0 });
        let part = |from: usize, to: usize| match bias {
            Some(bias) => bias.get(from..to).map(Some).ok_or_else(|| TractError::msg("its bias is too short")),
            None => Ok(None),
        };
        let end = bias.map_or(0, <[f32]>::len);
        let q = biased(q, part(0, q_width)?)?;
        // Keys of four axes are those of another layer and have had their bias.
        let (k, v) = if k.rank() == 3 {
            (biased(k, part(q_width, q_width + k_width)?)?, biased(v, part(q_width + k_width, end)?)?)
        } else {
            (k.clone(), v.clone())
        };
        let past = given(6).zip(given(7));
        let length = if k.rank() == 3 { k.shape()[1] } else { k.shape()[2] };
        let keys = length + past.map_or(0, |(past, _)| past.shape().get(2).copied().unwrap_or(0));
        let padding = given(4).map(|mask| self.padding(mask, q.shape()[0], q.shape()[1], keys)).transpose()?;
        let masks: TVec<&Tensor> = padding.iter().chain(given(5)).collect();
        let mut outputs = self.attention.attend(&Given { q: &q, k: &k, v: &v, masks: &masks, past, lengths: None })?;
        outputs.truncate(3);
        Ok(outputs)
    }
}
