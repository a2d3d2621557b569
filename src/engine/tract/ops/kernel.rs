//! The narrow door between our operators and tract: a [`Kernel`] is a pure function from tensors to tensors that can say
//! beforehand which types and shapes come out. [`Own`] is the one type that tract sees; it takes care of what is tract's
//! manner and not the operator's: optional inputs, symbolic integers, two graph representations.

use std::fmt::Debug;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{
    Arc, DatumExt, DatumType, InferenceFact, InferenceModel, IntoTValue, OutletId, SpecialOps, TDim, TValue, TVec,
    Tensor, TractError, TractResult, TypedFact, TypedModel,
};
use tract_onnx::tract_core::{op_as_typed_op, op_out_of_plan};
use tract_onnx::tract_hir::infer::{Factoid, InferenceNode, InferenceOp};
use tract_onnx::tract_hir::internal::{EvalContext, EvalOp, Op, StaticName, TypedOp, as_op};

use super::values::tensor;

/// What an operator computes. Inputs are by the positions of the standard, `None` where an optional one is left out;
/// outputs are all of the operator's, wanted or not. 64-bit integers always come as such, never as tract's terms.
pub trait Kernel: Debug + Send + Sync + 'static {
    /// Element types and shapes of the outputs, from those of the inputs; errors are told to the model's author.
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>>;

    /// The outputs. Errors are told to the client whose values caused them.
    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>>;

    /// Whether some size in the facts is known only after the run.
    fn finds_sizes(&self) -> bool {
        false
    }

    /// Whether 64-bit integers come out as they went in. tract's terms then pass by the operator, which would lose them.
    fn passes_sizes(&self) -> bool {
        false
    }

    /// What it is in terms that small models are made of without tract, if it is that and nothing else.
    fn primitive(&self) -> Option<Primitive> {
        None
    }
}

/// Operators that are next to nothing to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primitive {
    Cast {
        to: DatumType,
    },
    /// The place of the largest or least along an axis.
    Best {
        axis: i64,
        least: bool,
        last: bool,
    },
    /// What stands in the first input at the places of the second.
    Pick,
}

/// A kernel as tract's operator.
#[derive(Clone, Debug)]
pub struct Own {
    name: String,
    kernel: Arc<dyn Kernel>,
    /// By position of the standard: which of the inputs that are there it is.
    inputs: Vec<Option<usize>>,
    /// Positions of the outputs that are there.
    outputs: Vec<usize>,
}

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kernel, &other.kernel)
    }
}

impl Eq for Own {}

impl Own {
    pub fn new(name: String, kernel: Arc<dyn Kernel>, node: &NodeProto) -> Self {
        let mut given = 0..;
        let inputs = node.input.iter().map(|name| if name.is_empty() { None } else { given.next() }).collect();
        let outputs = node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()).map(|(at, _)| at).collect();
        Self { name, kernel, inputs, outputs }
    }

    pub fn primitive(&self) -> Option<Primitive> {
        self.kernel.primitive()
    }

    fn facts(&self, given: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let given: Vec<TypedFact> = given.iter().map(|fact| plain_fact(fact)).collect();
        let inputs: Vec<Option<&TypedFact>> = self.inputs.iter().map(|at| given.get((*at)?)).collect();
        self.wanted(self.kernel.facts(&inputs)?)
    }

    /// The outputs, where all inputs are stored: weights are unpacked once and not in each run. tract does this by itself
    /// only as long as nothing grows beyond a few megabytes.
    fn folded(&self, target: &TypedModel, inputs: &[OutletId]) -> TractResult<Option<TVec<TValue>>> {
        let mut stored = TVec::new();
        for &input in inputs {
            match &target.outlet_fact(input)?.konst {
                Some(value) => stored.push(value.clone().into_tvalue()),
                None => return Ok(None),
            }
        }
        if stored.is_empty() || stored.iter().any(|value| value.datum_type() == DatumType::TDim) {
            return Ok(None);
        }
        // What cannot be computed is left to fail where values are told.
        Ok(self.eval(&EvalContext::out_of_plan(), stored).ok())
    }

    fn wanted<T: Clone>(&self, all: TVec<T>) -> TractResult<TVec<T>> {
        let missing = |at: &usize| TractError::msg(format!("{} has no output {at}", self.name));
        self.outputs.iter().map(|at| all.get(*at).cloned().ok_or_else(|| missing(at))).collect()
    }
}

/// The fact without tract's symbolic integers.
fn plain_fact(fact: &TypedFact) -> TypedFact {
    if fact.datum_type != DatumType::TDim {
        return fact.clone();
    }
    match fact.konst.as_ref().and_then(|value| value.cast_to::<i64>().ok()) {
        Some(value) => TypedFact::try_from(value.into_owned()).unwrap_or_else(|_| i64::fact(fact.shape.iter())),
        None => i64::fact(fact.shape.iter()),
    }
}

impl Op for Own {
    fn name(&self) -> StaticName {
        self.name.clone().into()
    }

    fn mints_runtime_symbols(&self) -> bool {
        self.kernel.finds_sizes()
    }

    op_as_typed_op!();
}

impl EvalOp for Own {
    op_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        if self.kernel.passes_sizes() && inputs[0].datum_type() == DatumType::TDim {
            return Ok(inputs);
        }
        let plain = inputs.into_iter().map(|value| match value.datum_type() {
            DatumType::TDim => {
                let terms = value.to_plain_array_view::<TDim>()?;
                let known = terms.iter().map(|term| term.eval(context.symbols).to_i64());
                let known = known.collect::<Result<Vec<i64>, _>>()?;
                Ok(tensor(value.shape(), known)?.into_tvalue())
            }
            _ => Ok(value),
        });
        let plain = plain.collect::<TractResult<TVec<TValue>>>()?;
        let inputs: TVec<Option<&Tensor>> =
            self.inputs.iter().map(|at| plain.get((*at)?).map(|value| &**value)).collect();
        let outputs = self.kernel.run(&inputs)?.into_iter().map(IntoTValue::into_tvalue).collect();
        self.wanted(outputs)
    }
}

impl TypedOp for Own {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.facts(inputs)
    }

    as_op!();
}

impl InferenceOp for Own {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let kept = |facts: TVec<&InferenceFact>| facts.into_iter().cloned().collect::<TVec<_>>();
        if let ([input], true) = (&*inputs, self.kernel.passes_sizes())
            && input.datum_type.concretize() == Some(DatumType::TDim)
        {
            let passed = outputs.iter().map(|output| input.unify(output)).collect::<TractResult<_>>()?;
            return Ok((kept(inputs), passed, kept(observed)));
        }
        let known = inputs.iter().map(|fact| TypedFact::try_from(*fact).ok()).collect::<Option<Vec<_>>>();
        let Some(known) = known else {
            return Ok((kept(inputs), kept(outputs), kept(observed)));
        };
        let found = self.facts(&known.iter().collect::<Vec<_>>())?;
        let unified = found.iter().zip(&outputs).map(|(found, told)| InferenceFact::from(found).unify(told));
        Ok((kept(inputs), unified.collect::<TractResult<_>>()?, kept(observed)))
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.outputs.len())
    }

    fn to_typed(
        &self,
        _source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &std::collections::HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let inputs: TVec<OutletId> = node.inputs.iter().map(|input| mapping[input]).collect();
        if self.kernel.passes_sizes() && target.outlet_fact(inputs[0])?.datum_type == DatumType::TDim {
            return Ok(inputs);
        }
        match self.folded(target, &inputs)? {
            Some(outputs) => {
                let named = outputs.into_iter().enumerate().map(|(at, value)| {
                    let name = if at == 0 { node.name.clone() } else { format!("{}.{at}", node.name) };
                    target.add_const(name, value)
                });
                named.collect()
            }
            None => target.wire_node(&node.name, self.clone(), &inputs),
        }
    }

    as_op!();
}
