//! Softmax of short rows, which are what classifiers end with. The library's kernels read rows in wide pieces that begin
//! where memory is aligned, so that what the sum is rounded to depends on where a row happens to lie. Here a row has one
//! answer, alone and among others, in a plan and without one; and for so few elements it is no slower.

use tract_onnx::prelude::{
    DatumType, IntoTValue, IntoTensor, TValue, TVec, Tensor, TractResult, TypedFact, TypedModel, tvec,
};
use tract_onnx::tract_core::op_out_of_plan;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};
use tract_onnx::tract_hir::internal::{DimLike, EvalContext, EvalOp, Op, StaticName, TypedOp, as_op, op_as_typed_op};

use super::ops::softmax;

/// Elements of a row from which on the library's kernels are quicker.
const LONG: usize = 16;

/// Of the last axes, which have `count` elements in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortSoftmax {
    pub count: usize,
}

/// Replaces the library's operator in place where rows are short. For models that are decluttered.
pub fn replace(model: &mut TypedModel) {
    for id in 0..model.nodes().len() {
        if let Some(op) = short(model, id) {
            model.node_mut(id).op = Box::new(op);
        }
    }
}

fn short(model: &TypedModel, id: usize) -> Option<ShortSoftmax> {
    let softmax = model.node(id).op_as::<Softmax>()?;
    let fact = model.outlet_fact(id.into()).ok()?;
    let rank = fact.shape.rank();
    let first = rank.checked_sub(softmax.axes.len())?;
    let plain = softmax.kind == SoftmaxKind::Softmax && softmax.quant_output_dt.is_none();
    if !plain || !softmax.axes.iter().copied().eq(first..rank) || fact.datum_type != DatumType::F32 {
        return None;
    }
    let sizes = fact.shape.iter().skip(first).map(|size| size.to_usize().ok());
    let count = sizes.product::<Option<usize>>()?;
    (1..LONG).contains(&count).then_some(ShortSoftmax { count })
}

impl ShortSoftmax {
    /// Each row in place.
    pub fn apply(&self, values: &mut [f32]) {
        values.chunks_exact_mut(self.count).for_each(|row| softmax(row, |_| false));
    }
}

impl Op for ShortSoftmax {
    fn name(&self) -> StaticName {
        "ShortSoftmax".into()
    }

    op_as_typed_op!();
}

impl EvalOp for ShortSoftmax {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut values: Tensor = inputs.remove(0).into_tensor();
        self.apply(values.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?);
        Ok(tvec![values.into_tvalue()])
    }
}

impl TypedOp for ShortSoftmax {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec![inputs[0].without_value()])
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_large_numbers() {
        let mut rows = [1000.0, 1000.0, -1000.0, 0.0, 0.0, f32::NEG_INFINITY];
        ShortSoftmax { count: 3 }.apply(&mut rows);
        assert_eq!(rows, [0.5, 0.5, 0.0, 0.5, 0.5, 0.0]);
    }
}
