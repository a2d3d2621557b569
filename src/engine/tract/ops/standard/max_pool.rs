//! `MaxPool` that also tells where the largest elements stand. tract tells a place outside of a window that holds nothing
//! but the least number of its type, as a window of bytes that are zero does. NaN is refused: whether it is the largest
//! of a window is not agreed on.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, tensor};
use super::shapes::{POSITION, WIDE, each, error, fact, pick, strides, volume, wide};
use super::window::Window;
use crate::engine::tract::checks::Refusal;

const TYPES: [DatumType; 5] = [DatumType::F16, DatumType::F32, DatumType::F64, DatumType::I8, DatumType::U8];

#[derive(Debug)]
struct MaxPool {
    window: Window,
    /// Whether places are counted along the first of the pooled axes before the others.
    first_axis_first: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let window = Window::of(node)?;
    if window.kernel.is_empty() {
        return Err(malformed("it has no kernel_shape"));
    }
    Ok(Arc::new(MaxPool { window, first_axis_first: node.int_or("storage_order", 0)? == 1 }))
}

impl MaxPool {
    /// How far apart the elements of a plane are counted along each axis.
    fn counts(&self, sides: &[usize]) -> TVec<usize> {
        if !self.first_axis_first {
            return strides(sides);
        }
        let turned: Vec<usize> = sides.iter().rev().copied().collect();
        strides(&turned).into_iter().rev().collect()
    }
}

impl Kernel for MaxPool {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &TYPES)?;
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        self.window.fits(shape.len().saturating_sub(2))?;
        for (axis, size) in shape.iter_mut().skip(2).enumerate() {
            *size = self.window.steps(axis, size)?;
        }
        Ok(tvec![fact(input.datum_type, &shape), fact(DatumType::I64, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let (maps, sides) = input.shape().split_at(2);
        let slides = self.window.slides(sides)?;
        let steps: Vec<usize> = slides.iter().map(|slide| slide.steps).collect();
        let shape = [maps, &steps].concat();
        let count = volume(&shape, DatumType::I64, POSITION)?;
        volume(input.shape(), input.datum_type(), WIDE)?;
        let values = wide(input)?;
        if values.iter().any(|value| value.is_nan()) {
            return Err(error("its input holds NaN, of which it is not agreed whether it is the largest"));
        }
        let (strides, counts) = (strides(sides), self.counts(sides));
        let area = sides.iter().product::<usize>();
        let (mut positions, mut places) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (map, plane) in values.chunks_exact(area.max(1)).enumerate() {
            each(&steps, |step| {
                let mut best = None;
                each(&self.window.kernel, |offset| {
                    let (mut at, mut place) = (0, 0);
                    for (axis, slide) in slides.iter().enumerate() {
                        let Some(found) = slide.at(step[axis], offset[axis]) else { return };
                        at += found * strides[axis];
                        place += found * counts[axis];
                    }
                    if best.is_none_or(|(best, _)| plane[at] > plane[best]) {
                        best = Some((at, place));
                    }
                });
                if let Some((at, place)) = best {
                    positions.push(map * area + at);
                    places.push((map * area + place) as i64);
                }
            });
        }
        if positions.len() != count {
            return Err(error("one of its windows lies in the padding, where there is no largest element"));
        }
        Ok(tvec![pick(input, &shape, &positions, None)?, tensor(&shape, places)?])
    }
}
