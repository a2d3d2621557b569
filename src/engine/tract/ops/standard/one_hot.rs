//! `OneHot`: for each index a row that has another value in just one place, or nowhere when the index is out of range.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{required, slice};
use super::shapes::{Found, POSITION, error, fact, integers, known, pick, volume};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct OneHot {
    axis: i64,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(OneHot { axis: node.int_or("axis", -1)?, found: Found::of(node) }))
}

fn depth(tensor: &Tensor) -> TractResult<usize> {
    // It may be a float.
    match integers(tensor)?[..] {
        [depth] => usize::try_from(depth).map_err(|_| error(format!("its depth is {depth}"))),
        _ => Err(error("its depth is not one number")),
    }
}

impl OneHot {
    /// Where the new axis goes in a value with that many axes.
    fn place(&self, rank: usize) -> TractResult<usize> {
        super::shapes::axis(self.axis, rank + 1)
    }
}

impl Kernel for OneHot {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (indices, values) = (required(inputs, 0)?, required(inputs, 2)?);
        let mut shape: TVec<TDim> = indices.shape.iter().cloned().collect();
        let size = match known(Some(required(inputs, 1)?)) {
            Some(size) => depth(size)?.into(),
            None => self.found.size(0)?,
        };
        shape.insert(self.place(indices.rank())?, size);
        Ok(tvec![fact(values.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (indices, depth, values) = (required(inputs, 0)?, depth(required(inputs, 1)?)?, required(inputs, 2)?);
        if values.shape() != [2] {
            return Err(error("it takes two values, off and on"));
        }
        let place = self.place(indices.rank())?;
        let mut shape = indices.shape().to_vec();
        shape.insert(place, depth);
        let wanted = rows(indices, depth)?;
        let after: usize = indices.shape()[place..].iter().product();
        let mut positions = vec![0; volume(&shape, values.datum_type(), POSITION)?];
        for (at, row) in wanted.into_iter().enumerate() {
            if let Some(row) = row {
                positions[(at / after * depth + row) * after + at % after] = 1;
            }
        }
        Ok(tvec![pick(values, &shape, &positions, None)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

/// The place of each index; negative ones count from the end.
fn rows(indices: &Tensor, depth: usize) -> TractResult<Vec<Option<usize>>> {
    let signed = i64::try_from(depth)?;
    let whole = match indices.datum_type() {
        // A fraction is no place, but a cut float is.
        DatumType::F32 => slice::<f32>(indices)?.iter().map(|&index| index as i64).collect(),
        _ => integers(indices)?,
    };
    let place = |index: i64| usize::try_from(if index < 0 { index.saturating_add(signed) } else { index }).ok();
    Ok(whole.into_iter().map(|index| place(index).filter(|&row| row < depth)).collect())
}
