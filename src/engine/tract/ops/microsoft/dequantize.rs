//! `DequantizeLinear`: `(x - zero_point) * scale` in single precision. Opaque to tract for the same reason as
//! `QuantizeLinear`; where everything is stored in the file it is computed once, when a plan is built.

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::prelude::{Arc, Datum, DatumExt, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use super::scales::{Params, Spread};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Dequantize {
    spread: Spread,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let spread = Spread { axis: node.int_or("axis", 1)?, block: node.int_or("block_size", 0)? };
    let told = node.int_or("output_dtype", 0)?;
    if told != 0 && told != OnnxType::Float as i64 {
        return Err(Refusal::new("it makes another type than float32", "Export it without \"output_dtype\""));
    }
    if node.inputs() < 2 {
        return Err(malformed("it has no scale"));
    }
    Ok(Arc::new(Dequantize { spread }))
}

pub const QUANTISED: &[DatumType] = &[DatumType::U8, DatumType::I8, DatumType::U16, DatumType::I16, DatumType::I32];

impl Kernel for Dequantize {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, QUANTISED)?;
        one_of(required(inputs, 1)?, &[DatumType::F32])?;
        let zero_point = inputs.get(2).copied().flatten();
        if let Some(zero_point) = zero_point.filter(|zero_point| zero_point.datum_type != input.datum_type) {
            let (given, point) = (input.datum_type, zero_point.datum_type);
            return Err(TractError::msg(format!("it takes {given:?} and its zero point is {point:?}")));
        }
        Ok(tvec![f32::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let params = self.spread.fit(input.shape(), required(inputs, 1)?, inputs.get(2).copied().flatten())?;
        let made = match input.datum_type() {
            DatumType::U8 => dequantise::<u8>(input, &params),
            DatumType::I8 => dequantise::<i8>(input, &params),
            DatumType::U16 => dequantise::<u16>(input, &params),
            DatumType::I16 => dequantise::<i16>(input, &params),
            _ => dequantise::<i32>(input, &params),
        }?;
        Ok(tvec![tensor(input.shape(), made)?])
    }
}

fn dequantise<T: Datum + Copy + Into<i32>>(input: &Tensor, params: &Params) -> TractResult<Vec<f32>> {
    let values = slice::<T>(input)?;
    let mut made = Vec::with_capacity(values.len());
    params.runs(values.len(), |scale, zero_point, from, to| {
        let one = |&x: &T| x.into().wrapping_sub(zero_point) as f32 * scale;
        made.extend(values.get(from..to).unwrap_or_default().iter().map(one));
    });
    Ok(made)
}
