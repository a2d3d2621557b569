//! `GatherND` and `ScatterND`: elements by their coordinates, which may count from the end and must lie inside.

use tract_onnx::prelude::{Arc, Datum, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, slice, tensor};
use super::cumulative::Number;
use super::shapes::{POSITION, error, fact, for_any, for_numbers, integers, pick, strides, volume};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Gather {
    batch: usize,
}

pub fn gather(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let batch = node.int_or("batch_dims", 0)?;
    let batch = usize::try_from(batch).map_err(|_| malformed(format!("its batch_dims are {batch}")))?;
    Ok(Arc::new(Gather { batch }))
}

/// Where the block that each row of coordinates means begins, counted from the start of `shape`.
fn starts(rows: &[i64], depth: usize, shape: &[usize]) -> TractResult<Vec<usize>> {
    let strides = strides(shape);
    let start = |row: &[i64]| {
        let along = row.iter().zip(shape).zip(&strides).map(|((&index, &size), &stride)| {
            let signed = i64::try_from(size)?;
            let index = if index < 0 { index.saturating_add(signed) } else { index };
            let inside = usize::try_from(index).ok().filter(|&index| index < size);
            Ok(inside.ok_or_else(|| error(format!("the index {row:?} is outside of {shape:?}")))? * stride)
        });
        along.sum::<TractResult<usize>>()
    };
    if depth == 0 {
        return Err(error("its indices have no coordinates"));
    }
    rows.chunks_exact(depth).map(start).collect()
}

/// How many coordinates an index has.
fn depth(indices: &TypedFact) -> TractResult<usize> {
    let depth = indices.shape.last().and_then(|depth| usize::try_from(depth.to_i64().ok()?).ok());
    depth.ok_or_else(|| error("the number of coordinates of its indices is not known"))
}

impl Kernel for Gather {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (input, indices) = (required(inputs, 0)?, required(inputs, 1)?);
        let depth = depth(indices)?;
        if self.batch >= indices.rank() || self.batch + depth > input.rank() {
            return Err(error(format!("indices of {depth} coordinates are too many for {} axes", input.rank())));
        }
        let rows = indices.shape.iter().take(indices.rank() - 1);
        let shape: TVec<TDim> = rows.chain(input.shape.iter().skip(self.batch + depth)).cloned().collect();
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, indices) = (required(inputs, 0)?, required(inputs, 1)?);
        let (of, at) = (input.shape(), indices.shape());
        let depth = at.last().copied().unwrap_or(0);
        if of[..self.batch] != at[..self.batch] {
            return Err(error(format!("values of shape {of:?} have indices {at:?}")));
        }
        let block: usize = of[self.batch + depth..].iter().product();
        let shape = [&at[..at.len() - 1], &of[self.batch + depth..]].concat();
        let batches: usize = of[..self.batch].iter().product();
        let (rows, size) = (integers(indices)?, of[self.batch..].iter().product::<usize>());
        let mut positions = Vec::with_capacity(volume(&shape, input.datum_type(), POSITION)?);
        for batch in 0..batches {
            let count = rows.len() / batches;
            for start in starts(&rows[batch * count..][..count], depth, &of[self.batch..])? {
                positions.extend(batch * size + start..batch * size + start + block);
            }
        }
        Ok(tvec![pick(input, &shape, &positions, None)?])
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reduction {
    None,
    Add,
    Mul,
    Max,
    Min,
}

#[derive(Debug)]
struct Scatter {
    reduction: Reduction,
}

pub fn scatter(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let reduction = match node.text_or("reduction", "none")? {
        "none" => Reduction::None,
        "add" => Reduction::Add,
        "mul" => Reduction::Mul,
        "max" => Reduction::Max,
        "min" => Reduction::Min,
        other => return Err(malformed(format!("it has no reduction {other:?}"))),
    };
    Ok(Arc::new(Scatter { reduction }))
}

impl Kernel for Scatter {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (input, indices, updates) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        if depth(indices)? > input.rank() || updates.datum_type != input.datum_type {
            return Err(error("its indices or updates do not go with its values"));
        }
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, indices, updates) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        let at = indices.shape();
        let depth = at.last().copied().unwrap_or(0);
        let wanted = [&at[..at.len().saturating_sub(1)], &input.shape()[depth..]].concat();
        if updates.shape() != wanted {
            return Err(error(format!("its updates are of shape {:?}, not {wanted:?}", updates.shape())));
        }
        let starts = starts(&integers(indices)?, depth, input.shape())?;
        let block: usize = input.shape()[depth..].iter().product();
        if self.reduction == Reduction::None {
            return Ok(tvec![for_any!(input.datum_type(), replaced(input, updates, &starts, block))?]);
        }
        Ok(tvec![for_numbers!(input.datum_type(), combined(input, updates, &starts, block, self.reduction))?])
    }
}

fn replaced<T: Datum>(input: &Tensor, updates: &Tensor, starts: &[usize], block: usize) -> TractResult<Tensor> {
    let (mut values, new) = (slice::<T>(input)?.to_vec(), slice::<T>(updates)?);
    for (at, &start) in starts.iter().enumerate() {
        values[start..start + block].clone_from_slice(&new[at * block..][..block]);
    }
    tensor(input.shape(), values)
}

fn combined<T: Number + PartialOrd>(
    input: &Tensor,
    updates: &Tensor,
    starts: &[usize],
    block: usize,
    reduction: Reduction,
) -> TractResult<Tensor> {
    let (mut values, new) = (slice::<T>(input)?.to_vec(), slice::<T>(updates)?);
    for (at, &start) in starts.iter().enumerate() {
        for (old, &new) in values[start..start + block].iter_mut().zip(&new[at * block..][..block]) {
            *old = match reduction {
                Reduction::Add => old.plus(new),
                Reduction::Mul => old.times(new),
                Reduction::Max if new > *old => new,
                Reduction::Min if new < *old => new,
                Reduction::None => new,
                _ => *old,
            };
        }
    }
    tensor(input.shape(), values)
}
