//! `Normalizer`: each row divided by its largest value, the sum of its absolute values, or its length. A row for which
//! that is zero stays as it is.

use tract_onnx::prelude::{Arc, Datum, DatumExt, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, rows_and_columns, slice, tensor};
use super::linear::rows_fact;
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug)]
enum Normalizer {
    Max,
    L1,
    L2,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(match node.text_or("norm", "MAX")? {
        "MAX" => Normalizer::Max,
        "L1" => Normalizer::L1,
        "L2" => Normalizer::L2,
        other => return Err(malformed(format!("its norm {other:?} is none that the standard has"))),
    }))
}

/// Numbers whose absolute values and squares are taken in their own type, before they become single precision.
trait Number: Datum + Copy {
    fn single(self) -> f32;
    fn size(self) -> f32;
    fn square(self) -> f32;
}

macro_rules! number {
    ($($kind:ty: $abs:ident, $square:expr;)*) => {$(
        impl Number for $kind {
            fn single(self) -> f32 { self as f32 }
            fn size(self) -> f32 { self.$abs() as f32 }
            fn square(self) -> f32 { $square(self) as f32 }
        }
    )*};
}

number! {
    f32: abs, |x: f32| x * x;
    f64: abs, |x: f64| x * x;
    i32: wrapping_abs, |x: i32| x.wrapping_mul(x);
    i64: wrapping_abs, |x: i64| x.wrapping_mul(x);
}

impl Normalizer {
    fn row<T: Number>(self, row: &[T], out: &mut Vec<f32>) {
        let divided = |size: f32, out: &mut Vec<f32>| {
            out.extend(row.iter().map(|x| if size == 0.0 { x.single() } else { x.single() / size }));
        };
        match self {
            Self::Max => divided(row.iter().map(|x| x.single()).fold(f32::MIN, f32::max), out),
            Self::L1 => divided(row.iter().map(|x| x.size()).sum(), out),
            Self::L2 => {
                let sum: f32 = row.iter().map(|x| x.square()).sum();
                let signed = |x: &T| (x.square() / sum).sqrt() * if x.single() < 0.0 { -1.0 } else { 1.0 };
                out.extend(row.iter().map(|x| if sum == 0.0 { x.single() } else { signed(x) }));
            }
        }
    }

    fn rows<T: Number>(self, input: &Tensor) -> TractResult<Tensor> {
        let (rows, columns) = rows_and_columns(input.shape())?;
        let mut out = Vec::with_capacity(rows * columns);
        for row in slice::<T>(input)?.chunks_exact(columns.max(1)) {
            self.row(row, &mut out);
        }
        tensor(input.shape(), out)
    }
}

impl Kernel for Normalizer {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        rows_fact(input)?;
        Ok(tvec![f32::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        Ok(tvec![match input.datum_type() {
            DatumType::F64 => self.rows::<f64>(input)?,
            DatumType::I32 => self.rows::<i32>(input)?,
            DatumType::I64 => self.rows::<i64>(input)?,
            _ => self.rows::<f32>(input)?,
        }])
    }
}
