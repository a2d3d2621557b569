//! `Pad` in all its modes: by lengths that may be negative, and that may be known only at run time.

use tract_onnx::prelude::{Arc, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::required;
use super::shapes::{Found, NOWHERE, POSITION, axis, each, error, fact, integers, known, pick, strides, volume};
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Constant,
    Reflect,
    Edge,
    Wrap,
}

#[derive(Debug)]
struct Pad {
    mode: Mode,
    /// Lengths and value that are no inputs.
    attributes: Option<(Vec<i64>, f32)>,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let mode = match node.text_or("mode", "constant")? {
        "constant" => Mode::Constant,
        "reflect" => Mode::Reflect,
        "edge" => Mode::Edge,
        "wrap" if node.opset() >= 19 => Mode::Wrap,
        other => return Err(malformed(format!("it has no mode {other:?}"))),
    };
    let name = if node.opset() < 2 { "paddings" } else { "pads" };
    let old = node.opset() < 11;
    let attributes = old.then(|| Ok((node.ints(name)?.to_vec(), node.float_or("value", 0.0)?))).transpose()?;
    Ok(Arc::new(Pad { mode, attributes, found: Found::of(node) }))
}

/// What is added before and behind each axis.
type Lengths = Vec<(i64, i64)>;

fn lengths(pads: &[i64], axes: Option<Vec<i64>>, rank: usize) -> TractResult<Lengths> {
    let axes = match axes {
        Some(axes) => axes.into_iter().map(|at| axis(at, rank)).collect::<TractResult<Vec<usize>>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(error(format!("it has {} lengths for {} axes", pads.len(), axes.len())));
    }
    let mut lengths = vec![(0, 0); rank];
    for (at, &axis) in axes.iter().enumerate() {
        lengths[axis] = (pads[at], pads[at + axes.len()]);
    }
    Ok(lengths)
}

impl Kernel for Pad {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let rank = input.rank();
        let given = |at: usize| inputs.get(at).copied().flatten();
        let unsettled = given(3).is_some() && known(given(3)).is_none();
        let pads = match &self.attributes {
            Some((pads, _)) => Some(pads.clone()),
            None => known(Some(required(inputs, 1)?)).map(integers).transpose()?,
        };
        let shape: TVec<TDim> = match pads {
            Some(pads) if !unsettled => {
                let lengths = lengths(&pads, known(given(3)).map(integers).transpose()?, rank)?;
                input.shape.iter().zip(lengths).map(|(size, (before, after))| size.clone() + before + after).collect()
            }
            _ => self.found.sizes(rank)?,
        };
        if shape.iter().any(|size| size.to_i64().is_ok_and(|size| size < 0)) {
            return Err(error(format!("it cuts more off than there is: {shape:?} would be left")));
        }
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let given = |at: usize| inputs.get(at).copied().flatten();
        let (pads, fill) = match &self.attributes {
            Some((pads, value)) => {
                let fill = Tensor::from(*value).cast_to_dt(input.datum_type())?.into_owned();
                (pads.clone(), Some(fill))
            }
            None => (integers(required(inputs, 1)?)?, given(2).cloned()),
        };
        let lengths = lengths(&pads, given(3).map(integers).transpose()?, input.rank())?;
        let padded = input.shape().iter().zip(&lengths).map(|(&size, &pads)| length(size, pads));
        // Axes beside an empty one are laid out too.
        volume(&padded.collect::<TractResult<Vec<usize>>>()?, input.datum_type(), POSITION)?;
        let sources = input.shape().iter().zip(&lengths).map(|(&size, &pads)| sources(size, pads, self.mode));
        let sources = sources.collect::<TractResult<Vec<Vec<usize>>>>()?;
        let shape: Vec<usize> = sources.iter().map(Vec::len).collect();
        let (mut positions, strides) =
            (Vec::with_capacity(volume(&shape, input.datum_type(), POSITION)?), strides(input.shape()));
        each(&shape, |at| {
            let inside = at.iter().enumerate().map(|(axis, &at)| match sources[axis][at] {
                NOWHERE => None,
                source => Some(source * strides[axis]),
            });
            positions.push(inside.sum::<Option<usize>>().unwrap_or(NOWHERE));
        });
        Ok(tvec![pick(input, &shape, &positions, fill.as_ref())?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

/// The size of a padded axis.
fn length(size: usize, (before, after): (i64, i64)) -> TractResult<usize> {
    let length = i64::try_from(size)?.checked_add(before).and_then(|length| length.checked_add(after));
    let length = length.and_then(|length| usize::try_from(length).ok());
    length.ok_or_else(|| error(format!("lengths of {before} and {after} leave nothing of {size}")))
}

/// For each place along a padded axis where in the input it comes from.
fn sources(size: usize, (before, after): (i64, i64), mode: Mode) -> TractResult<Vec<usize>> {
    let signed = i64::try_from(size)?;
    // What is cut off is no part of what is reflected or repeated.
    let (first, behind) = (0.max(-before), signed.saturating_add(0.min(after)));
    let length = i64::try_from(length(size, (before, after))?)?;
    let kept = behind - first;
    if kept <= 0 && mode != Mode::Constant && length > 0 {
        return Err(error("it pads an axis by its own elements, and there is none"));
    }
    let source = |at: i64| {
        let at = at - before.max(0);
        let inside = match mode {
            _ if (0..kept).contains(&at) => at,
            Mode::Constant => return Ok(NOWHERE),
            Mode::Edge => at.clamp(0, kept - 1),
            Mode::Wrap => at.rem_euclid(kept),
            Mode::Reflect if kept == 1 => 0,
            Mode::Reflect => {
                let folded = at.rem_euclid(2 * (kept - 1));
                folded.min(2 * (kept - 1) - folded)
            }
        };
        Ok(usize::try_from(first + inside)?)
    };
    (0..length).map(source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_finds_its_elements() {
        let along = |size, pads, mode| sources(size, pads, mode).unwrap();
        assert_eq!(along(3, (2, 1), Mode::Reflect), [2, 1, 0, 1, 2, 1]);
        assert_eq!(along(3, (2, 1), Mode::Edge), [0, 0, 0, 1, 2, 2]);
        assert_eq!(along(3, (2, 4), Mode::Wrap), [1, 2, 0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(along(2, (1, -1), Mode::Constant), [NOWHERE, 0]);
        assert_eq!(along(4, (-1, 1), Mode::Edge), [1, 2, 3, 3]);
        assert_eq!(along(4, (-1, 1), Mode::Wrap), [1, 2, 3, 1]);
        assert!(sources(2, (-3, 0), Mode::Constant).is_err());
        assert!(sources(0, (1, 0), Mode::Edge).is_err());
        assert!(length(2, (-3, 0)).is_err() && length(2, (i64::MAX, 0)).is_err());
    }
}
