//! Requests for trying a model out before anybody asks it anything: the author's golden rows, or made-up values.

use super::Session;
use crate::model::{Golden, Port, Signature};
use crate::tensor::{DataType, Shape, Tensor};

/// Steps of the varied values, between -1 and 1.
const STEPS: i64 = 41;

/// What to fill tensors with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    /// One number everywhere; strings stay empty.
    All(f64),
    /// Floats between -1 and 1, integers 0 and 1, a few letters: no two neighbours alike, and the same at every call.
    Varied,
}

/// Inputs in the signature's order; `None` where one would be unreasonably large.
pub fn made_up(ports: &[Port], shapes: &[Shape], values: Values) -> Option<Vec<Tensor>> {
    ports.iter().zip(shapes).map(|(port, shape)| tensor(port.datatype, shape, values)).collect()
}

fn tensor(datatype: DataType, shape: &[usize], values: Values) -> Option<Tensor> {
    match values {
        Values::All(value) => Tensor::made_up(datatype, shape, value),
        Values::Varied => varied(datatype, shape, 0),
    }
}

/// A tensor of [`Values::Varied`], whose row of values begins at `start`.
pub fn varied(datatype: DataType, shape: &[usize], start: usize) -> Option<Tensor> {
    // Not more than of a single value.
    let count = Tensor::made_up(DataType::Bool, shape, 0.0)?.len();
    // A stride that has no factor in common with the steps, so that columns of any width vary from row to row.
    let step = |at: usize| {
        let at = (start + at) as i64;
        (at * 17 + at / 3) % STEPS
    };
    let number = |at: usize| match datatype.is_float() {
        true => step(at) as f64 / (STEPS / 2) as f64 - 1.0,
        false => (step(at) % 2) as f64,
    };
    let letter = |at: usize| char::from(b'a' + (step(at) % 26) as u8).to_string();
    match datatype {
        DataType::Bytes => Tensor::from_strings(shape, (0..count).map(letter).collect::<Vec<_>>()).ok(),
        DataType::Bool => Tensor::from_vec(shape, (0..count).map(|at| number(at) != 0.0).collect::<Vec<_>>()).ok(),
        datatype => Tensor::from_vec(shape, (0..count).map(number).collect::<Vec<_>>()).ok()?.cast(datatype).ok(),
    }
}

/// The shapes a session was prepared with, with this many rows; `None` for a model that takes no rows.
pub fn shapes_of_rows(session: &dyn Session, rows: usize) -> Option<Vec<Shape>> {
    let mut shapes = session.sample_shapes();
    if !session.signature().is_batched() {
        return None;
    }
    for shape in &mut shapes {
        *shape.first_mut()? = rows;
    }
    Some(shapes)
}

/// The session's own sample, with its row repeated; `None` for a model that takes no rows.
pub fn sample_of_rows(session: &dyn Session, rows: usize) -> Option<Vec<Tensor>> {
    let sample = session.sample(0.0).filter(|_| session.signature().is_batched())?;
    sample.iter().map(|tensor| repeated(tensor, rows)).collect()
}

fn repeated(row: &Tensor, rows: usize) -> Option<Tensor> {
    let mut shape = Shape::from_slice(row.shape());
    *shape.first_mut()? *= rows;
    match (row.bytes(), row.strings()) {
        (Some(bytes), _) => Tensor::from_bytes(row.datatype(), shape, bytes.repeat(rows).into()).ok(),
        (_, Some(strings)) => Tensor::from_strings(shape, vec![strings; rows].concat()).ok(),
        (None, None) => None,
    }
}

/// The golden inputs in the signature's order and with its types.
pub fn golden(golden: &Golden, signature: &Signature) -> Result<Vec<Tensor>, String> {
    let given = |port: &Port| {
        let tensor = golden.inputs.iter().find(|(name, _)| *name == port.name).map(|(_, tensor)| tensor);
        let tensor = tensor.ok_or_else(|| format!("golden.inputs: input {:?} is missing", port.name))?;
        tensor.cast(port.datatype).map_err(|error| format!("golden.inputs.{}: {error}", port.name))
    };
    signature.inputs.iter().map(given).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varied_values_are_small_and_differ() {
        let floats = tensor(DataType::Fp32, &[4, 41], Values::Varied).unwrap();
        let floats = floats.values::<f32>().unwrap();
        assert!(floats.iter().all(|x| (-1.0..=1.0).contains(x)));
        assert_ne!(floats[..41], floats[41..82]);
        let integers = tensor(DataType::Int64, &[64], Values::Varied).unwrap();
        assert!(integers.values::<i64>().unwrap().iter().all(|x| (0..2).contains(x)));
        assert!(tensor(DataType::Fp32, &[1 << 20, 1 << 20], Values::Varied).is_none());
        let row = Tensor::from_vec(&[1, 2][..], vec![1i64, 2]).unwrap();
        assert_eq!(repeated(&row, 2).unwrap(), Tensor::from_vec(&[2, 2][..], vec![1i64, 2, 1, 2]).unwrap());
        assert_eq!(tensor(DataType::Bytes, &[2], Values::All(1.0)).unwrap().strings().unwrap(), ["", ""]);
    }
}
