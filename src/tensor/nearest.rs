//! Doubles as floats of 16 bits, rounded once: to the nearest one, and from the middle between two to the even one. The
//! `half` crate goes by way of single precision where the processor converts halves, and elsewhere cuts off the last
//! bits; both forget on which side of the middle a number stands.

use half::f16;

/// The half nearest to a number; infinity beyond those that there are.
pub fn nearest_f16(value: f64) -> f16 {
    f16::from_bits(nearest(value, 5, 10))
}

/// The bits of the nearest float of 16 bits with so many of them for the exponent and for the fraction.
fn nearest(value: f64, exponent: u32, fraction: u32) -> u16 {
    let infinity = ((1u64 << exponent) - 1) << fraction;
    let (bits, bias) = (value.to_bits(), (1i64 << (exponent - 1)) - 1);
    let sign = (bits >> 63) << 15;
    let magnitude = if value.is_nan() {
        infinity | (1 << (fraction - 1))
    } else {
        let power = ((bits >> 52) & 0x7ff) as i64 - 1023;
        // A double's own subnormals are so far below every half that the bit they lack does not matter.
        let significand = (bits & ((1 << 52) - 1)) | (1 << 52);
        // Those below the least normal one share its place and lose their last bits.
        let place = (power + bias).max(1);
        let lost = (i64::from(52 - fraction) + place - power - bias).min(63);
        let (kept, rest, middle) = (significand >> lost, significand & ((1u64 << lost) - 1), 1u64 << (lost - 1));
        let up = rest > middle || rest == middle && kept & 1 == 1;
        // The first bit of what is kept counts one place up, and so does a carry.
        ((((place - 1) as u64) << fraction) + kept + u64::from(up)).min(infinity)
    };
    (sign | magnitude) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Doubles, and the half and the bfloat16 nearest to each, as bits; `tests/conformance/make_nearest.py` writes it.
    const TABLE: &str = include_str!("nearest.txt");

    #[test]
    fn every_number_is_rounded_once() {
        let mut rows = 0;
        for line in TABLE.lines() {
            let mut words = line.split(' ').map(|word| u64::from_str_radix(word, 16).unwrap());
            let (value, half, brain) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            let value = f64::from_bits(value);
            if value.is_nan() {
                assert!(nearest_f16(value).is_nan() && half::bf16::from_bits(nearest(value, 8, 7)).is_nan());
            } else {
                assert_eq!(u64::from(nearest_f16(value).to_bits()), half, "{value:e}");
                assert_eq!(u64::from(nearest(value, 8, 7)), brain, "{value:e}");
            }
            rows += 1;
        }
        assert!(rows > 300);
    }

    #[test]
    fn every_half_is_the_nearest_to_itself() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            assert!(half.is_nan() || nearest_f16(half.to_f64()).to_bits() == bits, "{half}");
        }
    }
}
