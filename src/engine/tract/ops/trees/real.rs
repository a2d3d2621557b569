//! The two precisions in which trees are walked, and their order-preserving integers. Every number has a key such that
//! `a <= b` exactly when `key(a) <= key(b)`; that turns "less" into "less or equal" of the key before, and leaves room
//! for a key above and one below all numbers, with which NaN goes where a node sends it. So one integer comparison does
//! for every mode of a node. Keys are unsigned: what is less leaves a carry, which a step of a walk adds in one instruction.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div};

use tract_onnx::prelude::Datum;

pub trait Real:
    Datum + Copy + PartialOrd + Default + Debug + Add<Output = Self> + AddAssign + Div<Output = Self>
{
    type Key: Copy + Ord + Default + Debug + Send + Sync + 'static;

    /// Below the keys of all numbers.
    const LOWEST: Self::Key;
    /// Above the keys of all numbers, and yet below [`Self::HIGHEST`].
    const HIGH: Self::Key;
    /// Above everything.
    const HIGHEST: Self::Key;
    /// Some key and the next one.
    const ZERO: Self::Key;
    const ONE: Self::Key;

    /// The nearest of this precision; exact for what was of it.
    fn of(wide: f64) -> Self;

    fn narrow(self) -> f32;

    /// The key of a number; `nan` in place of one for what is none.
    fn key(self, nan: Self::Key) -> Self::Key;

    /// The key just below that of a number.
    fn before(key: Self::Key) -> Self::Key;

    /// The number, bit by bit, in the place of a key. It has nothing to do with the order.
    fn store(self) -> Self::Key;

    fn load(stored: Self::Key) -> Self;

    /// A small number in the place of a key.
    fn store_index(index: u32) -> Self::Key;

    fn load_index(stored: Self::Key) -> usize;
}

macro_rules! real {
    ($real:ty, $key:ty) => {
        impl Real for $real {
            type Key = $key;

            const LOWEST: $key = <$key>::MIN;
            const HIGH: $key = <$key>::MAX - 1;
            const HIGHEST: $key = <$key>::MAX;
            const ZERO: $key = 0;
            const ONE: $key = 1;

            fn of(wide: f64) -> Self {
                wide as $real
            }

            fn narrow(self) -> f32 {
                self as f32
            }

            #[inline(always)]
            fn key(self, nan: $key) -> $key {
                // Adding nought makes one zero of the two.
                let bits = (self + 0.0).to_bits();
                let sign = (bits >> (<$key>::BITS - 1)).wrapping_neg();
                let key = bits ^ (sign | !(<$key>::MAX >> 1));
                if self.is_nan() { nan } else { key }
            }

            fn before(key: $key) -> $key {
                key - 1
            }

            #[inline(always)]
            fn store(self) -> $key {
                self.to_bits()
            }

            #[inline(always)]
            fn load(stored: $key) -> Self {
                Self::from_bits(stored)
            }

            #[inline(always)]
            fn store_index(index: u32) -> $key {
                index as $key
            }

            #[inline(always)]
            fn load_index(stored: $key) -> usize {
                stored as u32 as usize
            }
        }
    };
}

real!(f32, u32);
real!(f64, u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_the_numbers() {
        let numbers = [
            f32::NEG_INFINITY,
            f32::MIN,
            -1.5,
            -f32::MIN_POSITIVE,
            -f32::from_bits(1),
            -0.0,
            0.0,
            f32::from_bits(1),
            1.0,
            f32::MAX,
            f32::INFINITY,
        ];
        for a in numbers {
            for b in numbers {
                let (x, y) = (a.key(0), b.key(0));
                assert_eq!((a <= b, a < b), (x <= y, x <= f32::before(y)), "{a} {b}");
                let (x, y) = (f64::from(a).key(0), f64::from(b).key(0));
                assert_eq!((a <= b, a < b), (x <= y, x <= f64::before(y)), "{a} {b}");
            }
            let key = a.key(f32::LOWEST);
            assert!(f32::LOWEST < f32::before(key) && key < f32::HIGH && f32::load(a.store()) == a);
        }
        assert_eq!((f32::NAN.key(7), (-f32::NAN).key(7)), (7, 7));
    }
}
