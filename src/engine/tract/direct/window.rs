//! Steps that look at a window around each place: convolutions and the largest of a window. Where the windows lie, and what
//! of them lies outside, is the library's own reckoning; here it becomes a table of places, made once.

use fearless_simd::Level;
use tract_onnx::prelude::TVec;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;

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
        let count: usize = spec.kernel_shape.iter().product();
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

    /// Multiply-adds for one image.
    pub fn work(&self) -> usize {
        self.weights.len() * self.windows
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
