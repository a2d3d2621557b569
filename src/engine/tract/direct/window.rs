//! Steps that look at a window around each place: convolutions and the largest of a window. Where the windows lie, and what
//! of them lies outside, is the library's own reckoning; here it becomes a table of places, made once.

use fearless_simd::Level;
use tract_onnx::prelude::TVec;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;

use super::MOST_ELEMENTS;
use super::product::{Panel, WIDTH, multiply};

/// Windows over planes of `plane` elements: for each window the place of each of its elements, `None` outside.
struct Windows {
    plane: usize,
    taps: Vec<Vec<Option<usize>>>,
}

impl Windows {
    /// Of a batch of images, with all planes of one image after another.
    fn of(spec: &PoolSpec, shape: &[usize]) -> Option<Self> {
        if spec.data_format != DataFormat::NCHW {
            return None;
        }
        let terms: TVec<_> = shape.iter().map(|&size| size.into()).collect();
        let geometry = spec.compute_geo(&terms).ok()?;
        let geometry = geometry.to_concrete(shape).ok()?;
        let count = spec.kernel_shape.iter().try_fold(1, |count: usize, &size| count.checked_mul(size))?;
        // Images may be of any size, and so would be the table.
        let windows =
            geometry.patch.output_shape.iter().try_fold(count, |taps: usize, &size| taps.checked_mul(size))?;
        if windows.checked_mul(spec.input_channels)? > MOST_ELEMENTS {
            return None;
        }
        let mut taps = Vec::new();
        geometry.patch.visit_output(|window| {
            let mut found = vec![None; count];
            window.valid_offsets_ker_in().for_each(|(tap, place)| found[tap] = usize::try_from(place).ok());
            taps.push(found);
        });
        let plane = shape.get(2..)?.iter().product();
        taps.iter().flatten().flatten().all(|&place| place < plane).then_some(Self { plane, taps })
    }
}

/// A convolution as a product of its weights with a matrix that has a column for each window.
#[derive(Debug)]
pub struct Convolution {
    /// One row for each output channel.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// Elements of an image.
    image: usize,
    /// Elements of all windows, of all channels that go in.
    inputs: usize,
    windows: usize,
    /// In the order of the panels: places in an image, and behind its end where there is nothing.
    places: Vec<[u32; WIDTH]>,
    level: Level,
}

impl Convolution {
    /// `None` for those that this is no good way for.
    pub fn of(op: &Conv, shape: &[usize], weights: &[f32], bias: &[f32]) -> Option<Self> {
        let (channels, outputs) = (op.input_channels(), op.output_channels());
        if op.group != 1 || op.q_params.is_some() || op.kernel_fmt != KernelFormat::OIHW {
            return None;
        }
        let windows = Windows::of(&op.pool_spec, shape)?;
        let taps = windows.taps.first()?.len();
        let (inputs, image) = (channels * taps, channels * windows.plane);
        let bias = match bias.len() {
            1 => vec![bias[0]; outputs],
            _ => bias.to_vec(),
        };
        if weights.len() != outputs * inputs || bias.len() != outputs || inputs == 0 {
            return None;
        }
        let nothing = u32::try_from(image).ok()?;
        let place = |window: Option<&Vec<Option<usize>>>, input: usize| match window.map(|window| window[input % taps])
        {
            Some(Some(place)) => (input / taps * windows.plane + place) as u32,
            _ => nothing,
        };
        let panel = |part: &[Vec<Option<usize>>]| {
            let row = |input: usize| std::array::from_fn(|at| place(part.get(at), input));
            (0..inputs).map(row).collect::<Vec<[u32; WIDTH]>>()
        };
        let places = windows.taps.chunks(WIDTH).flat_map(panel).collect();
        let (weights, windows, level) = (weights.to_vec(), windows.taps.len(), Level::new());
        Some(Self { weights, bias, image, inputs, windows, places, level })
    }

    pub fn weight_bytes(&self) -> u64 {
        (size_of_val(self.weights.as_slice()) + size_of_val(self.places.as_slice())) as u64
    }

    /// `from` holds images, `to` is written whole; the others are memory to work in.
    pub fn apply(&self, from: &[f32], to: &mut [f32], image: &mut Vec<f32>, panels: &mut Vec<Panel>) {
        image.resize(self.image + 1, 0.0);
        panels.resize(self.places.len(), Panel::default());
        let outputs = to.chunks_exact_mut(self.bias.len() * self.windows);
        for (from, to) in from.chunks_exact(self.image).zip(outputs) {
            image[..self.image].copy_from_slice(from);
            image[self.image] = 0.0;
            let image = &image[..=self.image];
            for (panel, places) in panels.iter_mut().zip(&self.places) {
                *panel = places.map(|place| image[place as usize]);
            }
            multiply(self.level, &self.weights, panels, self.inputs, to, self.windows);
            for (plane, bias) in to.chunks_exact_mut(self.windows).zip(&self.bias) {
                plane.iter_mut().for_each(|value| *value += bias);
            }
        }
    }
}

/// The largest of each window of each plane.
#[derive(Debug)]
pub struct Largest {
    plane: usize,
    windows: usize,
    /// For each element of a window after another, its place for each window. Where there is nothing stands another place
    /// of the same window.
    places: Vec<u32>,
}

impl Largest {
    pub fn of(op: &MaxPool, shape: &[usize]) -> Option<Self> {
        if op.with_index_outputs.is_some() {
            return None;
        }
        let Windows { plane, taps } = Windows::of(&op.pool_spec, shape)?;
        let count = taps.first()?.len();
        let any = taps.iter().map(|window| window.iter().flatten().next().copied()).collect::<Option<Vec<usize>>>()?;
        let place = |tap: usize| taps.iter().zip(&any).map(move |(window, &any)| window[tap].unwrap_or(any) as u32);
        Some(Self { plane, windows: taps.len(), places: (0..count).flat_map(place).collect() })
    }

    pub fn weight_bytes(&self) -> u64 {
        size_of_val(self.places.as_slice()) as u64
    }

    /// `to` is written whole.
    pub fn apply(&self, from: &[f32], to: &mut [f32]) {
        for (plane, to) in from.chunks_exact(self.plane).zip(to.chunks_exact_mut(self.windows)) {
            to.fill(f32::NEG_INFINITY);
            for places in self.places.chunks_exact(self.windows) {
                for (to, &place) in to.iter_mut().zip(places) {
                    let value = plane[place as usize];
                    *to = if value > *to { value } else { *to };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::prelude::tvec;
    use tract_onnx::tract_core::ops::cnn::PaddingSpec;

    use super::*;

    /// Windows of 2 x 3, two apart in one direction, with a border above, to the right and below; of two channels.
    fn spec(outputs: usize) -> PoolSpec {
        PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: tvec![2, 3],
            padding: PaddingSpec::Explicit(tvec![1, 0], tvec![1, 2]),
            dilations: Some(tvec![1, 2]),
            strides: Some(tvec![2, 1]),
            input_channels: 2,
            output_channels: outputs,
        }
    }

    const HEIGHT: usize = 5;
    const BREADTH: usize = 7;
    const SHAPE: [usize; 4] = [3, 2, HEIGHT, BREADTH];
    const WINDOWS: [usize; 2] = [3, 5];

    fn number(at: usize) -> f32 {
        (at * 7 % 23) as f32 - 11.0
    }

    fn images() -> Vec<f32> {
        (0..SHAPE.iter().product()).map(number).collect()
    }

    /// The element of a plane that a window sees.
    fn seen(plane: &[f32], window: [usize; 2], tap: [usize; 2]) -> Option<f32> {
        let row = (window[0] * 2 + tap[0]).checked_sub(1).filter(|&row| row < HEIGHT)?;
        let column = Some(window[1] + tap[1] * 2).filter(|&column| column < BREADTH)?;
        Some(plane[row * BREADTH + column])
    }

    fn taps() -> impl Iterator<Item = [usize; 2]> {
        (0..2).flat_map(|row| (0..3).map(move |column| [row, column]))
    }

    fn windows() -> impl Iterator<Item = [usize; 2]> {
        (0..WINDOWS[0]).flat_map(|row| (0..WINDOWS[1]).map(move |column| [row, column]))
    }

    #[test]
    fn convolutions_are_those_of_the_definition() {
        let (outputs, from) = (5, images());
        let weights: Vec<f32> = (0..outputs * 2 * 6).map(|at| number(at + 5)).collect();
        let bias: Vec<f32> = (0..outputs).map(|at| at as f32).collect();
        let op = Conv { pool_spec: spec(outputs), kernel_fmt: KernelFormat::OIHW, group: 1, q_params: None };
        let convolution = Convolution::of(&op, &SHAPE, &weights, &bias).expect("it is small");
        let mut got = vec![f32::NAN; SHAPE[0] * outputs * WINDOWS[0] * WINDOWS[1]];
        // What an earlier run left behind is larger.
        convolution.apply(&from, &mut got, &mut vec![f32::NAN; 999], &mut vec![[f32::NAN; WIDTH]; 999]);
        let mut want = Vec::new();
        for image in from.chunks(2 * HEIGHT * BREADTH) {
            for (weights, bias) in weights.chunks(2 * 6).zip(&bias) {
                for window in windows() {
                    let planes = image.chunks(HEIGHT * BREADTH).flat_map(|plane| taps().map(move |tap| (plane, tap)));
                    let each = planes
                        .zip(weights)
                        .map(|((plane, tap), weight)| seen(plane, window, tap).map_or(0.0, |value| value * weight));
                    want.push(each.sum::<f32>() + bias);
                }
            }
        }
        assert_eq!(got, want);
    }

    #[test]
    fn the_largest_of_windows_is_that_of_the_definition() {
        let from = images();
        let op = MaxPool { pool_spec: spec(2), with_index_outputs: None };
        let largest = Largest::of(&op, &SHAPE).expect("it is small");
        let mut got = vec![f32::NAN; SHAPE[0] * 2 * WINDOWS[0] * WINDOWS[1]];
        largest.apply(&from, &mut got);
        let planes = from.chunks(HEIGHT * BREADTH).flat_map(|plane| windows().map(move |window| (plane, window)));
        let most =
            |(plane, window)| taps().filter_map(|tap| seen(plane, window, tap)).fold(f32::NEG_INFINITY, f32::max);
        assert_eq!(got, planes.map(most).collect::<Vec<f32>>());
    }

    #[test]
    fn no_table_is_made_for_images_that_are_large() {
        let large = [1, 2, 20_000, 20_000];
        let op = Conv { pool_spec: spec(1), kernel_fmt: KernelFormat::OIHW, group: 1, q_params: None };
        assert!(Convolution::of(&op, &large, &[1.0; 12], &[0.0]).is_none());
        assert!(Largest::of(&MaxPool { pool_spec: spec(2), with_index_outputs: None }, &large).is_none());
    }
}
