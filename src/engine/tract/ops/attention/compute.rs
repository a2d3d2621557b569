//! The arithmetic: scores of every query with every key, their softmax, and the sum of the values by it, head by head.

use std::borrow::Cow;
use std::ops::Range;

use tract_onnx::prelude::tract_ndarray::linalg::general_mat_mul;
use tract_onnx::prelude::tract_ndarray::{ArrayView2, ArrayViewMut2, Axis};
use tract_onnx::prelude::{TVec, Tensor, TractError, TractResult, tvec};

use super::super::standard::shapes::volume;
use super::super::values::{slice, tensor};
use super::mask::{Mask, lengths};
use super::node::{Attention, Shown};
use super::real::Real;

/// How many scores are held at a time, beyond those of one query: long texts have more pairs than there is memory.
const MOST_SCORES: usize = 1 << 22;

/// The most scores of a run, minutes of work: twelve heads over 16,000 words are a third of it.
const MOST_WORK: usize = 10_000_000_000;

/// Queries, keys or values, `[batch, heads, length, width]`.
struct Heads<'t, T: Clone> {
    values: Cow<'t, [T]>,
    batch: usize,
    heads: usize,
    length: usize,
    width: usize,
}

impl<'t, T: Real> Heads<'t, T> {
    fn of(tensor: &'t Tensor, heads: Option<usize>) -> TractResult<Self> {
        let values = slice::<T>(tensor)?;
        match (tensor.shape(), heads) {
            (&[batch, heads, length, width], _) => {
                Ok(Self { values: Cow::Borrowed(values), batch, heads, length, width })
            }
            (&[batch, length, all], Some(heads)) if all % heads == 0 => {
                let width = all / heads;
                let mut moved = Vec::with_capacity(values.len());
                for batch in 0..batch {
                    for head in 0..heads {
                        for at in 0..length {
                            moved.extend_from_slice(&values[((batch * length + at) * heads + head) * width..][..width]);
                        }
                    }
                }
                Ok(Self { values: Cow::Owned(moved), batch, heads, length, width })
            }
            (shape, _) => Err(TractError::msg(format!("it takes three or four axes, not the shape {shape:?}"))),
        }
    }

    /// With what came before it.
    fn after(self, past: &Heads<T>) -> TractResult<Self> {
        if (past.batch, past.heads, past.width) != (self.batch, self.heads, self.width) {
            return Err(TractError::msg(
                "what is past has another batch, other heads or another width than what is new",
            ));
        }
        let (old, new) = (past.length * self.width, self.length * self.width);
        let mut values = Vec::with_capacity(past.values.len() + self.values.len());
        for head in 0..self.batch * self.heads {
            values.extend_from_slice(&past.values[head * old..][..old]);
            values.extend_from_slice(&self.values[head * new..][..new]);
        }
        Ok(Self { values: Cow::Owned(values), length: past.length + self.length, ..self })
    }

    /// What a head has at these places, `[places, width]`.
    fn rows(&self, batch: usize, head: usize, places: Range<usize>) -> TractResult<ArrayView2<'_, T>> {
        let start = ((batch * self.heads + head) * self.length + places.start) * self.width;
        view(&self.values[start..][..places.len() * self.width], places.len(), self.width)
    }

    fn matrix(&self, batch: usize, head: usize) -> TractResult<ArrayView2<'_, T>> {
        self.rows(batch, head, 0..self.length)
    }

    fn shape(&self) -> [usize; 4] {
        [self.batch, self.heads, self.length, self.width]
    }
}

/// What is attended with and to.
pub struct Given<'t> {
    pub q: &'t Tensor,
    pub k: &'t Tensor,
    pub v: &'t Tensor,
    /// All of them count: see [`Mask::of`].
    pub masks: &'t [&'t Tensor],
    /// Keys and values that come before.
    pub past: Option<(&'t Tensor, &'t Tensor)>,
    /// How many keys of each sequence are not there to fill it up.
    pub lengths: Option<&'t Tensor>,
}

/// The outputs `Y`, `present_key`, `present_value` and `qk_matmul_output`; those after the first are empty unless wanted.
pub fn attend<T: Real>(node: &Attention, given: &Given) -> TractResult<TVec<Tensor>> {
    let datatype = given.q.datum_type();
    let (q, k, v) = (given.q.cast_to::<T>()?, given.k.cast_to::<T>()?, given.v.cast_to::<T>()?);
    let (q_heads, kv_heads) = node.heads.unzip();
    let three = q.rank() == 3;
    let (q, mut k, mut v) = (Heads::<T>::of(&q, q_heads)?, Heads::of(&k, kv_heads)?, Heads::of(&v, kv_heads)?);
    let mut past = 0;
    if let Some((keys, values)) = given.past {
        let (keys, values) = (keys.cast_to::<T>()?, values.cast_to::<T>()?);
        let (keys, values) = (Heads::of(&keys, None)?, Heads::of(&values, None)?);
        past = keys.length;
        (k, v) = (k.after(&keys)?, v.after(&values)?);
    }
    let fits = (q.batch, q.batch) == (k.batch, v.batch)
        && (k.heads, k.length, k.width) == (v.heads, v.length, q.width)
        && k.heads > 0
        && q.heads % k.heads == 0;
    if !fits {
        let (q, k, v) = (q.shape(), k.shape(), v.shape());
        return Err(TractError::msg(format!("queries {q:?}, keys {k:?} and values {v:?} do not fit together")));
    }
    let shape = [q.batch, q.heads, q.length, k.length];
    let masks = given.masks.iter().map(|mask| Mask::<T>::of(mask, shape)).collect::<TractResult<Vec<_>>>()?;
    let lengths = given.lengths.map(|told| lengths(told, q.batch, k.length)).transpose()?;
    let scale = T::of(node.scale.unwrap_or(1.0 / (q.width as f32).sqrt()));

    let show = |stage: Shown| node.wanted[2] && node.shown == stage;
    let work = shape.iter().fold(1usize, |count, &size| count.saturating_mul(size));
    if work > MOST_WORK {
        return Err(TractError::msg(format!(
            "scores of shape {shape:?} are more than can be computed in reasonable time"
        )));
    }
    let mut shown = vec![T::zero(); if node.wanted[2] { volume(&shape, datatype, size_of::<T>())? } else { 0 }];
    let mut y = vec![T::zero(); volume(&[q.batch, q.heads, q.length, v.width], datatype, size_of::<T>())?];
    let block = (MOST_SCORES / k.length.max(1)).clamp(1, q.length.max(1));
    let mut scratch = vec![T::zero(); block * k.length];
    let mut blind = vec![false; block];
    for batch in 0..q.batch {
        let known = lengths.as_ref().map_or(k.length, |lengths| usize::try_from(lengths[batch]).unwrap_or(0));
        // Where the first query stands among the keys.
        let offset = match &lengths {
            Some(lengths) => lengths[batch] - q.length as i64,
            None => past as i64,
        };
        for (head, first) in (0..q.heads).flat_map(|head| (0..q.length).step_by(block).map(move |first| (head, first)))
        {
            let queries = first..q.length.min(first + block);
            let scores = &mut scratch[..queries.len() * k.length];
            let of_keys = head / (q.heads / k.heads);
            let (keys, values) = (k.matrix(batch, of_keys)?, v.matrix(batch, of_keys)?);
            let mut matrix = view_mut(scores, queries.len(), k.length)?;
            general_mat_mul(scale, &q.rows(batch, head, queries.clone())?, &keys.t(), T::zero(), &mut matrix);
            let shown_at = ((batch * q.heads + head) * q.length + first) * k.length;
            let mut showing = |stage: Shown, scores: &[T]| {
                if show(stage) {
                    shown[shown_at..][..scores.len()].copy_from_slice(scores);
                }
            };
            showing(Shown::Products, scores);
            if node.softcap != 0.0 {
                let cap = T::of(node.softcap);
                scores.iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
            }
            showing(Shown::Capped, scores);
            for query in queries.clone() {
                let row = &mut scores[(query - first) * k.length..][..k.length];
                let seen = node.view.range(offset + query as i64, k.length);
                let seen = seen.start..seen.end.min(known).max(seen.start);
                let (before, rest) = row.split_at_mut(seen.start);
                let (inside, after) = rest.split_at_mut(seen.len());
                before.fill(T::neg_infinity());
                after.fill(T::neg_infinity());
                blind[query - first] = inside.iter_mut().zip(seen).fold(true, |blind, (score, key)| {
                    let bias = masks.iter().fold(T::zero(), |sum, mask| sum + mask.at(batch, head, query, key));
                    // Not a sum: nothing of what is masked counts, be it infinite or NaN.
                    *score = if bias == T::neg_infinity() { bias } else { *score + bias };
                    blind && bias == T::neg_infinity()
                });
            }
            showing(Shown::Masked, scores);
            for (row, &blind) in scores.chunks_exact_mut(k.length.max(1)).zip(&blind) {
                softmax(row, blind);
            }
            showing(Shown::Probabilities, scores);
            let width = v.width;
            let mut result = if three {
                let rows = &mut y[(batch * q.length + first) * q.heads * width..][..queries.len() * q.heads * width];
                let all = view_mut(rows, queries.len(), q.heads * width)?;
                let (_, rest) = all.split_at(Axis(1), head * width);
                rest.split_at(Axis(1), width).0
            } else {
                let rows = &mut y[((batch * q.heads + head) * q.length + first) * width..][..queries.len() * width];
                view_mut(rows, queries.len(), width)?
            };
            general_mat_mul(T::one(), &view(scores, queries.len(), k.length)?, &values, T::zero(), &mut result);
        }
    }
    let shape_of_y =
        if three { tvec![q.batch, q.length, q.heads * v.width] } else { tvec![q.batch, q.heads, q.length, v.width] };
    let kept = |wanted: bool, heads: Heads<T>| match wanted {
        true => tensor(&heads.shape(), heads.values.into_owned()),
        false => tensor(&[0], Vec::<T>::new()),
    };
    let shown = if node.wanted[2] { tensor(&shape, shown)? } else { tensor(&[0], shown)? };
    let outputs = [tensor(&shape_of_y, y)?, kept(node.wanted[0], k)?, kept(node.wanted[1], v)?, shown];
    outputs.into_iter().map(|output| Ok(output.cast_to_dt(datatype)?.into_owned())).collect()
}

/// A row's softmax in place: nothing at all for a query that may look nowhere.
fn softmax<T: Real>(row: &mut [T], blind: bool) {
    let largest = row.iter().fold(T::neg_infinity(), |largest, &score| if score > largest { score } else { largest });
    if blind {
        row.fill(T::zero());
        return;
    }
    row.iter_mut().for_each(|score| *score = *score - largest);
    T::exponentials(row);
    let sum = row.iter().fold(T::zero(), |sum, &score| sum + score);
    row.iter_mut().for_each(|score| *score = *score / sum);
}

fn view<T>(values: &[T], rows: usize, columns: usize) -> TractResult<ArrayView2<'_, T>> {
    ArrayView2::from_shape((rows, columns), values).map_err(|error| TractError::msg(error.to_string()))
}

fn view_mut<T>(values: &mut [T], rows: usize, columns: usize) -> TractResult<ArrayViewMut2<'_, T>> {
    ArrayViewMut2::from_shape((rows, columns), values).map_err(|error| TractError::msg(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::mask::View;
    use super::*;

    fn attention(causal: bool, heads: Option<(usize, usize)>) -> Attention {
        let view = View { causal, before: None, after: None };
        let wanted = [false; 3];
        Attention { view, scale: None, softcap: 0.0, shown: Shown::Products, heads, wanted, precision: None }
    }

    #[test]
    fn queries_beyond_a_block_are_answered_as_alone() {
        // As many pairs as make three blocks, of two heads with two numbers each.
        let length = 3000;
        let numbers: Vec<f32> = (0..length * 4).map(|at| (at * 37 % 101) as f32 / 50.0 - 1.0).collect();
        let all = tensor(&[1, length, 4], numbers.clone()).unwrap();
        let run = |causal: bool, q: &Tensor| {
            let given = Given { q, k: &all, v: &all, masks: &[], past: None, lengths: None };
            let y = attend::<f32>(&attention(causal, Some((2, 2))), &given).unwrap().remove(0);
            slice::<f32>(&y).unwrap().to_vec()
        };
        let (open, causal) = (run(false, &all), run(true, &all));
        for query in [0, 1397, 1398, 1399, 2796, length - 1] {
            let alone = run(false, &tensor(&[1, 1, 4], numbers[query * 4..][..4].to_vec()).unwrap());
            for at in 0..4 {
                assert!((open[query * 4 + at] - alone[at]).abs() < 1e-5, "{query}");
            }
        }
        // The first sees itself only, the last everything.
        assert_eq!(causal[..4], numbers[..4]);
        assert!(causal[length * 4 - 4..].iter().zip(&open[length * 4 - 4..]).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn an_answer_out_of_proportion_is_refused() {
        let length = 1 << 18;
        let [q, v] = [[1, 1, length, 1], [1, 1, 1, length]].map(|shape| tensor(&shape, vec![1.0f32; length]).unwrap());
        let k = tensor(&[1, 1, 1, 1], vec![1.0f32]).unwrap();
        let given = Given { q: &q, k: &k, v: &v, masks: &[], past: None, lengths: None };
        assert!(attend::<f32>(&attention(false, None), &given).unwrap_err().to_string().contains("--max-tensor"));
    }
}
