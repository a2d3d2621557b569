//! `CDist` of `com.microsoft`: the distance of each row of one table from each row of another, which the exporter of
//! scikit-learn writes for nearest neighbours and Gaussian processes when it is asked for it.

use tract_onnx::prelude::{Arc, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};
use tract_onnx::tract_hir::internal::DatumTypeExt;

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use super::linear::affordable;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct CDist {
    squared: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    match node.text_or("metric", "sqeuclidean")? {
        "euclidean" => Ok(Arc::new(CDist { squared: false })),
        "sqeuclidean" => Ok(Arc::new(CDist { squared: true })),
        other => Err(malformed(format!("its metric {other:?} is none that the operator has"))),
    }
}

impl Kernel for CDist {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (a, b) = (required(inputs, 0)?, required(inputs, 1)?);
        one_of(a, &[DatumType::F32, DatumType::F64])?;
        one_of(b, &[a.datum_type])?;
        match (a.shape.dims(), b.shape.dims()) {
            ([rows, _], [others, _]) => Ok(tvec![a.datum_type.fact([rows.clone(), others.clone()])]),
            _ => Err(TractError::msg("it takes two tables")),
        }
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (a, b) = (required(inputs, 0)?, required(inputs, 1)?);
        let (&[rows, columns], &[others, same]) = (a.shape(), b.shape()) else {
            return Err(TractError::msg("it takes two tables"));
        };
        if columns != same {
            return Err(TractError::msg(format!("rows of {columns} numbers are not comparable with rows of {same}")));
        }
        let (wide_a, wide_b) = (a.cast_to::<f64>()?, b.cast_to::<f64>()?);
        let (left, right) = (slice::<f64>(&wide_a)?, slice::<f64>(&wide_b)?);
        let row = |values: &[f64], at: usize| at * columns..values.len().min((at + 1) * columns);
        let mut out = Vec::with_capacity(affordable::<f64>(rows, others)?);
        for i in 0..rows {
            for j in 0..others {
                let pairs = left[row(left, i)].iter().zip(&right[row(right, j)]);
                let squared: f64 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
                out.push(if self.squared { squared } else { squared.sqrt() });
            }
        }
        Ok(tvec![tensor(&[rows, others], out)?.cast_to_dt(a.datum_type())?.into_owned()])
    }
}
