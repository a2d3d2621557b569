//! `SVMRegressor`: a weighted sum of how alike the row and each support vector are; without support vectors a linear
//! model. With `one_class` only the sign is told.

use tract_onnx::prelude::{Arc, DatumExt, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, tensor};
use super::linear::{Rows, check_columns, rows_fact};
use super::post_transform::PostTransform;
use super::svm::Similarity;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct SvmRegressor {
    similarity: Similarity,
    vectors: Vec<f32>,
    coefficients: Vec<f32>,
    rho: f32,
    columns: usize,
    one_class: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let coefficients = node.floats("coefficients")?.to_vec();
    let support = usize::try_from(node.int_or("n_supports", 0)?).unwrap_or(usize::MAX);
    let vectors = node.floats("support_vectors")?.to_vec();
    let fits = if support == 0 { vectors.is_empty() } else { coefficients.len() == support };
    let (Some(&rho), true, false) = (node.floats("rho")?.first(), fits, coefficients.is_empty()) else {
        return Err(malformed("its coefficients, support vectors and offset do not fit each other"));
    };
    let columns = vectors.len().checked_div(support).unwrap_or(coefficients.len());
    if columns == 0 || (support > 0 && vectors.len() % support != 0) {
        return Err(malformed(format!("it has {} numbers in {support} support vectors", vectors.len())));
    }
    if PostTransform::of(node)? != PostTransform::None {
        return Err(Refusal::new(
            "runtimes do not agree on what its post_transform does",
            "Export it with post_transform NONE and transform the answer afterwards",
        ));
    }
    let similarity = Similarity::of(node)?;
    let one_class = node.int_or("one_class", 0)? != 0;
    Ok(Arc::new(SvmRegressor { similarity, vectors, coefficients, rho, columns, one_class }))
}

impl SvmRegressor {
    fn value(&self, row: &[f32]) -> f32 {
        let sum = if self.vectors.is_empty() {
            Similarity::Linear.between(row, &self.coefficients)
        } else {
            let vectors = self.vectors.chunks_exact(self.columns).zip(&self.coefficients);
            vectors.map(|(vector, &weight)| f64::from(weight) * self.similarity.between(row, vector)).sum()
        };
        match (sum + f64::from(self.rho)) as f32 {
            value if !self.one_class => value,
            value if value > 0.0 => 1.0,
            _ => -1.0,
        }
    }
}

impl Kernel for SvmRegressor {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (rows, columns) = rows_fact(required(inputs, 0)?)?;
        check_columns(self.columns, columns.unwrap_or(self.columns))?;
        Ok(tvec![f32::fact([rows, 1.into()])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = Rows::of(required(inputs, 0)?)?;
        check_columns(self.columns, input.columns)?;
        let values = input.each().map(|row| self.value(row)).collect();
        Ok(tvec![tensor(&[input.rows, 1], values)?])
    }
}
