//! `LpPool`, `GlobalLpPool` and `LpNormalization`: the p-th root of the sum of p-th powers.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required};
use super::shapes::{WIDE, around, axis, each, error, fact, narrow, strides, volume, wide};
use super::window::Window;
use crate::engine::tract::checks::Refusal;

const FLOATS: [DatumType; 3] = [DatumType::F16, DatumType::F32, DatumType::F64];

fn power(node: &Node) -> Result<f64, Refusal> {
    // Before operator set 2 it could be a fraction.
    let old = node.opset() < 2 && node.operator() != "LpNormalization";
    let p = if old { f64::from(node.float_or("p", 2.0)?) } else { node.int_or("p", 2)? as f64 };
    if p > 0.0 { Ok(p) } else { Err(malformed(format!("it takes roots of order {p}"))) }
}

fn norm(values: impl Iterator<Item = f64>, p: f64) -> f64 {
    if p == 1.0 {
        values.map(f64::abs).sum()
    } else if p == 2.0 {
        values.map(|value| value * value).sum::<f64>().sqrt()
    } else {
        values.map(|value| value.abs().powf(p)).sum::<f64>().powf(1.0 / p)
    }
}

#[derive(Debug)]
struct Pool {
    window: Window,
    p: f64,
}

pub fn pool(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let window = Window::of(node)?;
    if window.kernel.is_empty() {
        return Err(malformed("it has no kernel_shape"));
    }
    Ok(Arc::new(Pool { window, p: power(node)? }))
}

impl Kernel for Pool {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &FLOATS)?;
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        self.window.fits(shape.len().saturating_sub(2))?;
        for (at, size) in shape.iter_mut().skip(2).enumerate() {
            *size = self.window.steps(at, size)?;
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let sides = input.shape().get(2..).unwrap_or_default();
        let slides = self.window.slides(sides)?;
        let steps: Vec<usize> = slides.iter().map(|slide| slide.steps).collect();
        let shape = [&input.shape()[..2], &steps].concat();
        let (values, strides) = (wide(input)?, strides(sides));
        let mut pooled = Vec::with_capacity(volume(&shape, input.datum_type(), WIDE)?);
        for map in values.chunks_exact(sides.iter().product::<usize>().max(1)) {
            each(&steps, |step| {
                let mut inside = Vec::new();
                each(&self.window.kernel, |offset| {
                    let at =
                        (0..sides.len()).map(|axis| Some(slides[axis].at(step[axis], offset[axis])? * strides[axis]));
                    inside.extend(at.sum::<Option<usize>>().map(|at| map[at]));
                });
                pooled.push(norm(inside.into_iter(), self.p));
            });
        }
        Ok(tvec![narrow(input.datum_type(), &shape, pooled)?])
    }
}

#[derive(Debug)]
struct Global {
    p: f64,
}

pub fn global(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Global { p: power(node)? }))
}

impl Kernel for Global {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &FLOATS)?;
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        if shape.len() < 3 {
            return Err(error("it pools over the axes from the third on, and there is none"));
        }
        shape.iter_mut().skip(2).for_each(|size| *size = 1.into());
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let mut shape = input.shape().to_vec();
        shape.iter_mut().skip(2).for_each(|size| *size = 1);
        let area = input.shape().iter().skip(2).product::<usize>();
        let values = wide(input)?;
        let pooled = (0..volume(&shape, input.datum_type(), WIDE)?)
            .map(|map| norm(values[map * area..][..area].iter().copied(), self.p));
        Ok(tvec![narrow(input.datum_type(), &shape, pooled.collect())?])
    }
}

#[derive(Debug)]
struct Normalization {
    axis: i64,
    p: f64,
}

pub fn normalization(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let p = power(node)?;
    if p != 1.0 && p != 2.0 {
        return Err(malformed(format!("it normalises by the norm of order {p}")));
    }
    Ok(Arc::new(Normalization { axis: node.int_or("axis", -1)?, p }))
}

impl Kernel for Normalization {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &FLOATS)?;
        axis(self.axis, input.rank())?;
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let (before, count, after) = around(input.shape(), axis(self.axis, input.rank())?);
        let mut values = wide(input)?;
        for outer in 0..before {
            for inner in 0..after {
                let at = |step: usize| (outer * count + step) * after + inner;
                let norm = norm((0..count).map(|step| values[at(step)]), self.p);
                // A row of zeros stays one.
                if norm != 0.0 {
                    (0..count).for_each(|step| values[at(step)] /= norm);
                }
            }
        }
        Ok(tvec![narrow(input.datum_type(), input.shape(), values)?])
    }
}
