//! Functions of one number that tract computes wrongly: `Celu` with another alpha than 1, `Softplus` and `Mish` of large
//! numbers, `Swish` with an alpha.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required};
use super::shapes::{fact, narrow, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug)]
enum Function {
    Celu,
    Softplus,
    Swish,
}

#[derive(Debug)]
struct Activation {
    function: Function,
    alpha: f64,
}

fn build(node: &Node, function: Function) -> Result<Arc<dyn Kernel>, Refusal> {
    let alpha = match function {
        Function::Softplus => 1.0,
        _ => node.float_or("alpha", 1.0)?.into(),
    };
    Ok(Arc::new(Activation { function, alpha }))
}

pub fn celu(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Celu)
}

pub fn softplus(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Softplus)
}

pub fn swish(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Function::Swish)
}

impl Activation {
    fn of(&self, x: f64) -> f64 {
        match self.function {
            Function::Celu if x < 0.0 => self.alpha * (x / self.alpha).exp_m1(),
            Function::Celu => x,
            // Without the exponential of a large number.
            Function::Softplus if x > 0.0 => x + (-x).exp().ln_1p(),
            Function::Softplus => x.exp().ln_1p(),
            Function::Swish => x / (1.0 + (-self.alpha * x).exp()),
        }
    }
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
        let values = wide(input)?.into_iter().map(|x| self.of(x)).collect();
        Ok(tvec![narrow(input.datum_type(), input.shape(), values)?])
    }
}
