//! Whether an answer is the expected one: what golden rows, and engines that are held against each other, are judged by.

use crate::tensor::{DataType, Tensor};

/// `Ok` when shapes are equal and values too: floats within the tolerance relative to `max(1, |expected|)`, NaN only
/// where NaN is expected, everything else exactly. `expected` may be of a type that casts to the other's.
pub fn compare(got: &Tensor, expected: &Tensor, tolerance: f64) -> Result<(), String> {
    if got.shape() != expected.shape() {
        return Err(format!("expected shape {:?}, got {:?}", expected.shape(), got.shape()));
    }
    if got.datatype().is_float() {
        let wide = |tensor: &Tensor| tensor.cast(DataType::Fp64).map_err(|error| error.to_string());
        let (got, expected) = (wide(got)?, wide(expected)?);
        let (got, expected) = (got.values::<f64>().unwrap_or_default(), expected.values::<f64>().unwrap_or_default());
        let close = |got: f64, want: f64| {
            // No number is within a tolerance of infinity.
            let near = || want.is_finite() && (got - want).abs() <= tolerance * want.abs().max(1.0);
            got == want || (got.is_nan() && want.is_nan()) || near()
        };
        return match got.iter().zip(expected.iter()).position(|(&got, &want)| !close(got, want)) {
            Some(index) => {
                Err(format!("value {index}: expected {} within {tolerance:e}, got {}", expected[index], got[index]))
            }
            None => Ok(()),
        };
    }
    let expected = expected.cast(got.datatype()).map_err(|error| error.to_string())?;
    let (got, expected) = (printed(got), printed(&expected));
    match got.iter().zip(&expected).position(|(got, expected)| got != expected) {
        Some(index) => Err(format!("value {index}: expected {}, got {}", expected[index], got[index])),
        None => Ok(()),
    }
}

/// Each element of a tensor without floats, as text.
fn printed(tensor: &Tensor) -> Vec<String> {
    if let Some(strings) = tensor.strings() {
        return strings.iter().map(|string| format!("{string:?}")).collect();
    }
    if let Some(truths) = tensor.values::<bool>() {
        return truths.iter().map(bool::to_string).collect();
    }
    let unsigned = tensor.values::<u64>().map(|values| values.iter().map(u64::to_string).collect());
    unsigned.unwrap_or_else(|| {
        let wide = tensor.cast(DataType::Int64).ok();
        wide.and_then(|wide| Some(wide.values::<i64>()?.iter().map(i64::to_string).collect())).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    fn floats(values: &[f32]) -> Tensor {
        Tensor::from_vec(Shape::from_slice(&[values.len()]), values.to_vec()).unwrap()
    }

    #[test]
    fn floats_compare_relative_to_their_size() {
        assert!(compare(&floats(&[1000.001]), &floats(&[1000.0]), 1e-5).is_ok());
        assert!(compare(&floats(&[1000.1]), &floats(&[1000.0]), 1e-5).unwrap_err().contains("value 0"));
        assert!(compare(&floats(&[f32::NAN]), &floats(&[f32::NAN]), 1e-5).is_ok());
        assert!(compare(&floats(&[1.0]), &floats(&[f32::NAN]), 1e-5).is_err());
        assert!(compare(&floats(&[f32::INFINITY]), &floats(&[f32::INFINITY]), 1e-5).is_ok());
        for got in [3.0, f32::NEG_INFINITY, f32::NAN] {
            assert!(compare(&floats(&[got]), &floats(&[f32::INFINITY]), 1e-5).is_err());
        }
        assert!(compare(&floats(&[1.0]), &floats(&[1.0, 2.0]), 1e-5).unwrap_err().contains("shape"));
    }
}
