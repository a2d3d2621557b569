//! `DynamicQuantizeLinear`: unsigned bytes with the scale and zero point that the values themselves ask for. As ONNX
//! Runtime has it, and not tract, a tensor of zeros has the scale 1; the values of all rows of a request count.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{floats, one_of, required, tensor};
use super::quantize::quantise;
use super::scales::Spread;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct DynamicQuantize;

pub fn build(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(DynamicQuantize))
}

/// Scale and zero point for these values.
fn params(values: &[f32]) -> (f32, u8) {
    // `min` and `max` pass over "not a number".
    let (least, most) = values.iter().fold((0f32, 0f32), |(least, most), &x| (least.min(x), most.max(x)));
    let scale = if least == most { 1.0 } else { (most - least) / 255.0 };
    // Infinite values leave no zero point; ONNX Runtime takes the largest.
    let wanted = -least / scale;
    let zero_point = if wanted.is_nan() { 255.0 } else { wanted.clamp(0.0, 255.0).round_ties_even() };
    (scale, zero_point as u8)
}

impl Kernel for DynamicQuantize {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::F32])?;
        Ok(tvec![u8::fact(input.shape.iter()), f32::fact([0usize; 0]), u8::fact([0usize; 0])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let values = floats(input)?;
        let (scale, zero_point) = params(&values);
        let (scale, zero_point) = (tensor(&[], vec![scale])?, tensor(&[], vec![zero_point])?);
        let fitted = Spread { axis: 0, block: 0 }.fit(input.shape(), &scale, Some(&zero_point))?;
        let quantised = quantise(&values, &fitted, (0, 255), |x| x as u8);
        Ok(tvec![tensor(input.shape(), quantised)?, scale, zero_point])
    }
}

#[cfg(test)]
mod tests {
    use super::params;

    #[test]
    fn the_range_holds_zero_and_is_never_empty() {
        assert_eq!(params(&[]), (1.0, 0));
        assert_eq!(params(&[0.0, 0.0]), (1.0, 0));
        assert_eq!(params(&[1.0, f32::NAN, -2.0]), (3.0 / 255.0, 170));
        assert_eq!(params(&[f32::NEG_INFINITY, f32::INFINITY]), (f32::INFINITY, 255));
        assert_eq!(params(&[-4.0, -1.0]), (4.0 / 255.0, 255));
    }
}
