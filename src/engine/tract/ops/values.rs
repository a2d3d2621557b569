//! Reading tensors as slices and making tensors from vectors, in the words kernels use.

use tract_onnx::prelude::{Datum, DatumType, TVec, Tensor, TractError, TractResult, TypedFact};

/// The input at a position, which must be there.
pub fn required<'t, T: ?Sized>(inputs: &[Option<&'t T>], at: usize) -> TractResult<&'t T> {
    inputs.get(at).copied().flatten().ok_or_else(|| TractError::msg(format!("its input {at} is missing")))
}

/// The elements, which must be of this very type.
pub fn slice<T: Datum>(tensor: &Tensor) -> TractResult<&[T]> {
    let plain = tensor.as_plain_ram().ok_or_else(|| TractError::msg("an input is no plain tensor"))?;
    plain.as_slice::<T>()
}

/// Numbers of any type as single precision, the type in which `ai.onnx.ml` computes.
pub fn floats(tensor: &Tensor) -> TractResult<Vec<f32>> {
    Ok(slice::<f32>(&*tensor.cast_to::<f32>()?)?.to_vec())
}

/// A tensor of these elements in row-major order.
pub fn tensor<T: Datum>(shape: &[usize], values: Vec<T>) -> TractResult<Tensor> {
    tract_onnx::prelude::tract_ndarray::ArrayD::from_shape_vec(shape, values)
        .map(Into::into)
        .map_err(|error| TractError::msg(error.to_string()))
}

/// Rows and columns of a value of one or two axes: one axis is a single row, as `ai.onnx.ml` has it.
pub fn rows_and_columns(shape: &[usize]) -> TractResult<(usize, usize)> {
    match *shape {
        [columns] => Ok((1, columns)),
        [rows, columns] => Ok((rows, columns)),
        _ => Err(TractError::msg(format!("it takes one or two axes, not the shape {shape:?}"))),
    }
}

/// An error unless the element type is one of these.
pub fn one_of(fact: &TypedFact, allowed: &[DatumType]) -> TractResult<()> {
    if allowed.contains(&fact.datum_type) {
        return Ok(());
    }
    let allowed: TVec<String> = allowed.iter().map(|datatype| format!("{datatype:?}")).collect();
    Err(TractError::msg(format!("it takes {}, not {:?}", allowed.join(", "), fact.datum_type)))
}
