//! Rows, that is axis 0: putting a batch together and taking it apart. A slice of a numeric tensor shares the batch's
//! memory; a batch is a copy.

use super::{DataType, Tensor};

/// Rows that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rows {start}..{end} of {rows}")]
pub struct RowsError {
    pub start: usize,
    pub end: usize,
    pub rows: usize,
}

impl Tensor {
    /// One tensor of the rows of all, in order, and of the last row again `padding` times. `None` unless there is at least
    /// one, all have rows, and they agree in element type and in all other axes. One tensor without padding is not copied.
    pub fn stack_rows(tensors: &[&Self], padding: usize) -> Option<Self> {
        let (first, last) = (*tensors.first()?, *tensors.last()?);
        let (_, row) = first.shape.split_first()?;
        let alike = |tensor: &&&Self| {
            tensor.datatype == first.datatype && tensor.shape.split_first().is_some_and(|(_, other)| other == row)
        };
        if tensors.iter().filter(alike).count() != tensors.len() {
            return None;
        }
        if tensors.len() == 1 && padding == 0 {
            return Some(first.clone());
        }
        let rows = tensors.iter().filter_map(|tensor| tensor.rows()).sum::<usize>() + padding;
        let mut shape = first.shape.clone();
        *shape.first_mut()? = rows;
        let last_row = |tensor: &Self| tensor.slice_rows(tensor.rows()?.checked_sub(1)?, tensor.rows()?).ok();
        let extra = if padding > 0 { Some(last_row(last)?) } else { None };
        let pieces = tensors.iter().copied().chain(std::iter::repeat_n(extra.as_ref(), padding).flatten());
        match first.datatype {
            DataType::Bytes => {
                let strings: Vec<String> =
                    pieces.flat_map(|piece| piece.strings().unwrap_or_default()).cloned().collect();
                Self::from_strings(shape, strings).ok()
            }
            datatype => {
                let row_bytes = row.iter().product::<usize>() * datatype.width()?;
                let mut bytes = Vec::with_capacity(rows * row_bytes);
                pieces.filter_map(Self::bytes).for_each(|piece| bytes.extend_from_slice(piece));
                Self::from_bytes(datatype, shape, bytes.into()).ok()
            }
        }
    }

    /// Rows `start..end`, sharing memory for numbers. A scalar has no rows.
    pub fn slice_rows(&self, start: usize, end: usize) -> Result<Self, RowsError> {
        let rows = self.rows().unwrap_or(0);
        if start > end || end > rows {
            return Err(RowsError { start, end, rows });
        }
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = end - start;
        }
        let row: usize = shape.iter().skip(1).product();
        let out_of_range = |_| RowsError { start, end, rows };
        match (self.bytes(), self.strings()) {
            (Some(bytes), _) => {
                let width = row * self.datatype.width().unwrap_or(0);
                Self::from_bytes(self.datatype, shape, bytes.slice(start * width..end * width)).map_err(out_of_range)
            }
            (_, Some(strings)) => {
                Self::from_strings(shape, strings[start * row..end * row].to_vec()).map_err(out_of_range)
            }
            (None, None) => Err(RowsError { start, end, rows }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    #[test]
    fn a_stack_has_the_rows_of_all_and_can_be_taken_apart() {
        let floats = |rows: usize, from: f32| {
            let values = (0..rows * 2).map(|at| from + at as f32).collect::<Vec<_>>();
            Tensor::from_vec(Shape::from_slice(&[rows, 2]), values).unwrap()
        };
        let (a, b) = (floats(1, 0.0), floats(2, 10.0));
        let stacked = Tensor::stack_rows(&[&a, &b], 1).unwrap();
        assert_eq!(stacked.values::<f32>().unwrap()[..], [0.0, 1.0, 10.0, 11.0, 12.0, 13.0, 12.0, 13.0]);
        assert_eq!((stacked.slice_rows(0, 1).unwrap(), stacked.slice_rows(1, 3).unwrap()), (a.clone(), b.clone()));
        assert_eq!(Tensor::stack_rows(&[&b], 0).unwrap(), b);

        let words = |words: &[&str]| {
            Tensor::from_strings(&[words.len()][..], words.iter().map(|w| w.to_string()).collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(
            Tensor::stack_rows(&[&words(&["a"]), &words(&["b", "c"])], 1).unwrap().strings().unwrap(),
            ["a", "b", "c", "c"]
        );

        let wider = Tensor::from_vec(Shape::from_slice(&[1, 3]), vec![0f32; 3]).unwrap();
        let scalar = Tensor::from_vec(Shape::new(), vec![1f32]).unwrap();
        let empty = Tensor::empty(DataType::Fp32, &[0, 2]).unwrap();
        assert_eq!(Tensor::stack_rows(&[&a, &wider], 0), None);
        assert_eq!(Tensor::stack_rows(&[&a, &words(&["a"])], 0), None);
        assert_eq!(Tensor::stack_rows(&[&scalar], 0), None);
        assert_eq!(Tensor::stack_rows(&[], 0), None);
        assert_eq!(Tensor::stack_rows(&[&empty], 1), None, "there is no last row to repeat");
        assert_eq!(Tensor::stack_rows(&[&a, &empty], 0).unwrap(), a);
    }

    #[test]
    fn a_slice_is_its_rows() {
        let batch = Tensor::from_vec(Shape::from_slice(&[3, 2]), vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(batch.slice_rows(1, 3).unwrap().values::<f32>().unwrap()[..], [3.0, 4.0, 5.0, 6.0]);
        assert!(batch.slice_rows(2, 4).is_err());
        let words = Tensor::from_strings(Shape::from_slice(&[3]), ["a", "b", "c"].map(String::from).to_vec()).unwrap();
        assert_eq!(words.slice_rows(1, 3).unwrap().strings().unwrap(), ["b", "c"]);
    }
}
