//! Rows, that is axis 0: joining the tensors of several requests into one batch and taking a batch apart again. A slice
//! of a numeric tensor shares the batch's memory.

use bytes::BytesMut;

use super::{DataType, Shape, Tensor};

/// Tensors that cannot be one batch, or rows that are not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowsError {
    #[error("nothing to stack")]
    Empty,
    #[error("{datatype} {shape:?} does not stack on {first_datatype} {first_shape:?}")]
    Differ { first_datatype: DataType, first_shape: Shape, datatype: DataType, shape: Shape },
    #[error("rows {start}..{end} of {rows}")]
    OutOfRange { start: usize, end: usize, rows: usize },
}

impl Tensor {
    /// Rows `start..end`, sharing memory for numbers. A scalar has no rows.
    pub fn slice_rows(&self, start: usize, end: usize) -> Result<Self, RowsError> {
        let rows = self.rows().unwrap_or(0);
        if start > end || end > rows {
            return Err(RowsError::OutOfRange { start, end, rows });
        }
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = end - start;
        }
        let row: usize = shape.iter().skip(1).product();
        let out_of_range = |_| RowsError::OutOfRange { start, end, rows };
        match (self.bytes(), self.strings()) {
            (Some(bytes), _) => {
                let width = row * self.datatype.width().unwrap_or(0);
                Self::from_bytes(self.datatype, shape, bytes.slice(start * width..end * width)).map_err(out_of_range)
            }
            (_, Some(strings)) => {
                Self::from_strings(shape, strings[start * row..end * row].to_vec()).map_err(out_of_range)
            }
            (None, None) => Err(RowsError::OutOfRange { start, end, rows }),
        }
    }
}

/// One tensor with the rows of all, in order. Types and the other axes must agree. Copies once, unless there is only one.
pub fn stack(parts: &[Tensor]) -> Result<Tensor, RowsError> {
    let first = parts.first().ok_or(RowsError::Empty)?;
    if parts.len() == 1 {
        return Ok(first.clone());
    }
    let differs = |part: &Tensor| RowsError::Differ {
        first_datatype: first.datatype,
        first_shape: first.shape.clone(),
        datatype: part.datatype,
        shape: part.shape.clone(),
    };
    let fits = |part: &&Tensor| {
        part.datatype == first.datatype && !part.shape.is_empty() && part.shape.get(1..) == first.shape.get(1..)
    };
    if let Some(odd) = parts.iter().find(|part| !fits(part)) {
        return Err(differs(odd));
    }
    let mut shape = first.shape.clone();
    shape[0] = parts.iter().filter_map(Tensor::rows).sum();
    let stacked = if first.strings().is_some() {
        Tensor::from_strings(shape, parts.iter().filter_map(Tensor::strings).flatten().cloned().collect::<Vec<_>>())
    } else {
        let mut joined = BytesMut::with_capacity(parts.iter().map(Tensor::size_in_bytes).sum());
        parts.iter().filter_map(Tensor::bytes).for_each(|bytes| joined.extend_from_slice(bytes));
        Tensor::from_bytes(first.datatype, shape, joined.freeze())
    };
    stacked.map_err(|_| differs(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, values: Vec<f32>) -> Tensor {
        Tensor::from_vec(Shape::from_slice(&[rows, values.len() / rows.max(1)]), values).unwrap()
    }

    #[test]
    fn stacking_and_slicing_are_inverse() {
        let (one, two) = (matrix(1, vec![1.0, 2.0]), matrix(2, vec![3.0, 4.0, 5.0, 6.0]));
        let batch = stack(&[one.clone(), two.clone()]).unwrap();
        assert_eq!(batch.shape(), [3, 2]);
        assert_eq!(batch.slice_rows(0, 1).unwrap(), one);
        assert_eq!(batch.slice_rows(1, 3).unwrap(), two);
        assert!(batch.slice_rows(2, 4).is_err());
    }

    #[test]
    fn strings_stack_too() {
        let part = |words: &[&str]| {
            Tensor::from_strings(
                Shape::from_slice(&[words.len()]),
                words.iter().map(|w| w.to_string()).collect::<Vec<_>>(),
            )
            .unwrap()
        };
        let batch = stack(&[part(&["a"]), part(&["b", "c"])]).unwrap();
        assert_eq!(batch.strings().unwrap(), ["a", "b", "c"]);
        assert_eq!(batch.slice_rows(1, 3).unwrap(), part(&["b", "c"]));
    }

    #[test]
    fn different_widths_do_not_stack() {
        let odd = stack(&[matrix(1, vec![1.0, 2.0]), matrix(1, vec![1.0])]);
        assert!(matches!(odd, Err(RowsError::Differ { .. })));
        assert_eq!(stack(&[]), Err(RowsError::Empty));
    }
}
