//! One step of each kind of layer, in the order of gates of the standard: `h` of RNN, `z r h` of GRU, `i o f c` of LSTM.

use tract_onnx::prelude::{Arc, Tensor, TractResult};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::slice;
use super::activation::{self, Activation, limit};
use super::layer::{Cell, Step, clip, layer};
use super::real::Real;
use crate::engine::tract::checks::Refusal;

/// Bounds, and then the function.
fn through<T: Real>(values: &mut [T], clip: Option<f32>, function: Activation) {
    if let Some(clip) = clip {
        values.iter_mut().for_each(|value| *value = limit(*value, T::of(-clip), T::of(clip)));
    }
    function.apply(values);
}

fn add<T: Real>(to: &mut [T], what: &[T]) {
    to.iter_mut().zip(what).for_each(|(to, &what)| *to += what);
}

fn add_products<T: Real>(to: &mut [T], a: &[T], b: &[T]) {
    to.iter_mut().zip(a.iter().zip(b)).for_each(|(to, (&a, &b))| *to += a * b);
}

#[derive(Debug)]
struct Rnn {
    functions: Vec<Activation>,
    clip: Option<f32>,
}

pub fn rnn(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    layer(node, |directions| {
        Ok(Rnn { functions: activation::of(node, directions, &[Activation::Tanh])?, clip: clip(node)? })
    })
}

impl Cell for Rnn {
    fn gates(&self) -> usize {
        1
    }

    fn products(&self) -> &[usize] {
        &[1]
    }

    fn step<T: Real>(&self, direction: usize, step: &mut Step<T>) -> TractResult<()> {
        let product = step.products[0].of(step.h)?;
        let mut h = step.h.try_as_plain_ram_mut()?;
        let rows = h.as_slice_mut::<T>()?.chunks_exact_mut(step.hidden);
        for ((at, h), product) in step.rows.iter().zip(rows).zip(slice::<T>(&product)?.chunks_exact(step.hidden)) {
            let Some(at) = *at else { continue };
            let gate = &mut step.gates[at..at + step.hidden];
            add(gate, product);
            through(gate, self.clip, self.functions[direction]);
            h.copy_from_slice(gate);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Gru {
    functions: Vec<Activation>,
    clip: Option<f32>,
    /// Whether the reset gate acts on the product of the hidden state instead of on the state itself.
    linear_before_reset: bool,
}

pub fn gru(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    layer(node, |directions| {
        let functions = activation::of(node, directions, &[Activation::Sigmoid, Activation::Tanh])?;
        let linear_before_reset = node.int_or("linear_before_reset", 0)? != 0;
        Ok(Gru { functions, clip: clip(node)?, linear_before_reset })
    })
}

impl Cell for Gru {
    fn gates(&self) -> usize {
        3
    }

    fn products(&self) -> &[usize] {
        if self.linear_before_reset { &[3] } else { &[2, 1] }
    }

    fn keeps_bias(&self, gate: usize) -> bool {
        self.linear_before_reset && gate == 2
    }

    fn step<T: Real>(&self, direction: usize, step: &mut Step<T>) -> TractResult<()> {
        let hidden = step.hidden;
        let [f, g] = [0, 1].map(|at| self.functions[2 * direction + at]);
        let product = step.products[0].of(step.h)?;
        let product = slice::<T>(&product)?;
        let width = product.len().checked_div(step.rows.len()).unwrap_or(0);
        for (row, at) in step.rows.iter().enumerate() {
            let Some(at) = *at else { continue };
            let gates = &mut step.gates[at..at + 2 * hidden];
            add(gates, &product[row * width..][..2 * hidden]);
            through(gates, self.clip, f);
        }
        let second = if self.linear_before_reset { None } else { Some(step.products[1].of(&self.reset_state(step)?)?) };
        let second = second.as_ref().map(slice::<T>).transpose()?;
        let mut h = step.h.try_as_plain_ram_mut()?;
        for ((row, at), h) in step.rows.iter().enumerate().zip(h.as_slice_mut::<T>()?.chunks_exact_mut(hidden)) {
            let Some(at) = *at else { continue };
            let (update, others) = step.gates[at..at + 3 * hidden].split_at_mut(hidden);
            let (reset, candidate) = others.split_at_mut(hidden);
            match second {
                Some(second) => add(candidate, &second[row * hidden..][..hidden]),
                None => {
                    // The reset gate is not needed after this.
                    let linear = &product[row * width + 2 * hidden..][..hidden];
                    add_products(candidate, reset, linear);
                    if let Some(bias) = step.bias.get(2 * hidden..) {
                        add_products(candidate, reset, bias);
                    }
                }
            }
            through(candidate, self.clip, g);
            for ((h, &z), &new) in h.iter_mut().zip(&*update).zip(&*candidate) {
                *h = (T::one() - z) * new + z * *h;
            }
        }
        Ok(())
    }
}

impl Gru {
    /// The hidden state times the reset gate.
    fn reset_state<T: Real>(&self, step: &Step<T>) -> TractResult<Tensor> {
        let mut state = step.h.clone();
        let mut values = state.try_as_plain_ram_mut()?;
        for (at, h) in step.rows.iter().zip(values.as_slice_mut::<T>()?.chunks_exact_mut(step.hidden)) {
            let Some(at) = *at else { continue };
            let reset = &step.gates[at + step.hidden..][..step.hidden];
            h.iter_mut().zip(reset).for_each(|(h, &reset)| *h = *h * reset);
        }
        Ok(state)
    }
}

#[derive(Debug)]
struct Lstm {
    functions: Vec<Activation>,
    clip: Option<f32>,
    /// Whether what is forgotten is what is not let in.
    input_forget: bool,
}

pub fn lstm(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    layer(node, |directions| {
        let usual = [Activation::Sigmoid, Activation::Tanh, Activation::Tanh];
        let functions = activation::of(node, directions, &usual)?;
        Ok(Lstm { functions, clip: clip(node)?, input_forget: node.int_or("input_forget", 0)? != 0 })
    })
}

impl Cell for Lstm {
    fn gates(&self) -> usize {
        4
    }

    fn products(&self) -> &[usize] {
        &[4]
    }

    fn has_memory(&self) -> bool {
        true
    }

    fn step<T: Real>(&self, direction: usize, step: &mut Step<T>) -> TractResult<()> {
        let hidden = step.hidden;
        let [f, g, last] = [0, 1, 2].map(|at| self.functions[3 * direction + at]);
        let product = step.products[0].of(step.h)?;
        let products = slice::<T>(&product)?.chunks_exact(4 * hidden);
        let mut h = step.h.try_as_plain_ram_mut()?;
        let states = h.as_slice_mut::<T>()?.chunks_exact_mut(hidden).zip(step.memory.chunks_exact_mut(hidden));
        let peephole = |at: usize| step.peepholes.get(at * hidden..(at + 1) * hidden);
        for ((at, (h, memory)), product) in step.rows.iter().zip(states).zip(products) {
            let Some(at) = *at else { continue };
            let gates = &mut step.gates[at..at + 4 * hidden];
            add(gates, product);
            let (input, gates) = gates.split_at_mut(hidden);
            let (output, gates) = gates.split_at_mut(hidden);
            let (forget, candidate) = gates.split_at_mut(hidden);
            if let Some(weights) = peephole(0) {
                add_products(input, weights, memory);
            }
            through(input, self.clip, f);
            if self.input_forget {
                forget.iter_mut().zip(&*input).for_each(|(forget, &input)| *forget = T::one() - input);
            } else {
                if let Some(weights) = peephole(2) {
                    add_products(forget, weights, memory);
                }
                through(forget, self.clip, f);
            }
            through(candidate, self.clip, g);
            for (((memory, &forget), &input), &new) in memory.iter_mut().zip(&*forget).zip(&*input).zip(&*candidate) {
                *memory = forget * *memory + input * new;
            }
            if let Some(weights) = peephole(1) {
                add_products(output, weights, memory);
            }
            through(output, self.clip, f);
            h.copy_from_slice(memory);
            last.apply(h);
            h.iter_mut().zip(&*output).for_each(|(h, &output)| *h = *h * output);
        }
        Ok(())
    }
}
