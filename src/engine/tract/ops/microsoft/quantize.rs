//! `QuantizeLinear`: `saturate(round(x / scale) + zero_point)`, halves to even, as ONNX Runtime computes it: clamped
//! before it is rounded, in single precision, and "not a number" becomes the smallest number of the type. An operator of
//! ours, opaque to tract, because tract folds whatever stands between a dequantiser and a quantiser into a table of 256
//! results, which is wrong for all that looks along an axis.

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::prelude::{
    Arc, Datum, DatumType, DatumTypeExt, TVec, Tensor, TractError, TractResult, TypedFact, tvec,
};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use super::scales::{Params, Spread};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Quantize {
    spread: Spread,
    /// The type where there is no zero point to tell it.
    without_zero_point: DatumType,
    /// What the attribute says, which a zero point has to agree with.
    told: Option<DatumType>,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let spread = Spread { axis: node.int_or("axis", 1)?, block: node.int_or("block_size", 0)? };
    // It is for 8-bit floats only.
    node.int("saturate")?;
    let precision = node.int_or("precision", 0)?;
    if precision != 0 && precision != OnnxType::Float as i64 {
        return Err(Refusal::new("it divides in another precision than float32", "Export it without \"precision\""));
    }
    let told = match node.int_or("output_dtype", 0)? {
        0 => None,
        code => Some(quantised(code)?),
    };
    if node.inputs() < 2 {
        return Err(malformed("it has no scale"));
    }
    Ok(Arc::new(Quantize { spread, without_zero_point: told.unwrap_or(DatumType::U8), told }))
}

fn quantised(code: i64) -> Result<DatumType, Refusal> {
    let known = [
        (OnnxType::Uint8, DatumType::U8),
        (OnnxType::Int8, DatumType::I8),
        (OnnxType::Uint16, DatumType::U16),
        (OnnxType::Int16, DatumType::I16),
    ];
    let found = known.into_iter().find(|(onnx, _)| i64::from(*onnx as i32) == code).map(|(_, datatype)| datatype);
    found.ok_or_else(|| {
        let word = i32::try_from(code).ok().and_then(|code| OnnxType::try_from(code).ok());
        let word = word.map_or_else(|| format!("type {code}"), |word| word.as_str_name().to_lowercase());
        Refusal::new(format!("it makes {word}, which the engine does not have"), "Quantise to 8 or 16 bits")
    })
}

impl Quantize {
    fn output(&self, zero_point: Option<DatumType>) -> TractResult<DatumType> {
        match (self.told, zero_point) {
            (Some(told), Some(zero_point)) if told != zero_point => {
                Err(TractError::msg(format!("it is told to make {told:?} and has a zero point of {zero_point:?}")))
            }
            (_, zero_point) => Ok(zero_point.unwrap_or(self.without_zero_point)),
        }
    }
}

impl Kernel for Quantize {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::F32, DatumType::I32])?;
        one_of(required(inputs, 1)?, &[DatumType::F32])?;
        let zero_point = inputs.get(2).copied().flatten();
        if let Some(zero_point) = zero_point {
            one_of(zero_point, &[DatumType::U8, DatumType::I8, DatumType::U16, DatumType::I16])?;
        }
        let output = self.output(zero_point.map(|fact| fact.datum_type))?;
        Ok(tvec![output.fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, scale, zero_point) = (required(inputs, 0)?, required(inputs, 1)?, inputs.get(2).copied().flatten());
        let params = self.spread.fit(input.shape(), scale, zero_point)?;
        let shape = input.shape();
        let wide = input.cast_to::<f32>()?;
        let values = slice::<f32>(&wide)?;
        let output = self.output(zero_point.map(Tensor::datum_type))?;
        Ok(tvec![match output {
            DatumType::U8 => tensor(shape, quantise(values, &params, (0, 255), |x| x as u8))?,
            DatumType::I8 => tensor(shape, quantise(values, &params, (-128, 127), |x| x as i8))?,
            DatumType::U16 => tensor(shape, quantise(values, &params, (0, 65_535), |x| x as u16))?,
            _ => tensor(shape, quantise(values, &params, (-32_768, 32_767), |x| x as i16))?,
        }])
    }
}

/// To the nearest whole number, halves to even, of a number of at most 2^22: past 1.5 * 2^23 floats are whole. Unlike the
/// library's function it is two additions, which the compiler makes vectors of.
fn round(x: f32) -> f32 {
    const WHOLE: f32 = 12_582_912.0;
    (x + WHOLE) - WHOLE
}

/// `range` is that of the type, `narrow` the conversion of a whole number within it.
pub fn quantise<T: Datum>(values: &[f32], params: &Params, range: (i32, i32), narrow: fn(f32) -> T) -> Vec<T> {
    let mut made = Vec::with_capacity(values.len());
    params.runs(values.len(), |scale, zero_point, from, to| {
        let (least, most) = ((range.0 - zero_point) as f32, (range.1 - zero_point) as f32);
        let zero_point = zero_point as f32;
        // The order of the clamps decides what becomes of "not a number": the least.
        let one = |&x: &f32| narrow(round((x / scale).max(least).min(most)) + zero_point);
        made.extend(values.get(from..to).unwrap_or_default().iter().map(one));
    });
    made
}

#[cfg(test)]
mod tests {
    use super::round;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        for x in [-131_070.0, -2.5, -1.5, -0.500_000_06, -0.5, -0.0, 0.49, 0.5, 1.5, 2.5, 254.5, 65_534.5, 131_070.0] {
            assert_eq!(round(x), f32::round_ties_even(x), "{x}");
        }
    }
}
