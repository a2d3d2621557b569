//! `Slice` of values whose sizes are known only at run time, where an end may lie beyond the last element, and by bounds that
//! tract takes in another way than the standard, or not at all.

use tract_onnx::prelude::{Arc, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::required;
use super::shapes::{Found, POSITION, axis, each, error, fact, integers, known, pick, strides, volume};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Slice {
    /// Starts, ends and axes that are no inputs.
    attributes: Option<Bounds>,
    found: Found,
}

#[derive(Clone, Debug)]
struct Bounds {
    starts: Vec<i64>,
    ends: Vec<i64>,
    axes: Option<Vec<i64>>,
    steps: Option<Vec<i64>>,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let attributes = if node.opset() < 10 {
        let (starts, ends) = (node.ints("starts")?.to_vec(), node.ints("ends")?.to_vec());
        let axes = node.has("axes").then(|| node.ints("axes").map(<[i64]>::to_vec)).transpose()?;
        Some(Bounds { starts, ends, axes, steps: None })
    } else {
        None
    };
    Ok(Arc::new(Slice { attributes, found: Found::of(node) }))
}

impl Bounds {
    fn of(inputs: &[Option<&Tensor>]) -> TractResult<Self> {
        let list = |at: usize| inputs.get(at).copied().flatten().map(integers).transpose();
        let (starts, ends) = (integers(required(inputs, 1)?)?, integers(required(inputs, 2)?)?);
        Ok(Self { starts, ends, axes: list(3)?, steps: list(4)? })
    }

    /// The axes and what is taken of each: start, end and step.
    fn along(&self, rank: usize) -> TractResult<Vec<(usize, [i64; 3])>> {
        let count = self.starts.len();
        let axes = match &self.axes {
            Some(axes) => axes.iter().map(|&at| axis(at, rank)).collect::<TractResult<Vec<usize>>>()?,
            None => (0..count).collect(),
        };
        let steps = self.steps.clone().unwrap_or_else(|| vec![1; count]);
        if [self.ends.len(), axes.len(), steps.len()] != [count; 3] || axes.iter().any(|&axis| axis >= rank) {
            return Err(error("its starts, ends, axes and steps are not of one length"));
        }
        if steps.contains(&0) {
            return Err(error("its step is zero"));
        }
        Ok((0..count).map(|at| (axes[at], [self.starts[at], self.ends[at], steps[at]])).collect())
    }
}

/// The elements that are taken of an axis.
fn taken(size: usize, [start, end, step]: [i64; 3]) -> TractResult<Vec<usize>> {
    let size = i64::try_from(size)?;
    let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (least, most) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let (start, end) = (from_end(start).clamp(least.max(0), most.max(0)), from_end(end).clamp(least, most));
    let mut places = Vec::new();
    let mut at = start;
    while size > 0 && if step > 0 { at < end } else { at > end } {
        places.push(usize::try_from(at)?);
        at = at.saturating_add(step);
    }
    Ok(places)
}

impl Kernel for Slice {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let rank = input.rank();
        let constants: TVec<Option<&Tensor>> = inputs.iter().map(|input| known(*input)).collect();
        let unknown = inputs.iter().zip(&constants).skip(1).any(|(input, known)| input.is_some() && known.is_none());
        let bounds = match &self.attributes {
            Some(bounds) => Some(bounds.clone()),
            None if unknown => None,
            None => Some(Bounds::of(&constants)?),
        };
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        match bounds {
            Some(bounds) => {
                for (axis, bounds) in bounds.along(rank)? {
                    let size = shape[axis].to_i64().ok().and_then(|size| usize::try_from(size).ok());
                    shape[axis] = match size {
                        Some(size) => taken(size, bounds)?.len().into(),
                        None => self.found.size(axis)?,
                    };
                }
            }
            None => shape = self.found.sizes(rank)?,
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let bounds = match &self.attributes {
            Some(bounds) => bounds.clone(),
            None => Bounds::of(inputs)?,
        };
        let mut places: Vec<Vec<usize>> = input.shape().iter().map(|&size| (0..size).collect()).collect();
        for (axis, bounds) in bounds.along(input.rank())? {
            places[axis] = taken(input.shape()[axis], bounds)?;
        }
        let shape: Vec<usize> = places.iter().map(Vec::len).collect();
        let (mut positions, strides) =
            (Vec::with_capacity(volume(&shape, input.datum_type(), POSITION)?), strides(input.shape()));
        each(&shape, |at| {
            positions.push(at.iter().enumerate().map(|(axis, &at)| places[axis][at] * strides[axis]).sum());
        });
        Ok(tvec![pick(input, &shape, &positions, None)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_clamped_and_count_from_both_sides() {
        let along = |size, bounds| taken(size, bounds).unwrap();
        assert_eq!(along(3, [0, 20, 1]), [0, 1, 2]);
        assert_eq!(along(3, [-2, i64::MAX, 1]), [1, 2]);
        assert_eq!(along(3, [-1, i64::MIN, -1]), [2, 1, 0]);
        assert_eq!(along(4, [3, 0, -2]), [3, 1]);
        assert_eq!(along(3, [5, 9, 1]), [0usize; 0]);
        assert_eq!(along(0, [0, 20, 1]), [0usize; 0]);
    }
}
