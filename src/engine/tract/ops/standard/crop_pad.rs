//! `CenterCropPad`: axes cut or padded evenly on both sides to wanted sizes.

use tract_onnx::prelude::{Arc, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::required;
use super::shapes::{Found, NOWHERE, POSITION, axis, each, error, fact, integers, known, pick, strides, volume};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct CropPad {
    /// All of them where the attribute is left out.
    axes: Option<Vec<i64>>,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let axes = node.has("axes").then(|| node.ints("axes").map(<[i64]>::to_vec)).transpose()?;
    Ok(Arc::new(CropPad { axes, found: Found::of(node) }))
}

impl CropPad {
    fn axes(&self, rank: usize) -> TractResult<Vec<usize>> {
        match &self.axes {
            Some(axes) => axes.iter().map(|&at| axis(at, rank)).collect(),
            None => Ok((0..rank).collect()),
        }
    }
}

fn wanted(sizes: &Tensor, axes: &[usize]) -> TractResult<Vec<usize>> {
    let sizes = integers(sizes)?;
    if sizes.len() != axes.len() {
        return Err(error(format!("it has {} sizes for {} axes", sizes.len(), axes.len())));
    }
    let sizes = sizes.into_iter().map(|size| usize::try_from(size).ok());
    sizes.collect::<Option<_>>().ok_or_else(|| error("a wanted size is negative"))
}

impl Kernel for CropPad {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (input, sizes) = (required(inputs, 0)?, required(inputs, 1)?);
        let axes = self.axes(input.rank())?;
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        match known(Some(sizes)) {
            Some(sizes) => {
                let sizes = wanted(sizes, &axes)?;
                axes.iter().zip(sizes).for_each(|(&axis, size)| shape[axis] = size.into());
            }
            None => axes.iter().try_for_each(|&axis| self.found.size(axis).map(|size| shape[axis] = size))?,
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, sizes) = (required(inputs, 0)?, required(inputs, 1)?);
        let (axes, from) = (self.axes(input.rank())?, input.shape());
        let mut shape = from.to_vec();
        for (&axis, size) in axes.iter().zip(wanted(sizes, &axes)?) {
            shape[axis] = size;
        }
        let (mut positions, strides) =
            (Vec::with_capacity(volume(&shape, input.datum_type(), POSITION)?), strides(from));
        each(&shape, |at| {
            let inside = (0..at.len()).map(|axis| {
                let (had, has) = (from[axis], shape[axis]);
                let here = if has > had { at[axis].checked_sub((has - had) / 2)? } else { at[axis] + (had - has) / 2 };
                (here < had).then_some(here * strides[axis])
            });
            positions.push(inside.sum::<Option<usize>>().unwrap_or(NOWHERE));
        });
        Ok(tvec![pick(input, &shape, &positions, None)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}
