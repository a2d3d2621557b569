//! `ArrayFeatureExtractor`: chosen places of the last axis.

use tract_onnx::prelude::{Arc, Datum, DatumType, TDim, TVec, Tensor, TractError, TractResult, TypedFact, tvec};
use tract_onnx::tract_hir::internal::DatumTypeExt;

use super::super::budget;
use super::super::node::Node;
use super::super::values::{one_of, required, slice, tensor};
use super::super::{Kernel, Primitive};
use super::linear::affordable;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct ArrayFeatureExtractor;

pub fn build(_: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(ArrayFeatureExtractor))
}

fn pick<T: Datum>(input: &Tensor, columns: usize, places: &[usize], shape: &[usize]) -> TractResult<Tensor> {
    let values = slice::<T>(input)?;
    let rows = values.len().checked_div(columns).unwrap_or(0);
    affordable::<T>(rows, places.len())?;
    let picked = (0..rows).flat_map(|row| places.iter().map(move |place| values[row * columns + place].clone()));
    tensor(shape, picked.collect())
}

impl Kernel for ArrayFeatureExtractor {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (input, places) = (required(inputs, 0)?, required(inputs, 1)?);
        let known = [DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32, DatumType::String];
        one_of(input, &known)?;
        one_of(places, &[DatumType::I64])?;
        let chosen: TDim = places.shape.volume();
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        match &mut *shape {
            [] => return Err(TractError::msg("it takes at least one axis")),
            [_] => shape = tvec![1.into(), chosen],
            [.., last] => *last = chosen,
        }
        Ok(tvec![input.datum_type.fact(shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let columns = input.shape().last().copied().unwrap_or(0);
        let place = |&place: &i64| {
            let found = usize::try_from(place).ok().filter(|&place| place < columns);
            found.ok_or_else(|| TractError::msg(format!("there is no place {place} in an axis of {columns}")))
        };
        let places = slice::<i64>(required(inputs, 1)?)?.iter().map(place).collect::<TractResult<Vec<_>>>()?;
        let mut shape = input.shape().to_vec();
        match &mut *shape {
            [_] => shape = vec![1, places.len()],
            [.., last] => *last = places.len(),
            [] => return Err(TractError::msg("it takes at least one axis")),
        }
        Ok(tvec![match input.datum_type() {
            DatumType::F64 => pick::<f64>(input, columns, &places, &shape)?,
            DatumType::I64 => pick::<i64>(input, columns, &places, &shape)?,
            DatumType::I32 => pick::<i32>(input, columns, &places, &shape)?,
            DatumType::String => {
                // The same long one may be wanted many times.
                let strings = slice::<String>(input)?.chunks_exact(columns.max(1));
                let bytes = strings.flat_map(|row| places.iter().map(|&place| row[place].len()));
                budget::strings(&shape, 0)?;
                budget::strings(&shape, bytes.fold(0, usize::saturating_add))?;
                pick::<String>(input, columns, &places, &shape)?
            }
            _ => pick::<f32>(input, columns, &places, &shape)?,
        }])
    }

    fn primitive(&self) -> Option<Primitive> {
        Some(Primitive::Pick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_string_is_not_picked_without_end() {
        let texts = tensor(&[1, 1], vec!["x".repeat(1 << 20)]).unwrap();
        let picked = |count: usize| {
            let places = tensor(&[count], vec![0i64; count]).unwrap();
            budget::within(8 << 20, || {
                ArrayFeatureExtractor.run(&[Some(&texts), Some(&places)]).map(|all| all[0].len())
            })
        };
        assert_eq!(picked(7).unwrap(), 7);
        assert!(picked(8).unwrap_err().to_string().contains("--max-tensor"));
    }
}
