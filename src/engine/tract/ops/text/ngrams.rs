//! `TfIdfVectorizer`: counts the known n-grams of each row, of words or of numbered words. The n-grams hang in a tree of
//! words, so that a row is walked once for every way to skip.

use std::collections::HashMap;
use std::hash::Hash;

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct TfIdfVectorizer {
    words: Words,
    grams: Tree,
    /// By n-gram: the column it is counted in, and its weight.
    columns: Vec<(usize, f32)>,
    width: usize,
    mode: Mode,
    shortest: usize,
    longest: usize,
    max_skip: usize,
}

/// Numbers of the words that n-grams are made of.
#[derive(Debug)]
enum Words {
    Texts(HashMap<String, usize>),
    Integers(HashMap<i64, usize>),
}

/// From a beginning of an n-gram and the next word to the beginning that is longer by it; which are n-grams themselves.
#[derive(Debug, Default)]
struct Tree {
    next: HashMap<(usize, usize), usize>,
    /// By beginning; the empty one is the first.
    gram: Vec<Option<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Count,
    Presence,
    Weighted,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let mode = match node.text_or("mode", "")? {
        "TF" => Mode::Count,
        "IDF" => Mode::Presence,
        "TFIDF" => Mode::Weighted,
        other => return Err(malformed(format!("its attribute \"mode\" is {other:?}"))),
    };
    let size = |name: &str, least: i64| match node.int(name)?.map(usize::try_from) {
        Some(Ok(size)) if size as i64 >= least => Ok(size),
        _ => Err(malformed(format!("its attribute {name:?} is missing or too small"))),
    };
    let (shortest, longest) = (size("min_gram_length", 1)?, size("max_gram_length", 1)?);
    let max_skip = size("max_skip_count", 0)?;
    let indexes =
        node.ints("ngram_indexes")?.iter().map(|&index| usize::try_from(index)).collect::<Result<Vec<_>, _>>();
    let indexes = indexes.map_err(|_| malformed("it counts an n-gram in a negative column"))?;
    let width = indexes.iter().max().ok_or_else(|| malformed("it counts no n-grams"))? + 1;
    if width > 1 << 24 {
        return Err(malformed(format!("it counts in {width} columns")));
    }
    let weights = node.floats("weights")?;
    if !weights.is_empty() && weights.len() != indexes.len() {
        return Err(malformed(format!("it has {} weights for {} n-grams", weights.len(), indexes.len())));
    }
    let columns: Vec<(usize, f32)> =
        indexes.iter().enumerate().map(|(at, &column)| (column, weights.get(at).copied().unwrap_or(1.0))).collect();
    let (texts, integers) = (node.texts("pool_strings")?, node.ints("pool_int64s")?);
    let (words, pool) = match (texts.is_empty(), integers.is_empty()) {
        (false, _) => numbered(&texts, Words::Texts),
        (true, false) => numbered(integers, Words::Integers),
        (true, true) => return Err(malformed("it knows no words")),
    };
    let grams = Tree::of(&pool, node.ints("ngram_counts")?, shortest..=longest, columns.len())?;
    Ok(Arc::new(TfIdfVectorizer { words, grams, columns, width, mode, shortest, longest, max_skip }))
}

/// The words with a number for each, and the pool in these numbers.
fn numbered<T: Clone + Eq + Hash>(pool: &[T], of: fn(HashMap<T, usize>) -> Words) -> (Words, Vec<usize>) {
    let mut numbers = HashMap::new();
    let pool = pool.iter().map(|word| {
        let fresh = numbers.len();
        *numbers.entry(word.clone()).or_insert(fresh)
    });
    let pool = pool.collect();
    (of(numbers), pool)
}

impl Tree {
    /// `starts` says where in the pool the n-grams of each length begin; those of other lengths are left out.
    fn of(
        pool: &[usize],
        starts: &[i64],
        lengths: std::ops::RangeInclusive<usize>,
        count: usize,
    ) -> Result<Self, Refusal> {
        if lengths.is_empty() || starts.len() < *lengths.end() {
            let (least, most) = lengths.into_inner();
            return Err(malformed(format!("it counts n-grams of {least} to {most} words and has other ones")));
        }
        let mut tree = Self { gram: vec![None], ..Self::default() };
        let mut number = 0;
        for (at, &start) in starts.iter().enumerate() {
            let end = starts.get(at + 1).copied().unwrap_or(pool.len() as i64);
            let part = usize::try_from(start).ok().zip(usize::try_from(end).ok());
            let part = part.and_then(|(start, end)| pool.get(start..end));
            let part = part.ok_or_else(|| malformed("its attribute \"ngram_counts\" leaves the pool of n-grams"))?;
            let length = at + 1;
            if part.len() % length != 0 {
                return Err(malformed(format!("its n-grams of {length} words end in the middle of one")));
            }
            for gram in part.chunks_exact(length) {
                if lengths.contains(&length) && !tree.insert(gram, number) {
                    return Err(malformed("it has the same n-gram twice"));
                }
                number += 1;
            }
        }
        if number > count {
            return Err(malformed(format!("it has {number} n-grams and columns for {count}")));
        }
        Ok(tree)
    }

    /// False if it was there already.
    fn insert(&mut self, words: &[usize], number: usize) -> bool {
        let mut here = 0;
        for &word in words {
            let fresh = self.gram.len();
            here = *self.next.entry((here, word)).or_insert(fresh);
            if here == fresh {
                self.gram.push(None);
            }
        }
        self.gram[here].replace(number).is_none()
    }
}

impl TfIdfVectorizer {
    /// Counts the n-grams of one row, given as numbers of words; unknown ones have none.
    fn count(&self, row: &[Option<usize>], counts: &mut [f32]) {
        let mut shortest = self.shortest;
        for step in 1..=self.max_skip.saturating_add(1).min(row.len().max(1)) {
            for start in 0..row.len() {
                let mut here = 0;
                for (length, word) in row[start..].iter().step_by(step).take(self.longest).enumerate() {
                    let Some(next) = word.and_then(|word| self.grams.next.get(&(here, word))) else { break };
                    here = *next;
                    if let (true, Some(gram)) = (length + 1 >= shortest, self.grams.gram[here]) {
                        let (column, weight) = self.columns[gram];
                        match self.mode {
                            Mode::Count => counts[column] += 1.0,
                            Mode::Presence => counts[column] = weight,
                            Mode::Weighted => counts[column] += weight,
                        }
                    }
                }
            }
            // Single words are the same however many are skipped between them.
            shortest = shortest.max(2);
            if shortest > self.longest {
                break;
            }
        }
    }
}

impl Kernel for TfIdfVectorizer {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        match self.words {
            Words::Texts(_) => one_of(input, &[DatumType::String])?,
            Words::Integers(_) => one_of(input, &[DatumType::I64, DatumType::I32])?,
        }
        let mut shape = input.shape.to_tvec();
        match shape.len() {
            1 | 2 => {}
            rank => return Err(TractError::msg(format!("it takes one or two axes, not {rank}"))),
        }
        if let Some(last) = shape.last_mut() {
            *last = self.width.into();
        }
        Ok(tvec![f32::fact(shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let words: Vec<Option<usize>> = match &self.words {
            Words::Texts(known) => slice::<String>(input)?.iter().map(|word| known.get(word).copied()).collect(),
            Words::Integers(known) => {
                let input = input.cast_to::<i64>()?;
                slice::<i64>(&input)?.iter().map(|word| known.get(word).copied()).collect()
            }
        };
        let mut shape = input.shape().to_vec();
        let Some(length) = shape.last_mut() else { return Err(TractError::msg("it takes no single word")) };
        let length = std::mem::replace(length, self.width);
        let mut counts = vec![0.0; shape.iter().product()];
        for (at, counts) in counts.chunks_exact_mut(self.width).enumerate() {
            self.count(&words[at * length..(at + 1) * length], counts);
        }
        Ok(tvec![tensor(&shape, counts)?])
    }
}
