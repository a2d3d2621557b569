//! `Scaler`: `(x - offset) * scale` per column, what scikit-learn's StandardScaler, MinMaxScaler and RobustScaler become.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{floats, one_of, required, slice, tensor};
use super::linear::NUMBERS;
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
        one_of(input, NUMBERS)?;
        if input.rank() > 2 && self.offset.len() > 1 {
            return Err(TractError::msg(format!("it scales columns of a table, not of {} axes", input.rank())));
        }
        if let Some(columns) = input.shape.last().and_then(|columns| usize::try_from(columns.to_i64().ok()?).ok()) {
            self.check(columns)?;
        }
        Ok(tvec![f32::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        self.check(input.shape().last().copied().unwrap_or(1))?;
        let factors = || self.offset.iter().zip(&self.scale).cycle();
        let values = match input.datum_type() {
            // Double precision is kept until the end; integers become floats at once.
            DatumType::F64 => {
                let scaled = |(x, (&offset, &scale)): (&f64, (&f32, &f32))| (x - f64::from(offset)) * f64::from(scale);
                slice::<f64>(input)?.iter().zip(factors()).map(|pair| scaled(pair) as f32).collect()
            }
            _ => floats(input)?.iter().zip(factors()).map(|(x, (offset, scale))| (x - offset) * scale).collect(),
        };
        Ok(tvec![tensor(input.shape(), values)?])
    }
}
