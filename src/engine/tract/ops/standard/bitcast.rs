//! `BitCast`: the same bits as elements of another type of the same width.

use tract_onnx::prelude::{Arc, Datum, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, tensor};
use super::shapes::{error, fact};
use crate::engine::tract::checks::Refusal;
use crate::engine::tract::convert;
use crate::engine::tract::proto;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;

#[derive(Debug)]
struct BitCast {
    to: DatumType,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let to = node.int("to")?.ok_or_else(|| malformed("it does not say which type to cast to"))?;
    let known = i32::try_from(to).ok().and_then(|to| OnnxType::try_from(to).ok()).and_then(proto::datatype);
    match known.map(convert::datum_type) {
        Some(DatumType::String | DatumType::Bool) | None => Err(Refusal::new(
            format!("it casts to the element type {to}, which the engine does not have as bits"),
            "Cast between integers and floats of 8 to 64 bits",
        )),
        Some(to) => Ok(Arc::new(BitCast { to })),
    }
}

impl Kernel for BitCast {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let from = input.datum_type.unquantized();
        if matches!(from, DatumType::String | DatumType::Bool) || from.size_of() != self.to.size_of() {
            return Err(error(format!("bits of {from:?} are no bits of {:?}", self.to)));
        }
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![fact(self.to, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let (bytes, shape) = (input.as_bytes(), input.shape());
        Ok(tvec![match self.to {
            DatumType::I8 => read(bytes, shape, i8::from_ne_bytes)?,
            DatumType::U8 => read(bytes, shape, u8::from_ne_bytes)?,
            DatumType::I16 => read(bytes, shape, i16::from_ne_bytes)?,
            DatumType::U16 => read(bytes, shape, u16::from_ne_bytes)?,
            DatumType::F16 => read(bytes, shape, half::f16::from_ne_bytes)?,
            DatumType::I32 => read(bytes, shape, i32::from_ne_bytes)?,
            DatumType::U32 => read(bytes, shape, u32::from_ne_bytes)?,
            DatumType::F32 => read(bytes, shape, f32::from_ne_bytes)?,
            DatumType::I64 => read(bytes, shape, i64::from_ne_bytes)?,
            DatumType::U64 => read(bytes, shape, u64::from_ne_bytes)?,
            DatumType::F64 => read(bytes, shape, f64::from_ne_bytes)?,
            other => return Err(error(format!("it does not cast to {other:?}"))),
        }])
    }
}

fn read<T: Datum, const N: usize>(bytes: &[u8], shape: &[usize], value: fn([u8; N]) -> T) -> TractResult<Tensor> {
    let (whole, _) = bytes.as_chunks::<N>();
    tensor(shape, whole.iter().map(|&bits| value(bits)).collect())
}
