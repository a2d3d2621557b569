//! Weights of 2, 4 or 8 bits: packed into bytes from the lowest bits on, row by row, with a scale and a zero point for
//! each block of neighbours in a row. Zero points are packed likewise; where there are none it is the middle code.

use super::super::node::malformed;
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug)]
pub struct Packed {
    bits: u32,
    /// Neighbours that share a scale: whole bytes of them.
    block: usize,
}

impl Packed {
    pub fn of(bits: i64, block: i64) -> Result<Self, Refusal> {
        let known = [2u32, 4, 8].into_iter().find(|&known| i64::from(known) == bits);
        let length = usize::try_from(block).ok().filter(|&block| block >= 16 && block.is_power_of_two());
        match (known, length) {
            (Some(bits), Some(block)) => Ok(Self { bits, block }),
            _ => Err(malformed(format!("it has blocks of {block} weights of {bits} bits"))),
        }
    }

    /// Weights in a byte.
    pub fn per_byte(self) -> usize {
        1 << self.shift()
    }

    /// Blocks of a row, of which the last one may be cut.
    pub fn blocks(self, columns: usize) -> usize {
        columns.div_ceil(self.block)
    }

    /// Bytes of a row that is filled up to whole blocks.
    pub fn padded(self, columns: usize) -> usize {
        self.blocks(columns) * (self.block >> self.shift())
    }

    /// Bytes of the zero points of a row.
    pub fn zeros(self, columns: usize) -> usize {
        self.blocks(columns).div_ceil(self.per_byte())
    }

    /// The zero point of a block, from those of its row.
    pub fn zero(self, zeros: Option<&[u8]>, block: usize) -> f32 {
        zeros.map_or(1 << (self.bits - 1), |zeros| self.code(zeros, block)).into()
    }

    /// Appends the weights of a row, whose scales and zero points are told by block.
    pub fn unpack(self, row: &[u8], columns: usize, scales: &[f32], zero: impl Fn(usize) -> f32, made: &mut Vec<f32>) {
        for (block, &scale) in scales.iter().enumerate() {
            let (from, zero) = (block * self.block, zero(block));
            let to = columns.min(from + self.block);
            made.extend((from..to).map(|at| (f32::from(self.code(row, at)) - zero) * scale));
        }
    }

    fn code(self, row: &[u8], at: usize) -> u8 {
        let first = self.bits * (at & (self.per_byte() - 1)) as u32;
        let byte = row.get(at >> self.shift()).copied().unwrap_or_default();
        (byte >> first) & (u8::MAX >> (8 - self.bits))
    }

    /// By how many bits a place is shifted to be that of its byte.
    fn shift(self) -> u32 {
        (8 / self.bits).trailing_zeros()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lie_from_the_lowest_bits_on() {
        let unpacked = |bits: i64, bytes: &[u8], columns: usize, zeros: Option<&[u8]>| {
            let (packed, mut made) = (Packed::of(bits, 16).unwrap(), Vec::new());
            let scales = vec![0.5; packed.blocks(columns)];
            packed.unpack(bytes, columns, &scales, |block| packed.zero(zeros, block), &mut made);
            made
        };
        assert_eq!(unpacked(2, &[0b11_10_01_00], 4, None), [-1.0, -0.5, 0.0, 0.5]);
        assert_eq!(unpacked(4, &[0x80, 0x0f], 3, None), [-4.0, 0.0, 3.5]);
        assert_eq!(unpacked(8, &[0, 255], 2, None), [-64.0, 63.5]);
        let second = unpacked(4, &[0x11; 9], 18, Some(&[0x31]));
        assert_eq!((second.len(), &second[15..]), (18, &[0.0, -1.0, -1.0][..]));
        assert!(Packed::of(3, 32).is_err() && Packed::of(4, 24).is_err() && Packed::of(4, -32).is_err());
    }
}
