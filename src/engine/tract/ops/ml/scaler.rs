//! `Scaler`: `(x - offset) * scale` per column, what scikit-learn's StandardScaler, MinMaxScaler and RobustScaler become.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{floats, one_of, required, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let (offset, scale) = (node.floats("offset")?.to_vec(), node.floats("scale")?.to_vec());
    if offset.is_empty() || offset.len() != scale.len() {
        return Err(malformed(format!("it has {} offsets and {} scales", offset.len(), scale.len())));
    }
    Ok(Arc::new(Scaler { offset, scale }))
}

impl Scaler {
    /// Whether there is a factor for each column, or one for all.
    fn check(&self, columns: usize) -> TractResult<()> {
        if self.offset.len() == 1 || self.offset.len() == columns {
            return Ok(());
        }
        Err(TractError::msg(format!("it scales {} columns and gets {columns}", self.offset.len())))
    }
}

impl Kernel for Scaler {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32])?;
        if let Some(columns) = input.shape.last().and_then(|columns| usize::try_from(columns.to_i64().ok()?).ok()) {
            self.check(columns)?;
        }
        Ok(tvec![f32::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let columns = input.shape().last().copied().unwrap_or(1);
        self.check(columns)?;
        let mut values = floats(input)?;
        if let ([offset], [scale]) = (&*self.offset, &*self.scale) {
            values.iter_mut().for_each(|value| *value = (*value - offset) * scale);
        } else {
            for row in values.chunks_exact_mut(columns) {
                for ((value, offset), scale) in row.iter_mut().zip(&self.offset).zip(&self.scale) {
                    *value = (*value - offset) * scale;
                }
            }
        }
        Ok(tvec![tensor(input.shape(), values)?])
    }
}
