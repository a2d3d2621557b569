//! Which scale and zero point belong to which element: one pair for the whole tensor, one per index of an axis, or one
//! per block of indices of an axis. Shared by quantising and dequantising.

use tract_onnx::prelude::{DatumType, Tensor, TractError, TractResult};

use super::super::values::{floats, slice};

/// How parameters are spread over a tensor, from the attributes.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub axis: i64,
    /// Indices of the axis that share a pair; 0 where there are no blocks.
    pub block: i64,
}

/// The parameters of one tensor, ready to be looked up.
pub struct Params {
    scales: Vec<f32>,
    /// Empty when there is none: zero.
    zero_points: Vec<i32>,
    /// Size of the axis, and elements per step along it. A single pair has one step over everything.
    axis: usize,
    inner: usize,
    block: Option<usize>,
}

impl Spread {
    /// Fits the parameters to a tensor of this shape.
    pub fn fit(self, shape: &[usize], scale: &Tensor, zero_point: Option<&Tensor>) -> TractResult<Params> {
        let zeros = zero_point.map(integers).transpose()?.unwrap_or_default();
        self.fit_parts(shape, scale.shape(), floats(scale)?, zeros)
    }

    fn fit_parts(self, shape: &[usize], of: &[usize], scales: Vec<f32>, zeros: Vec<i32>) -> TractResult<Params> {
        let wrong = |words: String| Err(TractError::msg(words));
        if !zeros.is_empty() && zeros.len() != scales.len() {
            return wrong(format!("it has {} scales and {} zero points", scales.len(), zeros.len()));
        }
        if scales.len() == 1 && self.block == 0 {
            let inner = shape.iter().product();
            return Ok(Params { scales, zero_points: zeros, axis: 1, inner, block: None });
        }
        let rank = shape.len();
        let from_end = if self.axis < 0 { rank as i64 } else { 0 };
        let Some(at) = usize::try_from(self.axis + from_end).ok().filter(|&at| at < rank) else {
            return wrong(format!("its axis {} is not one of the {rank} axes", self.axis));
        };
        let inner = shape[at + 1..].iter().product();
        let block = usize::try_from(self.block).ok().filter(|&block| block > 0);
        let mut expected = vec![shape[at]];
        if let Some(block) = block {
            expected = shape.to_vec();
            expected[at] = shape[at].div_ceil(block);
        }
        if expected != of {
            return wrong(format!(
                "its scales have the shape {of:?}, and a tensor of shape {shape:?} needs {expected:?}"
            ));
        }
        Ok(Params { scales, zero_points: zeros, axis: shape[at], inner, block })
    }
}

impl Params {
    /// Calls `with(scale, zero_point, from, to)` for runs of elements that share a pair, in order and without gaps.
    pub fn runs(&self, count: usize, mut with: impl FnMut(f32, i32, usize, usize)) {
        // Blocks have a pair for each element beside the axis, so their runs are single elements.
        let length = if self.block.is_some() { 1 } else { self.inner };
        let mut from = 0;
        while from < count {
            let to = (from + length).min(count);
            let step = from / self.inner.max(1);
            let (outer, along) = (step / self.axis.max(1), step % self.axis.max(1));
            let pair = match self.block {
                Some(block) => (outer * self.axis.div_ceil(block) + along / block) * self.inner + from % self.inner,
                None => along,
            };
            let scale = self.scales.get(pair).copied().unwrap_or(1.0);
            with(scale, self.zero_points.get(pair).copied().unwrap_or(0), from, to);
            from = to;
        }
    }
}

/// The elements of a tensor of integers of up to 32 bits.
pub fn integers(tensor: &Tensor) -> TractResult<Vec<i32>> {
    match tensor.datum_type() {
        DatumType::U8 | DatumType::I8 | DatumType::U16 | DatumType::I16 | DatumType::I32 => {
            Ok(slice::<i32>(&*tensor.cast_to::<i32>()?)?.to_vec())
        }
        other => Err(TractError::msg(format!("{other:?} is no type of quantised numbers"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(axis: i64, block: i64, shape: &[usize], of: &[usize]) -> TractResult<Vec<f32>> {
        let scales = (0..of.iter().product::<usize>()).map(|at| at as f32).collect();
        let params = Spread { axis, block }.fit_parts(shape, of, scales, Vec::new())?;
        let mut found = Vec::new();
        params.runs(shape.iter().product(), |scale, _, from, to| found.extend(vec![scale; to - from]));
        Ok(found)
    }

    #[test]
    fn every_element_has_its_pair() {
        assert_eq!(pairs(1, 0, &[2, 2], &[]).unwrap(), [0.0; 4]);
        assert_eq!(pairs(1, 0, &[2, 2], &[1]).unwrap(), [0.0; 4]);
        assert_eq!(pairs(0, 0, &[2, 2], &[2]).unwrap(), [0., 0., 1., 1.]);
        assert_eq!(pairs(-1, 0, &[2, 2], &[2]).unwrap(), [0., 1., 0., 1.]);
        assert_eq!(pairs(1, 0, &[1, 2, 2], &[2]).unwrap(), [0., 0., 1., 1.]);
        assert_eq!(pairs(1, 2, &[2, 3], &[2, 2]).unwrap(), [0., 0., 1., 2., 2., 3.]);
        assert_eq!(pairs(0, 2, &[3, 2], &[2, 2]).unwrap(), [0., 1., 0., 1., 2., 3.]);
        assert!(pairs(1, 0, &[2, 2], &[3]).is_err());
        assert!(pairs(2, 0, &[2, 2], &[2]).is_err());
        assert!(pairs(1, 2, &[2, 3], &[2, 1]).is_err());
    }
}
