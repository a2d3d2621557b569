//! The functions that recurrent layers are made of, by the names of the standard.

use tract_onnx::prelude::tract_num_traits::Float;

use super::super::node::{Node, malformed};
use super::real::Real;
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    Affine(f32, f32),
    Elu(f32),
    HardSigmoid(f32, f32),
    LeakyRelu(f32),
    Relu,
    ScaledTanh(f32, f32),
    Sigmoid,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedRelu(f32),
}

use Activation::{
    Affine, Elu, HardSigmoid, LeakyRelu, Relu, ScaledTanh, Sigmoid, Softplus, Softsign, Tanh, ThresholdedRelu,
};

/// The functions of a layer, direction after direction. `usual` are those of one direction when none are given.
pub fn of(node: &Node, directions: usize, usual: &[Activation]) -> Result<Vec<Activation>, Refusal> {
    let names = node.texts("activations")?;
    // These lists have entries only for functions that take them, in the order of the functions.
    let mut alpha = node.floats("activation_alpha")?.iter().copied();
    let mut beta = node.floats("activation_beta")?.iter().copied();
    let wanted = directions * usual.len();
    if names.is_empty() {
        return Ok(usual.repeat(directions));
    }
    if names.len() != wanted {
        return Err(malformed(format!("it has {} activations where it takes {wanted}", names.len())));
    }
    let named = |name: &String| {
        let untold = || {
            Refusal::new(
                format!("its activation {name:?} lacks a parameter, for which there is no agreed value"),
                "Give the layer activation_alpha and activation_beta",
            )
        };
        Ok(match &*name.to_ascii_lowercase() {
            "affine" => Affine(alpha.next().ok_or_else(untold)?, beta.next().ok_or_else(untold)?),
            "elu" => Elu(alpha.next().unwrap_or(1.0)),
            "hardsigmoid" => HardSigmoid(alpha.next().unwrap_or(0.2), beta.next().unwrap_or(0.5)),
            "leakyrelu" => LeakyRelu(alpha.next().unwrap_or(0.01)),
            "relu" => Relu,
            "scaledtanh" => ScaledTanh(alpha.next().ok_or_else(untold)?, beta.next().ok_or_else(untold)?),
            "sigmoid" => Sigmoid,
            "softplus" => Softplus,
            "softsign" => Softsign,
            "tanh" => Tanh,
            "thresholdedrelu" => ThresholdedRelu(alpha.next().ok_or_else(untold)?),
            _ => return Err(malformed(format!("its activation {name:?} is none that the standard knows"))),
        })
    };
    names.iter().map(named).collect()
}

impl Activation {
    /// Each value becomes the function of it.
    pub fn apply<T: Real>(self, values: &mut [T]) {
        let (zero, one) = (T::zero(), T::one());
        let mut each = |f: &dyn Fn(T) -> T| values.iter_mut().for_each(|value| *value = f(*value));
        match self {
            Affine(alpha, beta) => each(&|x| T::of(alpha) * x + T::of(beta)),
            Elu(alpha) => each(&|x| if x < zero { T::of(alpha) * x.exp_m1() } else { x }),
            HardSigmoid(alpha, beta) => each(&|x| limit(T::of(alpha) * x + T::of(beta), zero, one)),
            LeakyRelu(alpha) => each(&|x| if x < zero { T::of(alpha) * x } else { x }),
            Relu => each(&|x| if x < zero { zero } else { x }),
            ScaledTanh(alpha, beta) => each(&|x| T::of(alpha) * Float::tanh(T::of(beta) * x)),
            Sigmoid => T::sigmoid_of(values),
            Softplus => each(&|x| if x > zero { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }),
            Softsign => each(&|x| x / (one + x.abs())),
            Tanh => T::tanh_of(values),
            ThresholdedRelu(alpha) => each(&|x| if x <= T::of(alpha) { zero } else { x }),
        }
    }
}

/// Into an interval; NaN stays.
pub fn limit<T: Real>(x: T, low: T, high: T) -> T {
    if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    }
}
