//! `Col2Im`: columns of image blocks back to an image; where blocks overlap they are added.

use tract_onnx::prelude::{Arc, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{required, slice, tensor};
use super::cumulative::Number;
use super::shapes::{Found, each, error, fact, for_numbers, integers, known, strides, volume};
use super::window::Window;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Col2Im {
    window: Window,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    Ok(Arc::new(Col2Im { window: Window::of(node)?, found: Found::of(node) }))
}

fn sizes(tensor: &Tensor) -> TractResult<Vec<usize>> {
    let sizes = integers(tensor)?.into_iter().map(|size| usize::try_from(size).ok().filter(|&size| size > 0));
    sizes.collect::<Option<_>>().ok_or_else(|| error("a size of its image or its blocks is not positive"))
}

/// Elements of a block; they come from a request, and so many there can be in no column.
fn area(block: &[usize]) -> TractResult<usize> {
    let area = block.iter().try_fold(1usize, |area, &size| area.checked_mul(size));
    area.ok_or_else(|| error(format!("its blocks of {block:?} are too large")))
}

impl Kernel for Col2Im {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (input, image) = (required(inputs, 0)?, required(inputs, 1)?);
        required(inputs, 2)?;
        let [batch, rows, _] = &*input.shape.to_tvec() else {
            return Err(error("it takes columns of three axes"));
        };
        let axes = image.shape.first().and_then(|axes| axes.to_i64().ok()).and_then(|axes| usize::try_from(axes).ok());
        let axes = axes.ok_or_else(|| error("the number of axes of its image is not known"))?;
        let block = known(inputs.get(2).copied().flatten()).map(sizes).transpose()?;
        let channels = match block {
            Some(block) => rows.clone() / i64::try_from(area(&block)?)?,
            None => self.found.size(axes)?,
        };
        let mut shape: TVec<TDim> = tvec![batch.clone(), channels];
        match known(Some(image)) {
            Some(image) => shape.extend(sizes(image)?.into_iter().map(TDim::from)),
            None => shape.extend(self.found.sizes(axes)?),
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let columns = required(inputs, 0)?;
        let (image, block) = (sizes(required(inputs, 1)?)?, sizes(required(inputs, 2)?)?);
        let window = self.window.with_kernel(block);
        Ok(tvec![for_numbers!(columns.datum_type(), assemble(columns, &image, &window))?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

fn assemble<T: Number>(columns: &Tensor, image: &[usize], window: &Window) -> TractResult<Tensor> {
    // Nothing is computed from sizes that there is no room for.
    let size = volume(image, columns.datum_type(), 0)?;
    let slides = window.slides(image)?;
    let steps: Vec<usize> = slides.iter().map(|slide| slide.steps).collect();
    let blocks = volume(&steps, columns.datum_type(), 0)?;
    let area = area(&window.kernel)?;
    let [batch, rows, places] = *columns.shape() else { return Err(error("it takes columns of three axes")) };
    if places != blocks || !rows.is_multiple_of(area) {
        return Err(error(format!("columns of shape {:?} are not {blocks} blocks of {area}", columns.shape())));
    }
    let shape = [&[batch, rows / area], image].concat();
    let (from, strides) = (slice::<T>(columns)?, strides(image));
    let mut pixels = vec![T::ZERO; volume(&shape, columns.datum_type(), 0)?];
    for map in 0..batch * (rows / area) {
        let pixels = &mut pixels[map * size..][..size];
        let mut taken = from[map * area * blocks..][..area * blocks].iter();
        each(&window.kernel, |offset| {
            each(&steps, |step| {
                let Some(&value) = taken.next() else { return };
                let at = (0..image.len()).map(|axis| Some(slides[axis].at(step[axis], offset[axis])? * strides[axis]));
                if let Some(at) = at.sum::<Option<usize>>() {
                    pixels[at] = pixels[at].plus(value);
                }
            });
        });
    }
    tensor(&shape, pixels)
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::NodeProto;

    use super::super::super::Opsets;
    use super::*;

    #[test]
    fn sizes_that_overflow_are_errors() {
        let proto = NodeProto::default();
        let kernel = build(&Node::new(&proto, &Opsets::new(), None)).unwrap();
        let columns = Tensor::zero::<f32>(&[1, 4, 4]).unwrap();
        let run = |image: [i64; 2], block: [i64; 2]| {
            let sizes = |sizes: [i64; 2]| tensor(&[2], sizes.to_vec()).unwrap();
            kernel
                .run(&[Some(&columns), Some(&sizes(image)), Some(&sizes(block))])
                .map(|image| image[0].shape().to_vec())
        };
        assert_eq!(run([3, 3], [2, 2]).unwrap(), [1, 1, 3, 3]);
        for far in [1 << 32, 1 << 62, i64::MAX] {
            assert!(run([far, far], [far, far]).is_err());
            assert!(run([3, 3], [far, far]).is_err());
            assert!(run([far, 1], [far, 4]).is_err());
        }
        assert!(area(&[1 << 32, 1 << 32]).is_err());
    }
}
