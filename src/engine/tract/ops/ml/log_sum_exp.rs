//! `ReduceLogSumExp`, which is what naive Bayes and mixtures end in. The largest value is taken off first, so that
//! exponentials neither overflow nor all vanish.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractError, TractResult, TypedFact, tvec};
use tract_onnx::tract_hir::internal::DatumTypeExt;

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required, slice, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct ReduceLogSumExp {
    /// None where they are an input.
    axes: Option<Vec<i64>>,
    keep: bool,
    /// Whether no axes means that nothing is reduced.
    idle: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let axes = if node.has_input(1) { None } else { Some(node.ints("axes")?.to_vec()) };
    let (keep, idle) = (node.int_or("keepdims", 1)? != 0, node.int_or("noop_with_empty_axes", 0)? != 0);
    Ok(Arc::new(ReduceLogSumExp { axes, keep, idle }))
}

impl ReduceLogSumExp {
    /// For each axis, whether it is reduced.
    fn reduced(&self, axes: Option<&Tensor>, rank: usize) -> TractResult<Vec<bool>> {
        let axes = match (&self.axes, axes) {
            (Some(axes), _) => axes.clone(),
            (None, Some(axes)) => slice::<i64>(&*axes.cast_to::<i64>()?)?.to_vec(),
            (None, None) => return Err(TractError::msg("its axes are not stored in the file")),
        };
        if axes.is_empty() {
            return Ok(vec![!self.idle; rank]);
        }
        let mut reduced = vec![false; rank];
        for axis in axes {
            let at = if axis < 0 { axis + rank as i64 } else { axis };
            let place = usize::try_from(at).ok().and_then(|at| reduced.get_mut(at));
            *place.ok_or_else(|| TractError::msg(format!("there is no axis {axis} among {rank}")))? = true;
        }
        Ok(reduced)
    }

    fn shape<T: Clone>(&self, shape: &[T], reduced: &[bool], one: &T) -> TVec<T> {
        let sizes = shape.iter().zip(reduced).filter(|(_, gone)| self.keep || !**gone);
        sizes.map(|(size, &gone)| if gone { one.clone() } else { size.clone() }).collect()
    }

    fn values(&self, input: &Tensor, reduced: &[bool]) -> TractResult<(TVec<usize>, Vec<f64>)> {
        let wide = input.cast_to::<f64>()?;
        let values = slice::<f64>(&wide)?;
        let mut strides = vec![0usize; reduced.len()];
        let mut count = 1;
        for ((stride, &size), &gone) in strides.iter_mut().zip(input.shape()).zip(reduced).rev() {
            if !gone {
                (*stride, count) = (count, count * size);
            }
        }
        let place = |mut at: usize| {
            let sizes = input.shape().iter().zip(&strides).rev();
            sizes.map(|(&size, stride)| (at % size * stride, at /= size).0).sum::<usize>()
        };
        let mut largest = vec![f64::NEG_INFINITY; count];
        for (at, &value) in values.iter().enumerate() {
            let largest = &mut largest[place(at)];
            // NaN stays once it is there.
            if value > *largest || value.is_nan() {
                *largest = value;
            }
        }
        let mut sums = vec![0.0; count];
        for (at, &value) in values.iter().enumerate() {
            let at = place(at);
            sums[at] += if value == largest[at] { 1.0 } else { (value - largest[at]).exp() };
        }
        let total = |(sum, largest): (f64, &f64)| largest + sum.ln();
        let totals = sums.into_iter().zip(&largest).map(total).collect();
        Ok((self.shape(input.shape(), reduced, &1), totals))
    }
}

impl Kernel for ReduceLogSumExp {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::F32, DatumType::F64, DatumType::F16])?;
        let axes = inputs.get(1).copied().flatten().and_then(|axes| axes.konst.clone());
        let reduced = self.reduced(axes.as_deref(), input.rank())?;
        let shape: TVec<TDim> = self.shape(input.shape.dims(), &reduced, &1.into());
        Ok(tvec![input.datum_type.fact(shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let reduced = self.reduced(inputs.get(1).copied().flatten(), input.rank())?;
        let (shape, values) = self.values(input, &reduced)?;
        let wide = tensor(&shape, values)?;
        Ok(tvec![wide.cast_to_dt(input.datum_type())?.into_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::prelude::tensor2;

    fn reduced(values: &Tensor, axes: &[i64], keep: bool) -> Tensor {
        let operator = ReduceLogSumExp { axes: Some(axes.to_vec()), keep, idle: false };
        operator.run(&[Some(values)]).unwrap().remove(0)
    }

    #[test]
    fn it_neither_overflows_nor_vanishes() {
        let answer = reduced(&tensor2(&[[1000f32, 1000.0], [-1000.0, -1000.0]]), &[1], false);
        let found = slice::<f32>(&answer).unwrap();
        assert!((found[0] - 1000.693).abs() < 1e-3 && (found[1] + 999.307).abs() < 1e-3);
        assert_eq!(answer.shape(), [2]);
    }

    #[test]
    fn infinities_and_nan_are_what_they_are() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let answer = reduced(&tensor2(&[[inf, 1.0], [-inf, -inf], [nan, inf], [-inf, 2.0]]), &[-1], true);
        let found = slice::<f32>(&answer).unwrap();
        assert_eq!((found[0], found[1], found[3]), (inf, -inf, 2.0));
        assert!(found[2].is_nan());
    }

    #[test]
    fn any_axes_are_reduced_and_all_of_them_without_any() {
        let values = tensor2(&[[0f64, 0.0, 0.0], [0.0, 0.0, 0.0]]);
        assert_eq!(reduced(&values, &[0], true).shape(), [1, 3]);
        let all = reduced(&values, &[], false);
        assert_eq!((all.shape(), slice::<f64>(&all).unwrap()[0]), (&[][..], 6f64.ln()));
    }
}
