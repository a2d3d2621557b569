//! `LinearRegressor`: a weighted sum of the features for each target.

use tract_onnx::prelude::{Arc, DatumExt, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, tensor};
use super::linear::{Rows, check_columns, dot, rows_fact};
use super::post_transform::PostTransform;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct LinearRegressor {
    coefficients: Vec<f32>,
    /// One per target.
    intercepts: Vec<f32>,
    columns: usize,
    transform: PostTransform,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let (coefficients, mut intercepts) = (node.floats("coefficients")?.to_vec(), node.floats("intercepts")?.to_vec());
    let targets = usize::try_from(node.int_or("targets", 1)?).unwrap_or(0);
    let fits = (intercepts.is_empty() || intercepts.len() == targets) && targets > 0 && !coefficients.is_empty();
    if !fits || coefficients.len() % targets != 0 {
        let (count, given) = (coefficients.len(), intercepts.len());
        return Err(malformed(format!("it has {count} coefficients and {given} intercepts for {targets} targets")));
    }
    intercepts.resize(targets, 0.0);
    let columns = coefficients.len() / targets;
    Ok(Arc::new(LinearRegressor { coefficients, intercepts, columns, transform: PostTransform::of(node)? }))
}

impl Kernel for LinearRegressor {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (rows, columns) = rows_fact(required(inputs, 0)?)?;
        check_columns(self.columns, columns.unwrap_or(self.columns))?;
        Ok(tvec![f32::fact([rows, self.intercepts.len().into()])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = Rows::of(required(inputs, 0)?)?;
        check_columns(self.columns, input.columns)?;
        let targets = self.intercepts.len();
        let mut all = Vec::with_capacity(input.rows * targets);
        for row in input.each() {
            let lines = self.coefficients.chunks_exact(self.columns).zip(&self.intercepts);
            all.extend(lines.map(|(line, intercept)| dot(row, line) + intercept));
        }
        all.chunks_exact_mut(targets).for_each(|scores| self.transform.apply(scores));
        Ok(tvec![tensor(&[input.rows, targets], all)?])
    }
}
