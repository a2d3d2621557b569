//! `Unique`: the different elements, or the different slices along an axis, in order or as they first come; where each
//! first stands, which of them each element is, and how often each occurs.

use std::cmp::Ordering;

use tract_onnx::prelude::{
    Arc, Datum, DatumExt, DatumType, Symbol, TDim, TVec, Tensor, TractError, TractResult, TypedFact, f16, tvec,
};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{required, slice, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Unique {
    /// Without one, the elements are compared.
    axis: Option<i64>,
    sorted: bool,
    count: Symbol,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let sorted = node.int_or("sorted", 1)? != 0;
    Ok(Arc::new(Unique { axis: node.int("axis")?, sorted, count: node.size_at_run_time() }))
}

impl Unique {
    fn axis(&self, rank: usize) -> TractResult<Option<usize>> {
        let Some(axis) = self.axis else { return Ok(None) };
        let found = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
        let found = usize::try_from(found).ok().filter(|&found| found < rank);
        found.map(Some).ok_or_else(|| TractError::msg(format!("its axis {axis} is none of its input's {rank}")))
    }

    fn find<T: Datum + Clone>(
        &self,
        input: &Tensor,
        order: impl Fn(&T, &T) -> Option<Ordering>,
    ) -> TractResult<TVec<Tensor>> {
        let values = slice::<T>(input)?;
        if values.iter().any(|value| order(value, value).is_none()) {
            return Err(TractError::msg("NaN has no place in the order of numbers; fill in what is missing"));
        }
        // A slice along the axis is every `length`-th run of `inner` elements.
        let mut shape = input.shape().to_vec();
        let axis = self.axis(shape.len())?;
        let (length, inner) = match axis {
            Some(axis) => (shape[axis], shape[axis + 1..].iter().product()),
            None => (values.len(), 1),
        };
        let run = |outer: usize, at: usize| &values[(outer * length + at) * inner..][..inner];
        let outers = if values.is_empty() { 0 } else { values.len() / (length * inner) };
        let compare = |&a: &usize, &b: &usize| {
            let pairs = (0..outers).flat_map(|outer| run(outer, a).iter().zip(run(outer, b)));
            pairs
                .map(|(a, b)| order(a, b).unwrap_or(Ordering::Equal))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        };
        let mut all: Vec<usize> = (0..length).collect();
        // Stable: in each run of equals the first to come stays first.
        all.sort_by(compare);
        let mut groups: Vec<&[usize]> = all.chunk_by(|a, b| compare(a, b).is_eq()).collect();
        if !self.sorted {
            groups.sort_by_key(|group| group[0]);
        }
        let firsts: Vec<usize> = groups.iter().map(|group| group[0]).collect();
        let mut inverse = vec![0i64; length];
        for (number, group) in groups.iter().enumerate() {
            group.iter().for_each(|&at| inverse[at] = number as i64);
        }
        let kept = (0..outers).flat_map(|outer| firsts.iter().flat_map(move |&at| run(outer, at))).cloned().collect();
        match axis {
            Some(axis) => shape[axis] = firsts.len(),
            None => shape = vec![firsts.len()],
        }
        let counts = groups.iter().map(|group| group.len() as i64).collect();
        Ok(tvec![
            tensor::<T>(&shape, kept)?,
            tensor(&[firsts.len()], firsts.iter().map(|&first| first as i64).collect())?,
            tensor(&[length], inverse)?,
            tensor(&[groups.len()], counts)?,
        ])
    }
}

impl Kernel for Unique {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let count = TDim::from(self.count.clone());
        let (shape, length) = match self.axis(input.rank())? {
            Some(axis) => {
                let mut shape = input.shape.to_tvec();
                let length = std::mem::replace(&mut shape[axis], count.clone());
                (shape, length)
            }
            None => (tvec![count.clone()], input.shape.volume()),
        };
        let found = i64::fact([count]);
        Ok(tvec![TypedFact::dt_shape(input.datum_type, shape), found.clone(), i64::fact([length]), found])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        fn total<T: Ord>(a: &T, b: &T) -> Option<Ordering> {
            Some(a.cmp(b))
        }
        let input = required(inputs, 0)?;
        match input.datum_type() {
            DatumType::Bool => self.find::<bool>(input, total),
            DatumType::U8 => self.find::<u8>(input, total),
            DatumType::U16 => self.find::<u16>(input, total),
            DatumType::U32 => self.find::<u32>(input, total),
            DatumType::U64 => self.find::<u64>(input, total),
            DatumType::I8 => self.find::<i8>(input, total),
            DatumType::I16 => self.find::<i16>(input, total),
            DatumType::I32 => self.find::<i32>(input, total),
            DatumType::I64 => self.find::<i64>(input, total),
            DatumType::F16 => self.find::<f16>(input, f16::partial_cmp),
            DatumType::F32 => self.find::<f32>(input, f32::partial_cmp),
            DatumType::F64 => self.find::<f64>(input, f64::partial_cmp),
            DatumType::String => self.find::<String>(input, total),
            other => Err(TractError::msg(format!("it takes no {other:?}"))),
        }
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}
