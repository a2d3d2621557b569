//! A window that slides over the axes behind batch and channel, with the attributes that all such operators share.

use tract_onnx::prelude::{TDim, TVec, TractResult};
use tract_onnx::tract_hir::internal::DimLike;

use super::super::node::{Node, malformed};
use super::shapes::error;
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoPad {
    NotSet,
    Valid,
    SameUpper,
    SameLower,
}

/// The attributes as they stand in the file; lists may be empty.
#[derive(Clone, Debug)]
pub struct Window {
    pub kernel: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    pads: Vec<usize>,
    pub auto_pad: AutoPad,
    pub ceil: bool,
}

/// How a window slides along one axis of known size.
#[derive(Clone, Copy, Debug)]
pub struct Slide {
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    size: usize,
    pub steps: usize,
}

impl Window {
    /// `kernel` is what the attribute `kernel_shape` says.
    pub fn of(node: &Node) -> Result<Self, Refusal> {
        let sizes = |name: &str, least: usize| {
            let sizes = node.ints(name)?.iter().map(|&size| usize::try_from(size).ok().filter(|&size| size >= least));
            sizes.collect::<Option<Vec<usize>>>().ok_or_else(|| malformed(format!("its {name} hold an odd number")))
        };
        let auto_pad = match node.text_or("auto_pad", "NOTSET")? {
            "NOTSET" | "" => AutoPad::NotSet,
            "VALID" => AutoPad::Valid,
            "SAME_UPPER" => AutoPad::SameUpper,
            "SAME_LOWER" => AutoPad::SameLower,
            other => return Err(malformed(format!("it has no auto_pad {other:?}"))),
        };
        Ok(Self {
            kernel: sizes("kernel_shape", 1)?,
            strides: sizes("strides", 1)?,
            dilations: sizes("dilations", 1)?,
            pads: sizes("pads", 0)?,
            auto_pad,
            ceil: node.int_or("ceil_mode", 0)? != 0,
        })
    }

    /// The same window with another kernel.
    pub fn with_kernel(&self, kernel: Vec<usize>) -> Self {
        Self { kernel, ..self.clone() }
    }

    /// Whether every list is as long as there are axes to slide along.
    pub fn fits(&self, axes: usize) -> TractResult<()> {
        let right = |length: usize, wanted: usize| length == 0 || length == wanted;
        if self.kernel.len() == axes
            && right(self.strides.len(), axes)
            && right(self.dilations.len(), axes)
            && right(self.pads.len(), 2 * axes)
        {
            return Ok(());
        }
        Err(error(format!("its window of {} axes does not slide over {axes}", self.kernel.len())))
    }

    pub fn stride(&self, axis: usize) -> usize {
        self.strides.get(axis).copied().unwrap_or(1)
    }

    pub fn dilation(&self, axis: usize) -> usize {
        self.dilations.get(axis).copied().unwrap_or(1)
    }

    pub fn before(&self, axis: usize) -> usize {
        self.pads.get(axis).copied().unwrap_or(0)
    }

    pub fn after(&self, axis: usize) -> usize {
        self.pads.get(axis + self.kernel.len()).copied().unwrap_or(0)
    }

    /// The size that the window covers.
    pub fn reach(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1).saturating_mul(self.dilation(axis)).saturating_add(1)
    }

    /// How it slides along an axis of this size.
    pub fn slide(&self, axis: usize, size: usize) -> TractResult<Slide> {
        let (stride, reach) = (self.stride(axis), self.reach(axis));
        let (before, steps) = match self.auto_pad {
            AutoPad::SameUpper | AutoPad::SameLower => {
                let steps = size.div_ceil(stride);
                let padding = (steps.saturating_sub(1) * stride).saturating_add(reach).saturating_sub(size);
                let upper = self.auto_pad == AutoPad::SameUpper;
                (if upper { padding / 2 } else { padding.div_ceil(2) }, steps)
            }
            auto => {
                let (before, after) =
                    if auto == AutoPad::Valid { (0, 0) } else { (self.before(axis), self.after(axis)) };
                let room = size.saturating_add(before).saturating_add(after);
                let free = room.checked_sub(reach).ok_or_else(|| error("its input is smaller than its kernel"))?;
                let mut steps = free / stride + 1;
                // Rounding up adds a window, unless that one would start behind the input.
                if self.ceil && !free.is_multiple_of(stride) && steps * stride < size + before {
                    steps += 1;
                }
                (before, steps)
            }
        };
        Ok(Slide { kernel: self.kernel[axis], stride, dilation: self.dilation(axis), before, size, steps })
    }

    /// The steps along an axis whose size may be a term.
    pub fn steps(&self, axis: usize, size: &TDim) -> TractResult<TDim> {
        if let Ok(known) = size.to_usize() {
            return Ok(self.slide(axis, known)?.steps.into());
        }
        let stride = self.stride(axis);
        match self.auto_pad {
            AutoPad::SameUpper | AutoPad::SameLower => Ok(size.clone().divceil(stride)),
            _ if self.ceil => Err(error("it rounds up the number of windows over an axis of free size")),
            auto => {
                let pads = if auto == AutoPad::Valid { 0 } else { self.before(axis) + self.after(axis) };
                Ok((size.clone() + pads - self.reach(axis)) / stride + 1)
            }
        }
    }

    /// How it slides along each of these axes.
    pub fn slides(&self, sizes: &[usize]) -> TractResult<TVec<Slide>> {
        self.fits(sizes.len())?;
        sizes.iter().enumerate().map(|(axis, &size)| self.slide(axis, size)).collect()
    }
}

impl Slide {
    /// Where in the input the window's element `offset` stands at this step; `None` where that is padding.
    pub fn at(&self, step: usize, offset: usize) -> Option<usize> {
        debug_assert!(offset < self.kernel);
        (step * self.stride + offset * self.dilation).checked_sub(self.before).filter(|&at| at < self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kernel: usize, stride: usize, pads: [usize; 2], auto_pad: AutoPad, ceil: bool) -> Window {
        let (strides, dilations) = (vec![stride], vec![1]);
        Window { kernel: vec![kernel], strides, dilations, pads: pads.into(), auto_pad, ceil }
    }

    #[test]
    fn windows_are_counted_as_the_standard_has_it() {
        let steps = |kernel, stride, pads, auto, ceil, size| {
            window(kernel, stride, pads, auto, ceil).slide(0, size).map(|slide| slide.steps).ok()
        };
        assert_eq!(steps(3, 1, [0, 0], AutoPad::NotSet, false, 5), Some(3));
        assert_eq!(steps(3, 2, [1, 1], AutoPad::NotSet, false, 5), Some(3));
        assert_eq!(steps(3, 2, [1, 1], AutoPad::Valid, false, 5), Some(2));
        assert_eq!(steps(2, 2, [0, 0], AutoPad::NotSet, true, 5), Some(3));
        // A window that would start in the padding at the end is not added.
        assert_eq!(steps(1, 2, [0, 2], AutoPad::NotSet, true, 2), Some(2));
        assert_eq!(steps(3, 2, [0, 0], AutoPad::SameUpper, false, 5), Some(3));
        assert_eq!(steps(6, 1, [0, 0], AutoPad::NotSet, false, 5), None);
    }
}
