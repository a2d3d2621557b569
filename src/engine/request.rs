//! What every engine asks of a request before it computes.

use smallvec::SmallVec;

use crate::model::{Dim, Port};
use crate::tensor::Tensor;

/// An empty input weighs nothing whatever its other axes are, but what the model makes from their sizes does.
const LARGEST_EMPTY: usize = 1 << 24;

/// Whether tensors have the count, types, ranks and sizes the signature asks for. The layers above have told the client
/// better than this does; a plan built for a shape that cannot be is only a waste.
pub fn check(ports: &[Port], inputs: &[Tensor]) -> Result<(), String> {
    if ports.len() != inputs.len() {
        return Err(format!("{} inputs came where the model has {}", inputs.len(), ports.len()));
    }
    let mut sizes: SmallVec<[(&str, usize); 8]> = SmallVec::new();
    for (port, input) in ports.iter().zip(inputs) {
        let name = &port.name;
        if port.datatype != input.datatype() {
            return Err(format!("input {name:?} is {} where the model takes {}", input.datatype(), port.datatype));
        }
        if port.shape.len() != input.shape().len() {
            let (got, wanted) = (input.shape().len(), port.shape.len());
            return Err(format!("input {name:?} has {got} axes where the model takes {wanted}"));
        }
        let others = input.shape().iter().filter(|&&size| size > 0);
        if input.is_empty() && others.fold(1usize, |count, &size| count.saturating_mul(size)) > LARGEST_EMPTY {
            return Err(format!("input {name:?} is empty and yet has the shape {:?}", input.shape()));
        }
        for (dim, &size) in port.shape.iter().zip(input.shape()) {
            let wanted = match dim {
                Dim::Fixed(wanted) => *wanted,
                Dim::Symbol(axis) => match sizes.iter().find(|(known, _)| known == axis) {
                    Some((_, wanted)) => *wanted,
                    None => {
                        sizes.push((axis, size));
                        size
                    }
                },
            };
            if wanted != size {
                return Err(format!(
                    "input {name:?} has shape {:?}; the axis {dim} must be {wanted} long",
                    input.shape()
                ));
            }
        }
    }
    Ok(())
}
