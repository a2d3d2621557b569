//! What there is to be done, and on which memory.

use std::ops::Range;

use tract_onnx::prelude::{DatumType, IntoTValue, TValue, TVec, Tensor, TractError, TractResult};
use tract_onnx::tract_core::tract_linalg::element_wise::ElementWise;
use tract_onnx::tract_hir::internal::TypedOp;

use super::dense::Dense;
use super::product::Panel;
use super::window::{Convolution, Largest};
use crate::engine::tract::ops::{place_of_best, values};
use crate::engine::tract::short_softmax::ShortSoftmax;

/// The memory of one run: every value that steps make has its own place.
#[derive(Debug, Default)]
pub struct Work {
    pub reals: Vec<f32>,
    pub wholes: Vec<i64>,
    /// What a convolution is made ready in.
    image: Vec<f32>,
    panels: Vec<Panel>,
    /// Values of other types, and those that operators make by themselves.
    pub made: Vec<Option<TValue>>,
}

/// One step. What it reads lies before what it writes.
#[derive(Debug)]
pub enum Step {
    Dense {
        dense: Dense,
        from: Range<usize>,
        to: Range<usize>,
    },
    Convolution {
        convolution: Convolution,
        from: Range<usize>,
        to: Range<usize>,
    },
    Largest {
        largest: Largest,
        from: Range<usize>,
        to: Range<usize>,
    },
    Combine {
        how: Combination,
        sides: Box<[Operand; 2]>,
        to: Range<usize>,
    },
    Map {
        how: Map,
        from: Range<usize>,
        to: Range<usize>,
    },
    Softmax {
        softmax: ShortSoftmax,
        from: Range<usize>,
        to: Range<usize>,
    },
    Best {
        best: Best,
        from: Range<usize>,
        to: Range<usize>,
    },
    /// What stands in a table at the places that were found.
    Pick {
        table: Vec<i64>,
        from: Range<usize>,
        to: Range<usize>,
    },
    /// An operator as it is, on values made for it.
    Call {
        op: Box<dyn TypedOp>,
        arguments: Vec<Argument>,
        to: usize,
        count: usize,
    },
    /// Floats that an operator made, to go on with.
    Load {
        from: usize,
        to: Range<usize>,
    },
}

/// A function of two floats.
#[derive(Clone, Copy, Debug)]
pub enum Combination {
    Sum,
    Difference,
    Product,
    Quotient,
    Larger,
    Lesser,
}

/// A function of one float; where the library approximates it, in the same way.
#[derive(Debug)]
pub enum Map {
    Plain(fn(f32) -> f32),
    Kernel(Box<dyn ElementWise<f32>>),
    LeakyRelu { how: Box<dyn ElementWise<f32, f32>>, alpha: f32 },
}

/// The place of the largest or least of `count` elements that lie `apart` from each other.
#[derive(Debug)]
pub struct Best {
    pub count: usize,
    pub apart: usize,
    pub least: bool,
    pub last: bool,
}

/// One side of a combination. Element `i` of the result meets element `i / every % length` of it.
#[derive(Debug)]
pub struct Operand {
    pub from: Values,
    pub every: usize,
}

#[derive(Debug)]
pub enum Values {
    Reals(Range<usize>),
    Constant(Vec<f32>),
}

/// A value as operators take it.
#[derive(Clone, Debug)]
pub enum Argument {
    Reals {
        range: Range<usize>,
        shape: TVec<usize>,
    },
    /// 32 or 64 bits wide.
    Wholes {
        range: Range<usize>,
        shape: TVec<usize>,
        datatype: DatumType,
    },
    Made(usize),
    Constant(TValue),
}

impl Step {
    pub fn weight_bytes(&self) -> u64 {
        match self {
            Self::Dense { dense, .. } => dense.weight_bytes(),
            Self::Convolution { convolution, .. } => convolution.weight_bytes(),
            Self::Largest { largest, .. } => largest.weight_bytes(),
            Self::Combine { sides, .. } => sides.iter().map(|side| side.from.weight_bytes()).sum(),
            Self::Pick { table, .. } => size_of_val(table.as_slice()) as u64,
            _ => 0,
        }
    }

    pub fn take(&self, work: &mut Work) -> TractResult<()> {
        match self {
            Self::Dense { dense, from, to } => {
                let (before, to) = split(&mut work.reals, to);
                dense.multiply(&before[from.clone()], to);
            }
            Self::Convolution { convolution, from, to } => {
                let (before, to) = split(&mut work.reals, to);
                convolution.apply(&before[from.clone()], to, &mut work.image, &mut work.panels);
            }
            Self::Largest { largest, from, to } => {
                let (before, to) = split(&mut work.reals, to);
                largest.apply(&before[from.clone()], to);
            }
            Self::Combine { how, sides, to } => {
                let [a, b] = &**sides;
                let (before, to) = split(&mut work.reals, to);
                combine(*how, a, b, before, to);
            }
            Self::Map { how, from, to } => {
                let (before, to) = split(&mut work.reals, to);
                let from = &before[from.clone()];
                match how {
                    Map::Plain(how) => to.iter_mut().zip(from).for_each(|(to, &from)| *to = how(from)),
                    Map::Kernel(how) => {
                        to.copy_from_slice(from);
                        how.run(to)?;
                    }
                    Map::LeakyRelu { how, alpha } => {
                        to.copy_from_slice(from);
                        how.run_with_params(to, *alpha)?;
                    }
                }
            }
            Self::Softmax { softmax, from, to } => {
                let (before, to) = split(&mut work.reals, to);
                to.copy_from_slice(&before[from.clone()]);
                softmax.apply(to);
            }
            Self::Best { best, from, to } => best.find(&work.reals[from.clone()], &mut work.wholes[to.clone()]),
            Self::Pick { table, from, to } => {
                let (before, to) = split(&mut work.wholes, to);
                for (to, &place) in to.iter_mut().zip(&before[from.clone()]) {
                    let found = usize::try_from(place).ok().and_then(|place| table.get(place));
                    *to = *found.ok_or_else(|| TractError::msg("there is no such place"))?;
                }
            }
            Self::Call { op, arguments, to, count } => {
                let values = arguments.iter().map(|argument| argument.value(work)).collect::<TractResult<TVec<_>>>()?;
                let made = op.eval_out_of_plan(values)?.filter(|made| made.len() == *count);
                let made = made.ok_or_else(|| TractError::msg("it needs a plan"))?;
                work.made.iter_mut().skip(*to).zip(made).for_each(|(to, made)| *to = Some(made));
            }
            Self::Load { from, to } => {
                let Work { reals, made, .. } = work;
                let made = made.get(*from).and_then(Option::as_deref).ok_or_else(|| TractError::msg("not made"))?;
                let (made, to) = (values::slice::<f32>(made)?, &mut reals[to.clone()]);
                if made.len() != to.len() {
                    return Err(TractError::msg("not as many as were foreseen"));
                }
                to.copy_from_slice(made);
            }
        }
        Ok(())
    }
}

/// What lies before a stretch, and the stretch.
fn split<'w, T>(all: &'w mut [T], to: &Range<usize>) -> (&'w [T], &'w mut [T]) {
    let (before, rest) = all.split_at_mut(to.start);
    (before, &mut rest[..to.len()])
}

/// Each function has loops of its own, which is what lets them be done several elements at a time.
fn combine(how: Combination, a: &Operand, b: &Operand, before: &[f32], to: &mut [f32]) {
    match how {
        Combination::Sum => spread(|a, b| a + b, a, b, before, to),
        Combination::Difference => spread(|a, b| a - b, a, b, before, to),
        Combination::Product => spread(|a, b| a * b, a, b, before, to),
        Combination::Quotient => spread(|a, b| a / b, a, b, before, to),
        Combination::Larger => spread(f32::max, a, b, before, to),
        Combination::Lesser => spread(f32::min, a, b, before, to),
    }
}

#[inline(always)]
fn spread(how: impl Fn(f32, f32) -> f32, a: &Operand, b: &Operand, before: &[f32], to: &mut [f32]) {
    let (left, right) = (a.from.of(before), b.from.of(before));
    match (left.len() == to.len(), right.len() == to.len()) {
        (true, true) => to.iter_mut().zip(left.iter().zip(right)).for_each(|(to, (&a, &b))| *to = how(a, b)),
        (true, false) => repeat(how, left, right, b.every, to),
        (false, true) => repeat(|b, a| how(a, b), right, left, a.every, to),
        (false, false) => {
            let one = |at: usize| how(left[at / a.every % left.len()], right[at / b.every % right.len()]);
            to.iter_mut().enumerate().for_each(|(at, to)| *to = one(at));
        }
    }
}

/// A whole operand and one that stands for several elements each.
#[inline(always)]
fn repeat(how: impl Fn(f32, f32) -> f32, whole: &[f32], part: &[f32], every: usize, to: &mut [f32]) {
    if every == 1 && part.len() > 1 {
        for (to, whole) in to.chunks_exact_mut(part.len()).zip(whole.chunks_exact(part.len())) {
            to.iter_mut().zip(whole.iter().zip(part)).for_each(|(to, (&a, &b))| *to = how(a, b));
        }
        return;
    }
    let run = if part.len() == 1 { to.len() } else { every };
    for ((to, whole), &b) in to.chunks_exact_mut(run).zip(whole.chunks_exact(run)).zip(part.iter().cycle()) {
        to.iter_mut().zip(whole).for_each(|(to, &a)| *to = how(a, b));
    }
}

impl Best {
    fn find(&self, values: &[f32], to: &mut [i64]) {
        for (row, to) in to.iter_mut().enumerate() {
            let start = row / self.apart * self.apart * self.count + row % self.apart;
            let at = |step: usize| values[start + step * self.apart];
            *to = place_of_best(self.count, self.least, self.last, at) as i64;
        }
    }
}

impl Values {
    fn weight_bytes(&self) -> u64 {
        match self {
            Self::Reals(_) => 0,
            Self::Constant(values) => size_of_val(values.as_slice()) as u64,
        }
    }

    fn of<'w>(&'w self, reals: &'w [f32]) -> &'w [f32] {
        match self {
            Self::Reals(range) => &reals[range.clone()],
            Self::Constant(values) => values,
        }
    }
}

impl Argument {
    /// The value as the engine library has it.
    pub fn value(&self, work: &Work) -> TractResult<TValue> {
        Ok(match self {
            Self::Reals { range, shape } => Tensor::from_shape(shape, &work.reals[range.clone()])?.into_tvalue(),
            Self::Wholes { range, shape, datatype } => {
                let wide = Tensor::from_shape(shape, &work.wholes[range.clone()])?;
                wide.cast_to_dt(*datatype)?.into_owned().into_tvalue()
            }
            Self::Made(at) => {
                let made = work.made.get(*at).cloned().flatten();
                made.ok_or_else(|| TractError::msg("a value that was not made"))?
            }
            Self::Constant(value) => value.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_spread_over_what_they_lack() {
        let reals: Vec<f32> = (0..6).map(|at| at as f32).collect();
        let spread = |values: Vec<f32>, every: usize| {
            let mut to = vec![0.0; 6];
            let [a, b] = [(Values::Reals(0..6), 1), (Values::Constant(values), every)]
                .map(|(from, every)| Operand { from, every });
            combine(Combination::Sum, &a, &b, &reals, &mut to);
            let mut turned = vec![0.0; 6];
            combine(Combination::Sum, &b, &a, &reals, &mut turned);
            assert_eq!(to, turned);
            to
        };
        assert_eq!(spread(vec![10.0], 1), [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]);
        assert_eq!(spread(vec![10.0, 20.0, 30.0], 1), [10.0, 21.0, 32.0, 13.0, 24.0, 35.0], "a row for each");
        assert_eq!(spread(vec![10.0, 20.0], 3), [10.0, 11.0, 12.0, 23.0, 24.0, 25.0], "a column for each");
    }

    #[test]
    fn the_best_is_found_along_any_axis() {
        let values = [1.0, 7.0, 7.0, 3.0, 5.0, 2.0];
        let found = |count, apart, least, last| {
            let mut to = vec![-1; values.len() / count];
            Best { count, apart, least, last }.find(&values, &mut to);
            to
        };
        assert_eq!(found(3, 1, false, false), [1, 1]);
        assert_eq!(found(3, 1, false, true), [2, 1]);
        assert_eq!(found(3, 1, true, false), [0, 2]);
        assert_eq!(found(2, 3, false, false), [1, 0, 0]);
    }
}
