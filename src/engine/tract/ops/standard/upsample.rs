//! `Upsample` of operator sets 7 and 9, and `Resize` of operator set 10, which may also make smaller: by repetition or by
//! straight lines.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, slice};
use super::shapes::{Found, POSITION, WIDE, around, each, error, fact, known, narrow, pick, strides, volume, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Upsample {
    linear: bool,
    /// Where they are no input.
    scales: Option<Vec<f32>>,
    /// The least factor that it takes.
    least: f32,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let resize = node.operator() == "Resize" && node.opset() == 10;
    if !resize && !(7..=9).contains(&node.opset()) {
        let hint = "Export the model with operator set 10 or later, whose Resize does the same";
        return Err(Refusal::new(format!("the engine does not have it in operator set {}", node.opset()), hint));
    }
    let linear = match node.text_or("mode", "nearest")? {
        "nearest" => false,
        "linear" | "bilinear" | "trilinear" => true,
        other => return Err(malformed(format!("it has no mode {other:?}"))),
    };
    let scales = (node.opset() < 9).then(|| node.floats("scales").map(<[f32]>::to_vec)).transpose()?;
    let least = if resize { 1e-3 } else { 1.0 };
    Ok(Arc::new(Upsample { linear, scales, least, found: Found::of(node) }))
}

impl Upsample {
    fn scales(&self, input: Option<&Tensor>) -> TractResult<Option<Vec<f32>>> {
        match (&self.scales, input) {
            (Some(scales), _) => Ok(Some(scales.clone())),
            (None, Some(input)) => Ok(Some(slice::<f32>(input)?.to_vec())),
            (None, None) => Ok(None),
        }
    }
}

fn check(scales: &[f32], rank: usize, least: f32) -> TractResult<()> {
    if scales.len() != rank || scales.iter().any(|scale| !(least..=1e6).contains(scale)) {
        return Err(error(format!(
            "its scales {scales:?} are not one factor of at least {least} for each of {rank} axes"
        )));
    }
    Ok(())
}

fn scaled(size: usize, scale: f32) -> usize {
    (size as f32 * scale) as usize
}

impl Kernel for Upsample {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let rank = input.rank();
        let mut shape: TVec<TDim> = self.found.sizes(rank)?;
        if let Some(scales) = self.scales(known(inputs.get(1).copied().flatten()))? {
            check(&scales, rank, self.least)?;
            for (axis, (size, scale)) in input.shape.iter().zip(scales).enumerate() {
                if let Some(known) = size.to_i64().ok().and_then(|size| usize::try_from(size).ok()) {
                    shape[axis] = scaled(known, scale).into();
                } else if scale.fract() == 0.0 {
                    shape[axis] = size.clone() * scale as i64;
                }
            }
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let scales = self.scales(inputs.get(1).copied().flatten())?.ok_or_else(|| error("it has no scales"))?;
        check(&scales, input.rank(), self.least)?;
        let from = input.shape();
        let shape: Vec<usize> = from.iter().zip(&scales).map(|(&size, &scale)| scaled(size, scale)).collect();
        if self.linear {
            return Ok(tvec![linear(input, &shape, &scales)?]);
        }
        let count = volume(&shape, input.datum_type(), POSITION)?;
        let (mut positions, strides) = (Vec::with_capacity(count), strides(from));
        each(&shape, |at| {
            let source = |axis: usize| {
                let place = at[axis] as f32 / scales[axis];
                let place = if scales[axis] < 1.0 { place.ceil() } else { place.floor() };
                (place as usize).min(from[axis] - 1) * strides[axis]
            };
            positions.push((0..at.len()).map(source).sum::<usize>());
        });
        Ok(tvec![pick(input, &shape, &positions, None)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

/// One axis after the other.
fn linear(input: &Tensor, shape: &[usize], scales: &[f32]) -> TractResult<Tensor> {
    volume(shape, input.datum_type(), WIDE)?;
    let mut values = wide(input)?;
    let mut sizes = input.shape().to_vec();
    for axis in 0..shape.len() {
        if sizes[axis] == shape[axis] {
            continue;
        }
        let (before, count, after) = around(&sizes, axis);
        // Larger than the result, where a later axis shrinks.
        let mut stretched = Vec::with_capacity(volume(&[before, shape[axis], after], DatumType::F64, WIDE)?);
        for outer in 0..before {
            for step in 0..shape[axis] {
                let place = f64::from(step as f32 / scales[axis]).min((count - 1) as f64);
                let low = place as usize;
                let (high, share) = ((low + 1).min(count - 1), place - place.floor());
                let row = |at: usize| &values[(outer * count + at) * after..][..after];
                stretched.extend(row(low).iter().zip(row(high)).map(|(low, high)| low * (1.0 - share) + high * share));
            }
        }
        values = stretched;
        sizes[axis] = shape[axis];
    }
    if input.datum_type().is_float() {
        return narrow(input.datum_type(), shape, values);
    }
    // Integers are cut, not rounded.
    narrow(input.datum_type(), shape, values.into_iter().map(f64::trunc).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_on_the_way_is_larger_than_there_is_room_for() {
        let input = Tensor::zero::<f32>(&[1, 1, 64, 64]).unwrap();
        let stretched = |first: f32, shape: [usize; 4]| linear(&input, &shape, &[first, 1.0, 0.016, 0.016]);
        assert_eq!(stretched(1e3, [1000, 1, 1, 1]).unwrap().shape(), [1000, 1, 1, 1]);
        assert!(stretched(1e6, [1_000_000, 1, 1, 1]).unwrap_err().to_string().contains("--max-tensor"));
    }
}
