//! `OneHotEncoder`: a new last axis with a one at the place of the category. Numbers are cut to integers first.

use std::collections::HashMap;

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use super::linear::{NUMBERS, affordable};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct OneHotEncoder {
    categories: Categories,
    /// How many there are in the file, repeated ones included.
    width: usize,
    /// Whether an unknown category becomes zeros; otherwise it is an error.
    zeros: bool,
}

#[derive(Debug)]
enum Categories {
    Words(HashMap<String, usize>),
    Numbers(HashMap<i64, usize>),
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let (words, numbers) = (node.texts("cats_strings")?, node.ints("cats_int64s")?);
    let width = words.len().max(numbers.len());
    let categories = match (words.is_empty(), numbers.is_empty()) {
        (false, true) => Categories::Words(words.into_iter().zip(0..).collect()),
        (true, false) => Categories::Numbers(numbers.iter().copied().zip(0..).collect()),
        _ => return Err(malformed("it has no categories, or categories of two kinds")),
    };
    Ok(Arc::new(OneHotEncoder { categories, width, zeros: node.int_or("zeros", 1)? != 0 }))
}

/// The integer that a number is cut to.
fn cut(x: f64) -> Option<i64> {
    // The bounds are the powers of two themselves: the upper one is no i64 any more.
    (x >= -(2f64.powi(63)) && x < 2f64.powi(63)).then_some(x as i64)
}

impl OneHotEncoder {
    fn places(&self, input: &Tensor) -> TractResult<Vec<Option<usize>>> {
        let words = match &self.categories {
            Categories::Words(words) => {
                return Ok(slice::<String>(input)?.iter().map(|word| words.get(word).copied()).collect());
            }
            Categories::Numbers(numbers) => numbers,
        };
        let place = |number: Option<i64>| words.get(&number?).copied();
        Ok(match input.datum_type() {
            DatumType::F32 => slice::<f32>(input)?.iter().map(|&x| place(cut(x.into()))).collect(),
            DatumType::F64 => slice::<f64>(input)?.iter().map(|&x| place(cut(x))).collect(),
            DatumType::I32 => slice::<i32>(input)?.iter().map(|&x| place(Some(x.into()))).collect(),
            _ => slice::<i64>(input)?.iter().map(|&x| place(Some(x))).collect(),
        })
    }
}

impl Kernel for OneHotEncoder {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        match self.categories {
            Categories::Words(_) => one_of(input, &[DatumType::String])?,
            Categories::Numbers(_) => one_of(input, NUMBERS)?,
        }
        let mut shape: TVec<_> = input.shape.iter().cloned().collect();
        shape.push(self.width.into());
        Ok(tvec![f32::fact(shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let places = self.places(input)?;
        let mut out = vec![0f32; affordable::<f32>(places.len(), self.width)?];
        for (row, place) in out.chunks_exact_mut(self.width).zip(places) {
            match place {
                Some(place) => row[place] = 1.0,
                None if self.zeros => {}
                None => return Err(TractError::msg("a value is none of the categories the encoder was fitted on")),
            }
        }
        let mut shape = input.shape().to_vec();
        shape.push(self.width);
        Ok(tvec![tensor(&shape, out)?])
    }
}
