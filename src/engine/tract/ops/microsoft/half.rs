//! Half precision at its borders (private): `Widen` brings stored weights to single precision once, when a plan is
//! built; `RoundToHalf` and `RoundToBrain` round single precision to what a half or a bfloat16 can hold, which is what a
//! cast to those does to values that are computed with in single precision afterwards.

use half::{bf16, f16};
use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{floats, one_of, required, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
enum Half {
    Widen,
    Round,
    RoundBrain,
}

pub fn widen(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Half::Widen))
}

pub fn round(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Half::Round))
}

pub fn round_brain(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Half::RoundBrain))
}

impl Kernel for Half {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        match self {
            Self::Widen => one_of(input, &[DatumType::F16])?,
            Self::Round | Self::RoundBrain => one_of(input, &[DatumType::F32])?,
        }
        Ok(tvec![f32::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let mut values = floats(input)?;
        match self {
            Self::Widen => {}
            Self::Round => values.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32()),
            Self::RoundBrain => values.iter_mut().for_each(|value| *value = bf16::from_f32(*value).to_f32()),
        }
        Ok(tvec![tensor(input.shape(), values)?])
    }
}
