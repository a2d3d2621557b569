//! Small models without the engine library around them. A run of the library costs a microsecond or three per node before
//! anything is computed: memory for every value, tables of the graph, packing for kernels made for large matrices. A model
//! of a few small layers spends nearly all of its time on that. [`Direct`] is such a model for known sizes as a row of steps
//! over two stretches of memory, one of floats and one of integers; operators of our own that have no step are called with
//! tensors made for the occasion.
//!
//! It only ever stands beside a plan: it is used once it has given the plan's answers in less time, and where it fails the
//! plan has the last word, and the words for the client.

mod compile;
mod dense;
mod product;
mod steps;
mod window;

use std::cell::RefCell;

use tract_onnx::prelude::TypedModel;

use self::compile::Compiler;
use self::steps::{Argument, Step, Work};
use super::convert;
use crate::tensor::{DataType, Shape, Tensor};

/// Multiply-adds of a step, and elements of all values and of the weights of a step: beyond them the library cannot be
/// slower, because what it spends around its kernels is nothing beside what they do.
const MOST_WORK: usize = 4 << 20;
const MOST_ELEMENTS: usize = 128 << 10;
const MOST_WEIGHTS: usize = 16 << 10;
/// Nodes of a model that is looked at.
const MOST_NODES: usize = 64;

#[derive(Debug)]
pub struct Direct {
    inputs: Vec<Input>,
    steps: Vec<Step>,
    outputs: Vec<Output>,
    reals: usize,
    wholes: usize,
    made: usize,
}

/// Where an input is put.
#[derive(Debug)]
enum Input {
    Reals(usize),
    Wholes(usize),
    Made(usize),
}

#[derive(Debug)]
struct Output {
    from: Argument,
    shape: Shape,
    declared: DataType,
}

thread_local! {
    static WORK: RefCell<Work> = RefCell::default();
}

impl Direct {
    /// Of a model for known sizes, decluttered and not yet optimised; `inputs` and `outputs` are the declared types. `None`
    /// where it is too large to gain by it, or does something that has no step.
    pub fn of(model: &TypedModel, inputs: &[DataType], outputs: &[DataType]) -> Option<Self> {
        if model.nodes().len() > MOST_NODES {
            return None;
        }
        Compiler::of(model).compile(inputs, outputs)
    }

    /// Bytes of the weights that are its own; those of operators it calls are held by the plan, too.
    pub fn weight_bytes(&self) -> u64 {
        self.steps.iter().map(Step::weight_bytes).sum()
    }

    /// The outputs for inputs of the sizes that it was made for. An error says only that there is no answer this way.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        // Taken and not borrowed: a step that unwinds leaves the next run to make its own.
        let mut work = WORK.take();
        let outputs = self.compute(&mut work, inputs);
        work.made.clear();
        WORK.set(work);
        outputs
    }

    fn compute(&self, work: &mut Work, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        // What an earlier run left is written over before it is read.
        work.reals.resize(self.reals, 0.0);
        work.wholes.resize(self.wholes, 0);
        work.made.resize(self.made, None);
        for (input, tensor) in self.inputs.iter().zip(inputs) {
            input.fill(work, tensor)?;
        }
        for step in &self.steps {
            step.take(work).map_err(|error| error.to_string())?;
        }
        self.outputs.iter().map(|output| output.read(work)).collect()
    }
}

impl Input {
    fn fill(&self, work: &mut Work, tensor: &Tensor) -> Result<(), String> {
        let other = || format!("an input of {}", tensor.datatype());
        match *self {
            Self::Reals(at) => {
                let values = tensor.values::<f32>().ok_or_else(other)?;
                work.reals[at..at + values.len()].copy_from_slice(&values);
            }
            Self::Wholes(at) if tensor.datatype() == DataType::Int32 => {
                let values = tensor.values::<i32>().ok_or_else(other)?;
                work.wholes[at..at + values.len()].iter_mut().zip(&*values).for_each(|(to, &from)| *to = from.into());
            }
            Self::Wholes(at) => {
                let values = tensor.values::<i64>().ok_or_else(other)?;
                work.wholes[at..at + values.len()].copy_from_slice(&values);
            }
            Self::Made(at) => work.made[at] = Some(convert::to_tract(tensor)?),
        }
        Ok(())
    }
}

impl Output {
    fn read(&self, work: &Work) -> Result<Tensor, String> {
        let shape = || self.shape.clone();
        let tensor = match (&self.from, self.declared) {
            (Argument::Reals { range, .. }, DataType::Fp32) => {
                Tensor::from_vec(shape(), work.reals[range.clone()].to_vec())
            }
            (Argument::Wholes { range, .. }, DataType::Int64) => {
                Tensor::from_vec(shape(), work.wholes[range.clone()].to_vec())
            }
            (other, declared) => {
                let value = other.value(work).map_err(|error| error.to_string())?;
                return convert::from_tract(value, declared);
            }
        };
        tensor.map_err(|error| error.to_string())
    }
}
