//! Operators whose result is as large as their values say. The engine library evaluates them as soon as these values are
//! constant, in the middle of preparing a model and before anybody can look at the result's shape; so they are wrapped,
//! and asked how large it will be before each step that may make it.

use std::collections::HashMap;

use tract_onnx::prelude::{
    Arc, InferenceFact, InferenceModel, IntoArcTensor, OutletId, TValue, TVec, Tensor, TractResult, TypedModel,
};
use tract_onnx::tract_core::not_a_typed_op;
use tract_onnx::tract_hir::infer::{InferenceNode, InferenceOp};
use tract_onnx::tract_hir::internal::{DatumType, EvalContext, EvalOp, Op, StaticName, TypedOp};

use super::{range_length, within};

/// What the library calls them.
const SIZED: &[&str] = &["ConstantOfShape", "MultiBroadcastTo", "Range", "Tile"];
/// What their elements are taken for: this is a fence against what is far too much; exact sizes are looked at when types
/// are known.
const USUAL: DatumType = DatumType::F32;

/// Wraps every such operator of a parsed model.
pub fn wrap(model: &mut InferenceModel, most: usize) {
    for node in &mut model.nodes {
        if SIZED.contains(&&*node.op.name()) {
            node.op = Box::new(Sized { inner: node.op.clone(), most });
        }
    }
}

/// Facts a step of inference works on.
type Facts = (TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>);

#[derive(Clone, Debug)]
struct Sized {
    inner: Box<dyn InferenceOp>,
    most: usize,
}

impl Sized {
    /// An error where the values, as far as they are known, ask for too much.
    fn ask(&self, inputs: &[(TVec<usize>, Option<Arc<Tensor>>)]) -> TractResult<()> {
        let list = |at: usize| -> Option<Vec<usize>> {
            let values = inputs.get(at)?.1.as_ref()?.cast_to::<i64>().ok()?;
            let values = values.as_plain_ram()?.as_slice::<i64>().ok()?.iter().map(|&size| usize::try_from(size).ok());
            values.collect()
        };
        let number = |at: usize| inputs.get(at)?.1.as_ref()?.cast_to_scalar::<f64>().ok();
        match &*self.inner.name() {
            "Range" => match (number(0), number(1), number(2)) {
                (Some(start), Some(end), Some(step)) => {
                    within(&[range_length(start, end, step)?], DatumType::I64, self.most)
                }
                _ => Ok(()),
            },
            "ConstantOfShape" => list(0).map_or(Ok(()), |shape| within(&shape, USUAL, self.most)),
            "MultiBroadcastTo" => list(1).map_or(Ok(()), |shape| within(&shape, USUAL, self.most)),
            _ => match (inputs.first(), list(1)) {
                (Some((shape, _)), Some(repeats)) => {
                    let tiled = shape.iter().zip(repeats).map(|(size, repeat)| size.saturating_mul(repeat));
                    within(&tiled.collect::<Vec<_>>(), USUAL, self.most)
                }
                _ => Ok(()),
            },
        }
    }

    fn ask_values(&self, inputs: &[TValue]) -> TractResult<()> {
        let known = inputs.iter().map(|value| (value.shape().into(), Some(value.clone().into_arc_tensor())));
        self.ask(&known.collect::<Vec<_>>())
    }
}

impl PartialEq for Sized {
    fn eq(&self, _other: &Self) -> bool {
        false
    }
}

impl Eq for Sized {}

impl Op for Sized {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    not_a_typed_op!();
}

impl EvalOp for Sized {
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.ask_values(&inputs)?;
        self.inner.eval(context, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.ask_values(&inputs)?;
        self.inner.eval_out_of_plan(inputs)
    }
}

impl InferenceOp for Sized {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<Facts> {
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
        let mut known = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            let fact = target.outlet_fact(mapping[input])?;
            let shape = fact.shape.as_concrete().map_or_else(TVec::new, TVec::from);
            known.push((shape, fact.konst.clone()));
        }
        self.ask(&known).map_err(|error| error.context(format!("{node}")))?;
        self.inner.to_typed(source, node, target, mapping)
    }
}
