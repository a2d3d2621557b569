//! `Det`: determinants of square matrices, by elimination with pivots.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required};
use super::shapes::{WIDE, error, fact, narrow, volume, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Det;

pub fn build(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Det))
}

impl Kernel for Det {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        match &*input.shape.to_tvec() {
            [batch @ .., rows, columns] if rows == columns => {
                Ok(tvec![fact(input.datum_type, &batch.iter().cloned().collect::<TVec<TDim>>())])
            }
            other => Err(error(format!("matrices of shape {other:?} are not square"))),
        }
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let [batch @ .., side, _] = input.shape() else { return Err(error("it takes matrices")) };
        let mut values = wide(input)?;
        let count = volume(batch, input.datum_type(), WIDE)?;
        let found = (0..count).map(|at| determinant(&mut values[at * side * side..][..side * side], *side));
        Ok(tvec![narrow(input.datum_type(), batch, found.collect())?])
    }
}

fn determinant(matrix: &mut [f64], side: usize) -> f64 {
    let mut product = 1.0;
    for step in 0..side {
        let largest =
            (step..side).max_by(|&a, &b| matrix[a * side + step].abs().total_cmp(&matrix[b * side + step].abs()));
        let pivot = largest.unwrap_or(step);
        if pivot != step {
            (0..side).for_each(|column| matrix.swap(pivot * side + column, step * side + column));
            product = -product;
        }
        let head = matrix[step * side + step];
        product *= head;
        if head == 0.0 {
            return product;
        }
        for row in step + 1..side {
            let factor = matrix[row * side + step] / head;
            (step..side).for_each(|column| matrix[row * side + column] -= factor * matrix[step * side + column]);
        }
    }
    product
}
