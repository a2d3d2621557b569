//! `Equal`. tract compares everything but truth values, which are equal where they do not differ.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, OutletId, SpecialOps, TVec, TractResult, TypedModel};
use tract_onnx::tract_core::ops::logic::{CompEq, Xor, not};
use tract_onnx::tract_hir::infer::InferenceOp;
use tract_onnx::tract_hir::infer::rules::{InferenceResult, TensorProxy};
use tract_onnx::tract_hir::internal::{Expansion, Solver, StaticName, expand};
use tract_onnx::tract_hir::ops::binary::InferenceBinOp;

/// Takes the place of tract's importer.
pub fn equal(_: &ParsingContext, _: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Equal { library: InferenceBinOp(Box::new(CompEq)) }), Vec::new()))
}

#[derive(Clone, Debug)]
struct Equal {
    library: InferenceBinOp,
}

impl Expansion for Equal {
    fn name(&self) -> StaticName {
        "Equal".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.library.rules(solver, inputs, outputs)
    }

    fn wire(&self, name: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        if model.outlet_fact(inputs[0])?.datum_type != DatumType::Bool {
            return self.library.wire(name, model, inputs);
        }
        let differ = InferenceBinOp(Box::new(Xor)).wire(&format!("{name}.differ"), model, inputs)?;
        model.wire_node(name, not(), &differ)
    }
}
