//! What linear models and support vector machines have in common: inputs as rows of single precision, products with
//! stored rows, and answers with one label per row.

use tract_onnx::prelude::{DatumExt, DatumType, TDim, Tensor, TractError, TractResult, TypedFact};

use super::super::budget;
use super::super::node::{Node, malformed};
use super::super::values::{floats, one_of, rows_and_columns, tensor};
use crate::engine::tract::checks::Refusal;

/// The types that estimators take. All are computed with in single precision.
pub const NUMBERS: &[DatumType] = &[DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32];

/// Rows of features.
pub struct Rows {
    pub values: Vec<f32>,
    pub rows: usize,
    pub columns: usize,
}

impl Rows {
    pub fn of(input: &Tensor) -> TractResult<Self> {
        let (rows, columns) = rows_and_columns(input.shape())?;
        Ok(Self { values: floats(input)?, rows, columns })
    }

    pub fn each(&self) -> impl Iterator<Item = &[f32]> {
        // A row without columns has no place in `chunks_exact`; estimators have columns.
        self.values.chunks_exact(self.columns.max(1))
    }
}

/// The number of rows, and of columns where it is known, of an estimator's input.
pub fn rows_fact(input: &TypedFact) -> TractResult<(TDim, Option<usize>)> {
    one_of(input, NUMBERS)?;
    let (rows, columns) = match input.shape.dims() {
        [columns] => (TDim::from(1), columns),
        [rows, columns] => (rows.clone(), columns),
        _ => return Err(TractError::msg(format!("it takes one or two axes, not {}", input.rank()))),
    };
    Ok((rows, columns.to_i64().ok().and_then(|columns| usize::try_from(columns).ok())))
}

/// An error unless there are as many columns as the estimator has been fitted on.
pub fn check_columns(wanted: usize, got: usize) -> TractResult<()> {
    if wanted == got {
        return Ok(());
    }
    Err(TractError::msg(format!("it was fitted on {wanted} columns and gets {got}")))
}

/// The elements, of type `T`, of a table that is as large as two others multiplied, unless they are out of all proportion:
/// a request of a few megabytes must not ask for more than the machine has.
pub fn affordable<T>(rows: usize, columns: usize) -> TractResult<usize> {
    budget::elements(&[rows, columns], size_of::<T>(), 0)
}

/// The scalar product, summed in eight lanes.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (whole_a, whole_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = whole_a.remainder().iter().zip(whole_b.remainder()).map(|(a, b)| a * b).sum::<f32>();
    for (a, b) in whole_a.zip(whole_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The names of classes.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    Words(Vec<String>),
    Numbers(Vec<i64>),
}

impl Labels {
    /// From `classlabels_strings`, or else from the attribute that has numbers, whose name differs between operators.
    pub fn of(node: &Node, numbers: &str) -> Result<Self, Refusal> {
        let (words, numbers) = (node.texts("classlabels_strings")?, node.ints(numbers)?);
        match (words.is_empty(), numbers.is_empty()) {
            (false, true) => Ok(Self::Words(words)),
            (true, false) => Ok(Self::Numbers(numbers.to_vec())),
            (true, true) => Err(malformed("it has no class labels")),
            (false, false) => Err(malformed("it has class labels of two kinds")),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Words(words) => words.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// One label per row.
    pub fn fact(&self, rows: TDim) -> TypedFact {
        match self {
            Self::Words(_) => String::fact([rows]),
            Self::Numbers(_) => i64::fact([rows]),
        }
    }

    /// The labels at these positions, which are all below the count of labels.
    pub fn at(&self, chosen: &[usize]) -> TractResult<Tensor> {
        match self {
            Self::Words(words) => tensor(&[chosen.len()], chosen.iter().map(|&at| words[at].clone()).collect()),
            Self::Numbers(numbers) => tensor(&[chosen.len()], chosen.iter().map(|&at| numbers[at]).collect()),
        }
    }
}

/// The position of the first of the largest values. A row that starts with NaN keeps its first place, as in a chain of
/// comparisons.
pub fn first_of_largest<T: PartialOrd + Copy>(values: &[T]) -> usize {
    let mut best = 0;
    for (at, value) in values.iter().enumerate().skip(1) {
        if *value > values[best] {
            best = at;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_length_are_whole() {
        for length in [0, 1, 7, 8, 9, 30] {
            let a: Vec<f32> = (0..length).map(|x| x as f32).collect();
            let wanted: f32 = a.iter().map(|x| x * x).sum();
            assert_eq!(dot(&a, &a), wanted, "{length}");
        }
    }

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(first_of_largest(&[1, 3, 3]), 1);
        assert_eq!(first_of_largest(&[f32::NAN, 1.0]), 0);
        assert_eq!(first_of_largest(&[0.0, f32::NAN, 1.0]), 2);
    }
}
