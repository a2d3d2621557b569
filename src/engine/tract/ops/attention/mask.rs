//! Who may look at what: the positions that causality, windows and the lengths of the sequences leave, which are always a
//! range, and a mask of booleans or of numbers to add.

use std::ops::Range;

use tract_onnx::prelude::{DatumType, TVec, Tensor, TractError, TractResult};

use super::super::values::slice;
use super::real::Real;

/// What limits the view of a query along the keys. Positions are those of the keys.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub causal: bool,
    /// How far it reaches before and after its own position; `None` is without a limit.
    pub before: Option<i64>,
    pub after: Option<i64>,
}

impl View {
    /// What the query at `position` sees of the first `keys` keys.
    pub fn range(&self, position: i64, keys: usize) -> Range<usize> {
        // A window reaches no further back than to the position itself, so being causal is the stricter of the two.
        let after = if self.causal { Some(0) } else { self.after };
        let end = after.map_or(keys, |after| bounded(position.saturating_add(after).saturating_add(1), keys));
        let start = self.before.map_or(0, |before| bounded(position.saturating_sub(before), keys));
        start.min(end)..end
    }
}

fn bounded(position: i64, keys: usize) -> usize {
    usize::try_from(position.max(0)).map_or(keys, |position| position.min(keys))
}

/// The input `attn_mask`: what is added to the scores, minus infinity where a boolean says no.
pub struct Mask<T> {
    values: Vec<T>,
    /// Its sizes and steps along batch, heads, queries and keys; a step is zero where one value serves all.
    sizes: [usize; 4],
    steps: [usize; 4],
}

impl<T: Real> Mask<T> {
    /// `shape` is that of the scores. The axis of the keys may be shorter: what is missing is masked.
    pub fn of(tensor: &Tensor, shape: [usize; 4]) -> TractResult<Self> {
        let missing = 4usize.checked_sub(tensor.rank());
        let Some(missing) = missing.filter(|_| tensor.rank() > 0) else {
            return Err(TractError::msg(format!("its mask has {} axes, not 1 to 4", tensor.rank())));
        };
        let mut sizes = [1; 4];
        sizes[missing..].copy_from_slice(tensor.shape());
        let fits = (0..3).all(|axis| sizes[axis] == 1 || sizes[axis] == shape[axis]) && sizes[3] <= shape[3];
        if !fits {
            let (got, wanted) = (tensor.shape(), shape);
            return Err(TractError::msg(format!("a mask of the shape {got:?} does not fit scores of {wanted:?}")));
        }
        let mut steps = [0; 4];
        let mut step = 1;
        for axis in (0..4).rev() {
            // One key of many is spread like any other axis of one.
            steps[axis] = if sizes[axis] == 1 { 0 } else { step };
            step *= sizes[axis];
        }
        if sizes[3] == 1 {
            sizes[3] = shape[3];
        }
        let values = match tensor.datum_type() {
            DatumType::Bool => {
                slice::<bool>(tensor)?.iter().map(|&seen| if seen { T::zero() } else { T::neg_infinity() }).collect()
            }
            _ => slice::<T>(&*tensor.cast_to::<T>()?)?.to_vec(),
        };
        Ok(Self { values, sizes, steps })
    }

    /// What is added for a query and a key; minus infinity for a key beyond the mask.
    pub fn at(&self, batch: usize, head: usize, query: usize, key: usize) -> T {
        let steps = &self.steps;
        let at = batch * steps[0] + head * steps[1] + query * steps[2] + key * steps[3];
        if key < self.sizes[3] {
            self.values.get(at).copied().unwrap_or_else(T::neg_infinity)
        } else {
            T::neg_infinity()
        }
    }
}

/// The lengths of the sequences of keys without what fills them up, within `0..=keys`.
pub fn lengths(tensor: &Tensor, batch: usize, keys: usize) -> TractResult<TVec<i64>> {
    let lengths = tensor.cast_to::<i64>()?;
    let lengths = slice::<i64>(&lengths)?;
    if lengths.len() != batch {
        return Err(TractError::msg(format!("{} lengths came for {batch} sequences of keys", lengths.len())));
    }
    match lengths.iter().find(|&&length| usize::try_from(length).map_or(true, |length| length > keys)) {
        Some(length) => Err(TractError::msg(format!("a sequence of keys is {length} long where there are {keys}"))),
        None => Ok(lengths.iter().copied().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_ranges_of_keys() {
        let view = |causal, before, after| View { causal, before, after };
        assert_eq!(view(false, None, None).range(2, 5), 0..5);
        assert_eq!(view(true, None, None).range(2, 5), 0..3);
        assert_eq!(view(true, None, None).range(-1, 5), 0..0);
        assert_eq!(view(true, None, Some(3)).range(2, 5), 0..3);
        assert_eq!(view(false, Some(1), Some(1)).range(2, 5), 1..4);
        assert_eq!(view(false, Some(0), None).range(4, 5), 4..5);
        assert_eq!(view(true, Some(1), None).range(9, 5), 5..5);
    }

    #[test]
    fn masks_are_spread_from_the_right() {
        let mask =
            Mask::<f32>::of(&Tensor::from_shape(&[2, 1, 2], &[1f32, 2.0, 3.0, 4.0]).unwrap(), [3, 2, 5, 3]).unwrap();
        assert_eq!([0, 1, 2].map(|key| mask.at(2, 1, 4, key)), [3.0, 4.0, f32::NEG_INFINITY]);
        assert!(Mask::<f32>::of(&Tensor::from_shape(&[2], &[true, false]).unwrap(), [1, 1, 1, 1]).is_err());
        let one = Mask::<f32>::of(&Tensor::from_shape(&[1, 1], &[true]).unwrap(), [1, 1, 2, 2]).unwrap();
        assert_eq!(one.at(0, 0, 1, 1), 0.0);
    }
}
