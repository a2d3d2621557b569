//! Tensors to ask a model with, when nobody says which: the rows of its own example, or made up at random.

use fastrand::Rng;

use crate::engine::{RunError, Session, samples};
use crate::model::Port;
use crate::tensor::{DataType, Shape, Tensor, element_count};

/// Elements of one tensor; a benchmark that needs more brings its own body.
const MOST_ELEMENTS: usize = 1 << 26;

/// Sets of made-up inputs that are asked in turn, and elements of all of them, so that they stay in the near caches.
const SETS_IN_TURN: usize = 64;
const ELEMENTS_IN_TURN: usize = 1 << 14;

/// Random inputs that the model computes with, in several sets, for a processor learns by heart which branches a model takes
/// on a single one: those of the seed and what follows it, or else what it was tried with when it was loaded.
pub(super) fn accepted(session: &dyn Session, rows: usize, seed: u64) -> Result<Vec<Vec<Tensor>>, RunError> {
    let shapes = samples::shapes_of_rows(session, rows).unwrap_or_else(|| session.sample_shapes());
    let elements = shapes.iter().filter_map(|shape| element_count(shape)).fold(0, usize::saturating_add);
    let sets = (ELEMENTS_IN_TURN / elements.max(1)).clamp(1, SETS_IN_TURN) as u64;
    let made_up = (0..sets).filter_map(|set| random(&session.signature().inputs, &shapes, seed.wrapping_add(set)));
    let taken: Vec<_> = made_up.take_while(|inputs| session.run(inputs).is_ok()).collect();
    if !taken.is_empty() {
        return Ok(taken);
    }
    let sample =
        if session.signature().is_batched() { samples::sample_of_rows(session, rows) } else { session.sample(0.0) };
    let inputs = sample.ok_or_else(|| RunError::from("inputs of that size do not fit into memory".to_owned()))?;
    session.run(&inputs).map(|_| vec![inputs])
}

/// Floats between -1 and 1, integers 0 and 1, single letters; `None` where that would be unreasonably large.
pub(super) fn random(ports: &[Port], shapes: &[Shape], seed: u64) -> Option<Vec<Tensor>> {
    let mut random = Rng::with_seed(seed);
    ports.iter().zip(shapes).map(|(port, shape)| random_tensor(port.datatype, shape, &mut random)).collect()
}

fn random_tensor(datatype: DataType, shape: &Shape, random: &mut Rng) -> Option<Tensor> {
    let count = element_count(shape).filter(|&count| count <= MOST_ELEMENTS)?;
    let shape = shape.clone();
    match datatype {
        DataType::Bytes => {
            let letters: Vec<String> = (0..count).map(|_| random.lowercase().to_string()).collect();
            Tensor::from_strings(shape, letters).ok()
        }
        DataType::Bool => Tensor::from_vec(shape, (0..count).map(|_| random.bool()).collect()).ok(),
        _ if datatype.is_float() => {
            // Short numbers, as measurements are; digits cost time to read.
            let number = |_| f32::from(random.i16(-1000..=1000)) / 1000.0;
            Tensor::from_vec(shape, (0..count).map(number).collect()).ok()?.cast(datatype).ok()
        }
        _ => Tensor::from_vec(shape, (0..count).map(|_| u8::from(random.bool())).collect()).ok()?.cast(datatype).ok(),
    }
}

/// The tensor with so many rows: its own over and over.
pub(super) fn with_rows(tensor: &Tensor, rows: usize) -> Option<Tensor> {
    let own = tensor.rows().filter(|&own| own > 0)?;
    let mut shape = Shape::from_slice(tensor.shape());
    *shape.first_mut()? = rows;
    let count = element_count(&shape).filter(|&count| count <= MOST_ELEMENTS)?;
    match (tensor.bytes(), tensor.strings()) {
        (Some(bytes), _) => {
            let mut bytes = bytes.repeat(rows.div_ceil(own));
            bytes.truncate(count * tensor.datatype().width()?);
            Tensor::from_bytes(tensor.datatype(), shape, bytes.into()).ok()
        }
        (_, Some(strings)) => {
            let strings: Vec<_> = strings.iter().cycle().take(count).cloned().collect();
            Tensor::from_strings(shape, strings).ok()
        }
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_repeat() {
        let two = Tensor::from_vec(&[2, 2][..], vec![1f32, 2.0, 3.0, 4.0]).unwrap();
        let three = with_rows(&two, 3).unwrap();
        assert_eq!(three.values::<f32>().unwrap()[..], [1.0, 2.0, 3.0, 4.0, 1.0, 2.0]);
        assert_eq!(with_rows(&two, 1).unwrap().shape(), [1, 2]);
        let words = Tensor::from_strings(&[1][..], vec!["a".to_owned()]).unwrap();
        assert_eq!(with_rows(&words, 2).unwrap().strings().unwrap(), ["a", "a"]);
    }

    #[test]
    fn every_type_can_be_made_up_and_again_from_its_seed() {
        let port = |datatype| Port { name: "x".into(), datatype, shape: Vec::new(), description: None };
        let ports = DataType::ALL.map(port);
        let shapes = vec![Shape::from_slice(&[2, 3]); ports.len()];
        let made = random(&ports, &shapes, 1).unwrap();
        assert!(made.iter().zip(&ports).all(|(tensor, port)| tensor.datatype() == port.datatype && tensor.len() == 6));
        assert_eq!(made, random(&ports, &shapes, 1).unwrap());
        assert_ne!(made, random(&ports, &shapes, 2).unwrap());
    }
}
