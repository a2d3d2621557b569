//! Optimised plans of one model, one per distinct set of input shapes, in practice one per batch size. A plan for known
//! sizes is several times faster on convolutions than a plan for free ones, and it is the only kind that recurrent
//! models run with at all. It is also costly: milliseconds to seconds to build, and it packs the weights anew where an
//! earlier plan has not laid them out in the same way ([`Weights`]).
//!
//! Beside a plan of a small model stands one that does without the library ([`Direct`]).
//!
//! So plans are built on demand, at most `max_plans` are kept, and a shape replaces another only when it is asked for
//! clearly more often ([`Admission`]). Until then it runs on the one plan for free sizes, which is built when it is first
//! needed and trusted only after it has given the same answer as a plan for known sizes; a model for which it does not
//! pays with a build for every shape beyond the limit. Nobody waits for a build of somebody else's shape.

mod weights;

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use smallvec::SmallVec;
use tract_onnx::prelude::{
    InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, TValue, TVec, TractError, TractResult,
    TypedRunnableModel,
};

use self::weights::Weights;
use super::blame::Blame;
use super::direct::Direct;
use super::ops::budget;
use super::windows::{self, Unknown};
use super::{Config, agree, arithmetic, bounds, convert, exact, short_softmax};
use crate::engine::admission::{Admission, Decision, Shapes};
use crate::engine::{answers, guard, samples};
use crate::priority;
use crate::tensor::{DataType, Shape, Tensor};

pub type Plan = Arc<TypedRunnableModel>;

pub struct Plans {
    /// What plans are made from; nothing once no other will be asked for.
    model: Option<InferenceModel>,
    weights: Weights,
    inputs: Vec<DataType>,
    /// Names and declared types.
    outputs: Vec<(String, DataType)>,
    blame: Blame,
    /// Bytes of the largest tensor that may be made.
    max_tensor: usize,
    kept: Mutex<Kept>,
    /// The plan for free sizes; `None` once there was found to be none that agrees.
    free: OnceLock<Option<Plan>>,
}

struct Kept {
    admission: Admission,
    /// So few that looking through them is quicker than a hash.
    plans: Vec<(Shapes, Slot)>,
}

/// A plan, or why there is none, once somebody has built it; others who need it wait for them.
type Slot = Arc<OnceLock<Result<Built, String>>>;

/// What runs inputs of known sizes.
#[derive(Clone)]
struct Built {
    plan: Plan,
    /// The same without the library, where that is quicker.
    direct: Option<Arc<Direct>>,
}

impl Plans {
    /// `model` is parsed and not analysed; `inputs` are its element types, `outputs` what is declared of its answers.
    pub fn new(
        model: InferenceModel,
        inputs: Vec<DataType>,
        outputs: Vec<(String, DataType)>,
        blame: Blame,
        config: &Config,
    ) -> Self {
        let kept = Kept { admission: Admission::new(config.max_plans), plans: Vec::new() };
        let weights = Weights::default();
        weights.adopt(&model);
        Self {
            model: Some(model),
            weights,
            inputs,
            outputs,
            blame,
            max_tensor: config.limits.max_tensor,
            kept: Mutex::new(kept),
            free: OnceLock::new(),
        }
    }

    /// The plan for these shapes, built and kept whatever it replaces.
    pub fn prepare(&self, shapes: &[Shape]) -> Result<Plan, String> {
        let slot = {
            let mut kept = self.kept();
            let evicted = kept.admission.insert(shapes);
            kept.slot(shapes, evicted)
        };
        Ok(self.fill(&slot, shapes)?.plan)
    }

    /// Runs the model once, with a state of its own. `inputs` are of the declared types, and so are the outputs.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        let shapes = &*shapes(inputs);
        let slot = {
            let mut kept = self.kept();
            match kept.admission.ask(shapes) {
                Decision::Kept => Some(kept.slot(shapes, None)),
                Decision::Keep { instead_of } => Some(kept.slot(shapes, instead_of)),
                Decision::Pass => None,
            }
        };
        let Some(slot) = slot else {
            return self.declared(self.run_unkept(shapes, values(inputs)?)?);
        };
        let built = match slot.get() {
            Some(built) => built.as_ref().map_err(String::clone)?,
            None => &self.fill(&slot, shapes)?,
        };
        // Where that fails, the plan says why.
        if let Some(answers) = built.direct.as_ref().and_then(|direct| self.directly(direct, inputs)) {
            return Ok(answers);
        }
        self.declared(self.compute(&built.plan, values(inputs)?)?)
    }

    /// The answers without the library, if it can be done with these values.
    fn directly(&self, direct: &Direct, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        // Unwinding leaves nothing behind but memory that the next run makes anew.
        guard::catch(|| budget::within(self.max_tensor, || direct.run(inputs))).ok()?.ok()
    }

    /// The library's answers as the types that the model declares.
    fn declared(&self, answers: TVec<TValue>) -> Result<Vec<Tensor>, String> {
        if answers.len() != self.outputs.len() {
            return Err(format!("{} outputs came out, not {}", answers.len(), self.outputs.len()));
        }
        let named = |((name, datatype), answer): (&(String, DataType), _)| {
            convert::from_tract(answer, *datatype).map_err(|reason| format!("output {name:?}: {reason}"))
        };
        self.outputs.iter().zip(answers).map(named).collect()
    }

    /// Declares that nobody will ask for shapes without a plan, and frees what only new plans are made from.
    pub fn seal(&mut self) {
        self.model = None;
    }

    /// Bytes of all weights that are held right now, whether to make plans from or by plans; what several hold is
    /// counted once, and what operators of our own hold is not.
    pub fn weight_bytes(&self) -> u64 {
        let kept = self.kept();
        let direct = kept.plans.iter().filter_map(|(_, slot)| slot.get()?.as_ref().ok()?.direct.as_deref());
        self.weights.bytes() + direct.map(Direct::weight_bytes).sum::<u64>()
    }

    /// Whether running these shapes would build nothing, as things stand.
    pub fn is_prepared(&self, shapes: &[Shape]) -> bool {
        let kept = self.kept();
        match kept.find(shapes) {
            Some(slot) => slot.get().is_some(),
            None => matches!(self.free.get(), Some(Some(_))) && !kept.admission.would_keep(shapes),
        }
    }

    /// A shape that has not earned a plan: on the plan for free sizes where that one is good.
    fn run_unkept(&self, shapes: &[Shape], inputs: TVec<TValue>) -> Result<TVec<TValue>, String> {
        let Some(free) = self.free.get() else {
            // What fails here says nothing about the plan for free sizes, so it leaves that question open.
            let answer = self.compute(&self.build(shapes)?.plan, inputs.clone())?;
            self.free.get_or_init(|| self.prove_free(inputs, &answer));
            return Ok(answer);
        };
        let Some(free) = free else {
            return self.compute(&self.prepare(shapes)?, inputs);
        };
        // A failure, or no elements at all, may be the values' doing or this plan's: the plan for known sizes has the
        // last word.
        match self.compute(free, inputs.clone()) {
            Ok(answer) if is_empty(shapes) || answer.iter().all(|answer| answer.len() > 0) => Ok(answer),
            _ => self.compute(&self.build(shapes)?.plan, inputs),
        }
    }

    /// Builds the plan for free sizes and holds its answer against that of a plan for known ones.
    fn prove_free(&self, inputs: TVec<TValue>, known: &[TValue]) -> Option<Plan> {
        let plan = self.build_free().ok()?;
        let answer = self.compute(&plan, inputs).ok()?;
        agree::close(known, &answer).then_some(plan)
    }

    fn fill(&self, slot: &OnceLock<Result<Built, String>>, shapes: &[Shape]) -> Result<Built, String> {
        let build = || {
            let Built { plan, direct } = self.build(shapes)?;
            let direct = direct.filter(|direct| self.is_better(direct, &plan, shapes));
            Ok(Built { plan, direct })
        };
        slot.get_or_init(build).clone()
    }

    /// Whether a small model gives the plan's answers without the library, and in no more time.
    fn is_better(&self, direct: &Direct, plan: &Plan, shapes: &[Shape]) -> bool {
        let made_up = |turn: usize| -> Option<Vec<Tensor>> {
            let ports = shapes.iter().zip(&self.inputs);
            ports.map(|(shape, &datatype)| samples::varied(datatype, shape, turn * 101)).collect()
        };
        let planned = |inputs: &[Tensor]| self.declared(self.compute(plan, values(inputs).ok()?).ok()?).ok();
        let agrees = |turn: usize| {
            let inputs = made_up(turn)?;
            let known = planned(&inputs)?;
            let found = self.directly(direct, &inputs)?;
            let mut pairs = found.iter().zip(&known);
            Some(pairs.all(|(found, known)| answers::compare(found, known, agree::TOLERANCE).is_ok()))
        };
        let is_quicker = || {
            let inputs = made_up(0)?;
            // The least of several: whatever else the machine does only ever adds to it.
            let least = |run: &dyn Fn() -> Option<Vec<Tensor>>| {
                let time = |_| {
                    let start = Instant::now();
                    run().map(|_| start.elapsed())
                };
                (0..5).filter_map(time).min()
            };
            Some(least(&|| self.directly(direct, &inputs))? <= least(&|| planned(&inputs))?)
        };
        // Which words a model knows is not known here.
        !self.inputs.contains(&DataType::Bytes)
            && (0..3).all(|turn| agrees(turn) == Some(true))
            && is_quicker() == Some(true)
    }

    /// Builds a plan for known sizes. Long: analysis, optimisation and packing of the whole model.
    fn build(&self, shapes: &[Shape]) -> Result<Built, String> {
        self.guarded(|| {
            let mut model = self.model()?;
            for (at, (shape, datatype)) in shapes.iter().zip(&self.inputs).enumerate() {
                let fact = InferenceFact::dt_shape(convert::datum_type(*datatype), shape.as_slice());
                model.set_input_fact(at, fact)?;
            }
            bounds::forward(&model, self.max_tensor)?;
            let mut model = model.into_typed()?;
            exact::sizes(&mut model)?;
            arithmetic::keep(&mut model)?;
            bounds::check(&model, self.max_tensor)?;
            windows::check(&model, Unknown::Pass)?;
            model.declutter()?;
            // What is unknown still depends on values.
            windows::check(&model, Unknown::Refuse)?;
            short_softmax::replace(&mut model);
            let types: SmallVec<[DataType; 4]> = self.outputs.iter().map(|&(_, datatype)| datatype).collect();
            let direct = Direct::of(&model, &self.inputs, &types).map(Arc::new);
            model.optimize()?;
            self.weights.share(&mut model)?;
            Ok(Built { plan: model.into_runnable()?, direct })
        })
    }

    /// There is none for a model with a window over an axis of free size: whether it fits could not be checked.
    fn build_free(&self) -> Result<Plan, String> {
        self.guarded(|| {
            let mut model = self.model()?.into_typed()?;
            exact::sizes(&mut model)?;
            arithmetic::keep(&mut model)?;
            windows::check(&model, Unknown::Refuse)?;
            model.declutter()?;
            short_softmax::replace(&mut model);
            model.optimize()?;
            self.weights.share(&mut model)?;
            model.into_runnable()
        })
    }

    /// The model to make a plan from; a copy of the graph, which shares constants.
    fn model(&self) -> TractResult<InferenceModel> {
        self.model.clone().ok_or_else(|| TractError::msg("it takes inputs of one shape only"))
    }

    fn guarded<T>(&self, work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
        // Unwinding leaves nothing behind: the work is on a clone of the model, which shares constants only.
        guard::catch(|| budget::within(self.max_tensor, work))
            .and_then(|built| built.map_err(|error| self.blame.explain(&error)))
    }

    /// Runs a plan with a fresh state: tract keeps the hidden state of recurrent layers in it, and a failed run leaves
    /// sizes bound in it.
    fn compute(&self, plan: &Plan, inputs: TVec<TValue>) -> Result<TVec<TValue>, String> {
        let at = Cell::new(None);
        // Unwinding leaves nothing behind: the state is dropped with the panic, and plans are immutable.
        let outcome = guard::catch(|| {
            let mut state = plan.spawn()?;
            budget::within(self.max_tensor, || {
                state.run_plan_with_eval(inputs, |context, state, node, inputs| {
                    at.set(Some(node.id));
                    bounds::before(context, node, &inputs, self.max_tensor)?;
                    priority::step_done();
                    tract_onnx::tract_core::plan::eval(context, state, node, inputs)
                })
            })
        });
        let blamed = |what: &str| match at.get() {
            Some(node) => self.blame.at(&plan.model().node(node).name, what),
            None => what.to_owned(),
        };
        match outcome {
            Ok(Ok(outputs)) => Ok(outputs),
            Ok(Err(error)) => Err(blamed(&guard::one_line(&error.root_cause().to_string()))),
            Err(panic) => Err(blamed(&panic)),
        }
    }

    /// No code that can panic runs under the lock but the counting of [`Admission`]; a poisoned lock is still whole.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn slot(&mut self, shapes: &[Shape], evicted: Option<Shapes>) -> Slot {
        if let Some(evicted) = evicted {
            self.plans.retain(|(shapes, _)| *shapes != evicted);
        }
        if let Some(slot) = self.find(shapes) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        self.plans.push((shapes.to_vec(), Arc::clone(&slot)));
        slot
    }

    fn find(&self, shapes: &[Shape]) -> Option<&Slot> {
        self.plans.iter().find(|(of, _)| of.as_slice() == shapes).map(|(_, slot)| slot)
    }
}

pub fn shapes(inputs: &[Tensor]) -> SmallVec<[Shape; 4]> {
    inputs.iter().map(|input| input.shape().into()).collect()
}

/// Tensors as the library takes them.
fn values(inputs: &[Tensor]) -> Result<TVec<TValue>, String> {
    inputs.iter().map(convert::to_tract).collect()
}

/// Whether nothing is asked.
fn is_empty(shapes: &[Shape]) -> bool {
    shapes.iter().any(|shape| shape.contains(&0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tract::{dims, proto};
    use crate::tensor::{Shape, Tensor};

    /// How many plans there are.
    fn count(plans: &Plans) -> usize {
        let built = |slot: &&Slot| matches!(slot.get(), Some(Ok(_)));
        let free = usize::from(matches!(plans.free.get(), Some(Some(_))));
        plans.kept().plans.iter().map(|(_, slot)| slot).filter(built).count() + free
    }

    fn plans(name: &str, max_plans: usize) -> Plans {
        let file = format!("{}/tests/engine/models/{name}.onnx", env!("CARGO_MANIFEST_DIR"));
        let mut model = proto::decode(&std::fs::read(file).unwrap()).unwrap();
        dims::clean(model.graph.as_mut().unwrap());
        let blame = Blame::of(model.graph.as_ref().unwrap());
        let parsed = tract_onnx::onnx().with_ignore_value_info(true).parse(&model, None).unwrap().model;
        let datatype = if name == "table" { DataType::Int64 } else { DataType::Fp32 };
        let output = ("out".to_owned(), DataType::Fp32);
        Plans::new(parsed, vec![datatype], vec![output], blame, &Config { max_plans, ..Config::default() })
    }

    fn run(plans: &Plans, shape: &[usize]) {
        plans.run(&[Tensor::from_vec(shape, vec![1f32; shape.iter().product()]).unwrap()]).unwrap();
    }

    #[test]
    fn shapes_beyond_the_limit_share_one_plan_where_that_is_right() {
        let plans = plans("one_row_declared", 2);
        for rows in 1..8 {
            run(&plans, &[rows, 2]);
        }
        assert!(plans.free.get().is_some_and(Option::is_some));
        assert_eq!(count(&plans), 3);
    }

    #[test]
    fn plans_that_lay_weights_out_alike_hold_them_once() {
        let plans = plans("../../conformance/corpus/torch/mlp_deep_ts", 8);
        let alone = plans.weight_bytes();
        let shape = [Shape::from_slice(&[64, 12])];
        let first = plans.build(&shape).unwrap();
        let held = plans.weight_bytes();
        assert!(held > alone, "the graph's own, {alone} bytes, and laid out for kernels");
        // The same kernels for certain, which another size need not have on every processor.
        let second = plans.build(&shape).unwrap();
        assert_eq!(plans.weight_bytes(), held);
        drop(first);
        assert_eq!(plans.weight_bytes(), held);
        drop(second);
        assert_eq!(plans.weight_bytes(), alone);
    }

    #[test]
    fn a_sealed_model_keeps_its_plans_and_makes_no_other() {
        let mut plans = plans("one_row_declared", 2);
        run(&plans, &[1, 2]);
        plans.seal();
        run(&plans, &[1, 2]);
        let two = Tensor::from_vec(Shape::from_slice(&[2, 2]), vec![1f32; 4]).unwrap();
        let refused = plans.run(&[two]);
        assert!(refused.unwrap_err().contains("one shape only"));
    }

    #[test]
    fn windows_over_free_sizes_have_plans_for_known_sizes_only() {
        for model in ["free_sides", "free_sides_transposed"] {
            let plans = plans(model, 2);
            for side in 12..20 {
                run(&plans, &[1, 1, side, side]);
            }
            assert!(plans.free.get().is_some_and(Option::is_none), "{model}");
            assert_eq!(count(&plans), 2);
        }
    }

    #[test]
    fn a_plan_is_prepared_once_it_is_built_or_the_shared_one_serves() {
        let plans = plans("one_row_declared", 2);
        let prepared = |rows: usize| plans.is_prepared(&[Shape::from_slice(&[rows, 2])]);
        assert!(!prepared(1));
        run(&plans, &[1, 2]);
        assert!(prepared(1) && !prepared(2));
        run(&plans, &[2, 2]);
        assert!(prepared(2) && !prepared(3));
        run(&plans, &[3, 2]);
        assert!(prepared(3) && prepared(4));
        // Asked for often enough, it is about to replace another.
        run(&plans, &[3, 2]);
        assert!(!prepared(3));
    }

    #[test]
    fn a_request_that_fails_does_not_settle_whether_plans_can_be_shared() {
        let plans = plans("table", 1);
        let ask = |indices: Vec<i64>| plans.run(&[Tensor::from_vec(&[indices.len()][..], indices).unwrap()]);
        assert!(ask(vec![0]).is_ok());
        assert!(ask(vec![0, 99]).is_err());
        assert!(plans.free.get().is_none());
        assert!(ask(vec![0, 1, 2]).is_ok());
        assert!(plans.free.get().is_some_and(Option::is_some));
        assert!(ask(vec![0, 1, 2, 99]).is_err());
        assert!(plans.free.get().is_some_and(Option::is_some));
    }

    #[test]
    fn models_that_must_know_their_sizes_have_plans_for_known_sizes_only() {
        let plans = plans("lstm_stateless_batch_first", 2);
        for batch in 1..6 {
            run(&plans, &[batch, 5, 3]);
        }
        assert!(plans.free.get().is_some_and(Option::is_none));
        assert_eq!(count(&plans), 2);
    }

    #[test]
    fn a_missing_plan_is_built_once() {
        let plans = plans("free_sides", 2);
        let shape = [Shape::from_slice(&[1, 1, 40, 40])];
        let built = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| plans.prepare(&shape).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(built.iter().all(|plan| Arc::ptr_eq(plan, &built[0])));
    }

    #[test]
    fn a_kernel_larger_than_its_input_is_an_error() {
        let reason = plans("free_sides", 2).prepare(&[Shape::from_slice(&[1, 1, 11, 40])]).unwrap_err();
        assert_eq!(reason, "node \"y\" (Conv): its input is smaller than its kernel");
    }
}
