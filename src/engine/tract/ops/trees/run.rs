//! An ensemble behind a node: the types and shapes it takes, and the precision it is walked in. Double precision is for
//! inputs, thresholds or weights of double precision; everything else is walked in single precision, integers too, as in
//! ONNX Runtime.

use std::sync::{Mutex, OnceLock, PoisonError};

use tract_onnx::prelude::{DatumType, TDim, Tensor, TractError, TractResult, TypedFact};

use super::ensemble::{Aggregate, Ensemble};
use super::forest::Forest;
use super::real::Real;
use super::scores::Scores;
use crate::engine::tract::ops::values::{one_of, rows_and_columns, slice};

#[derive(Debug)]
pub struct Trees {
    /// Taken when the first input type is known, which is the only one there is.
    ensemble: Mutex<Option<Ensemble>>,
    aggregate: Aggregate,
    laid: OnceLock<Laid>,
    wide: bool,
    pub features: usize,
    pub targets: usize,
    pub count: usize,
}

#[derive(Debug)]
enum Laid {
    Single(Forest<f32>),
    Double(Forest<f64>),
    Nothing,
}

/// Scores of all rows, before anything is added to them.
pub enum Answer {
    Single(Scores<f32>),
    Double(Scores<f64>),
}

impl Trees {
    pub fn new(ensemble: Ensemble, aggregate: Aggregate) -> Self {
        Self {
            aggregate,
            laid: OnceLock::new(),
            wide: ensemble.wide,
            features: ensemble.features(),
            targets: ensemble.targets,
            count: ensemble.roots.len(),
            ensemble: Mutex::new(Some(ensemble)),
        }
    }

    /// The count of rows of an input of one of these types.
    pub fn rows(&self, input: &TypedFact, allowed: &[DatumType]) -> TractResult<TDim> {
        one_of(input, allowed)?;
        let (rows, columns) = match &*input.shape {
            [columns] => (1.into(), columns),
            [rows, columns] => (rows.clone(), columns),
            shape => return Err(TractError::msg(format!("it takes one or two axes, not the shape {shape:?}"))),
        };
        if let Ok(columns) = columns.to_i64() {
            self.check(usize::try_from(columns).unwrap_or(0))?;
        }
        self.lay(input.datum_type);
        Ok(rows)
    }

    fn check(&self, columns: usize) -> TractResult<()> {
        if columns >= self.features {
            return Ok(());
        }
        let features = self.features;
        Err(TractError::msg(format!("its trees look at {features} columns, and its input has only {columns}")))
    }

    fn lay(&self, datatype: DatumType) -> &Laid {
        self.laid.get_or_init(|| {
            let Some(ensemble) = self.ensemble.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                return Laid::Nothing;
            };
            match self.wide || datatype == DatumType::F64 {
                true => Forest::of(&ensemble, self.aggregate).map_or(Laid::Nothing, Laid::Double),
                false => Forest::of(&ensemble, self.aggregate).map_or(Laid::Nothing, Laid::Single),
            }
        })
    }

    /// The count of rows and their scores.
    pub fn run(&self, input: &Tensor) -> TractResult<(usize, Answer)> {
        let (rows, columns) = rows_and_columns(input.shape())?;
        self.check(columns)?;
        if rows.checked_mul(self.targets).is_none_or(|scores| scores > isize::MAX as usize / 16) {
            return Err(TractError::msg(format!("{rows} rows are too many")));
        }
        let answer = match self.lay(input.datum_type()) {
            Laid::Single(forest) => Answer::Single(walk(forest, input, rows, columns)?),
            Laid::Double(forest) => Answer::Double(walk(forest, input, rows, columns)?),
            Laid::Nothing => return Err(TractError::msg("its trees could not be laid out")),
        };
        Ok((rows, answer))
    }
}

fn walk<R: Real>(forest: &Forest<R>, input: &Tensor, rows: usize, columns: usize) -> TractResult<Scores<R>> {
    if input.datum_type() == R::datum_type() {
        return Ok(forest.run(slice::<R>(input)?, rows, columns));
    }
    Ok(forest.run(slice::<R>(&*input.cast_to::<R>()?)?, rows, columns))
}
