//! `Unpack` (private): the packed weights of a `MatMulNBits` in single precision, turned around so that they are the
//! second operand of a product. Where they are stored in the file it is computed once, when a plan is built.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use super::packed::Packed;
use crate::engine::tract::checks::Refusal;

/// Rows that are turned around together: a line of the processor's cache holds one column of them.
const TOGETHER: usize = 16;

#[derive(Debug)]
struct Unpack {
    packed: Packed,
    rows: usize,
    columns: usize,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let size = |name: &str| {
        let size = node.int(name)?.and_then(|size| usize::try_from(size).ok());
        size.filter(|size| (1..=1 << 31).contains(size)).ok_or_else(|| malformed(format!("its {name} is no size")))
    };
    let packed = Packed::of(node.int_or("bits", 4)?, node.int_or("block_size", 0)?)?;
    Ok(Arc::new(Unpack { packed, rows: size("N")?, columns: size("K")? }))
}

impl Kernel for Unpack {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        one_of(required(inputs, 0)?, &[DatumType::U8])?;
        one_of(required(inputs, 1)?, &[DatumType::F32])?;
        if let Some(zeros) = inputs.get(2).copied().flatten() {
            one_of(zeros, &[DatumType::U8, DatumType::F32])?;
        }
        Ok(tvec![f32::fact([self.columns, self.rows])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (rows, columns) = (self.rows, self.columns);
        let (width, blocks) = (self.packed.padded(columns), self.packed.blocks(columns));
        let (codes, scales) = (slice::<u8>(required(inputs, 0)?)?, slice::<f32>(required(inputs, 1)?)?);
        if codes.len() != rows * width || scales.len() != rows * blocks {
            let (bytes, scales) = (codes.len(), scales.len());
            return Err(TractError::msg(format!(
                "{bytes} bytes and {scales} scales are not {columns} by {rows} weights"
            )));
        }
        let zeros = self.zeros(inputs.get(2).copied().flatten())?;
        let mut made = vec![0f32; rows * columns];
        let mut some = Vec::with_capacity(TOGETHER * columns);
        for first in (0..rows).step_by(TOGETHER) {
            let last = rows.min(first + TOGETHER);
            some.clear();
            for row in first..last {
                let (codes, scales) = (&codes[row * width..][..width], &scales[row * blocks..][..blocks]);
                self.packed.unpack(codes, columns, scales, |block| zeros[row * blocks + block], &mut some);
            }
            for column in 0..columns {
                for row in first..last {
                    made[column * rows + row] = some[(row - first) * columns + column];
                }
            }
        }
        Ok(tvec![tensor(&[columns, rows], made)?])
    }
}

impl Unpack {
    /// A zero point for each block of each row. They are packed as the weights are, or floats.
    fn zeros(&self, given: Option<&Tensor>) -> TractResult<Vec<f32>> {
        let (blocks, width) = (self.packed.blocks(self.columns), self.packed.zeros(self.columns));
        let few = |count: usize| TractError::msg(format!("{count} zero points are not those of {} rows", self.rows));
        let codes = match given {
            Some(given) if given.datum_type() == DatumType::F32 => {
                let zeros = slice::<f32>(given)?.to_vec();
                return if zeros.len() == self.rows * blocks { Ok(zeros) } else { Err(few(zeros.len())) };
            }
            given => given.map(slice::<u8>).transpose()?,
        };
        if let Some(codes) = codes.filter(|codes| codes.len() != self.rows * width) {
            return Err(few(codes.len()));
        }
        let mut zeros = Vec::with_capacity(self.rows * blocks);
        for row in 0..self.rows {
            let of_row = codes.map(|codes| &codes[row * width..][..width]);
            zeros.extend((0..blocks).map(|block| self.packed.zero(of_row, block)));
        }
        Ok(zeros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_turned_around_and_held_against_their_number() {
        let unpack = Unpack { packed: Packed::of(8, 16).unwrap(), rows: 17, columns: 2 };
        let codes: Vec<u8> = (0..17 * 16).map(|at| if at % 16 < 2 { (at / 16 + at % 16) as u8 } else { 99 }).collect();
        let (codes, scales) = (tensor(&[17, 1, 16], codes).unwrap(), tensor(&[17], vec![2f32; 17]).unwrap());
        let zeros = tensor(&[17], vec![0.5f32; 17]).unwrap();
        let made = unpack.run(&[Some(&codes), Some(&scales), Some(&zeros)]).unwrap();
        let expected: Vec<f32> =
            (0..2).flat_map(|column| (0..17).map(move |row| (row + column) as f32 * 2.0 - 1.0)).collect();
        assert_eq!((made[0].shape(), slice::<f32>(&made[0]).unwrap()), (&[2, 17][..], &expected[..]));
        let few = tensor(&[16], vec![1u8; 16]).unwrap();
        assert!(unpack.run(&[Some(&codes), Some(&scales), Some(&few)]).is_err());
        assert!(unpack.run(&[Some(&few), Some(&scales)]).is_err());
    }
}
