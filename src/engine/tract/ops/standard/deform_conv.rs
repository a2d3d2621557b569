//! `DeformConv`: a convolution whose window reads at places of its own, given by offsets, between the pixels.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required};
use super::shapes::{WIDE, error, fact, narrow, volume, wide};
use super::window::Window;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct DeformConv {
    window: Window,
    group: usize,
    offset_group: usize,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let count = |name: &str| {
        let count = node.int_or(name, 1)?;
        usize::try_from(count)
            .ok()
            .filter(|&count| count > 0)
            .ok_or_else(|| malformed(format!("its {name} is {count}")))
    };
    let (group, offset_group) = (count("group")?, count("offset_group")?);
    Ok(Arc::new(DeformConv { window: Window::of(node)?, group, offset_group }))
}

impl DeformConv {
    /// The window for weights with these sides.
    fn window(&self, sides: &[usize]) -> TractResult<Window> {
        if self.window.kernel.is_empty() || self.window.kernel == sides {
            return Ok(self.window.with_kernel(sides.to_vec()));
        }
        Err(error(format!("its kernel_shape is {:?} and its weights are {sides:?}", self.window.kernel)))
    }
}

impl Kernel for DeformConv {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (input, weights) = (required(inputs, 0)?, required(inputs, 1)?);
        required(inputs, 2)?;
        one_of(input, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        let known = weights.shape.as_concrete().ok_or_else(|| error("the shape of its weights is not known"))?;
        let [maps, _, sides @ ..] = known else { return Err(error("its weights have too few axes")) };
        let window = self.window(sides)?;
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        if shape.len() != 4 || sides.len() != 2 {
            return Err(error("it takes images only"));
        }
        shape[1] = (*maps).into();
        for (at, size) in shape.iter_mut().skip(2).enumerate() {
            *size = window.steps(at, size)?;
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, weights, offsets) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        let (bias, mask) = (inputs.get(3).copied().flatten(), inputs.get(4).copied().flatten());
        let (&[batch, channels, height, width], &[maps, depth, rows, columns]) = (input.shape(), weights.shape())
        else {
            return Err(error("it takes images only"));
        };
        let window = self.window(&[rows, columns])?;
        let slides = window.slides(&[height, width])?;
        let (high, wide_) = (slides[0].steps, slides[1].steps);
        let (taps, places) = (rows * columns, high * wide_);
        let fits = |tensor: &Tensor, each: usize| tensor.shape() == [batch, self.offset_group * each, high, wide_];
        if depth * self.group != channels
            || maps % self.group != 0
            || channels % self.offset_group != 0
            || !fits(offsets, 2 * taps)
            || !mask.is_none_or(|mask| fits(mask, taps))
            || bias.is_some_and(|bias| bias.shape() != [maps])
        {
            return Err(error("the shapes of its inputs do not go together"));
        }
        let (pixels, weights, offsets) = (wide(input)?, wide(weights)?, wide(offsets)?);
        let (bias, mask) = (bias.map(wide).transpose()?, mask.map(wide).transpose()?);
        let shape = [batch, maps, high, wide_];
        let mut output = vec![0.0; volume(&shape, input.datum_type(), WIDE)?];
        // One image's columns: what each tap of the window reads, per channel and place.
        let mut taken = vec![0.0; volume(&[channels, taps, places], DatumType::F64, 0)?];
        for image in 0..batch {
            for channel in 0..channels {
                let block = image * self.offset_group + channel / (channels / self.offset_group);
                let map = &pixels[(image * channels + channel) * height * width..][..height * width];
                for tap in 0..taps {
                    for place in 0..places {
                        let offset = |axis: usize| offsets[((block * taps + tap) * 2 + axis) * places + place];
                        let start = |axis: usize, step: usize, at: usize| {
                            (step * window.stride(axis) + at * window.dilation(axis)) as f64
                                - window.before(axis) as f64
                        };
                        let y = start(0, place / wide_, tap / columns) + offset(0);
                        let x = start(1, place % wide_, tap % columns) + offset(1);
                        let share = mask.as_ref().map_or(1.0, |mask| mask[(block * taps + tap) * places + place]);
                        taken[(channel * taps + tap) * places + place] = between(map, height, width, y, x) * share;
                    }
                }
            }
            for map in 0..maps {
                let first = map / (maps / self.group) * depth;
                let output = &mut output[(image * maps + map) * places..][..places];
                output.fill(bias.as_ref().map_or(0.0, |bias| bias[map]));
                for at in 0..depth * taps {
                    let weight = weights[map * depth * taps + at];
                    let row = &taken[(first * taps + at) * places..][..places];
                    output.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
        Ok(tvec![narrow(input.datum_type(), &shape, output)?])
    }
}

/// The value between pixels; outside of the image everything is zero.
fn between(map: &[f64], height: usize, width: usize, y: f64, x: f64) -> f64 {
    if !(y > -1.0 && x > -1.0 && y < height as f64 && x < width as f64) {
        return 0.0;
    }
    let (top, left) = (y.floor(), x.floor());
    let (down, right) = (y - top, x - left);
    let pixel = |y: f64, x: f64| {
        let inside = y >= 0.0 && x >= 0.0 && y < height as f64 && x < width as f64;
        if inside { map[y as usize * width + x as usize] } else { 0.0 }
    };
    (1.0 - down) * ((1.0 - right) * pixel(top, left) + right * pixel(top, left + 1.0))
        + down * ((1.0 - right) * pixel(top + 1.0, left) + right * pixel(top + 1.0, left + 1.0))
}
