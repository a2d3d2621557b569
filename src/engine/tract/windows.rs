//! Whether every window that slides over an input fits into it. tract's kernels do not ask: where one does not fit they
//! answer with nothing, or read beyond the input and take the process down, which no unwinding stops.

use tract_onnx::prelude::{TDim, TractError, TractResult, TypedModel};
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_core::ops::scan::Scan;

/// What to do about a window over an axis whose size is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Pass,
    Refuse,
}

/// The first window of a model, or of a model inside it, that does not fit is an error. The model must not be optimised
/// yet: that turns operators with windows into others.
pub fn check(model: &TypedModel, unknown: Unknown) -> TractResult<()> {
    for node in model.nodes() {
        if let Some(branches) = node.op_as::<IfThenElse>() {
            check(&branches.then_body, unknown)?;
            check(&branches.else_body, unknown)?;
        } else if let Some(layer) = node.op_as::<Scan>() {
            check(&layer.body, unknown)?;
        } else if let Some(op) = node.op_as::<Deconv>() {
            // Its window always fits, but its padding may cut off more than there is.
            sides(&op.pool_spec, &model.node_input_facts(node.id)?[0].shape, unknown, |_| 1)
                .and_then(|()| sides(&op.pool_spec, &node.outputs[0].fact.shape, unknown, |_| 1))
                .map_err(|error| error.context(format!("{node}")))?;
        } else if let Some(window) = None
            .or_else(|| node.op_as::<Conv>().map(|op| &op.pool_spec))
            .or_else(|| node.op_as::<MaxPool>().map(|op| &op.pool_spec))
            .or_else(|| node.op_as::<SumPool>().map(|op| &op.pool_spec))
        {
            sides(window, &model.node_input_facts(node.id)?[0].shape, unknown, |axis| least(window, axis))
                .map_err(|error| error.context(format!("{node}")))?;
        }
    }
    Ok(())
}

/// Whether the axes that the window slides along are long enough.
fn sides(window: &PoolSpec, shape: &[TDim], unknown: Unknown, least: impl Fn(usize) -> usize) -> TractResult<()> {
    for (axis, size) in window.data_format.shape(shape)?.hw_dims().iter().enumerate() {
        match size.to_i64() {
            Ok(size) if usize::try_from(size).is_ok_and(|size| size >= least(axis)) => {}
            Ok(_) => return Err(TractError::msg("its input is smaller than its kernel")),
            Err(_) if unknown == Unknown::Pass => {}
            Err(_) => {
                return Err(TractError::msg(
                    "the size of its input depends on values, so whether its kernel fits cannot be told beforehand",
                ));
            }
        }
    }
    Ok(())
}

/// The least size of an axis that the window fits into.
fn least(window: &PoolSpec, axis: usize) -> usize {
    let reach = window.kernel_shape[axis].saturating_sub(1).saturating_mul(window.dilation(axis)).saturating_add(1);
    let beside = match &window.padding {
        PaddingSpec::Valid => 0,
        PaddingSpec::Explicit(before, after) => before[axis].saturating_add(after[axis]),
        PaddingSpec::ExplicitOnnxPool(before, after, ceil) => {
            // Rounding up lets the last window reach beyond the end by less than a stride.
            let beyond = if *ceil { window.stride(axis).saturating_sub(1) } else { 0 };
            before[axis].saturating_add(after[axis]).saturating_add(beyond)
        }
        PaddingSpec::SameUpper | PaddingSpec::SameLower => reach,
    };
    reach.saturating_sub(beside).max(1)
}
