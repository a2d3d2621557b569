//! `MaxUnpool`: maxima put back to where `MaxPool` found them, everything else zero.

use tract_onnx::prelude::{Arc, Datum, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, slice, tensor};
use super::shapes::{Found, error, fact, for_floats, integers, known, volume};
use super::window::Window;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct MaxUnpool {
    window: Window,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let window = Window::of(node)?;
    if window.kernel.is_empty() {
        return Err(malformed("it has no kernel_shape"));
    }
    Ok(Arc::new(MaxUnpool { window, found: Found::of(node) }))
}

/// The standard counts places in the size that follows from the window, ONNX Runtime and PyTorch in the wanted one.
const AMBIGUOUS: &str = "its output_shape is not the size that follows from its window, and then it is not agreed on what \
                         its places mean";

fn sizes(tensor: &Tensor, rank: usize) -> TractResult<Vec<usize>> {
    let sizes = integers(tensor)?.into_iter().map(|size| usize::try_from(size).ok()).collect::<Option<Vec<_>>>();
    sizes.filter(|sizes| sizes.len() == rank).ok_or_else(|| error("its output_shape is not that of its input's axes"))
}

impl MaxUnpool {
    /// The size before pooling, if every pixel was in exactly one window or the padding.
    fn unpooled(&self, axis: usize, size: &TDim) -> TDim {
        let (stride, kernel) = (self.window.stride(axis), self.window.kernel[axis]);
        let pads = self.window.before(axis) + self.window.after(axis);
        (size.clone() - 1) * stride + kernel - pads
    }
}

impl Kernel for MaxUnpool {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        required(inputs, 1)?;
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        self.window.fits(shape.len().saturating_sub(2))?;
        match inputs.get(2).copied().flatten() {
            Some(wanted) => match known(Some(wanted)) {
                Some(wanted) => {
                    let wanted = sizes(wanted, shape.len())?;
                    for (at, (size, wanted)) in shape.iter().zip(&wanted).skip(2).enumerate() {
                        if self.unpooled(at, size).to_i64().is_ok_and(|usual| usize::try_from(usual) != Ok(*wanted)) {
                            return Err(error(AMBIGUOUS));
                        }
                    }
                    shape = wanted.into_iter().map(TDim::from).collect();
                }
                None => shape = self.found.sizes(shape.len())?,
            },
            None => {
                for (at, size) in shape.iter_mut().skip(2).enumerate() {
                    *size = self.unpooled(at, size);
                }
            }
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, places) = (required(inputs, 0)?, required(inputs, 1)?);
        let mut usual = input.shape().to_vec();
        for (at, size) in usual.iter_mut().skip(2).enumerate() {
            let size_then = self.unpooled(at, &TDim::from(*size)).to_i64()?;
            *size = usize::try_from(size_then).map_err(|_| error("its padding is larger than its output"))?;
        }
        let shape = match inputs.get(2).copied().flatten() {
            Some(wanted) => sizes(wanted, input.rank())?,
            None => usual.clone(),
        };
        if shape != usual {
            return Err(error(AMBIGUOUS));
        }
        Ok(tvec![for_floats!(input.datum_type(), put_back(input, places, &shape))?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

/// Places count through the whole unpooled value.
fn put_back<T: Datum + Copy + Default>(input: &Tensor, places: &Tensor, shape: &[usize]) -> TractResult<Tensor> {
    let (values, places) = (slice::<T>(input)?, integers(places)?);
    if values.len() != places.len() {
        return Err(error("it has not one place for each value"));
    }
    let count = volume(shape, input.datum_type(), 0)?;
    let mut unpooled = vec![T::default(); count];
    for (&value, &place) in values.iter().zip(&places) {
        let at = usize::try_from(place).ok().filter(|&at| at < count);
        unpooled[at.ok_or_else(|| error(format!("the place {place} is outside of its {count} values")))?] = value;
    }
    tensor(shape, unpooled)
}
