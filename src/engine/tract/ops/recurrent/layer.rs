//! What recurrent layers have in common: inputs `X W R B sequence_lens initial_h ...`, one or two directions, sequences of
//! different lengths in a batch, the loop over time. A [`Cell`] is what happens in one step of it.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::{DatumType, DatumTypeExt, TDim, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use super::product::{Product, Weights};
use super::real::Real;
use crate::engine::tract::checks::Refusal;

/// One kind of layer.
pub trait Cell: Debug + Send + Sync + 'static {
    /// How many gates there are, one after the other, in the weights and biases.
    fn gates(&self) -> usize;

    /// In how many gates at a time the hidden state is multiplied with its weights.
    fn products(&self) -> &[usize];

    /// Whether there is a state beside the hidden one, which is an input and an output too.
    fn has_memory(&self) -> bool {
        false
    }

    /// Whether a gate's bias to the hidden state is left to [`Cell::step`].
    fn keeps_bias(&self, _gate: usize) -> bool {
        false
    }

    /// One step of every sequence that has not ended.
    fn step<T: Real>(&self, direction: usize, step: &mut Step<T>) -> TractResult<()>;
}

/// What a step works on. Rows are sequences of the batch.
pub struct Step<'s, T> {
    pub hidden: usize,
    /// By row: where in `gates` its row for this step begins; `None` once its sequence has ended.
    pub rows: &'s [Option<usize>],
    /// The gates as far as they come from the input.
    pub gates: &'s mut [T],
    /// `[rows, hidden]`.
    pub h: &'s mut Tensor,
    /// The same of the memory.
    pub memory: &'s mut [T],
    /// By [`Cell::products`].
    pub products: &'s [Product<'s>],
    /// The bias to the hidden state, of all gates.
    pub bias: &'s [T],
    /// Weights from the memory to gates, of this direction; empty when there are none.
    pub peepholes: &'s [T],
}

#[derive(Debug)]
pub struct Layer<C> {
    cell: C,
    /// By direction.
    backwards: &'static [bool],
    batch_first: bool,
    hidden: Option<i64>,
    /// The weights as the kernels of the product like them, once the graph has fixed them.
    fixed: Mutex<Option<Arc<Fixed>>>,
}

#[derive(Debug)]
struct Fixed {
    input: Arc<Tensor>,
    recurrent: Arc<Tensor>,
    laid_out: Vec<Direction>,
}

#[derive(Debug)]
struct Direction {
    input: Weights,
    recurrent: Vec<Weights>,
}

/// The layer of a node. `cell` is given the number of directions.
pub fn layer<C: Cell>(node: &Node, cell: impl FnOnce(usize) -> Result<C, Refusal>) -> Result<Arc<dyn Kernel>, Refusal> {
    let backwards: &'static [bool] = match &*node.text_or("direction", "forward")?.to_ascii_lowercase() {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return Err(malformed(format!("its direction {other:?} is none that the standard knows"))),
    };
    let batch_first = match node.int_or("layout", 0)? {
        0 => false,
        1 => true,
        other => return Err(malformed(format!("its layout is {other}, not 0 or 1"))),
    };
    if node.int_or("output_sequence", 1)? == 0 && node.has_output(0) {
        return Err(malformed("it says that it has no sequence of outputs, and has one"));
    }
    let cell = cell(backwards.len())?;
    let hidden = node.int("hidden_size")?;
    Ok(Arc::new(Layer { cell, backwards, batch_first, hidden, fixed: Mutex::default() }))
}

/// A bound for what goes into the functions, when there is one.
pub fn clip(node: &Node) -> Result<Option<f32>, Refusal> {
    match node.float("clip")? {
        Some(clip) if clip > 0.0 => Ok(Some(clip)),
        Some(clip) => Err(malformed(format!("it clips at {clip}, which is not above zero"))),
        None => Ok(None),
    }
}

/// `[batch, time]` from `[time, batch]` and back.
fn swapped<T: Copy>(values: &[T], outer: usize, inner: usize, width: usize) -> Vec<T> {
    let order = (0..inner).flat_map(|i| (0..outer).map(move |o| (o * inner + i) * width));
    order.flat_map(|start| values[start..start + width].iter().copied()).collect()
}

impl<C: Cell> Layer<C> {
    fn lay_out<T: Real>(&self, input: &Tensor, recurrent: &Tensor) -> TractResult<Vec<Direction>> {
        let (input, recurrent) = (input.cast_to::<T>()?, recurrent.cast_to::<T>()?);
        let (&[_, rows, width], &[_, _, hidden]) = (input.shape(), recurrent.shape()) else {
            return Err(TractError::msg("its weights have three axes"));
        };
        let (input, recurrent) = (slice::<T>(&input)?, slice::<T>(&recurrent)?);
        let direction = |at: usize| {
            let of_input = &input[at * rows * width..][..rows * width];
            let mut rest = &recurrent[at * rows * hidden..][..rows * hidden];
            let products = self.cell.products().iter().map(|gates| {
                let (these, others) = rest.split_at(gates * hidden * hidden);
                rest = others;
                Ok(Weights::new(Tensor::from_shape(&[gates * hidden, hidden], these)?))
            });
            let recurrent = products.collect::<TractResult<_>>()?;
            Ok(Direction { input: Weights::new(Tensor::from_shape(&[rows, width], of_input)?), recurrent })
        };
        (0..self.backwards.len()).map(direction).collect()
    }

    /// The weights in their layout: the ones kept, if these are the tensors they were made from.
    fn weights<T: Real>(&self, input: &Tensor, recurrent: &Tensor) -> TractResult<Arc<Fixed>> {
        let kept = self.fixed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let same =
            |fixed: &Arc<Fixed>| std::ptr::eq(&*fixed.input, input) && std::ptr::eq(&*fixed.recurrent, recurrent);
        if let Some(kept) = kept.filter(same) {
            return Ok(kept);
        }
        let laid_out = self.lay_out::<T>(input, recurrent)?;
        Ok(Arc::new(Fixed { input: Arc::default(), recurrent: Arc::default(), laid_out }))
    }

    /// Keeps weights that are the same in every run.
    fn keep(&self, input: &TypedFact, recurrent: &TypedFact) -> TractResult<()> {
        let (Some(input), Some(recurrent)) = (&input.konst, &recurrent.konst) else { return Ok(()) };
        let mut kept = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(&kept.input, input) && Arc::ptr_eq(&kept.recurrent, recurrent))
        {
            return Ok(());
        }
        let laid_out = match input.datum_type() {
            DatumType::F64 => self.lay_out::<f64>(input, recurrent)?,
            _ => self.lay_out::<f32>(input, recurrent)?,
        };
        *kept = Some(Arc::new(Fixed { input: Arc::clone(input), recurrent: Arc::clone(recurrent), laid_out }));
        Ok(())
    }

    fn compute<T: Real>(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (x, w, r) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        let (&[first, second, width], &[_, _, hidden]) = (x.shape(), r.shape()) else {
            return Err(TractError::msg("its input and its weights have three axes"));
        };
        let (time, batch) = if self.batch_first { (second, first) } else { (first, second) };
        let datatype = x.datum_type();
        let x = x.cast_to::<T>()?;
        let x = if self.batch_first {
            tensor(&[time * batch, width], swapped(slice::<T>(&x)?, batch, time, width))?
        } else {
            x.into_owned().into_shape(&[time * batch, width])?
        };
        let lengths = lengths(inputs.get(4).copied().flatten(), time, batch)?;
        let fixed = self.weights::<T>(w, r)?;
        let directions = self.backwards.len();
        let all = self.cell.gates() * hidden;
        let optional = |at: usize, count: usize| -> TractResult<Vec<T>> {
            match inputs.get(at).copied().flatten() {
                Some(given) if given.len() == count => Ok(slice::<T>(&*given.cast_to::<T>()?)?.to_vec()),
                Some(given) => Err(TractError::msg(format!("its input {at} has the shape {:?}", given.shape()))),
                None => Ok(Vec::new()),
            }
        };
        let biases = optional(3, directions * 2 * all)?;
        let states = |at: usize| -> TractResult<Vec<T>> {
            let count = directions * batch * hidden;
            let given = optional(at, count)?;
            Ok(match self.batch_first {
                _ if given.is_empty() => vec![T::zero(); count],
                true => swapped(&given, batch, directions, hidden),
                false => given,
            })
        };
        let mut h = states(5)?;
        let mut memory = if self.cell.has_memory() { states(6)? } else { Vec::new() };
        let peepholes = if self.cell.has_memory() { optional(7, directions * 3 * hidden)? } else { Vec::new() };
        let mut y = vec![T::zero(); time * directions * batch * hidden];
        for (at, (&backwards, weights)) in self.backwards.iter().zip(&fixed.laid_out).enumerate() {
            let mut gates = weights.input.product(time * batch)?.of(&x)?;
            let mut gates = gates.try_as_plain_ram_mut()?;
            let gates = gates.as_slice_mut::<T>()?;
            let bias = biases.get(at * 2 * all..(at + 1) * 2 * all).unwrap_or_default();
            let (of_input, of_hidden) = bias.split_at(bias.len() / 2);
            self.add_bias(gates, of_input, of_hidden, hidden);
            let own = at * batch * hidden..(at + 1) * batch * hidden;
            let mut state = Tensor::from_shape(&[batch, hidden], &h[own.clone()])?;
            let mut nothing = [];
            let memory = memory.get_mut(own.clone()).unwrap_or(&mut nothing);
            let products = weights.recurrent.iter().map(|weights| weights.product(batch));
            let products = products.collect::<TractResult<Vec<_>>>()?;
            let mut rows = vec![None; batch];
            for now in 0..lengths.iter().copied().max().unwrap_or(0) {
                let when = |length: usize| if backwards { length - 1 - now } else { now };
                for (row, &length) in lengths.iter().enumerate() {
                    rows[row] = (now < length).then(|| (when(length) * batch + row) * all);
                }
                self.cell.step(
                    at,
                    &mut Step {
                        hidden,
                        rows: &rows,
                        gates: &mut *gates,
                        h: &mut state,
                        memory: &mut *memory,
                        products: &products,
                        bias: of_hidden,
                        peepholes: peepholes.get(at * 3 * hidden..(at + 1) * 3 * hidden).unwrap_or_default(),
                    },
                )?;
                for ((row, &length), state) in lengths.iter().enumerate().zip(slice::<T>(&state)?.chunks_exact(hidden))
                {
                    if now < length {
                        let into = if self.batch_first {
                            (row * time + when(length)) * directions + at
                        } else {
                            (when(length) * directions + at) * batch + row
                        };
                        y[into * hidden..][..hidden].copy_from_slice(state);
                    }
                }
            }
            h[own].copy_from_slice(slice::<T>(&state)?);
            // A sequence without steps leaves nothing, not what it was started with: so ONNX Runtime.
            for row in (0..batch).filter(|&row| lengths[row] == 0) {
                h[(at * batch + row) * hidden..][..hidden].fill(T::zero());
                if let Some(memory) = memory.get_mut(row * hidden..(row + 1) * hidden) {
                    memory.fill(T::zero());
                }
            }
        }
        let y_shape =
            if self.batch_first { [batch, time, directions, hidden] } else { [time, directions, batch, hidden] };
        let state = |values: Vec<T>| match self.batch_first {
            true => tensor(&[batch, directions, hidden], swapped(&values, directions, batch, hidden)),
            false => tensor(&[directions, batch, hidden], values),
        };
        let mut outputs = tvec![tensor(&y_shape, y)?, state(h)?];
        if self.cell.has_memory() {
            outputs.push(state(memory)?);
        }
        outputs.into_iter().map(|output| Ok(output.cast_to_dt(datatype)?.into_owned())).collect()
    }

    /// Adds both biases to every row of the gates, but not the one to the hidden state of a gate that wants it apart.
    fn add_bias<T: Real>(&self, gates: &mut [T], of_input: &[T], of_hidden: &[T], hidden: usize) {
        if of_input.is_empty() {
            return;
        }
        let both = of_input.iter().zip(of_hidden).enumerate().map(|(at, (&of_input, &of_hidden))| {
            if self.cell.keeps_bias(at / hidden) { of_input } else { of_input + of_hidden }
        });
        let both: Vec<T> = both.collect();
        for row in gates.chunks_exact_mut(both.len()) {
            row.iter_mut().zip(&both).for_each(|(gate, &bias)| *gate += bias);
        }
    }
}

/// How long each sequence of the batch is.
fn lengths(given: Option<&Tensor>, time: usize, batch: usize) -> TractResult<Vec<usize>> {
    let Some(given) = given else { return Ok(vec![time; batch]) };
    let given = given.cast_to::<i64>()?;
    let given = slice::<i64>(&given)?;
    if given.len() != batch {
        return Err(TractError::msg(format!("it gets {} lengths for {batch} sequences", given.len())));
    }
    let length = |&length: &i64| {
        let fits = usize::try_from(length).ok().filter(|&length| length <= time);
        fits.ok_or_else(|| TractError::msg(format!("a sequence is {length} long where there are {time} steps")))
    };
    given.iter().map(length).collect()
}

impl<C: Cell> Kernel for Layer<C> {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (x, w, r) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        one_of(x, &[DatumType::F32, DatumType::F64, DatumType::F16])?;
        for given in [3, 5, 6, 7].into_iter().filter_map(|at| inputs.get(at).copied().flatten()).chain([w, r]) {
            one_of(given, &[x.datum_type])?;
        }
        if x.rank() != 3 || w.rank() != 3 || r.rank() != 3 {
            return Err(TractError::msg("its input and its weights must have three axes"));
        }
        let directions = TDim::from(self.backwards.len());
        let hidden = r.shape[2].clone();
        let all = hidden.clone() * self.cell.gates();
        let fits = w.shape[0] == directions
            && r.shape[0] == directions
            && w.shape[1] == all
            && r.shape[1] == all
            && w.shape[2].compatible_with(&x.shape[2])
            && self.hidden.is_none_or(|told| hidden == TDim::from(told));
        if !fits {
            let shapes = [w, r].map(|fact| format!("{:?}", fact.shape));
            return Err(TractError::msg(format!(
                "weights of shapes {} and {} do not fit its attributes or its input of shape {:?}",
                shapes[0], shapes[1], x.shape
            )));
        }
        self.keep(w, r)?;
        let (first, second) = (x.shape[0].clone(), x.shape[1].clone());
        let (y, state) = if self.batch_first {
            (
                x.datum_type.fact([first.clone(), second, directions.clone(), hidden.clone()]),
                x.datum_type.fact([first, directions, hidden]),
            )
        } else {
            (
                x.datum_type.fact([first, directions.clone(), second.clone(), hidden.clone()]),
                x.datum_type.fact([directions, second, hidden]),
            )
        };
        let states = if self.cell.has_memory() { 2 } else { 1 };
        Ok(std::iter::once(y).chain(std::iter::repeat_n(state, states)).collect())
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        match required(inputs, 0)?.datum_type() {
            DatumType::F64 => self.compute::<f64>(inputs),
            _ => self.compute::<f32>(inputs),
        }
    }
}
