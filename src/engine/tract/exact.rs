//! tract makes terms of 64-bit integers by way of 32-bit ones wherever they meet sizes of axes, and cuts off what does not
//! fit. Here those conversions are replaced by one that loses nothing.

use tract_onnx::prelude::{
    DatumType, IntoTValue, TDim, TValue, TVec, TractResult, TypedFact, TypedModel, tensor1, tvec,
};
use tract_onnx::tract_core::op_out_of_plan;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_hir::internal::{EvalContext, EvalOp, Op, StaticName, TypedOp, as_op, op_as_typed_op};

/// Replaces the conversions in place. The model must not be decluttered yet: that computes those of constants.
pub fn sizes(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let to_terms = model.node(id).op_as::<Cast>().is_some_and(|cast| cast.to == DatumType::TDim);
        if to_terms && model.node_input_facts(id)?[0].datum_type == DatumType::I64 {
            model.node_mut(id).op = Box::new(IntegersAsTerms);
        }
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct IntegersAsTerms;

impl Op for IntegersAsTerms {
    fn name(&self) -> StaticName {
        "IntegersAsTerms".into()
    }

    op_as_typed_op!();
}

impl EvalOp for IntegersAsTerms {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let terms: Vec<TDim> = inputs[0].to_plain_array_view::<i64>()?.iter().map(|&value| value.into()).collect();
        Ok(tvec![tensor1(&terms).into_shape(inputs[0].shape())?.into_tvalue()])
    }
}

impl TypedOp for IntegersAsTerms {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec![TypedFact::dt_shape(DatumType::TDim, inputs[0].shape.clone())])
    }

    as_op!();
}
