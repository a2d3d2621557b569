//! `Center` (private): `x - zero_point` as floats. Products and sums of such whole numbers are exact in single precision
//! up to 2^24, so with it the integer operators become the fast floating-point ones and still answer exactly.
//! The zero point is a single one, or one per index of `axis`.

use tract_onnx::prelude::{Arc, DatumExt, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required, tensor};
use super::dequantize::QUANTISED;
use super::scales::integers;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Center {
    /// `None` where only a single zero point is right.
    axis: Option<i64>,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Center { axis: node.int("axis")? }))
}

impl Kernel for Center {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, QUANTISED)?;
        Ok(tvec![f32::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let shape = input.shape();
        let zeros = inputs.get(1).copied().flatten().map(integers).transpose()?.unwrap_or_else(|| vec![0]);
        let values = integers(input)?;
        if let [zero] = *zeros {
            return Ok(tvec![tensor(shape, values.into_iter().map(|x| x.wrapping_sub(zero) as f32).collect())?]);
        }
        let rank = shape.len() as i64;
        let at = self.axis.map(|axis| if axis < 0 { axis + rank } else { axis });
        let at = at.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| shape.get(axis) == Some(&zeros.len()));
        let Some(at) = at else {
            return Err(TractError::msg(format!("{} zero points do not fit the shape {shape:?}", zeros.len())));
        };
        let inner: usize = shape[at + 1..].iter().product();
        let pairs = values.iter().enumerate();
        let made = pairs.map(|(index, x)| x.wrapping_sub(zeros[index / inner.max(1) % zeros.len()]) as f32).collect();
        Ok(tvec![tensor(shape, made)?])
    }
}
