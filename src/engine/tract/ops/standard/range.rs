//! `Range` with any step: also backwards, by fractions, and with nothing in it.

use tract_onnx::prelude::{Arc, Datum, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required, slice, tensor};
use super::cumulative::Number;
use super::shapes::{Found, error, fact, for_numbers, known, number, volume};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Range {
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    // It is about types that no tensor here has.
    node.int("stash_type")?;
    Ok(Arc::new(Range { found: Found::of(node) }))
}

fn count(start: &Tensor, limit: &Tensor, step: &Tensor) -> TractResult<usize> {
    let count = if start.datum_type() == DatumType::I64 {
        // Beyond what a double holds exactly.
        let exact = |tensor: &Tensor| super::shapes::integer(tensor).map(i128::from);
        let (start, limit, step) = (exact(start)?, exact(limit)?, exact(step)?);
        let way = if step < 0 { start - limit } else { limit - start };
        if step == 0 { f64::NAN } else { ((way + step.abs() - 1) / step.abs()).max(0) as f64 }
    } else {
        // Singles too are counted in double precision, as ONNX Runtime 1.31 does; before, it lost digits of the difference.
        ((number(limit)? - number(start)?) / number(step)?).ceil()
    };
    if count.is_nan() {
        return Err(error("it never comes to an end"));
    }
    volume(&[count.max(0.0) as usize], start.datum_type(), 0)
}

impl Kernel for Range {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let of = required(inputs, 0)?;
        one_of(of, &[DatumType::I16, DatumType::I32, DatumType::I64, DatumType::F32, DatumType::F64])?;
        let size =
            match (known(Some(of)), known(inputs.get(1).copied().flatten()), known(inputs.get(2).copied().flatten())) {
                (Some(start), Some(limit), Some(step)) => count(start, limit, step)?.into(),
                _ => self.found.size(0)?,
            };
        Ok(tvec![fact(of.datum_type, &[size])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (start, limit, step) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        let count = count(start, limit, step)?;
        Ok(tvec![for_numbers!(start.datum_type(), range(start, step, count))?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

fn range<T: Number + Datum>(start: &Tensor, step: &Tensor, count: usize) -> TractResult<Tensor> {
    let first = |tensor: &Tensor| -> TractResult<T> {
        slice::<T>(tensor)?.first().copied().ok_or_else(|| error("it takes numbers"))
    };
    let (mut at, step) = (first(start)?, first(step)?);
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        values.push(at);
        at = at.plus(step);
    }
    tensor(&[count], values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_without_room_are_errors() {
        let to = |limit: i64| count(&Tensor::from(0i64), &Tensor::from(limit), &Tensor::from(1i64));
        assert_eq!(to(1 << 27).unwrap(), 1 << 27);
        assert!(to((1 << 27) + 1).is_err() && to(1 << 28).is_err() && to(i64::MAX).is_err());
        let floats = |limit: f32| count(&Tensor::from(0f32), &Tensor::from(limit), &Tensor::from(1f32));
        // As singles they are 1.10000002 and 0.100000001.
        assert_eq!(count(&Tensor::from(0.1f32), &Tensor::from(1.1f32), &Tensor::from(1f32)).unwrap(), 2);
        assert!(floats(1e9).is_err() && floats(f32::INFINITY).is_err() && floats(f32::NAN).is_err());
    }
}
