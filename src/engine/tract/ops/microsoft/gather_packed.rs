//! `GatherBlockQuantized`: rows of a table of packed weights, of which only those that are asked for are written out.
//! tract has it too, but rounds the scales of blocks of 32 to half precision.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::standard::shapes::{axis, error, fact, integers, volume};
use super::super::values::{one_of, required, slice, tensor};
use super::packed::Packed;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct GatherPacked {
    packed: Packed,
    gather_axis: i64,
    quantize_axis: i64,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(GatherPacked {
        packed: Packed::of(node.int_or("bits", 4)?, node.int_or("block_size", 128)?)?,
        gather_axis: node.int_or("gather_axis", 0)?,
        quantize_axis: node.int_or("quantize_axis", 1)?,
    }))
}

impl Kernel for GatherPacked {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (table, indices) = (required(inputs, 0)?, required(inputs, 1)?);
        one_of(table, &[DatumType::U8])?;
        one_of(indices, &[DatumType::I32, DatumType::I64])?;
        one_of(required(inputs, 2)?, &[DatumType::F32])?;
        if let Some(zeros) = inputs.get(3).copied().flatten() {
            one_of(zeros, &[DatumType::U8])?;
        }
        let rank = table.rank();
        if rank < 2 || axis(self.gather_axis, rank)? != 0 || axis(self.quantize_axis, rank)? != rank - 1 {
            return Err(error("it takes rows of a table whose weights are packed along its last axis"));
        }
        let mut shape: TVec<TDim> = indices.shape.iter().chain(table.shape.iter().skip(1)).cloned().collect();
        if let Some(width) = shape.last_mut() {
            *width = width.clone() * self.packed.per_byte();
        }
        Ok(tvec![fact(DatumType::F32, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (table, indices, scales) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        let zeros = inputs.get(3).copied().flatten();
        let &[count, ref inner @ .., width] = table.shape() else { return Err(error("it takes a table")) };
        let columns = width * self.packed.per_byte();
        let (blocks, packed_zeros) = (self.packed.blocks(columns), self.packed.zeros(columns));
        let of_rows = |last: usize| [&[count][..], inner, &[last]].concat();
        if scales.shape() != of_rows(blocks) || zeros.is_some_and(|zeros| zeros.shape() != of_rows(packed_zeros)) {
            let (of, table) = (scales.shape(), table.shape());
            return Err(error(format!("scales of shape {of:?}, or its zero points, do not fit a table of {table:?}")));
        }
        let shape = [indices.shape(), inner, &[columns]].concat();
        let mut made = Vec::with_capacity(volume(&shape, DatumType::F32, 0)?);
        let (codes, scales) = (slice::<u8>(table)?, slice::<f32>(scales)?);
        let zeros = zeros.map(slice::<u8>).transpose()?;
        let rows: usize = inner.iter().product();
        for index in integers(indices)? {
            let signed = i64::try_from(count)?;
            let place = if index < 0 { index.saturating_add(signed) } else { index };
            let place = usize::try_from(place).ok().filter(|&place| place < count);
            let place =
                place.ok_or_else(|| error(format!("the index {index} is outside of a table of {count} rows")))?;
            for row in place * rows..(place + 1) * rows {
                let zeros = zeros.map(|zeros| &zeros[row * packed_zeros..][..packed_zeros]);
                let (codes, scales) = (&codes[row * width..][..width], &scales[row * blocks..][..blocks]);
                self.packed.unpack(codes, columns, scales, |block| self.packed.zero(zeros, block), &mut made);
            }
        }
        Ok(tvec![tensor(&shape, made)?])
    }
}
