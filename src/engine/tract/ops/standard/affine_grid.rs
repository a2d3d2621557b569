//! `AffineGrid`: where an affine map takes each point of a grid between -1 and 1.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required};
use super::shapes::{Found, WIDE, each, error, fact, integers, known, narrow, volume, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct AffineGrid {
    align_corners: bool,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(AffineGrid { align_corners: node.int_or("align_corners", 0)? != 0, found: Found::of(node) }))
}

/// Batch and sides of the image, the channels left out.
fn sides(size: &Tensor) -> TractResult<Vec<usize>> {
    let sizes = integers(size)?.into_iter().map(|size| usize::try_from(size).ok()).collect::<Option<Vec<_>>>();
    match sizes {
        Some(mut sizes) if matches!(sizes.len(), 4 | 5) => {
            sizes.remove(1);
            Ok(sizes)
        }
        _ => Err(error("its size must be that of a batch of images or of volumes")),
    }
}

impl Kernel for AffineGrid {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (theta, size) = (required(inputs, 0)?, required(inputs, 1)?);
        one_of(theta, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        let axes = match size.shape.first().and_then(|count| count.to_i64().ok()) {
            Some(4) => 2,
            Some(5) => 3,
            _ => return Err(error("its size must be that of a batch of images or of volumes")),
        };
        let mut shape: TVec<TDim> = match known(Some(size)) {
            Some(size) => sides(size)?.into_iter().map(TDim::from).collect(),
            None => self.found.sizes(1 + axes)?,
        };
        shape.push(axes.into());
        Ok(tvec![fact(theta.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let theta = required(inputs, 0)?;
        let sides = sides(required(inputs, 1)?)?;
        let axes = sides.len() - 1;
        if theta.shape() != [sides[0], axes, axes + 1] {
            return Err(error(format!(
                "its map is of shape {:?} for {axes} axes and {} images",
                theta.shape(),
                sides[0]
            )));
        }
        let maps = wide(theta)?;
        let place = |at: usize, count: usize| match (self.align_corners, count) {
            (true, 1) => 0.0,
            (true, _) => -1.0 + 2.0 * at as f64 / (count - 1) as f64,
            (false, _) => -1.0 + (2.0 * at as f64 + 1.0) / count as f64,
        };
        let shape = [&*sides, &[axes]].concat();
        let mut grid = Vec::with_capacity(volume(&shape, theta.datum_type(), WIDE)?);
        each(&sides, |at| {
            let map = &maps[at[0] * axes * (axes + 1)..][..axes * (axes + 1)];
            for row in map.chunks_exact(axes + 1) {
                // Axes of the map run from the last one of the image to the first.
                let mapped = (0..axes).map(|axis| row[axis] * place(at[axes - axis], sides[axes - axis]));
                grid.push(mapped.sum::<f64>() + row[axes]);
            }
        });
        Ok(tvec![narrow(theta.datum_type(), &shape, grid)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}
