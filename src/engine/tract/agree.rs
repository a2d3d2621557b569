//! Whether two answers of tract to the same question are the same answer: equal integers and strings, floats as close
//! as two orders of summation leave them.

use half::f16;
use tract_onnx::prelude::{Datum, DatumType, TValue, Tensor};

/// Allowed `|a - b| / max(1, |a|)` for 32 and 64 bit floats.
pub const TOLERANCE: f64 = 1e-4;
/// The same for half precision.
const HALF_TOLERANCE: f64 = 1e-2;

pub fn close(a: &[TValue], b: &[TValue]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

fn same(a: &Tensor, b: &Tensor) -> bool {
    if a.shape() != b.shape() || a.datum_type() != b.datum_type() {
        return false;
    }
    match a.datum_type() {
        DatumType::F16 => floats::<f16>(a, b, HALF_TOLERANCE),
        DatumType::F32 => floats::<f32>(a, b, TOLERANCE),
        DatumType::F64 => floats::<f64>(a, b, TOLERANCE),
        _ => a == b,
    }
}

fn floats<T: Datum + Copy + Into<f64>>(a: &Tensor, b: &Tensor, tolerance: f64) -> bool {
    let (Some(a), Some(b)) = (a.as_plain_ram(), b.as_plain_ram()) else { return false };
    let (Ok(a), Ok(b)) = (a.as_slice::<T>(), b.as_slice::<T>()) else { return false };
    a.iter().zip(b).all(|(&a, &b)| {
        let (a, b): (f64, f64) = (a.into(), b.into());
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * a.abs().max(1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::prelude::tensor1;

    #[test]
    fn noise_agrees_and_differences_do_not() {
        let one = |x: f32| [tensor1(&[1.0, x]).into()];
        assert!(close(&one(3.0), &one(3.000_01)));
        assert!(close(&one(f32::NAN), &one(f32::NAN)));
        assert!(close(&one(f32::INFINITY), &one(f32::INFINITY)));
        assert!(!close(&one(3.0), &one(3.01)));
        assert!(!close(&one(3.0), &one(f32::NAN)));
        assert!(!close(&one(3.0), &[]));
        assert!(!close(&[tensor1(&[1i64]).into()], &[tensor1(&[2i64]).into()]));
    }
}
