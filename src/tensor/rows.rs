//! Rows, that is axis 0: taking a batch apart. A slice of a numeric tensor shares the batch's memory.

use super::Tensor;

/// Rows that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rows {start}..{end} of {rows}")]
pub struct RowsError {
    pub start: usize,
    pub end: usize,
    pub rows: usize,
}

impl Tensor {
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
    fn a_slice_is_its_rows() {
        let batch = Tensor::from_vec(Shape::from_slice(&[3, 2]), vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(batch.slice_rows(1, 3).unwrap().values::<f32>().unwrap()[..], [3.0, 4.0, 5.0, 6.0]);
        assert!(batch.slice_rows(2, 4).is_err());
        let words = Tensor::from_strings(Shape::from_slice(&[3]), ["a", "b", "c"].map(String::from).to_vec()).unwrap();
        assert_eq!(words.slice_rows(1, 3).unwrap().strings().unwrap(), ["b", "c"]);
    }
}
