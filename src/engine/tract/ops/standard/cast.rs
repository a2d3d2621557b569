//! `Cast` and `CastLike` between numbers and truth values. What a float beyond the range of an integer becomes is not
//! defined by the standard; here it is what ONNX Runtime makes of it on the same kind of processor.

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::prelude::{Arc, Datum, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::node::{Node, malformed};
use super::super::values::{required, slice, tensor};
use super::super::{Kernel, Primitive};
use super::shapes::{error, fact, wide};
use crate::engine::tract::checks::Refusal;
use crate::engine::tract::{convert, proto};

#[derive(Debug)]
struct Cast {
    to: DatumType,
}

#[derive(Debug)]
struct CastLike;

pub fn cast(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    // They are about bytes that are floats, which no tensor here is made of.
    node.int("saturate")?;
    node.text("round_mode")?;
    let to = match node.opset() {
        // The type used to be a word.
        0..6 => {
            let word = node.text("to")?.unwrap_or_default().to_uppercase();
            (1..17).filter_map(|code| OnnxType::try_from(code).ok()).find(|known| known.as_str_name() == word)
        }
        _ => node.int("to")?.and_then(|to| i32::try_from(to).ok()).and_then(|to| OnnxType::try_from(to).ok()),
    };
    match to.and_then(proto::datatype).map(convert::datum_type) {
        Some(to) => Ok(Arc::new(Cast { to })),
        None => match to {
            None | Some(OnnxType::Undefined) => Err(malformed("it does not say which type to cast to")),
            Some(other) => Err(Refusal::new(
                format!("it computes with {}, which the engine does not have", other.as_str_name().to_lowercase()),
                "Export the model in float32, or with 8-bit integers if it is quantised",
            )),
        },
    }
}

pub fn cast_like(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    node.int("saturate")?;
    node.text("round_mode")?;
    Ok(Arc::new(CastLike))
}

impl Kernel for Cast {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let shape: TVec<TDim> = required(inputs, 0)?.shape.iter().cloned().collect();
        Ok(tvec![fact(self.to, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        Ok(tvec![converted(required(inputs, 0)?, self.to)?])
    }

    fn passes_sizes(&self) -> bool {
        self.to == DatumType::I64
    }

    fn primitive(&self) -> Option<Primitive> {
        Some(Primitive::Cast { to: self.to })
    }
}

impl Kernel for CastLike {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let shape: TVec<TDim> = required(inputs, 0)?.shape.iter().cloned().collect();
        Ok(tvec![fact(required(inputs, 1)?.datum_type.unquantized(), &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        Ok(tvec![converted(required(inputs, 0)?, required(inputs, 1)?.datum_type().unquantized())?])
    }
}

fn converted(input: &Tensor, to: DatumType) -> TractResult<Tensor> {
    let from = input.datum_type();
    if from.is_float() && to.is_integer() {
        return cut(input, to);
    }
    if from == DatumType::F64 && to == DatumType::F16 {
        return Ok(input.cast_to::<f32>()?.cast_to_dt(to)?.into_owned());
    }
    Ok(input.cast_to_dt(to)?.into_owned())
}

/// Floats as integers, cut towards zero.
fn cut(input: &Tensor, to: DatumType) -> TractResult<Tensor> {
    fn each<F: Datum + Copy, T: Datum>(input: &Tensor, cut: impl Fn(F) -> T) -> TractResult<Tensor> {
        tensor(input.shape(), slice::<F>(input)?.iter().map(|&value| cut(value)).collect())
    }
    fn from<T: Datum>(input: &Tensor, cut: impl Fn(f64) -> T) -> TractResult<Tensor> {
        match input.datum_type() {
            DatumType::F32 => each::<f32, T>(input, |value| cut(value.into())),
            _ => tensor(input.shape(), wide(input)?.into_iter().map(cut).collect()),
        }
    }
    match to {
        DatumType::I8 => from(input, |value| word(value) as i8),
        DatumType::I16 => from(input, |value| word(value) as i16),
        DatumType::I32 => from(input, word),
        DatumType::I64 => from(input, long),
        DatumType::U8 => from(input, |value| word(value) as u8),
        DatumType::U16 => from(input, |value| word(value) as u16),
        // The upper half goes through the lower one.
        DatumType::U32 => from(input, |value| match value >= QUARTER {
            true => word(value - QUARTER) as u32 ^ (1 << 31),
            false => word(value) as u32,
        }),
        DatumType::U64 => from(input, |value| match value >= HALF {
            true => long(value - HALF) as u64 ^ (1 << 63),
            false => long(value) as u64,
        }),
        other => Err(error(format!("it does not cast to {other:?}"))),
    }
}

/// The first float beyond the signed 64-bit integers.
const HALF: f64 = 9_223_372_036_854_775_808.0;

/// The first float beyond the signed 32-bit integers.
const QUARTER: f64 = 2_147_483_648.0;

/// What a processor makes of a float: the least integer where it does not fit.
pub fn word(value: f64) -> i32 {
    if value > -2_147_483_649.0 && value < 2_147_483_648.0 { value as i32 } else { i32::MIN }
}

/// The same with 64 bits.
pub fn long(value: f64) -> i64 {
    if (-HALF..HALF).contains(&value) { value as i64 } else { i64::MIN }
}
