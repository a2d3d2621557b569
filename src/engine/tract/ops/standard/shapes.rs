//! Axes, sizes and positions: what the operators of this folder share when they move elements about.

use std::sync::{Mutex, PoisonError};

use tract_onnx::prelude::{
    Arc, DatumType, Symbol, SymbolScope, TDim, TVec, Tensor, TractError, TractResult, TypedFact,
};
use tract_onnx::tract_hir::internal::ToDim;

use super::super::budget;
use super::super::node::{Node, size_at_run_time};
use super::super::values::{slice, tensor};

pub fn error(words: impl Into<String>) -> TractError {
    TractError::msg(words.into())
}

/// The axis that a number of the standard means: negative ones count from the end.
pub fn axis(axis: i64, rank: usize) -> TractResult<usize> {
    let signed = i64::try_from(rank)?;
    let found = if axis < 0 { axis.saturating_add(signed) } else { axis };
    match usize::try_from(found) {
        Ok(found) if found < rank => Ok(found),
        _ => Err(error(format!("it has no axis {axis} in a value of {rank} axes"))),
    }
}

/// Integers of any type as 64-bit ones.
pub fn integers(tensor: &Tensor) -> TractResult<Vec<i64>> {
    Ok(slice::<i64>(&*tensor.cast_to::<i64>()?)?.to_vec())
}

/// One integer.
pub fn integer(tensor: &Tensor) -> TractResult<i64> {
    match *integers(tensor)? {
        [value] => Ok(value),
        ref many => Err(error(format!("it takes one integer where {} came", many.len()))),
    }
}

/// One number.
pub fn number(tensor: &Tensor) -> TractResult<f64> {
    match *slice::<f64>(&*tensor.cast_to::<f64>()?)? {
        [value] => Ok(value),
        ref many => Err(error(format!("it takes one number where {} came", many.len()))),
    }
}

/// The contents of an input where they are known beforehand.
pub fn known(fact: Option<&TypedFact>) -> Option<&Tensor> {
    fact?.konst.as_deref()
}

/// Distance in elements between neighbours along each axis.
pub fn strides(shape: &[usize]) -> TVec<usize> {
    let mut strides: TVec<usize> = shape.iter().map(|_| 1).collect();
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Calls with the coordinates of every element in row-major order.
pub fn each(shape: &[usize], mut call: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut at: TVec<usize> = shape.iter().map(|_| 0).collect();
    loop {
        call(&at);
        let Some(axis) = (0..shape.len()).rev().find(|&axis| at[axis] + 1 < shape[axis]) else { return };
        at[axis] += 1;
        at[axis + 1..].fill(0);
    }
}

/// Elements before, along and after an axis: the value as a box of three sides.
pub fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

/// Bytes of one number that [`pick`] takes.
pub const POSITION: usize = size_of::<usize>();

/// Bytes of the number in double precision that an element is made of.
pub const WIDE: usize = size_of::<f64>();

/// How many elements a result of this type and shape has, if there is room for them and for so many more bytes each.
pub fn volume(shape: &[usize], datum_type: DatumType, scratch: usize) -> TractResult<usize> {
    budget::elements(shape, datum_type.size_of(), scratch)
}

/// Every one is a symbol, which the engine library looks for among all others.
const MOST_FOUND: usize = 1024;

/// Sizes that are known only at run time, one for each axis or output that somebody asks about, and always the same one.
#[derive(Clone, Debug)]
pub struct Found {
    scope: SymbolScope,
    sizes: Arc<Mutex<Vec<Symbol>>>,
}

impl Found {
    pub fn of(node: &Node) -> Self {
        Self { scope: node.symbols(), sizes: Arc::default() }
    }

    pub fn size(&self, at: usize) -> TractResult<TDim> {
        if at >= MOST_FOUND {
            return Err(error(format!("it takes at most {MOST_FOUND} sizes that depend on values")));
        }
        // A list that is only ever appended to is whole whatever happened.
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        while sizes.len() <= at {
            sizes.push(size_at_run_time(&self.scope));
        }
        Ok(sizes[at].to_dim())
    }

    pub fn sizes(&self, rank: usize) -> TractResult<TVec<TDim>> {
        (0..rank).map(|axis| self.size(axis)).collect()
    }
}

/// The fact of a value of this type and shape.
pub fn fact(datum_type: DatumType, shape: &[TDim]) -> TypedFact {
    TypedFact::dt_shape(datum_type, shape)
}

/// Instead of a position: an element that comes from nowhere.
pub const NOWHERE: usize = usize::MAX;

/// A tensor made of elements of another, each by its position; those from nowhere are `fill`, or zero where there is none.
pub fn pick(from: &Tensor, shape: &[usize], positions: &[usize], fill: Option<&Tensor>) -> TractResult<Tensor> {
    fn typed<T: tract_onnx::prelude::Datum + Default>(
        from: &Tensor,
        shape: &[usize],
        positions: &[usize],
        fill: Option<&Tensor>,
    ) -> TractResult<Tensor> {
        let from = slice::<T>(from)?;
        let fill = match fill {
            Some(fill) => slice::<T>(fill)?.first().cloned().unwrap_or_default(),
            None => T::default(),
        };
        let found = |&at: &usize| if at == NOWHERE { Some(fill.clone()) } else { from.get(at).cloned() };
        let values = positions.iter().map(found).collect::<Option<Vec<T>>>();
        tensor(shape, values.ok_or_else(|| error("it reads outside of its input"))?)
    }
    if from.datum_type() == DatumType::String {
        // The same long one may be wanted many times.
        let (from, fill) = (slice::<String>(from)?, fill.map(slice::<String>).transpose()?.and_then(<[String]>::first));
        let lengths = positions.iter().map(|&at| from.get(at).or(fill).map_or(0, String::len));
        budget::strings(shape, lengths.fold(0, usize::saturating_add))?;
    }
    for_any!(from.datum_type(), typed(from, shape, positions, fill))
}

/// Calls a function that is generic over the element type, for any type that there is.
macro_rules! for_any {
    ($datatype:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $datatype {
            tract_onnx::prelude::DatumType::Bool => $function::<bool>($($argument),*),
            tract_onnx::prelude::DatumType::String => $function::<String>($($argument),*),
            other => $crate::engine::tract::ops::standard::shapes::for_numbers!(other, $function($($argument),*)),
        }
    };
}

/// The same for numbers.
macro_rules! for_numbers {
    ($datatype:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $datatype {
            tract_onnx::prelude::DatumType::I8 => $function::<i8>($($argument),*),
            tract_onnx::prelude::DatumType::I16 => $function::<i16>($($argument),*),
            tract_onnx::prelude::DatumType::I32 => $function::<i32>($($argument),*),
            tract_onnx::prelude::DatumType::I64 => $function::<i64>($($argument),*),
            tract_onnx::prelude::DatumType::U8 => $function::<u8>($($argument),*),
            tract_onnx::prelude::DatumType::U16 => $function::<u16>($($argument),*),
            tract_onnx::prelude::DatumType::U32 => $function::<u32>($($argument),*),
            tract_onnx::prelude::DatumType::U64 => $function::<u64>($($argument),*),
            other => $crate::engine::tract::ops::standard::shapes::for_floats!(other, $function($($argument),*)),
        }
    };
}

/// The same for floats.
macro_rules! for_floats {
    ($datatype:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $datatype {
            tract_onnx::prelude::DatumType::F16 => $function::<half::f16>($($argument),*),
            tract_onnx::prelude::DatumType::F32 => $function::<f32>($($argument),*),
            tract_onnx::prelude::DatumType::F64 => $function::<f64>($($argument),*),
            other => Err(tract_onnx::prelude::TractError::msg(format!("it does not take elements of {other:?}"))),
        }
    };
}

pub(crate) use {for_any, for_floats, for_numbers};

/// Floats of any type as double precision.
pub fn wide(tensor: &Tensor) -> TractResult<Vec<f64>> {
    Ok(slice::<f64>(&*tensor.cast_to::<f64>()?)?.to_vec())
}

/// Values computed in double precision as a tensor of this float type.
pub fn narrow(datum_type: DatumType, shape: &[usize], values: Vec<f64>) -> TractResult<Tensor> {
    let wide = tensor(shape, values)?;
    Ok(wide.cast_to_dt(datum_type)?.into_owned())
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::NodeProto;

    use super::super::super::Opsets;
    use super::*;

    #[test]
    fn axes_count_from_both_ends() {
        assert_eq!(axis(-1, 3).unwrap(), 2);
        assert_eq!(axis(0, 1).unwrap(), 0);
        assert!(axis(3, 3).is_err() && axis(-4, 3).is_err() && axis(i64::MIN, 3).is_err());
    }

    #[test]
    fn sizes_found_at_run_time_are_made_when_asked_for_and_kept() {
        let node = NodeProto::default();
        let found = Found::of(&Node::new(&node, &Opsets::new(), None));
        assert!(found.scope.all_symbols().is_empty());
        let twelve = found.sizes(12).unwrap();
        assert_eq!(found.size(11).unwrap(), twelve[11]);
        assert!(twelve[0] != twelve[11] && found.clone().sizes(12).unwrap() == twelve);
        assert_eq!(found.scope.all_symbols().len(), 12);
        assert!(found.size(1 << 40).is_err());
    }

    #[test]
    fn coordinates_come_in_row_major_order() {
        let mut seen = Vec::new();
        each(&[2, 1, 2], |at| seen.push(at.to_vec()));
        assert_eq!(seen, [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1]]);
        each(&[2, 0], |_| panic!("nothing is there"));
        let mut calls = 0;
        each(&[], |_| calls += 1);
        assert_eq!(calls, 1);
    }
}
