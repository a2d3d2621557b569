//! `RoiAlign` and `MaxRoiPool`: regions of images brought to one size.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required};
use super::shapes::{WIDE, error, fact, integers, narrow, volume, wide};
use crate::engine::tract::checks::Refusal;

/// The most pixels that are read, or placed between, in a run: regions are a client's, and may be of any size and number.
const MOST_READ: f64 = 1e9;

/// The most places along one axis of a region.
const MOST_PLACES: f64 = 1e7;

/// Adds what a region reads to what the run has read, before it does.
fn read(so_far: &mut f64, rows: usize, columns: usize, channels: usize) -> TractResult<()> {
    *so_far += rows as f64 * columns as f64 * channels as f64;
    if *so_far > MOST_READ {
        return Err(error("its regions are too large or too many: together they would read more than 1e9 pixels"));
    }
    Ok(())
}

#[derive(Debug)]
struct RoiAlign {
    half_pixel: bool,
    size: [usize; 2],
    /// Samples of a bin along each axis; as many as it has pixels where it is zero.
    samples: usize,
    scale: f64,
}

pub fn align(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let half_pixel = match node.text("coordinate_transformation_mode")? {
        None => node.opset() >= 16,
        Some("half_pixel") => true,
        Some("output_half_pixel") => false,
        Some(other) => return Err(malformed(format!("it has no coordinate_transformation_mode {other:?}"))),
    };
    match node.text_or("mode", "avg")? {
        "avg" => {}
        "max" => {
            // They take the largest of four weighted pixels, and of interpolated values, respectively.
            let hint = "Export the model with mode \"avg\", as torchvision does";
            return Err(Refusal::new("the standard and ONNX Runtime disagree about its mode \"max\"", hint));
        }
        other => return Err(malformed(format!("it has no mode {other:?}"))),
    }
    let size = |name: &str| {
        let size = node.int_or(name, 1)?;
        usize::try_from(size)
            .ok()
            .filter(|size| (1..10_000).contains(size))
            .ok_or_else(|| malformed(format!("its {name} is {size}")))
    };
    let size = [size("output_height")?, size("output_width")?];
    let samples =
        usize::try_from(node.int_or("sampling_ratio", 0)?).map_err(|_| malformed("its sampling_ratio is negative"))?;
    Ok(Arc::new(RoiAlign { half_pixel, size, samples, scale: node.float_or("spatial_scale", 1.0)?.into() }))
}

fn facts(inputs: &[Option<&TypedFact>], size: [usize; 2]) -> TractResult<TVec<TypedFact>> {
    let (images, regions) = (required(inputs, 0)?, required(inputs, 1)?);
    one_of(images, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
    if images.rank() != 4 || regions.rank() != 2 {
        return Err(error("it takes a batch of images and a list of regions"));
    }
    let shape: TVec<TDim> = tvec![regions.shape[0].clone(), images.shape[1].clone(), size[0].into(), size[1].into()];
    Ok(tvec![fact(images.datum_type, &shape)])
}

impl Kernel for RoiAlign {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        required(inputs, 2)?;
        facts(inputs, self.size)
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (images, regions, of) = (required(inputs, 0)?, required(inputs, 1)?, integers(required(inputs, 2)?)?);
        let &[batch, channels, height, width] = images.shape() else { return Err(error("it takes images")) };
        if regions.shape() != [of.len(), 4] {
            return Err(error(format!("its regions are of shape {:?} for {} images", regions.shape(), of.len())));
        }
        let (pixels, regions) = (wide(images)?, wide(regions)?);
        let shape = [of.len(), channels, self.size[0], self.size[1]];
        let mut pooled = Vec::with_capacity(volume(&shape, images.datum_type(), WIDE)?);
        let mut so_far = 0.0;
        for (region, &image) in regions.as_chunks::<4>().0.iter().zip(&of) {
            let image = usize::try_from(image).ok().filter(|&image| image < batch);
            let image = image.ok_or_else(|| error(format!("a region is of an image that is none of {batch}")))?;
            let bins = [self.bins(region[1], region[3], 0)?, self.bins(region[0], region[2], 1)?];
            let [rows, columns] = [0, 1].map(|axis| bins[axis].iter().map(Vec::len).sum());
            read(&mut so_far, rows, columns, channels)?;
            for channel in 0..channels {
                let map = &pixels[(image * channels + channel) * height * width..][..height * width];
                for y in &bins[0] {
                    for x in &bins[1] {
                        let sum: f64 =
                            y.iter().flat_map(|&y| x.iter().map(move |&x| between(map, height, width, y, x))).sum();
                        let count = y.len() * x.len();
                        pooled.push(if count == 0 { 0.0 } else { sum / count as f64 });
                    }
                }
            }
        }
        Ok(tvec![narrow(images.datum_type(), &shape, pooled)?])
    }
}

impl RoiAlign {
    /// Places that are read for each bin along one axis of a region.
    fn bins(&self, start: f64, end: f64, axis: usize) -> TractResult<Vec<Vec<f64>>> {
        let shift = if self.half_pixel { 0.5 } else { 0.0 };
        let (start, end) = (start * self.scale - shift, end * self.scale - shift);
        let length = if self.half_pixel { end - start } else { (end - start).max(1.0) };
        let bin = length / self.size[axis] as f64;
        let samples = if self.samples > 0 { self.samples as f64 } else { bin.ceil() };
        if samples.is_nan() || samples * self.size[axis] as f64 > MOST_PLACES {
            return Err(error(format!("a region from {start} to {end} is too large to be sampled")));
        }
        let samples = samples.max(0.0) as usize;
        let place = |at: usize, sample: usize| start + at as f64 * bin + (sample as f64 + 0.5) * bin / samples as f64;
        Ok((0..self.size[axis]).map(|at| (0..samples).map(|sample| place(at, sample)).collect()).collect())
    }
}

/// The value between pixels. A place within a pixel of the edge is moved onto it; further out everything is zero.
fn between(map: &[f64], height: usize, width: usize, y: f64, x: f64) -> f64 {
    let inside = |at: f64, size: usize| (-1.0..=size as f64).contains(&at);
    if !inside(y, height) || !inside(x, width) {
        return 0.0;
    }
    let place = |at: f64, size: usize| {
        let at = at.max(0.0);
        let low = at as usize;
        if low + 1 >= size { (size - 1, size - 1, 0.0) } else { (low, low + 1, at - low as f64) }
    };
    let ((top, bottom, down), (left, right, across)) = (place(y, height), place(x, width));
    let pixel = |y: usize, x: usize| map[y * width + x];
    (1.0 - down) * ((1.0 - across) * pixel(top, left) + across * pixel(top, right))
        + down * ((1.0 - across) * pixel(bottom, left) + across * pixel(bottom, right))
}

#[derive(Debug)]
struct MaxRoiPool {
    size: [usize; 2],
    scale: f64,
}

pub fn max_pool(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let sizes = node
        .ints("pooled_shape")?
        .iter()
        .map(|&size| usize::try_from(size).ok().filter(|size| (1..10_000).contains(size)));
    let &[height, width] = &sizes.collect::<Option<Vec<_>>>().unwrap_or_default()[..] else {
        return Err(malformed("its pooled_shape is not two sizes"));
    };
    Ok(Arc::new(MaxRoiPool { size: [height, width], scale: node.float_or("spatial_scale", 1.0)?.into() }))
}

impl Kernel for MaxRoiPool {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        facts(inputs, self.size)
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (images, regions) = (required(inputs, 0)?, required(inputs, 1)?);
        let (&[batch, channels, height, width], &[count, 5]) = (images.shape(), regions.shape()) else {
            return Err(error("it takes images and regions of five numbers"));
        };
        let (pixels, regions) = (wide(images)?, wide(regions)?);
        let shape = [count, channels, self.size[0], self.size[1]];
        let mut pooled = Vec::with_capacity(volume(&shape, images.datum_type(), WIDE)?);
        let mut so_far = 0.0;
        for region in regions.as_chunks::<5>().0 {
            if !(0.0..batch as f64).contains(&region[0]) {
                return Err(error(format!("a region is of an image that is none of {batch}")));
            }
            let edge = |at: usize| (region[at] * self.scale).round();
            let bins = |axis: usize, limit: usize| {
                let (start, end) = (edge(2 - axis), edge(4 - axis));
                let bin = (end - start + 1.0).max(1.0) / self.size[axis] as f64;
                let limited = |at: f64| (at + start).clamp(0.0, limit as f64) as usize;
                let bin = |at: usize| limited((at as f64 * bin).floor())..limited(((at + 1) as f64 * bin).ceil());
                (0..self.size[axis]).map(bin).collect::<Vec<_>>()
            };
            let (rows, columns) = (bins(0, height), bins(1, width));
            let [down, across] = [&rows, &columns].map(|bins| bins.iter().map(ExactSizeIterator::len).sum());
            read(&mut so_far, down, across, channels)?;
            for channel in 0..channels {
                let map = &pixels[(region[0] as usize * channels + channel) * height * width..][..height * width];
                for rows in &rows {
                    for columns in &columns {
                        let inside = rows.clone().flat_map(|y| columns.clone().map(move |x| map[y * width + x]));
                        pooled.push(inside.reduce(|best, new| if new > best { new } else { best }).unwrap_or(0.0));
                    }
                }
            }
        }
        Ok(tvec![narrow(images.datum_type(), &shape, pooled)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tract::ops::values::{slice, tensor};

    #[test]
    fn a_region_without_measure_is_refused() {
        let align = RoiAlign { half_pixel: true, size: [1, 1], samples: 0, scale: 1.0 };
        let images = tensor(&[1, 1, 8, 8], vec![1.0f32; 64]).unwrap();
        let run = |side: f32| {
            let regions = tensor(&[1, 4], vec![0.0, 0.0, side, side]).unwrap();
            align.run(&[Some(&images), Some(&regions), Some(&tensor(&[1], vec![0i64]).unwrap())])
        };
        assert_eq!(*slice::<f32>(&run(8.0).unwrap()[0]).unwrap(), [1.0]);
        for side in [6e5, 1e9, f32::INFINITY, f32::NAN] {
            assert!(run(side).unwrap_err().to_string().contains("too large"), "{side}");
        }
    }

    #[test]
    fn what_is_read_adds_up_over_regions() {
        let mut so_far = 0.0;
        assert!(read(&mut so_far, 20_000, 20_000, 2).is_ok());
        assert!(read(&mut so_far, 20_000, 20_000, 2).unwrap_err().to_string().contains("too many"));
    }
}
