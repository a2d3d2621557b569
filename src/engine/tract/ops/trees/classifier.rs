//! `TreeEnsembleClassifier`: a label and scores of all classes for each row.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};

use super::attributes;
use super::classes::Rule;
use super::ensemble::Aggregate;
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
struct Classifier {
    trees: Trees,
    rule: Rule,
    transform: PostTransform,
    base: Vec<f64>,
    labels: Labels,
}

#[derive(Debug)]
enum Labels {
    Numbers(Vec<i64>),
    Words(Vec<String>),
}

const INPUTS: &[DatumType] = &[DatumType::F32, DatumType::F64, DatumType::I64, DatumType::I32];

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let (numbers, words) = (node.ints("classlabels_int64s")?.to_vec(), node.texts("classlabels_strings")?);
    let labels = match (numbers.is_empty(), words.is_empty()) {
        (false, true) => Labels::Numbers(numbers),
        (true, false) => Labels::Words(words),
        _ => return Err(malformed("it has no class labels, or two kinds of them")),
    };
    let classes = match &labels {
        Labels::Numbers(labels) => labels.len(),
        Labels::Words(labels) => labels.len(),
    };
    let ensemble = attributes::read(node, "class", classes)?;
    let base = Floats::either(node, "base_values")?.values;
    let transform = PostTransform::of(node)?;
    let rule = Rule::of(&ensemble, &base, transform)?;
    let trees = Trees::new(ensemble, Aggregate::Sum);
    Ok(Arc::new(Classifier { trees, rule, transform, base, labels }))
}

impl Classifier {
    fn decide<R: Real>(&self, answer: Scores<R>, rows: usize) -> (Vec<usize>, Vec<f32>) {
        let classes = self.trees.targets;
        let Scores { mut sums, voted, .. } = answer;
        let mut scores = vec![0.0; rows * classes];
        let found = sums.chunks_exact_mut(classes).zip(scores.chunks_exact_mut(classes)).enumerate();
        let found = found.map(|(row, (sums, scores))| {
            let voted = voted.get(row * classes..(row + 1) * classes).unwrap_or_default();
            self.rule.decide(sums, voted, &self.base, self.transform, scores)
        });
        (found.collect(), scores)
    }
}

impl Kernel for Classifier {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let rows = self.trees.rows(required(inputs, 0)?, INPUTS)?;
        let label = match &self.labels {
            Labels::Numbers(_) => DatumType::I64,
            Labels::Words(_) => DatumType::String,
        };
        Ok(tvec![TypedFact::dt_shape(label, [rows.clone()]), f32::fact([rows, self.trees.targets.into()])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (rows, answer) = self.trees.run(required(inputs, 0)?)?;
        let (found, scores) = match answer {
            Answer::Single(answer) => self.decide(answer, rows),
            Answer::Double(answer) => self.decide(answer, rows),
        };
        let labels = match &self.labels {
            Labels::Numbers(labels) => tensor(&[rows], found.iter().map(|class| labels[*class]).collect::<Vec<_>>())?,
            Labels::Words(labels) => {
                tensor(&[rows], found.iter().map(|class| labels[*class].clone()).collect::<Vec<_>>())?
            }
        };
        Ok(tvec![labels, tensor(&[rows, self.trees.targets], scores)?])
    }
}
