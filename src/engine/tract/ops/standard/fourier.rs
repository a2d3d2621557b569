//! `DFT` and `STFT`, in double precision inside: values that ought to cancel out do.

use std::f64::consts::PI;

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::budget;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required};
use super::shapes::{Found, WIDE, around, axis, error, fact, integer, known, narrow, volume, wide};
use crate::engine::tract::checks::Refusal;

const FLOATS: [DatumType; 3] = [DatumType::F16, DatumType::F32, DatumType::F64];

/// A complex number.
type Complex = [f64; 2];

fn times([a, b]: Complex, [c, d]: Complex) -> Complex {
    [a * c - b * d, a * d + b * c]
}

/// The point on the unit circle at this part of a full turn.
fn turn(part: usize, whole: usize, forwards: bool) -> Complex {
    let angle = 2.0 * PI * (part % whole) as f64 / whole as f64;
    [angle.cos(), if forwards { -angle.sin() } else { angle.sin() }]
}

/// The transform of any number of values, not divided by their number.
fn transform(values: &mut [Complex], forwards: bool) {
    let count = values.len();
    if count.is_power_of_two() {
        return powers_of_two(values, forwards);
    }
    if count <= 1 {
        return;
    }
    // Bluestein: as a convolution, whose length can be chosen.
    let length = (2 * count).next_power_of_two();
    let chirp: Vec<Complex> = (0..count).map(|at| turn(at * at % (2 * count), 2 * count, forwards)).collect();
    let mut signal = vec![[0.0; 2]; length];
    let mut kernel = vec![[0.0; 2]; length];
    for at in 0..count {
        signal[at] = times(values[at], chirp[at]);
        kernel[at] = [chirp[at][0], -chirp[at][1]];
        kernel[(length - at) % length] = kernel[at];
    }
    powers_of_two(&mut signal, true);
    powers_of_two(&mut kernel, true);
    signal.iter_mut().zip(&kernel).for_each(|(value, factor)| *value = times(*value, *factor));
    powers_of_two(&mut signal, false);
    for at in 0..count {
        let [re, im] = times(signal[at], chirp[at]);
        values[at] = [re / length as f64, im / length as f64];
    }
}

/// An error if there is no room for a transform of so many values.
fn room_to_transform(count: usize) -> TractResult<()> {
    const EACH: usize = size_of::<Complex>();
    if count.is_power_of_two() {
        // The values, and half as many turns.
        return budget::elements(&[count], EACH, EACH / 2).map(|_| ());
    }
    // The values, the chirp, and signal, kernel and turns of the convolution, which is up to four times as long.
    budget::elements(&[count], EACH, EACH + 4 * (2 * EACH + EACH / 2)).map(|_| ())
}

fn powers_of_two(values: &mut [Complex], forwards: bool) {
    let count = values.len();
    if count < 2 {
        return;
    }
    let bits = count.trailing_zeros();
    for at in 0..count {
        let other = at.reverse_bits() >> (usize::BITS - bits);
        if at < other {
            values.swap(at, other);
        }
    }
    let turns: Vec<Complex> = (0..count / 2).map(|part| turn(part, count, forwards)).collect();
    let mut half = 1;
    while half < count {
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (at, (low, high)) in low.iter_mut().zip(high).enumerate() {
                let ([a, b], [c, d]) = (*low, times(*high, turns[at * (count / (2 * half))]));
                (*low, *high) = ([a + c, b + d], [a - c, b - d]);
            }
        }
        half *= 2;
    }
}

fn length_of(tensor: &Tensor) -> TractResult<usize> {
    let length = integer(tensor)?;
    usize::try_from(length)
        .ok()
        .filter(|&length| length > 0)
        .ok_or_else(|| error(format!("a length of it is {length}")))
}

#[derive(Debug)]
struct Dft {
    inverse: bool,
    onesided: bool,
    /// Where it is no input.
    axis: Option<i64>,
    found: Found,
}

pub fn dft(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let (inverse, onesided) = (node.int_or("inverse", 0)? != 0, node.int_or("onesided", 0)? != 0);
    if inverse && onesided {
        let hint = "Export the model with the inverse of a transform that has all its values";
        return Err(Refusal::new("the inverse of half a transform is not what it computes in every runtime", hint));
    }
    let axis = (node.opset() < 20).then(|| node.int_or("axis", 1)).transpose()?;
    Ok(Arc::new(Dft { inverse, onesided, axis, found: Found::of(node) }))
}

impl Dft {
    fn along(&self, input: Option<&Tensor>, rank: usize) -> TractResult<usize> {
        let along = match (self.axis, input) {
            (Some(along), _) => along,
            (None, Some(along)) => integer(along)?,
            (None, None) => -2,
        };
        let along = axis(along, rank)?;
        if along + 1 == rank { Err(error("it does not transform along the axis of complex parts")) } else { Ok(along) }
    }
}

impl Kernel for Dft {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &FLOATS)?;
        let given = |at: usize| inputs.get(at).copied().flatten();
        if given(2).is_some() && known(given(2)).is_none() {
            return Err(error("the axis it transforms depends on values"));
        }
        let along = self.along(known(given(2)), input.rank())?;
        let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
        shape[along] = match (given(1).is_some(), known(given(1)).map(length_of).transpose()?) {
            (_, Some(length)) => length.into(),
            (true, None) => self.found.size(0)?,
            (false, None) => shape[along].clone(),
        };
        if self.onesided {
            shape[along] = shape[along].clone() / 2 + 1;
        }
        if let Some(parts) = shape.last_mut() {
            *parts = 2.into();
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let given = |at: usize| inputs.get(at).copied().flatten();
        let along = self.along(given(2), input.rank())?;
        let parts = input.shape()[input.rank() - 1];
        if !matches!(parts, 1 | 2) {
            return Err(error(format!("its numbers have {parts} parts")));
        }
        let (before, size, after) = around(&input.shape()[..input.rank() - 1], along);
        let length = given(1).map(length_of).transpose()?.unwrap_or(size);
        let kept = if self.onesided { length / 2 + 1 } else { length };
        let mut shape = input.shape().to_vec();
        shape[along] = kept;
        shape[input.rank() - 1] = 2;
        let values = wide(input)?;
        room_to_transform(length)?;
        let mut output = vec![0.0; volume(&shape, input.datum_type(), WIDE)?];
        let scale = if self.inverse { 1.0 / length as f64 } else { 1.0 };
        for outer in 0..before {
            for inner in 0..after {
                let mut row = vec![[0.0; 2]; length];
                for (step, value) in row.iter_mut().enumerate().take(size) {
                    let at = ((outer * size + step) * after + inner) * parts;
                    *value = [values[at], if parts == 2 { values[at + 1] } else { 0.0 }];
                }
                transform(&mut row, !self.inverse);
                for (step, [re, im]) in row.into_iter().take(kept).enumerate() {
                    let at = ((outer * kept + step) * after + inner) * 2;
                    (output[at], output[at + 1]) = (re * scale, im * scale);
                }
            }
        }
        Ok(tvec![narrow(input.datum_type(), &shape, output)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Stft {
    onesided: bool,
    found: Found,
}

pub fn stft(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    if !node.has_input(2) && !node.has_input(3) {
        return Err(malformed("it has neither a window nor a frame_length"));
    }
    Ok(Arc::new(Stft { onesided: node.int_or("onesided", 1)? != 0, found: Found::of(node) }))
}

impl Kernel for Stft {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (signal, step) = (required(inputs, 0)?, known(Some(required(inputs, 1)?)).map(length_of).transpose()?);
        one_of(signal, &FLOATS)?;
        let [batch, size, _] = &*signal.shape.to_tvec() else {
            return Err(error("it takes a batch of signals with one or two parts"));
        };
        let given = |at: usize| inputs.get(at).copied().flatten();
        let window = given(2).and_then(|window| window.shape.first().cloned());
        let length = match (known(given(3)), given(3).is_some(), window) {
            (Some(length), ..) => Some(TDim::from(length_of(length)?)),
            (None, false, Some(window)) => Some(window),
            _ => None,
        };
        let (frames, bins) = match (length, step) {
            (Some(length), Some(step)) => {
                let bins = if self.onesided { length.clone() / 2 + 1 } else { length.clone() };
                ((size.clone() - length) / step + 1, bins)
            }
            _ => (self.found.size(0)?, self.found.size(1)?),
        };
        Ok(tvec![fact(signal.datum_type, &[batch.clone(), frames, bins, 2.into()])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (signal, step) = (required(inputs, 0)?, length_of(required(inputs, 1)?)?);
        let given = |at: usize| inputs.get(at).copied().flatten();
        let window = given(2).map(wide).transpose()?;
        let length = match (given(3), &window) {
            (Some(length), _) => length_of(length)?,
            (None, Some(window)) => window.len(),
            (None, None) => return Err(error("it has neither a window nor a frame_length")),
        };
        let &[batch, size, parts @ (1 | 2)] = signal.shape() else {
            return Err(error("it takes a batch of signals with one or two parts"));
        };
        if length == 0 || length > size || window.as_ref().is_some_and(|window| window.len() != length) {
            return Err(error(format!("frames of {length} and its window do not fit into a signal of {size}")));
        }
        let (frames, bins) = ((size - length) / step + 1, if self.onesided { length / 2 + 1 } else { length });
        let shape = [batch, frames, bins, 2];
        room_to_transform(length)?;
        let mut output = Vec::with_capacity(volume(&shape, signal.datum_type(), WIDE)?);
        let values = wide(signal)?;
        for row in 0..batch {
            for frame in 0..frames {
                let mut taken: Vec<Complex> = (0..length)
                    .map(|at| {
                        let factor = window.as_ref().map_or(1.0, |window| window[at]);
                        let place = (row * size + frame * step + at) * parts;
                        [values[place] * factor, if parts == 2 { values[place + 1] * factor } else { 0.0 }]
                    })
                    .collect();
                transform(&mut taken, true);
                output.extend(taken.into_iter().take(bins).flatten());
            }
        }
        Ok(tvec![narrow(signal.datum_type(), &shape, output)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_without_room_are_errors() {
        assert!(room_to_transform(1_000_003).is_ok() && room_to_transform(1 << 24).is_ok());
        assert!(room_to_transform((1 << 27) - 1).is_err() && room_to_transform(1 << 27).is_err());
        assert!(room_to_transform(usize::MAX).is_err());
    }

    #[test]
    fn every_length_agrees_with_the_definition() {
        for count in [1, 2, 3, 5, 8, 12, 31] {
            let values: Vec<Complex> = (0..count).map(|at| [(at as f64).sin(), (at as f64 * 0.7).cos()]).collect();
            for forwards in [true, false] {
                let mut fast = values.clone();
                transform(&mut fast, forwards);
                for (bin, [re, im]) in fast.into_iter().enumerate() {
                    let terms =
                        values.iter().enumerate().map(|(at, value)| times(*value, turn(at * bin, count, forwards)));
                    let slow = terms.fold([0.0; 2], |sum, term| [sum[0] + term[0], sum[1] + term[1]]);
                    assert!((re - slow[0]).abs() < 1e-12 && (im - slow[1]).abs() < 1e-12, "{count} {bin}");
                }
            }
        }
    }
}
