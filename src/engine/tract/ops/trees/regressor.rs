//! `TreeEnsembleRegressor`: targets from the trees' weights. `TreeEnsemble` shares what comes after its reading.

use tract_onnx::prelude::{Arc, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};

use super::attributes;
use super::ensemble::{Aggregate, Ensemble};
use super::real::Real;
use super::run::{Answer, Trees};
use super::scores::Scores;
use super::tensors::Floats;
use crate::engine::tract::checks::Refusal;
use crate::engine::tract::ops::Kernel;
use crate::engine::tract::ops::ml::post_transform::PostTransform;
use crate::engine::tract::ops::node::{Node, malformed};
use crate::engine::tract::ops::values::{required, tensor};

#[derive(Debug)]
pub struct Regressor {
    trees: Trees,
    aggregate: Aggregate,
    transform: PostTransform,
    /// Added to each target in the end; empty, or one for each.
    base: Vec<f64>,
    inputs: &'static [DatumType],
    /// The type of the answer; `None` is that of the input.
    output: Option<DatumType>,
}

const INPUTS: &[DatumType] = &[DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32];

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let targets = usize::try_from(node.int_or("n_targets", 0)?).unwrap_or(0);
    let ensemble = attributes::read(node, "target", targets)?;
    let aggregate = match node.text_or("aggregate_function", "SUM")? {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        other => return Err(malformed(format!("its aggregate_function is {other:?}"))),
    };
    let base = Floats::either(node, "base_values")?.values;
    if !base.is_empty() && base.len() != targets {
        return Err(malformed(format!("it has {} base_values for {targets} targets", base.len())));
    }
    Regressor::build(ensemble, aggregate, PostTransform::of(node)?, base, INPUTS, Some(DatumType::F32))
}

impl Regressor {
    pub fn build(
        ensemble: Ensemble,
        aggregate: Aggregate,
        transform: PostTransform,
        base: Vec<f64>,
        inputs: &'static [DatumType],
        output: Option<DatumType>,
    ) -> Result<Arc<dyn Kernel>, Refusal> {
        if ensemble.targets == 1 && !matches!(transform, PostTransform::None | PostTransform::Probit) {
            return Err(Refusal::new(
                "it transforms a single target, which ONNX asks for and ONNX Runtime does not do",
                "Export it with post_transform NONE, and with a Sigmoid after it where that is meant",
            ));
        }
        if base.iter().any(|base| *base != 0.0) && ensemble.targets > 1 && ensemble.certain().contains(&false) {
            return Err(Refusal::new(
                "some leaves have no weight for a target that has a base value, which runtimes treat differently",
                "Give every leaf a weight for every target, 0 where there is none",
            ));
        }
        let trees = Trees::new(ensemble, aggregate);
        Ok(Arc::new(Self { trees, aggregate, transform, base, inputs, output }))
    }

    /// Turns what the trees gave into targets, in place.
    fn finish<R: Real>(&self, scores: Scores<R>) -> Vec<R> {
        let mut sums = scores.sums;
        let targets = self.trees.targets;
        if self.aggregate == Aggregate::Average {
            let count = R::of(self.trees.count as f64);
            sums.iter_mut().for_each(|sum| *sum = *sum / count);
        }
        if !self.base.is_empty() {
            for row in sums.chunks_exact_mut(targets) {
                row.iter_mut().zip(&self.base).for_each(|(sum, base)| *sum += R::of(*base));
            }
        }
        if self.transform != PostTransform::None {
            let mut narrow = vec![0.0; targets];
            for row in sums.chunks_exact_mut(targets) {
                narrow.iter_mut().zip(row.iter()).for_each(|(narrow, sum)| *narrow = sum.narrow());
                self.transform.apply(&mut narrow);
                row.iter_mut().zip(&narrow).for_each(|(sum, narrow)| *sum = R::of(f64::from(*narrow)));
            }
        }
        sums
    }
}

impl Kernel for Regressor {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let rows = self.trees.rows(input, self.inputs)?;
        let datatype = self.output.unwrap_or(input.datum_type);
        Ok(tvec![TypedFact::dt_shape(datatype, [rows, self.trees.targets.into()])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let (rows, answer) = self.trees.run(input)?;
        let shape = [rows, self.trees.targets];
        let answer = match answer {
            Answer::Single(scores) => tensor(&shape, self.finish(scores))?,
            Answer::Double(scores) => tensor(&shape, self.finish(scores))?,
        };
        let datatype = self.output.unwrap_or(input.datum_type());
        Ok(tvec![if answer.datum_type() == datatype { answer } else { answer.cast_to_dt(datatype)?.into_owned() }])
    }
}
