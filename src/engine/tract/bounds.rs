//! How large the tensors of a run may become. Nearly all sizes are known as soon as the shapes of the inputs are, before
//! anything is computed; the rest follows from values. Where the engine library makes the tensor it is looked at just
//! before the node runs, strings with their letters; operators of ours ask `ops/budget.rs` themselves, as only they know.
//! Either way a tensor that is too large is an error that names its node, instead of memory that is not there.

mod sized;

use tract_onnx::prelude::{
    Datum, InferenceFact, InferenceModel, TDim, TValue, TVec, Tensor, TractError, TractResult, TypedModel,
};
use tract_onnx::tract_core::ops::array::{DynTile, Gather, GatherNd, Range, Slice, Topk, TypedConcat};
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::{DatumType, DimLike, EvalContext, SymbolValues, TypedNode};

use super::ops::Own;
pub use sized::wrap;

/// The facts of every node's outputs, by the node's number, as far as they follow from those of the inputs. The engine
/// library evaluates what is constant while it infers; here nothing is evaluated whose result is larger than `most` bytes.
pub fn forward(model: &InferenceModel, most: usize) -> TractResult<Vec<TVec<InferenceFact>>> {
    let facts = |node: usize| model.node(node).outputs.iter().map(|output| output.fact.clone()).collect();
    let mut known: Vec<TVec<InferenceFact>> = (0..model.nodes().len()).map(facts).collect();
    for id in model.eval_order()? {
        let node = model.node(id);
        let inputs: TVec<InferenceFact> =
            node.inputs.iter().filter_map(|input| known.get(input.node)?.get(input.slot).cloned()).collect();
        // What is inferred from other values than inputs, and what cannot be, is left to the library.
        if inputs.is_empty() || !node.op.observe_outlets(model, node)?.is_empty() {
            continue;
        }
        let outputs = known[id].clone();
        let told = node.op.clone().infer_facts(inputs.iter().collect(), outputs.iter().collect(), TVec::new());
        let Ok((_, told, _)) = told else { continue };
        for fact in &told {
            let shape: Option<TVec<usize>> =
                fact.shape.concretize().and_then(|shape| shape.iter().map(|dim| dim.to_usize().ok()).collect());
            if let (Some(shape), Some(datatype)) = (shape, fact.datum_type.concretize()) {
                within(&shape, datatype, most).map_err(|error| error.context(format!("{node}")))?;
            }
        }
        let inferred = node.op.clone().infer(inputs.iter().collect(), outputs.iter().collect(), TVec::new());
        known[id] = inferred.map_or(told, |(_, inferred, _)| inferred);
    }
    Ok(known)
}

/// The first tensor of a model, or of a model inside it, that is known to be too large. Stored ones are as large as they are.
pub fn check(model: &TypedModel, most: usize) -> TractResult<()> {
    for node in model.nodes().iter().filter(|node| !node.op_is::<Const>()) {
        if let Some(branches) = node.op_as::<IfThenElse>() {
            check(&branches.then_body, most)?;
            check(&branches.else_body, most)?;
        } else if let Some(layer) = node.op_as::<Scan>() {
            check(&layer.body, most)?;
        }
        for output in &node.outputs {
            if let Some(shape) = output.fact.shape.as_concrete() {
                within(shape, output.fact.datum_type, most).map_err(|error| error.context(format!("{node}")))?;
            }
        }
    }
    Ok(())
}

/// Whether a node may run on these values: the sizes of what it is about to make, where they were not known before.
pub fn before(context: &EvalContext, node: &TypedNode, inputs: &[TValue], most: usize) -> TractResult<()> {
    if node.op_is::<Range>() {
        return ranges(inputs, context.symbols, most);
    }
    if let Some(top) = node.op_as::<Topk>() {
        let k = inputs[1].cast_to_scalar::<i64>()?;
        let there = inputs[0].shape()[top.axis];
        return match usize::try_from(k) {
            Ok(k) if k <= there => Ok(()),
            _ => Err(TractError::msg(format!("it is to pick {k} of {there} elements"))),
        };
    }
    if let Some(gather) = node.op_as::<GatherNd>() {
        return indices(gather.batch_dims, &inputs[0], &inputs[1]);
    }
    if let Some(gather) = node.op_as::<Gather>().filter(|_| inputs[0].is_plain()) {
        places(inputs[0].shape()[gather.axis], &inputs[1])?;
    }
    if node.op_is::<DynTile>() {
        return tiles(inputs, context.symbols, most);
    }
    if node.outputs.iter().any(|output| output.fact.datum_type == DatumType::String) {
        strings(context, node, inputs, most)?;
    }
    for output in node.outputs.iter().filter(|output| output.fact.shape.as_concrete().is_none()) {
        if let Ok(shape) = output.fact.shape.eval_to_usize(context.symbols) {
            within(&shape, output.fact.datum_type, most)?;
        }
    }
    Ok(())
}

/// Strings that the library repeats, by picking or by spreading them, are taken to be as long as the longest that there is.
/// What keeps each string once, or leaves some out, makes no more than there was; operators of ours count for themselves.
fn strings(context: &EvalContext, node: &TypedNode, inputs: &[TValue], most: usize) -> TractResult<()> {
    if node.op_is::<Own>()
        || node.op_is::<AxisOp>()
        || node.op_is::<TypedConcat>()
        || node.op_is::<Slice>()
        || node.op_is::<Const>()
        || node.op_is::<TypedSource>()
        || node.op_is::<Identity>()
    {
        return Ok(());
    }
    let mut longest = 0;
    for input in inputs.iter().filter(|input| input.datum_type() == DatumType::String) {
        let texts = input.try_as_plain_ram()?;
        longest = texts.as_slice::<String>()?.iter().map(String::len).fold(longest, usize::max);
    }
    for output in node.outputs.iter().filter(|output| output.fact.datum_type == DatumType::String) {
        if let Ok(shape) = output.fact.shape.eval_to_usize(context.symbols) {
            repeated(&shape, longest, most)?;
        }
    }
    Ok(())
}

/// Whether strings of this shape, all of this length, are no more than there may be.
fn repeated(shape: &[usize], longest: usize, most: usize) -> TractResult<()> {
    let each = longest.saturating_add(size_of::<String>());
    match shape.iter().try_fold(each, |bytes, &size| bytes.checked_mul(size)) {
        Some(bytes) if bytes <= most => Ok(()),
        _ => Err(TractError::msg(format!(
            "it would repeat strings of up to {longest} bytes in a tensor of shape {shape:?}, which may become larger than {} \
             MiB (--max-tensor)",
            most >> 20
        ))),
    }
}

fn ranges(inputs: &[TValue], symbols: &SymbolValues, most: usize) -> TractResult<()> {
    let number = |at: usize| -> TractResult<f64> {
        let value = &inputs[at];
        match value.datum_type() {
            DatumType::TDim => Ok(scalar_dim(value, symbols)? as f64),
            _ => value.cast_to_scalar::<f64>(),
        }
    };
    let (start, end, step) = (number(0)?, number(1)?, number(2)?);
    let length = range_length(start, end, step)?;
    if (end - start) * step < 0.0 && inputs[0].datum_type() == DatumType::TDim {
        // The library counts the steps in either direction.
        return Err(TractError::msg(format!("from {start} to {end} in steps of {step} is no range")));
    }
    let datatype = if inputs[0].datum_type() == DatumType::TDim { i64::datum_type() } else { inputs[0].datum_type() };
    within(&[length], datatype, most)
}

/// Elements of a range; more than can be are as many as can be.
fn range_length(start: f64, end: f64, step: f64) -> TractResult<usize> {
    if step == 0.0 || ![start, end, step].iter().all(|value| value.is_finite()) {
        return Err(TractError::msg(format!("from {start} to {end} in steps of {step} is no range")));
    }
    Ok(((end - start) / step).ceil().max(0.0) as usize)
}

/// An index is one of its axis, or counts from its end. The library cuts indices to 32 bits, so that one that is far out
/// of range can seem to be in it.
fn indices(batch_dims: usize, data: &Tensor, indices: &Tensor) -> TractResult<()> {
    let Some(&width) = indices.shape().last() else { return Ok(()) };
    let axes = data.shape().get(batch_dims..).unwrap_or_default();
    let values = indices.cast_to::<i64>()?;
    let values = values.try_as_plain_ram()?;
    for row in values.as_slice::<i64>()?.chunks(width.max(1)) {
        for (&index, &size) in row.iter().zip(axes) {
            in_range(index, size)?;
        }
    }
    Ok(())
}

/// The same for one axis: the library multiplies an index by what a step takes, and does not notice where that goes round.
fn places(size: usize, indices: &Tensor) -> TractResult<()> {
    let values = indices.cast_to::<i64>()?;
    let values = values.try_as_plain_ram()?;
    values.as_slice::<i64>()?.iter().try_for_each(|&index| in_range(index, size))
}

fn in_range(index: i64, size: usize) -> TractResult<()> {
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    match (-size..size).contains(&index) {
        true => Ok(()),
        false => Err(TractError::msg(format!("the index {index} is out of range for an axis of {size}"))),
    }
}

fn tiles(inputs: &[TValue], symbols: &SymbolValues, most: usize) -> TractResult<()> {
    let repeats = inputs[1].cast_to::<TDim>()?;
    let repeats = repeats.try_as_plain_ram()?;
    let repeats = repeats.as_slice::<TDim>()?.iter().map(|repeat| repeat.eval_to_i64(symbols));
    let mut shape = TVec::new();
    for (size, repeat) in inputs[0].shape().iter().zip(repeats) {
        let repeat = repeat?;
        let times = usize::try_from(repeat).map_err(|_| TractError::msg(format!("it is to repeat {repeat} times")))?;
        shape.push(size.saturating_mul(times));
    }
    within(&shape, inputs[0].datum_type(), most)
}

fn scalar_dim(value: &Tensor, symbols: &SymbolValues) -> TractResult<i64> {
    let value = value.try_as_plain_ram()?;
    value.to_scalar::<TDim>()?.eval_to_i64(symbols)
}

/// Whether a tensor is no larger than it may be.
pub fn within(shape: &[usize], datatype: DatumType, most: usize) -> TractResult<()> {
    let bytes = shape.iter().try_fold(datatype.size_of(), |bytes, &size| bytes.checked_mul(size));
    // A size of zero hides an overflow from the left; no such tensor is meant.
    match bytes {
        Some(bytes) if bytes <= most => Ok(()),
        _ => Err(TractError::msg(format!(
            "it would make a tensor of shape {shape:?}, which is larger than {} MiB (--max-tensor)",
            most >> 20
        ))),
    }
}

/// The rank of an output, where it is known.
pub fn rank(fact: &InferenceFact) -> Option<usize> {
    fact.shape.rank().concretize().and_then(|rank| usize::try_from(rank).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_count_with_their_letters() {
        let header = size_of::<String>();
        assert!(repeated(&[2, 4], 100, 8 * (100 + header)).is_ok());
        assert!(repeated(&[2, 4], 101, 8 * (100 + header)).unwrap_err().to_string().contains("--max-tensor"));
        assert!(repeated(&[usize::MAX, 2], 0, usize::MAX).is_err());
    }

    #[test]
    fn sizes_are_bytes_and_do_not_overflow() {
        let floats = |shape: &[usize]| within(shape, f32::datum_type(), 64);
        assert!(floats(&[4, 4]).is_ok());
        assert!(floats(&[]).is_ok());
        assert!(floats(&[0, 100]).is_ok());
        for shape in [&[17][..], &[4, 4, 2], &[usize::MAX, usize::MAX]] {
            assert!(floats(shape).unwrap_err().to_string().contains("--max-tensor"), "{shape:?}");
        }
    }
}
