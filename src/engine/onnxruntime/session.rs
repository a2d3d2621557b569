//! A loaded model: checks that a request has the shape of the signature, takes a turn in the pool, carries tensors over
//! the border and back.

use std::borrow::Cow;

use ort::environment::Environment;
use ort::session::SessionInputValue;

use super::files;
use super::interface;
use super::pool::{Pool, Recipe};
use super::processor;
use super::values::{self, Lent};
use super::words;
use crate::engine::tract::outline::{Categories, Guards, Outline, Suspect};
use crate::engine::{LoadError, RunError, Session, guard, request};
use crate::memory::GivenBack;
use crate::model::{ClassLabels, GraphSummary, Port, Signature};
use crate::tensor::{DataType, Shape, Tensor};

pub struct OnnxRuntimeSession {
    signature: Signature,
    summary: GraphSummary,
    classes: Option<ClassLabels>,
    sample: Vec<Shape>,
    categories: Categories,
    pool: Pool,
    /// The node that may divide the smallest integer by -1, which would stop the process.
    divides: Option<String>,
    /// The node that draws lots.
    chance: Option<String>,
    /// The node that makes a number of NaN.
    hides_nan: Option<String>,
    stored_bytes: u64,
    _given_back: GivenBack,
}

impl OnnxRuntimeSession {
    pub fn new(
        environment: &Environment,
        mut outline: Outline,
        slots: usize,
        threads: usize,
    ) -> Result<Self, LoadError> {
        refuse(&outline.guards)?;
        let external = files::read(&outline.summary.external_data, &outline.external_files)?;
        let stored_bytes = outline.summary.weight_bytes.max(outline.bytes.len() as u64);
        let bytes = std::mem::take(&mut outline.bytes);
        let recipe = Recipe { environment: environment.clone(), bytes: bytes.into(), external, threads };
        let pool = Pool::new(recipe, slots, stored_bytes).map_err(LoadError::Engine)?;
        let (signature, sample) = interface::signature(&mut outline, &pool)?;
        let Outline { summary, classes, categories, guards, .. } = outline;
        let Guards { divides, hides_nan, chance, .. } = guards;
        Ok(Self {
            signature,
            summary,
            classes,
            sample,
            categories,
            pool,
            divides,
            chance,
            hides_nan,
            stored_bytes,
            _given_back: GivenBack,
        })
    }

    fn compute(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        request::check(&self.signature.inputs, inputs)?;
        let ports = &self.signature.inputs;
        let lent = inputs.iter().map(values::lend).collect::<Result<Vec<_>, _>>()?;
        let first = |holds: fn(&Lent<'_>) -> bool| lent.iter().position(holds);
        if let Some(node) = &self.divides
            && let Some(at) = first(|lent| lent.holds_smallest_integer())
        {
            let name = &ports[at].name;
            return Err(RunError::from(format!(
                "input {name:?} holds the smallest integer of its type, which node {node:?} may not divide safely"
            )));
        }
        if let Some(node) = &self.hides_nan
            && let Some(at) = first(|lent| lent.holds_nan())
        {
            let name = &ports[at].name;
            let message = format!(
                "input {name:?} holds NaN, which node {node:?} might turn into a number; fill in what is missing"
            );
            return Err(RunError { message, not_finite: Some(at) });
        }
        let outputs: Vec<(&str, DataType)> =
            self.signature.outputs.iter().map(|port| (port.name.as_str(), port.datatype)).collect();
        Ok(run(&self.pool, ports, inputs, &lent, &outputs)?)
    }
}

/// Refuses what would end the process, or go wrong unseen, and cannot be told from a request.
fn refuse(guards: &Guards) -> Result<(), LoadError> {
    let refusal = |suspect: &Suspect, reason: &str, hint: &str| LoadError::Unsupported {
        node: suspect.node.clone(),
        operator: suspect.operator.clone(),
        reason: reason.to_owned(),
        hint: hint.to_owned(),
    };
    if let Some(suspect) = &guards.divides_computed {
        return Err(refusal(
            suspect,
            "it divides computed integers by what may be -1, and where one of them is the smallest integer there is, that \
             ends the process of ONNX Runtime",
            "Serve it on tract, divide by a stored number other than -1, or keep the divisor positive with Max",
        ));
    }
    match guards.overflow.as_ref().filter(|_| processor::overflows()) {
        Some(suspect) => Err(refusal(
            suspect,
            "it multiplies unsigned by signed bytes that are not stored in the model, and on this processor, which has \
             no VNNI, ONNX Runtime lets such sums overflow",
            "Serve it on tract or on a processor with VNNI, or quantise both factors to unsigned bytes",
        )),
        None => Ok(()),
    }
}

/// Runs a model; outputs by name.
pub fn run(
    pool: &Pool,
    ports: &[Port],
    inputs: &[Tensor],
    lent: &[Lent<'_>],
    outputs: &[(&str, DataType)],
) -> Result<Vec<Tensor>, String> {
    let mut values: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
    for (port, (input, lent)) in ports.iter().zip(inputs.iter().zip(lent)) {
        let value = lent.value(input.shape()).map_err(|reason| format!("input {:?}: {reason}", port.name))?;
        values.push((Cow::Borrowed(port.name.as_str()), value));
    }
    let mut turn = pool.turn()?;
    let answers = turn.session()?.run(values).map_err(|error| words::explain(error.message()))?;
    let taken = outputs.iter().map(|&(name, datatype)| {
        let answer = answers.get(name).ok_or_else(|| format!("output {name:?} did not come out"))?;
        values::take(answer, datatype).map_err(|reason| format!("output {name:?}: {reason}"))
    });
    taken.collect()
}

impl Session for OnnxRuntimeSession {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn graph(&self) -> &GraphSummary {
        &self.summary
    }

    fn classes(&self) -> Option<&ClassLabels> {
        self.classes.as_ref()
    }

    fn depends_on_chance(&self) -> Option<&str> {
        self.chance.as_deref()
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        // Unwinding leaves nothing behind: the pool throws away a session whose run unwound.
        guard::catch(|| self.compute(inputs)).map_err(RunError::from)?
    }

    fn is_prepared(&self, _inputs: &[Tensor]) -> bool {
        self.pool.is_prepared()
    }

    fn memory_bytes(&self) -> u64 {
        // The bytes are kept to make further sessions from, and each session has its own copy of the weights.
        self.stored_bytes.saturating_mul(1 + self.pool.count() as u64)
    }

    fn sample_shapes(&self) -> Vec<Shape> {
        self.sample.clone()
    }

    fn sample(&self, value: f64) -> Option<Vec<Tensor>> {
        let ports = self.signature.inputs.iter().zip(&self.sample).enumerate();
        let known = |(at, (port, shape)): (usize, (&Port, &Shape))| {
            self.categories.put(at, Tensor::made_up(port.datatype, shape, value)?)
        };
        ports.map(known).collect()
    }
}
