//! Nested arrays into a shape and elements. The sizes of the first array at each level bind all later ones, so ragged
//! rows are found where they differ. Iterative: the depth a client sends costs a counter, not a stack frame.

use smallvec::SmallVec;

use jiter::Peek;

use crate::tensor::{DataType, Shape, Tensor};

use super::values::Values;
use super::{DecodeError, MAX_DEPTH, Reader, Result};

/// Reads one value of any depth, from a scalar to nested arrays, as a tensor. Without a type it is guessed from how the
/// values are written: see [`Values`].
pub fn read_nested(reader: &mut Reader<'_>, datatype: Option<DataType>) -> Result<Tensor> {
    let (mut nest, mut values) = (Nest::default(), Values::new(datatype, 0));
    let offset = reader.offset()?;
    nest.read(reader, &mut values, 0)?;
    nest.finish(reader, values, offset)
}

/// A tensor that comes row by row, each row somewhere else in the text, as the columns of records do.
#[derive(Debug)]
pub struct Column {
    nest: Nest,
    values: Values,
    rows: usize,
}

impl Column {
    pub fn new(datatype: Option<DataType>) -> Self {
        Self { nest: Nest::default(), values: Values::new(datatype, 0), rows: 0 }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Reads the next row, which must have the shape of those before it.
    pub fn read_row(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.nest.read(reader, &mut self.values, 1)?;
        self.rows += 1;
        Ok(())
    }

    /// All rows as one tensor with the rows as axis 0. `offset` is where to point at if that is impossible.
    pub fn finish(mut self, reader: &Reader<'_>, offset: usize) -> Result<Tensor> {
        match self.nest.sizes.first_mut() {
            Some(size) => *size = Some(self.rows),
            None => self.nest.sizes.push(Some(self.rows)),
        }
        self.nest.finish(reader, self.values, offset)
    }
}

#[derive(Debug, Default)]
struct Nest {
    /// Size of the arrays at each level, once one has been closed.
    sizes: SmallVec<[Option<usize>; 6]>,
    /// The level at which scalars stand, once known.
    rank: Option<usize>,
}

/// An array that has been entered.
struct Open {
    start: usize,
    count: usize,
}

impl Nest {
    /// Reads one value that stands at `level`.
    fn read(&mut self, reader: &mut Reader<'_>, values: &mut Values, level: usize) -> Result<()> {
        let mut open: SmallVec<[Open; 6]> = SmallVec::new();
        let mut peek = reader.peek()?;
        loop {
            let here = level + open.len();
            let mut passed = 1;
            if peek == Peek::Array {
                let start = reader.here();
                self.may_enter(reader, here)?;
                match reader.known_array()? {
                    Some(first) => {
                        open.push(Open { start, count: 0 });
                        peek = first;
                        continue;
                    }
                    None => self.close(reader, here, &Open { start, count: 0 })?,
                }
            } else {
                if self.rank != Some(here) {
                    self.first_scalar(reader, here, peek)?;
                }
                // Alone it has no array whose end could stop a run.
                let most = if open.is_empty() { 1 } else { usize::MAX };
                passed = values.push_run(reader, peek, most)?;
            }
            loop {
                let Some(array) = open.last_mut() else { return Ok(()) };
                array.count += passed;
                passed = 1;
                if let Some(next) = reader.array_step()? {
                    peek = next;
                    break;
                }
                if let Some(closed) = open.pop() {
                    self.close(reader, level + open.len(), &closed)?;
                }
            }
        }
    }

    fn may_enter(&self, reader: &Reader<'_>, level: usize) -> Result<()> {
        let offset = reader.here();
        if self.rank.is_some_and(|rank| level >= rank) {
            let what = "arrays are nested more deeply here than before";
            return Err(reader.error(offset, "ragged_rows", what, "a single value", "an array"));
        }
        if level >= MAX_DEPTH {
            let expected = format!("at most {MAX_DEPTH} levels");
            return Err(reader.error(offset, "too_deep", "arrays are nested too deeply", expected, "more"));
        }
        Ok(())
    }

    fn first_scalar(&mut self, reader: &Reader<'_>, level: usize, peek: Peek) -> Result<()> {
        if peek == Peek::Object {
            return Err(reader.wrong_type(peek, "a number, string, boolean or array"));
        }
        if self.rank.is_none() {
            self.rank = Some(level);
            return Ok(());
        }
        let offset = reader.here();
        let what = "arrays are nested less deeply here than before";
        let expected = match self.sizes.get(level).copied().flatten() {
            Some(size) => format!("an array of {size}"),
            None => "an array".into(),
        };
        Err(reader.error(offset, "ragged_rows", what, expected, reader.excerpt(offset)))
    }

    fn close(&mut self, reader: &Reader<'_>, level: usize, array: &Open) -> Result<()> {
        if self.sizes.len() <= level {
            self.sizes.resize(level + 1, None);
        }
        if array.count == 0 && self.rank.is_none() {
            self.rank = Some(level + 1);
        }
        match &mut self.sizes[level] {
            Some(size) if *size == array.count => Ok(()),
            Some(size) => Err(ragged(reader, array, *size)),
            unknown => {
                *unknown = Some(array.count);
                Ok(())
            }
        }
    }

    fn finish(self, reader: &Reader<'_>, values: Values, offset: usize) -> Result<Tensor> {
        let shape: Shape = self.sizes.iter().map(|size| size.unwrap_or(0)).collect();
        values.into_tensor(shape).map_err(|fault| {
            reader.error(offset, "ragged_rows", "the arrays have no common shape", fault.needed, fault.got.to_string())
        })
    }
}

#[cold]
fn ragged(reader: &Reader<'_>, array: &Open, size: usize) -> Box<DecodeError> {
    let what = "arrays at the same level have different lengths";
    let expected = format!("{} as in the first one", elements(size));
    reader.error(array.start, "ragged_rows", what, expected, elements(array.count))
}

fn elements(count: usize) -> String {
    format!("{count} element{}", if count == 1 { "" } else { "s" })
}
