//! The two precisions in which recurrent layers are computed, and the functions over whole slices whose speed matters.
//! In single precision these are tract's vector kernels, but where there is a NaN: they would make a number of it.

use std::sync::LazyLock;

use tract_onnx::prelude::Datum;
use tract_onnx::prelude::tract_num_traits::Float;
use tract_onnx::tract_core::tract_linalg::LADatum;
use tract_onnx::tract_core::tract_linalg::element_wise::ElementWise;
use tract_onnx::tract_core::tract_linalg::routines::Func;

pub trait Real: LADatum + Datum + Float {
    /// The value of an attribute.
    fn of(value: f32) -> Self;

    fn sigmoid_of(values: &mut [Self]);

    fn tanh_of(values: &mut [Self]);
}

impl Real for f32 {
    fn of(value: f32) -> Self {
        value
    }

    fn sigmoid_of(values: &mut [Self]) {
        vectorised(&SIGMOID, values, |x| 1.0 / (1.0 + (-x).exp()));
    }

    fn tanh_of(values: &mut [Self]) {
        vectorised(&TANH, values, f32::tanh);
    }
}

type Kernel = Option<Box<dyn ElementWise<f32>>>;

static SIGMOID: LazyLock<Kernel> = LazyLock::new(|| Func::Sigmoid.ew_f32().ok());
static TANH: LazyLock<Kernel> = LazyLock::new(|| Func::Tanh.ew_f32().ok());

/// A kernel of tract's over values that are numbers, and the plain function where one is not.
fn vectorised(kernel: &Kernel, values: &mut [f32], plain: fn(f32) -> f32) {
    let numbers = !values.iter().fold(false, |found, value| found | value.is_nan());
    let done = numbers && kernel.as_ref().is_some_and(|kernel| kernel.run(values).is_ok());
    if !done {
        values.iter_mut().for_each(|value| *value = plain(*value));
    }
}

impl Real for f64 {
    fn of(value: f32) -> Self {
        value.into()
    }

    fn sigmoid_of(values: &mut [Self]) {
        values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp()));
    }

    fn tanh_of(values: &mut [Self]) {
        values.iter_mut().for_each(|value| *value = Float::tanh(*value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_precision_is_close_to_double() {
        let points: Vec<f32> = (-40_000..=40_000).map(|at| at as f32 / 2000.0).collect();
        let points = [points, vec![1e-30, -1e-20, 1e-4, 88.5, -90.0, 1e30, f32::INFINITY, f32::NEG_INFINITY]].concat();
        let near = |got: f32, want: f64| (f64::from(got) - want).abs() <= 1e-6 * want.abs().max(0.5);
        let (mut tanh, mut sigmoid) = (points.clone(), points.clone());
        f32::tanh_of(&mut tanh);
        f32::sigmoid_of(&mut sigmoid);
        for (at, &x) in points.iter().enumerate() {
            let x = f64::from(x);
            assert!(near(tanh[at], x.tanh()), "tanh {x}: {} {}", tanh[at], x.tanh());
            let want = 1.0 / (1.0 + (-x).exp());
            assert!(near(sigmoid[at], want), "sigmoid {x}: {} {want}", sigmoid[at]);
        }
        let mut nan = [f32::NAN];
        f32::tanh_of(&mut nan);
        assert!(nan[0].is_nan());
        f32::sigmoid_of(&mut nan);
        assert!(nan[0].is_nan());
    }
}
