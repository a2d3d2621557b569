//! `ConvTranspose`. tract computes it; how much of the result is cut off on each side is found out here. tract takes what
//! an `output_shape` leaves over for padding at the end, where the standard divides it, and cuts too much off where
//! `auto_pad` stands beside `output_padding`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{OutletId, SpecialOps, TDim, TVec, Tensor, TractError, TractResult, TypedModel, tvec};
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::cnn::{Deconv, KernelFormat, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_hir::infer::InferenceOp;
use tract_onnx::tract_hir::infer::rules::{InferenceResult, TensorProxy};
use tract_onnx::tract_hir::internal::{DimLike, Expansion, IntoExp, Solver, StaticName, expand};

use super::super::node::{Node, malformed};
use super::shapes::error;
use super::window::{AutoPad, Window};
use crate::engine::tract::checks::Refusal;
use crate::engine::tract::ops;

/// Takes the place of tract's importer.
pub fn conv_transpose(context: &ParsingContext, proto: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let opsets = ops::opsets(context.model);
    let read = ConvTranspose::of(&Node::new(proto, &opsets, Some(context)));
    let read = read.map_err(|refusal| TractError::msg(refusal.reason))?;
    Ok((expand(read), Vec::new()))
}

#[derive(Clone, Debug)]
struct ConvTranspose {
    /// Its kernel is that of the weights.
    window: Window,
    /// Lists may be empty.
    output_padding: Vec<usize>,
    output_shape: Vec<usize>,
    group: usize,
}

impl ConvTranspose {
    fn of(node: &Node) -> Result<Self, Refusal> {
        let sizes = |name: &str| {
            let sizes = node.ints(name)?.iter().map(|&size| usize::try_from(size).ok());
            sizes.collect::<Option<Vec<usize>>>().ok_or_else(|| malformed(format!("its {name} hold an odd number")))
        };
        let window = Window::of(node)?;
        if window.auto_pad != AutoPad::NotSet && node.ints("pads")?.iter().any(|&pad| pad != 0) {
            return Err(malformed("it has both auto_pad and pads"));
        }
        let group = usize::try_from(node.int_or("group", 1)?).ok().filter(|&group| group > 0);
        Ok(Self {
            window,
            output_padding: sizes("output_padding")?,
            output_shape: sizes("output_shape")?,
            group: group.ok_or_else(|| malformed("it has no group"))?,
        })
    }

    /// The operator with the kernel of its weights, which are `input channels, output channels of a group, kernel...`.
    fn with_weights(&self, weights: &[usize]) -> TractResult<Self> {
        let kernel = weights.get(2..).unwrap_or_default().to_vec();
        let right = |list: &[usize]| list.is_empty() || list.len() == kernel.len();
        if !right(&self.output_padding) || !right(&self.output_shape) {
            return Err(error("its output_padding or output_shape is not of one number for each axis of its kernel"));
        }
        let axes = kernel.len();
        let window = self.window.with_kernel(kernel);
        window.fits(axes)?;
        Ok(Self { window, ..self.clone() })
    }

    fn output_padding(&self, axis: usize) -> usize {
        self.output_padding.get(axis).copied().unwrap_or(0)
    }

    fn is_same(&self) -> bool {
        matches!(self.window.auto_pad, AutoPad::SameUpper | AutoPad::SameLower)
    }

    /// The size of the result along an axis before anything is cut off.
    fn whole(&self, axis: usize, size: &TDim) -> TDim {
        let most = self.window.reach(axis) + self.output_padding(axis);
        (size.clone() - 1) * self.window.stride(axis) + most
    }

    /// The size of the result along an axis where it follows from that of the input, which may be a term.
    fn size(&self, axis: usize, size: &TDim) -> TDim {
        if let Some(&wanted) = self.output_shape.get(axis) {
            return wanted.into();
        }
        if self.is_same() {
            return size.clone() * self.window.stride(axis);
        }
        let (before, after) = self.pads(axis);
        self.whole(axis, size) - before - after
    }

    /// What the file itself says is cut off.
    fn pads(&self, axis: usize) -> (usize, usize) {
        match self.window.auto_pad {
            AutoPad::NotSet => (self.window.before(axis), self.window.after(axis)),
            _ => (0, 0),
        }
    }

    /// What is cut off before and after along an axis, and what is added behind it that the kernel does not reach.
    fn cut(&self, axis: usize, size: &TDim) -> TractResult<(usize, usize, usize)> {
        if self.output_shape.is_empty() && !self.is_same() {
            let (before, after) = self.pads(axis);
            return Ok((before, after, 0));
        }
        let total = (self.whole(axis, size) - self.size(axis, size)).to_i64().map_err(|_| {
            error("the size of its input is not known beforehand, and with it not what its output_shape cuts off")
        })?;
        // One place more than the kernel reaches stands behind the others. Where there are more, the standard divides them
        // and ONNX Runtime does not.
        if total == -1 && self.window.auto_pad == AutoPad::NotSet {
            return Ok((0, 0, 1));
        }
        let total = usize::try_from(total)
            .map_err(|_| error("its output is to be larger than its kernel makes it; set output_padding and pads"))?;
        let (less, more) = (total / 2, total.div_ceil(2));
        Ok(if self.window.auto_pad == AutoPad::SameUpper { (less, more, 0) } else { (more, less, 0) })
    }
}

impl Expansion for ConvTranspose {
    fn name(&self) -> StaticName {
        "ConvTranspose".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([input, weights, ..], [output]) = (inputs, outputs) else {
            return Err(TractError::msg("it takes two or three inputs and has one output"));
        };
        for value in &inputs[1..] {
            solver.equals(&value.datum_type, &input.datum_type)?;
        }
        solver.equals(&output.datum_type, &input.datum_type)?;
        solver.equals(&input.rank, &weights.rank)?;
        solver.equals(&input.rank, &output.rank)?;
        solver.equals(&output.shape[0], &input.shape[0])?;
        solver.equals(&input.shape[1], &weights.shape[0])?;
        solver.equals(&output.shape[1], (self.group as i64) * weights.shape[1].bex())?;
        if let Some(bias) = inputs.get(2) {
            solver.equals(&bias.rank, 1)?;
            solver.equals(&bias.shape[0], &output.shape[1])?;
        }
        solver.given_2(&input.shape, &weights.shape, move |solver, input, weights| {
            let weights = weights.iter().map(TDim::to_usize).collect::<Result<Vec<usize>, _>>();
            let Ok(weights) = weights else { return Ok(()) };
            let known = self.with_weights(&weights)?;
            for (axis, size) in input.iter().skip(2).enumerate() {
                solver.equals(&output.shape[axis + 2], known.size(axis, size))?;
            }
            Ok(())
        })
    }

    fn wire(&self, name: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        // tract has the channels of the output first, as those of a convolution are.
        let kernel = AxisOp::wire_split_axis(model, format!("{name}.groups"), inputs[1], 0, self.group)?;
        let kernel = model.wire_node(format!("{name}.turned"), AxisOp::Move(1, 2), &kernel)?;
        let kernel = AxisOp::wire_collapse_axis(model, format!("{name}.kernel"), kernel[0], 0)?[0];
        let fact = model.outlet_fact(inputs[1])?;
        let weights = fact.shape.as_concrete().ok_or_else(|| error("the shape of its weights is not known"))?;
        let known = self.with_weights(weights)?;
        let (channels, made) = (weights[0], weights[1] * self.group);
        let input = model.outlet_fact(inputs[0])?;
        let (datatype, sizes) = (input.datum_type, input.shape.iter().skip(2));
        let cut = sizes.enumerate().map(|(axis, size)| known.cut(axis, size)).collect::<TractResult<Vec<_>>>()?;
        let (before, after) = cut.iter().map(|&(before, after, _)| (before, after)).unzip();
        let added = cut.iter().enumerate().map(|(axis, &(_, _, added))| known.output_padding(axis) + added);
        let window = &known.window;
        let each = |of: &dyn Fn(usize) -> usize| -> TVec<usize> { (0..window.kernel.len()).map(of).collect() };
        let pool = PoolSpec::new(
            DataFormat::NCHW,
            window.kernel.as_slice().into(),
            PaddingSpec::Explicit(before, after),
            Some(each(&|axis| window.dilation(axis))),
            Some(each(&|axis| window.stride(axis))),
            channels,
            made,
        );
        let op = Deconv::new(pool, KernelFormat::OIHW, added.collect(), self.group);
        let bias = match inputs.get(2) {
            Some(&bias) => bias,
            None => model.add_const(format!("{name}.bias"), Tensor::zero_scalar_dt(datatype)?)?,
        };
        model.wire_node(name, op, &tvec![inputs[0], kernel, bias])
    }
}
