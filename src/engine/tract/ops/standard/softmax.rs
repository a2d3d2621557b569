//! `LogSoftmax` without the logarithm of what has become zero, and `Hardmax`.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required};
use super::shapes::{around, axis, fact, narrow, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Softmax {
    hard: bool,
    axis: i64,
    /// Whether the axes from that one on are taken together, as it was before operator set 13.
    flatten: bool,
}

pub fn log(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, false)
}

pub fn hard(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, true)
}

fn build(node: &Node, hard: bool) -> Result<Arc<dyn Kernel>, Refusal> {
    let flatten = node.opset() < 13;
    Ok(Arc::new(Softmax { hard, axis: node.int_or("axis", if flatten { 1 } else { -1 })?, flatten }))
}

impl Kernel for Softmax {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        axis(self.axis, input.rank())?;
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let (before, mut count, mut after) = around(input.shape(), axis(self.axis, input.rank())?);
        if self.flatten {
            (count, after) = (count * after, 1);
        }
        let mut values = wide(input)?;
        let mut row = vec![0.0; count];
        for outer in 0..before {
            for inner in 0..after {
                let at = |step: usize| (outer * count + step) * after + inner;
                row.iter_mut().enumerate().for_each(|(step, value)| *value = values[at(step)]);
                if self.hard {
                    hardmax(&mut row)
                } else {
                    log_softmax(&mut row)
                }
                row.iter().enumerate().for_each(|(step, value)| values[at(step)] = *value);
            }
        }
        Ok(tvec![narrow(input.datum_type(), input.shape(), values)?])
    }
}

fn log_softmax(row: &mut [f64]) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|value| (value - top).exp()).sum();
    let log = sum.ln();
    row.iter_mut().for_each(|value| *value = *value - top - log);
}

/// The first of the largest values becomes one.
fn hardmax(row: &mut [f64]) {
    let mut best = 0;
    for (at, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = at;
        }
    }
    row.iter_mut().enumerate().for_each(|(at, value)| *value = f64::from(u8::from(at == best)));
}
