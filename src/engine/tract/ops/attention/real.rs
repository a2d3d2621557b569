//! The two precisions in which attention is computed; half precision is computed in single.

use tract_onnx::prelude::Datum;
use tract_onnx::prelude::tract_ndarray::LinalgScalar;
use tract_onnx::prelude::tract_num_traits::Float;

pub trait Real: Datum + Float + LinalgScalar {
    fn of(value: f32) -> Self;

    /// Each value becomes e to the power of it. The values are negative, zero or NaN.
    fn exponentials(values: &mut [Self]);
}

impl Real for f32 {
    fn of(value: f32) -> Self {
        value
    }

    fn exponentials(values: &mut [Self]) {
        values.iter_mut().for_each(|value| *value = exponential(*value));
    }
}

impl Real for f64 {
    fn of(value: f32) -> Self {
        value.into()
    }

    fn exponentials(values: &mut [Self]) {
        values.iter_mut().for_each(|value| *value = value.exp());
    }
}

/// `e^x` for `x <= 0`, within two units in the last place, in a form that the compiler can make vector code of.
fn exponential(x: f32) -> f32 {
    // Below it the result is no longer a normal number.
    const LEAST: f32 = -87.0;
    // Adding this number rounds to an integer, which then stands in the lowest bits.
    const ROUNDER: f32 = 12_582_912.0;
    // The natural logarithm of two in two parts, the first of which is short, so that its multiples are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let count = rounded - ROUNDER;
    let r = (x - count * LN_2_HIGH) - count * LN_2_LOW;
    let tail = 1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0));
    let tail = 0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * tail));
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(0x3f80_0000));
    let result = power * (r + r * r * tail) + power;
    if x < LEAST { 0.0 } else { result }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_close() {
        for at in 0..87_000 {
            let x = -at as f32 / 1000.0;
            let want = f64::from(x).exp();
            assert!((f64::from(exponential(x)) - want).abs() <= 3e-7 * want, "{x}");
        }
        assert_eq!([exponential(0.0), exponential(-1e30), exponential(f32::NEG_INFINITY)], [1.0, 0.0, 0.0]);
        assert!(exponential(f32::NAN).is_nan());
    }
}
