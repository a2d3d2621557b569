//! Functions of one number that tract computes wrongly or only for some types: `Celu` with another alpha than 1, `Softplus`
//! and areas of hyperbolas of large numbers, `Swish` with an alpha, `Clip` with one bound, `Round` and `Sigmoid`
//! in double precision, and the questions `IsNaN` and `IsInf`. `Clip`, `HardSigmoid`, `Relu`, `Sigmoid` and `Tanh` are here
//! for what may hold NaN, too, of which tract makes a number.

use tract_onnx::prelude::tract_num_traits::Bounded;
use tract_onnx::prelude::{Arc, Datum, DatumExt, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required, slice, tensor};
use super::shapes::{error, fact, for_numbers, narrow, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug)]
enum Function {
    Acosh,
    Asinh,
    Celu,
    HardSigmoid,
    Relu,
    Round,
    Sigmoid,
    Softplus,
    Swish,
    Tanh,
}

#[derive(Debug)]
struct Activation {
    function: Function,
    alpha: f64,
    beta: f64,
}

fn build(node: &Node, function: Function) -> Result<Arc<dyn Kernel>, Refusal> {
    let alpha = match function {
        Function::Celu | Function::Swish => node.float_or("alpha", 1.0)?.into(),
        Function::HardSigmoid => node.float_or("alpha", 0.2)?.into(),
        _ => 1.0,
    };
    let beta = match function {
        Function::HardSigmoid => node.float_or("beta", 0.5)?.into(),
        _ => 0.0,
    };
    if node.opset() < 6 {
        node.ints("consumed_inputs")?;
    }
    Ok(Arc::new(Activation { function, alpha, beta }))
}

pub fn acosh(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Acosh)
}

pub fn asinh(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Asinh)
}

pub fn celu(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Celu)
}

pub fn hard_sigmoid(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::HardSigmoid)
}

pub fn relu(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Relu)
}

pub fn round(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Round)
}

pub fn sigmoid(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Sigmoid)
}

pub fn softplus(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Softplus)
}

pub fn swish(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Swish)
}

pub fn tanh(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Tanh)
}

impl Activation {
    fn of(&self, x: f64) -> f64 {
        match self.function {
            Function::Acosh => x.acosh(),
            Function::Asinh => x.asinh(),
            Function::HardSigmoid => (self.alpha * x + self.beta).clamp(0.0, 1.0),
            Function::Relu if x < 0.0 => 0.0,
            Function::Relu => x,
            Function::Round => x.round_ties_even(),
            Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Function::Celu if x < 0.0 => self.alpha * (x / self.alpha).exp_m1(),
            Function::Celu => x,
            Function::Softplus => softplus_of(x),
            Function::Swish => x / (1.0 + (-self.alpha * x).exp()),
            Function::Tanh => x.tanh(),
        }
    }
}

impl Activation {
    fn fast(&self) -> Option<fn(f32) -> f32> {
        match self.function {
            Function::Softplus => Some(|x| if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }),
            Function::Relu => Some(|x| if x < 0.0 { 0.0 } else { x }),
            Function::Round => Some(f32::round_ties_even),
            Function::Tanh => Some(f32::tanh),
            _ => None,
        }
    }
}

/// Without the exponential of a large number.
fn softplus_of(x: f64) -> f64 {
    if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
}

impl Kernel for Activation {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        // What networks have many of is computed in the type it has.
        if let (Some(function), DatumType::F32) = (self.fast(), input.datum_type()) {
            return Ok(tvec![tensor(input.shape(), slice::<f32>(input)?.iter().map(|&x| function(x)).collect())?]);
        }
        let values = wide(input)?.into_iter().map(|x| self.of(x)).collect();
        Ok(tvec![narrow(input.datum_type(), input.shape(), values)?])
    }
}

/// `IsNaN` and `IsInf`.
#[derive(Debug)]
struct Question {
    nan: bool,
    positive: bool,
    negative: bool,
}

pub fn is_nan(_node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Question { nan: true, positive: false, negative: false }))
}

pub fn is_inf(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let detects = |name: &str| node.int_or(name, 1).map(|detects| detects != 0);
    Ok(Arc::new(Question { nan: false, positive: detects("detect_positive")?, negative: detects("detect_negative")? }))
}

impl Kernel for Question {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        Ok(tvec![bool::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let yes = |x: f64| match self.nan {
            true => x.is_nan(),
            false => x == f64::INFINITY && self.positive || x == f64::NEG_INFINITY && self.negative,
        };
        Ok(tvec![tensor(input.shape(), wide(input)?.into_iter().map(yes).collect())?])
    }
}

/// `Clip` where a bound is left out, which then is the last number of the type.
#[derive(Debug)]
struct Clip {
    /// Bounds that are no inputs.
    attributes: Option<(f32, f32)>,
}

pub fn clip(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    if node.opset() < 6 {
        node.ints("consumed_inputs")?;
    }
    let old = node.opset() < 11;
    let bounds = || Ok((node.float_or("min", f32::MIN)?, node.float_or("max", f32::MAX)?));
    Ok(Arc::new(Clip { attributes: old.then(bounds).transpose()? }))
}

impl Kernel for Clip {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![fact(input.datum_type.unquantized(), &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        Ok(tvec![for_numbers!(input.datum_type().unquantized(), clipped(input, inputs, self.attributes))?])
    }
}

fn clipped<T: Datum + Copy + PartialOrd + Bounded>(
    input: &Tensor,
    inputs: &[Option<&Tensor>],
    attributes: Option<(f32, f32)>,
) -> TractResult<Tensor> {
    let bound = |at: usize, usual: T| -> TractResult<T> {
        let given = match (attributes, inputs.get(at).copied().flatten()) {
            // A bound beyond those of the type is none.
            (Some((least, most)), _) if least != f32::MIN && at == 1 || most != f32::MAX && at == 2 => {
                Tensor::from(if at == 1 { least } else { most }).cast_to_dt(T::datum_type())?.into_owned()
            }
            (None, Some(bound)) => bound.clone(),
            _ => return Ok(usual),
        };
        slice::<T>(&given)?.first().copied().ok_or_else(|| error("a bound is empty"))
    };
    let (least, most) = (bound(1, T::min_value())?, bound(2, T::max_value())?);
    let clip = |&value: &T| {
        let raised = if value < least { least } else { value };
        if raised > most { most } else { raised }
    };
    tensor(input.shape(), slice::<T>(input)?.iter().map(clip).collect())
}
