//! `ReduceMax` and `ReduceMin`: also of truth values, of nothing but infinities, and with NaN winning. And the sums of
//! absolute values, of squares, and their roots and logarithms, for all types.

use tract_onnx::prelude::{Arc, Datum, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{required, slice, tensor};
use super::shapes::{axis, each, error, fact, for_numbers, integers, known, narrow, strides, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Max,
    Min,
    L1,
    L2,
    LogSum,
    LogSumExp,
    SumSquare,
}

#[derive(Debug)]
struct Reduce {
    kind: Kind,
    keep: bool,
    /// Axes that are no input.
    axes: Option<Vec<i64>>,
    idle_without_axes: bool,
}

pub fn max(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Kind::Max)
}

pub fn min(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Kind::Min)
}

pub fn l1(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Kind::L1)
}

pub fn l2(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Kind::L2)
}

pub fn log_sum(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Kind::LogSum)
}

pub fn log_sum_exp(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Kind::LogSumExp)
}

pub fn sum_square(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, Kind::SumSquare)
}

fn build(node: &Node, kind: Kind) -> Result<Arc<dyn Kernel>, Refusal> {
    let input = node.opset() >= 18;
    let axes = if input { None } else { Some(node.ints("axes")?.to_vec()) };
    let idle_without_axes = input && node.int_or("noop_with_empty_axes", 0)? != 0;
    Ok(Arc::new(Reduce { kind, keep: node.int_or("keepdims", 1)? != 0, axes, idle_without_axes }))
}

impl Reduce {
    /// Which axes are reduced; `None` where that is not known yet.
    fn reduced(&self, input: Option<Option<&Tensor>>, rank: usize) -> TractResult<Option<Vec<bool>>> {
        let axes = match (&self.axes, input) {
            (Some(axes), _) => axes.clone(),
            (None, None) => Vec::new(),
            (None, Some(Some(axes))) => integers(axes)?,
            (None, Some(None)) => return Ok(None),
        };
        if axes.is_empty() {
            return Ok(Some(vec![!self.idle_without_axes; rank]));
        }
        let mut reduced = vec![false; rank];
        for at in axes {
            reduced[axis(at, rank)?] = true;
        }
        Ok(Some(reduced))
    }

    fn shape<T: Clone>(&self, shape: &[T], reduced: &[bool], one: T) -> TVec<T> {
        let sizes = shape.iter().zip(reduced);
        let kept = sizes.filter_map(|(size, &gone)| match (gone, self.keep) {
            (false, _) => Some(size.clone()),
            (true, true) => Some(one.clone()),
            (true, false) => None,
        });
        kept.collect()
    }
}

impl Kernel for Reduce {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let axes = inputs.get(1).copied().flatten().map(|axes| known(Some(axes)));
        let reduced = self.reduced(axes, input.rank())?;
        let reduced = reduced.ok_or_else(|| error("the axes it reduces depend on values"))?;
        let shape: TVec<TDim> = input.shape.iter().cloned().collect();
        Ok(tvec![fact(input.datum_type.unquantized(), &self.shape(&shape, &reduced, 1.into()))])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let reduced = self.reduced(inputs.get(1).copied().flatten().map(Some), input.rank())?.unwrap_or_default();
        let shape = self.shape(input.shape(), &reduced, 1);
        let datatype = input.datum_type().unquantized();
        if !matches!(self.kind, Kind::Max | Kind::Min) {
            return Ok(tvec![summed(input, &reduced, &shape, self.kind)?]);
        }
        let least = self.kind == Kind::Min;
        if datatype == DatumType::Bool {
            return Ok(tvec![extreme::<bool>(input, &reduced, &shape, least)?]);
        }
        Ok(tvec![for_numbers!(datatype, extreme(input, &reduced, &shape, least))?])
    }
}

fn extreme<T: Ordered>(input: &Tensor, reduced: &[bool], shape: &[usize], least: bool) -> TractResult<Tensor> {
    let values = slice::<T>(input)?;
    if values.is_empty() {
        return tensor(shape, vec![if least { T::TOP } else { T::BOTTOM }; shape.iter().product()]);
    }
    let beats = |new: T, old: T| if least { new < old } else { new > old };
    let better = |new: T, old: T| is_nan(new) || (!is_nan(old) && beats(new, old));
    let suffix = reduced.iter().rev().take_while(|&&gone| gone).count();
    let run: usize = input.shape()[reduced.len() - suffix..].iter().product();
    let fold = |values: &[T]| values.iter().copied().reduce(|old, new| if better(new, old) { new } else { old });
    if reduced[..reduced.len() - suffix].iter().all(|gone| !gone) {
        let found = if run == 0 { Vec::new() } else { values.chunks_exact(run).filter_map(fold).collect() };
        return tensor(shape, found);
    }
    let (kept, steps) = steps(input.shape(), reduced);
    let mut found: Vec<Option<T>> = vec![None; kept.iter().product()];
    let mut next = values.iter();
    each(input.shape(), |at| {
        let place = at.iter().zip(&steps).map(|(at, step)| at * step).sum::<usize>();
        let Some(&new) = next.next() else { return };
        if found[place].is_none_or(|old| better(new, old)) {
            found[place] = Some(new);
        }
    });
    tensor(shape, found.into_iter().flatten().collect())
}

/// The shape that is left with reduced axes of one, and its strides along the axes of the input: zero where it is reduced.
fn steps(shape: &[usize], reduced: &[bool]) -> (TVec<usize>, TVec<usize>) {
    let kept: TVec<usize> = shape.iter().zip(reduced).map(|(&size, &gone)| if gone { 1 } else { size }).collect();
    let steps = strides(&kept).iter().zip(reduced).map(|(&step, &gone)| if gone { 0 } else { step }).collect();
    (kept, steps)
}

/// Sums in double precision, or of integers in 64 bits that wrap around.
fn summed(input: &Tensor, reduced: &[bool], shape: &[usize], kind: Kind) -> TractResult<Tensor> {
    let (kept, steps) = steps(input.shape(), reduced);
    let count = kept.iter().product();
    let place = |at: &[usize]| at.iter().zip(&steps).map(|(at, step)| at * step).sum::<usize>();
    let datatype = input.datum_type().unquantized();
    if datatype.is_integer() && matches!(kind, Kind::L1 | Kind::SumSquare) {
        let (values, mut sums) = (integers(input)?, vec![0i64; count]);
        let mut next = values.iter();
        each(input.shape(), |at| {
            let &value = next.next().unwrap_or(&0);
            let term = if kind == Kind::L1 { value.wrapping_abs() } else { value.wrapping_mul(value) };
            sums[place(at)] = sums[place(at)].wrapping_add(term);
        });
        return Ok(tensor(shape, sums)?.cast_to_dt(datatype)?.into_owned());
    }
    let (values, mut sums) = (wide(input)?, vec![0.0; count]);
    // Powers of e would overflow but for the largest exponent, which is taken off; an infinite one leaves itself.
    let mut largest = vec![f64::NEG_INFINITY; if kind == Kind::LogSumExp { count } else { 0 }];
    if kind == Kind::LogSumExp {
        let mut next = values.iter();
        each(input.shape(), |at| largest[place(at)] = largest[place(at)].max(*next.next().unwrap_or(&0.0)));
    }
    let off = |at: usize| if largest[at].is_finite() { largest[at] } else { 0.0 };
    let mut next = values.iter();
    each(input.shape(), |at| {
        let &value = next.next().unwrap_or(&0.0);
        sums[place(at)] += match kind {
            Kind::L1 => value.abs(),
            Kind::LogSum => value,
            Kind::LogSumExp => (value - off(place(at))).exp(),
            _ => value * value,
        };
    });
    sums.iter_mut().enumerate().for_each(|(at, sum)| match kind {
        Kind::L2 => *sum = sum.sqrt(),
        Kind::LogSum => *sum = sum.ln(),
        Kind::LogSumExp => *sum = off(at) + sum.ln(),
        _ => {}
    });
    if datatype.is_integer() {
        sums.iter_mut().for_each(|sum| *sum = sum.trunc());
    }
    narrow(datatype, shape, sums)
}

/// What stands for the largest and the smallest of no values.
trait Ordered: Datum + Copy + PartialOrd {
    const TOP: Self;
    const BOTTOM: Self;
}

macro_rules! ordered {
    ($($kind:ty: $bottom:expr, $top:expr);*) => {$(
        impl Ordered for $kind {
            const TOP: Self = $top;
            const BOTTOM: Self = $bottom;
        }
    )*};
}

ordered!(bool: false, true; f32: f32::NEG_INFINITY, f32::INFINITY; f64: f64::NEG_INFINITY, f64::INFINITY;
    half::f16: half::f16::NEG_INFINITY, half::f16::INFINITY; i8: i8::MIN, i8::MAX; i16: i16::MIN, i16::MAX;
    i32: i32::MIN, i32::MAX; i64: i64::MIN, i64::MAX; u8: u8::MIN, u8::MAX; u16: u16::MIN, u16::MAX;
    u32: u32::MIN, u32::MAX; u64: u64::MIN, u64::MAX);

/// Only NaN is not in order with itself.
fn is_nan<T: PartialOrd>(value: T) -> bool {
    value.partial_cmp(&value).is_none()
}
