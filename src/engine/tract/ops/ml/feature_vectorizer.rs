//! `FeatureVectorizer`: the columns of several inputs side by side in single precision, each cut or filled up with zeros
//! to the width that was declared for it.

use tract_onnx::prelude::{Arc, DatumExt, TDim, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{floats, one_of, required, tensor};
use super::linear::{NUMBERS, affordable};
use crate::engine::tract::checks::Refusal;

/// The most columns that are believed: a file of a few bytes could ask for any number.
const WIDEST: usize = 1 << 24;

#[derive(Debug)]
struct FeatureVectorizer {
    widths: Vec<usize>,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let declared = node.ints("inputdimensions")?;
    let widths: Vec<usize> = declared.iter().filter_map(|&width| usize::try_from(width).ok()).collect();
    let total = widths.iter().fold(0usize, |sum, &width| sum.saturating_add(width));
    if widths.len() != declared.len() || widths.len() != node.inputs() || total > WIDEST {
        return Err(malformed(format!("its inputdimensions {declared:?} do not fit its {} inputs", node.inputs())));
    }
    Ok(Arc::new(FeatureVectorizer { widths }))
}

impl Kernel for FeatureVectorizer {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        for at in 0..self.widths.len() {
            one_of(required(inputs, at)?, NUMBERS)?;
        }
        let rows = match required(inputs, 0)?.shape.dims() {
            [] => return Err(TractError::msg("it takes at least one axis")),
            [_] => TDim::from(1),
            [rows, ..] => rows.clone(),
        };
        let total: usize = self.widths.iter().sum();
        Ok(tvec![f32::fact([rows, total.into()])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let rows_of = |input: &Tensor| if input.rank() > 1 { input.shape()[0] } else { 1 };
        let rows = rows_of(required(inputs, 0)?);
        let total: usize = self.widths.iter().sum();
        let mut out = vec![0f32; affordable::<f32>(rows, total)?];
        let mut start = 0;
        for (at, &width) in self.widths.iter().enumerate() {
            let input = required(inputs, at)?;
            if rows_of(input) != rows {
                return Err(TractError::msg(format!("its input {at} has {} rows, not {rows}", rows_of(input))));
            }
            let values = floats(input)?;
            let columns = values.len() / rows.max(1);
            let copied = width.min(columns);
            if copied > 0 {
                for (row, values) in out.chunks_exact_mut(total).zip(values.chunks_exact(columns)) {
                    row[start..start + copied].copy_from_slice(&values[..copied]);
                }
            }
            start += width;
        }
        Ok(tvec![tensor(&[rows, total], out)?])
    }
}
