//! `TopK`, `ArgMax` and `ArgMin` for every operator set. NaN is never larger or smaller than anything.

use std::cmp::Ordering;

use tract_onnx::prelude::{Arc, Datum, DatumExt, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::node::{Node, malformed};
use super::super::values::{required, slice, tensor};
use super::super::{Kernel, Primitive};
use super::shapes::{Found, around, axis, error, fact, for_numbers, integer, known};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct TopK {
    axis: i64,
    largest: bool,
    /// How many, where it is no input.
    count: Option<i64>,
    found: Found,
}

pub fn top_k(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let old = node.opset() < 10;
    let count = if old { Some(node.int("k")?.ok_or_else(|| malformed("it has no k"))?) } else { None };
    let largest = node.opset() < 11 || node.int_or("largest", 1)? != 0;
    // Elements that need no order are given in order all the same.
    if node.opset() >= 11 {
        node.int_or("sorted", 1)?;
    }
    Ok(Arc::new(TopK { axis: node.int_or("axis", -1)?, largest, count, found: Found::of(node) }))
}

impl TopK {
    fn count(&self, input: Option<&Tensor>) -> TractResult<Option<usize>> {
        let count = match (self.count, input) {
            (Some(count), _) => count,
            (None, Some(input)) => integer(input)?,
            (None, None) => return Ok(None),
        };
        usize::try_from(count).map(Some).map_err(|_| error(format!("it is asked for {count} elements")))
    }
}

impl Kernel for TopK {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let along = axis(self.axis, input.rank())?;
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        shape[along] = match self.count(known(inputs.get(1).copied().flatten()))? {
            Some(count) => {
                if shape[along].to_i64().is_ok_and(|size| usize::try_from(size).is_ok_and(|size| size < count)) {
                    return Err(error(format!("it is asked for {count} of {} elements", shape[along])));
                }
                count.into()
            }
            None => self.found.size(0)?,
        };
        Ok(tvec![fact(input.datum_type.unquantized(), &shape), fact(i64::datum_type(), &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let along = axis(self.axis, input.rank())?;
        let count = self.count(inputs.get(1).copied().flatten())?.ok_or_else(|| error("it is not told how many"))?;
        if count > input.shape()[along] {
            return Err(error(format!("it is asked for {count} of {} elements", input.shape()[along])));
        }
        for_numbers!(input.datum_type().unquantized(), top(input, along, count, self.largest))
    }

    fn finds_sizes(&self) -> bool {
        self.count.is_none()
    }
}

fn top<T: Datum + Copy + PartialOrd + Default>(
    input: &Tensor,
    along: usize,
    count: usize,
    largest: bool,
) -> TractResult<TVec<Tensor>> {
    let (before, size, after) = around(input.shape(), along);
    let values = slice::<T>(input)?;
    if values.iter().any(|value| value.partial_cmp(value).is_none()) {
        return Err(error("its input holds NaN, which is neither large nor small"));
    }
    let mut shape = input.shape().to_vec();
    shape[along] = count;
    let mut best = vec![T::default(); before * count * after];
    let mut places = vec![0i64; best.len()];
    let mut row: Vec<(T, usize)> = Vec::with_capacity(size);
    let first = |a: &(T, usize), b: &(T, usize)| {
        let values = if largest { b.0.partial_cmp(&a.0) } else { a.0.partial_cmp(&b.0) };
        values.unwrap_or(Ordering::Equal).then(a.1.cmp(&b.1))
    };
    for outer in 0..before {
        for inner in 0..after {
            row.clear();
            row.extend((0..size).map(|step| (values[(outer * size + step) * after + inner], step)));
            if 0 < count && count < size {
                row.select_nth_unstable_by(count - 1, first);
            }
            row.truncate(count);
            row.sort_unstable_by(first);
            for (step, &(value, place)) in row.iter().enumerate() {
                let at = (outer * count + step) * after + inner;
                (best[at], places[at]) = (value, i64::try_from(place)?);
            }
        }
    }
    Ok(tvec![tensor(&shape, best)?, tensor(&shape, places)?])
}

#[derive(Debug)]
struct Arg {
    axis: i64,
    least: bool,
    keep: bool,
    last: bool,
}

pub fn arg_max(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    arg(node, false)
}

pub fn arg_min(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    arg(node, true)
}

fn arg(node: &Node, least: bool) -> Result<Arc<dyn Kernel>, Refusal> {
    let last = node.opset() >= 12 && node.int_or("select_last_index", 0)? != 0;
    Ok(Arc::new(Arg { axis: node.int_or("axis", 0)?, least, keep: node.int_or("keepdims", 1)? != 0, last }))
}

impl Arg {
    fn shape<T: Clone>(&self, shape: &[T], one: T) -> TractResult<TVec<T>> {
        let along = axis(self.axis, shape.len())?;
        let mut shape: TVec<T> = shape.iter().cloned().collect();
        if self.keep {
            shape[along] = one;
        } else {
            shape.remove(along);
        }
        Ok(shape)
    }
}

impl Kernel for Arg {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![i64::fact(self.shape(&shape, 1.into())?)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let found = for_numbers!(input.datum_type().unquantized(), places(input, self))?;
        Ok(tvec![tensor(&self.shape(input.shape(), 1)?, found)?])
    }

    fn primitive(&self) -> Option<Primitive> {
        Some(Primitive::Best { axis: self.axis, least: self.least, last: self.last })
    }
}

fn places<T: Datum + Copy + PartialOrd>(input: &Tensor, op: &Arg) -> TractResult<Vec<i64>> {
    let (before, size, after) = around(input.shape(), axis(op.axis, input.rank())?);
    let values = slice::<T>(input)?;
    if size == 0 && before * after > 0 {
        return Err(error("there is no largest or smallest of no values"));
    }
    let mut found = Vec::with_capacity(before * after);
    for outer in 0..before {
        for inner in 0..after {
            let at = |step: usize| values[(outer * size + step) * after + inner];
            found.push(i64::try_from(place_of_best(size, op.least, op.last, at))?);
        }
    }
    Ok(found)
}

/// The place of the largest or least of so many values, of equal ones the first or the last.
pub fn place_of_best<T: PartialOrd>(count: usize, least: bool, last: bool, at: impl Fn(usize) -> T) -> usize {
    let mut best = 0;
    for step in 1..count {
        let (new, old) = (at(step), at(best));
        let better = if least { new < old } else { new > old };
        if better || (last && new == old) {
            best = step;
        }
    }
    best
}
