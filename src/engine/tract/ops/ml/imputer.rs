//! `Imputer`: one value, often NaN, replaced by a value for its column or for all of them.

use tract_onnx::prelude::{Arc, Datum, DatumType, TDim, TVec, Tensor, TractError, TractResult, TypedFact, tvec};
use tract_onnx::tract_hir::internal::{DatumTypeExt, DimLike};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
enum Imputer {
    Floats { replaced: f32, imputed: Vec<f32> },
    Integers { replaced: i64, imputed: Vec<i64> },
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let (floats, integers) = (node.floats("imputed_value_floats")?, node.ints("imputed_value_int64s")?);
    // Exporters write the replaced value of the other kind too.
    let (float, integer) = (node.float_or("replaced_value_float", 0.0)?, node.int_or("replaced_value_int64", 0)?);
    match (floats, integers) {
        ([], []) => Err(malformed("it has nothing to impute")),
        (floats, []) => Ok(Arc::new(Imputer::Floats { replaced: float, imputed: floats.to_vec() })),
        ([], integers) => Ok(Arc::new(Imputer::Integers { replaced: integer, imputed: integers.to_vec() })),
        _ => Err(malformed("it imputes values of two kinds")),
    }
}

impl Imputer {
    fn columns(&self) -> usize {
        match self {
            Self::Floats { imputed, .. } => imputed.len(),
            Self::Integers { imputed, .. } => imputed.len(),
        }
    }

    fn check(&self, columns: usize) -> TractResult<()> {
        if self.columns() == 1 || self.columns() == columns {
            return Ok(());
        }
        Err(TractError::msg(format!("it imputes {} columns and gets {columns}", self.columns())))
    }
}

/// The size of the axis that has the features: the second one, or the only one.
fn features<T: Clone>(shape: &[T]) -> TractResult<T> {
    let size = shape.get(1).or_else(|| shape.first());
    size.cloned().ok_or_else(|| TractError::msg("it takes at least one axis"))
}

fn imputed<T: Datum + Copy>(input: &Tensor, missing: impl Fn(T) -> bool, values: &[T]) -> TractResult<Tensor> {
    let fill = |(at, &value): (usize, &T)| if missing(value) { values[at % values.len()] } else { value };
    tensor(input.shape(), slice::<T>(input)?.iter().enumerate().map(fill).collect())
}

impl Kernel for Imputer {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        match self {
            Self::Floats { .. } => one_of(input, &[DatumType::F32, DatumType::F64])?,
            Self::Integers { .. } => one_of(input, &[DatumType::I64, DatumType::I32])?,
        }
        let columns: TDim = features(input.shape.dims())?;
        if let Ok(columns) = columns.to_usize() {
            self.check(columns)?;
        }
        Ok(tvec![input.datum_type.fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        self.check(features(input.shape())?)?;
        Ok(tvec![match (self, input.datum_type()) {
            (Self::Floats { replaced, imputed: values }, DatumType::F64) => {
                let replaced = f64::from(*replaced);
                let values: Vec<f64> = values.iter().map(|&value| value.into()).collect();
                imputed(input, |x: f64| x == replaced || (x.is_nan() && replaced.is_nan()), &values)?
            }
            (Self::Floats { replaced, imputed: values }, _) => {
                imputed(input, |x: f32| x == *replaced || (x.is_nan() && replaced.is_nan()), values)?
            }
            (Self::Integers { replaced, imputed: values }, DatumType::I32) => {
                let narrow =
                    |&value: &i64| i32::try_from(value).map_err(|_| TractError::msg("it imputes what is no int32"));
                let values = values.iter().map(narrow).collect::<TractResult<Vec<i32>>>()?;
                imputed(input, |x: i32| i64::from(x) == *replaced, &values)?
            }
            (Self::Integers { replaced, imputed: values }, _) => imputed(input, |x: i64| x == *replaced, values)?,
        }])
    }
}
