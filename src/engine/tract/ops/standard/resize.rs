//! `Resize` of what tract computes in single precision and cuts to the type of the input: numbers that single precision
//! does not hold come out wrong, and means of whole numbers are not rounded where they should be. Types are known only
//! when a plan is made, so it is refused then.

use std::collections::HashMap;

use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, InferenceFact, InferenceModel, OutletId, TValue, TVec, TractResult, TypedModel};
use tract_onnx::tract_core::not_a_typed_op;
use tract_onnx::tract_hir::infer::{InferenceNode, InferenceOp};
use tract_onnx::tract_hir::internal::{EvalContext, EvalOp, Op, StaticName, TypedOp};

use super::shapes::error;

/// Under which name tract's importer is kept; no file can use it.
const LIBRARY: &str = "ai.onnx library.Resize";

/// Takes the place of tract's importer.
pub fn register_resize(onnx: &mut Onnx) {
    if let Some(importer) = onnx.op_register.0.insert("Resize".into(), resize) {
        onnx.op_register.0.insert(LIBRARY.into(), importer);
    }
}

fn resize(context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let importer = context.framework.op_register.0.get(LIBRARY).ok_or_else(|| error("there is no Resize"))?;
    let (inner, outlets) = importer(context, node)?;
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    let mixes = attribute("mode").is_some_and(|mode| mode.s != b"nearest");
    let antialias = attribute("antialias").is_some_and(|antialias| antialias.i != 0);
    Ok((Box::new(Resize { inner, mixes, antialias }), outlets))
}

#[derive(Clone, Debug)]
struct Resize {
    inner: Box<dyn InferenceOp>,
    /// Whether it makes new numbers of those that there are.
    mixes: bool,
    antialias: bool,
}

impl Resize {
    fn check(&self, datatype: DatumType) -> TractResult<()> {
        let wide = matches!(
            datatype,
            DatumType::F64 | DatumType::I32 | DatumType::I64 | DatumType::U32 | DatumType::U64 | DatumType::TDim
        );
        if self.mixes && wide {
            return Err(error(format!(
                "it is computed in single precision, which {datatype:?} does not fit into; cast its input to float32"
            )));
        }
        if self.mixes && self.antialias && datatype.is_integer() {
            return Err(error("its antialias does not round integers; cast its input to float32"));
        }
        Ok(())
    }
}

impl PartialEq for Resize {
    fn eq(&self, _other: &Self) -> bool {
        false
    }
}

impl Eq for Resize {}

impl Op for Resize {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    not_a_typed_op!();
}

impl EvalOp for Resize {
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.check(inputs[0].datum_type())?;
        self.inner.eval(context, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.check(inputs[0].datum_type())?;
        self.inner.eval_out_of_plan(inputs)
    }
}

impl InferenceOp for Resize {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        self.inner.infer_facts(inputs, outputs, observed)
    }

    fn observe_outlets(&self, model: &InferenceModel, node: &InferenceNode) -> TractResult<Vec<OutletId>> {
        self.inner.observe_outlets(model, node)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.inner.nboutputs()
    }

    fn as_op(&self) -> &dyn Op {
        self.inner.as_op()
    }

    fn as_op_mut(&mut self) -> &mut dyn Op {
        self.inner.as_op_mut()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        self.check(target.outlet_fact(mapping[&node.inputs[0]])?.datum_type)?;
        self.inner.to_typed(source, node, target, mapping)
    }
}
