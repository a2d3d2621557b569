//! `MurmurHash3` of `com.microsoft`: the 32-bit hash of each element's bytes, which scikit-learn's FeatureHasher needs.

use tract_onnx::prelude::{Arc, Datum, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};
use tract_onnx::tract_hir::internal::DatumTypeExt;

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct MurmurHash3 {
    seed: u32,
    /// Whether hashes are unsigned.
    positive: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let seed = u32::try_from(node.int_or("seed", 0)?).map_err(|_| malformed("its seed is no 32-bit number"))?;
    Ok(Arc::new(MurmurHash3 { seed, positive: node.int_or("positive", 1)? != 0 }))
}

/// Austin Appleby's MurmurHash3_x86_32, which is in the public domain.
fn hash(bytes: &[u8], seed: u32) -> u32 {
    let mixed = |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u32, |number, &byte| (number << 8) | u32::from(byte));
    let blocks = bytes.chunks_exact(4);
    let rest = number(blocks.remainder());
    let mut hash = seed;
    for block in blocks {
        hash = (hash ^ mixed(number(block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash ^= mixed(rest) ^ bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

impl MurmurHash3 {
    fn each<T: Datum, const N: usize>(&self, input: &Tensor, bytes: impl Fn(&T) -> [u8; N]) -> TractResult<Vec<u32>> {
        Ok(slice::<T>(input)?.iter().map(|value| hash(&bytes(value), self.seed)).collect())
    }
}

impl Kernel for MurmurHash3 {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let (narrow, wide) = ([DatumType::I32, DatumType::U32, DatumType::F32], [DatumType::I64, DatumType::U64]);
        one_of(input, &[&narrow[..], &wide[..], &[DatumType::F64, DatumType::String]].concat())?;
        let datatype = if self.positive { DatumType::U32 } else { DatumType::I32 };
        Ok(tvec![datatype.fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let hashes = match input.datum_type() {
            DatumType::String => slice::<String>(input)?.iter().map(|text| hash(text.as_bytes(), self.seed)).collect(),
            DatumType::I32 => self.each(input, |x: &i32| x.to_le_bytes())?,
            DatumType::U32 => self.each(input, |x: &u32| x.to_le_bytes())?,
            DatumType::F32 => self.each(input, |x: &f32| x.to_le_bytes())?,
            DatumType::I64 => self.each(input, |x: &i64| x.to_le_bytes())?,
            DatumType::U64 => self.each(input, |x: &u64| x.to_le_bytes())?,
            _ => self.each(input, |x: &f64| x.to_le_bytes())?,
        };
        Ok(tvec![if self.positive {
            tensor(input.shape(), hashes)?
        } else {
            tensor(input.shape(), hashes.into_iter().map(u32::cast_signed).collect())?
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes_come_out() {
        assert_eq!(hash(b"", 0), 0);
        assert_eq!(hash(b"", 1), 0x514e_28b7);
        assert_eq!(hash(b"test", 0x9747_b28c), 0x704b_81dc);
        assert_eq!(hash(b"Hello, world!", 0x9747_b28c), 0x2488_4cba);
    }
}
