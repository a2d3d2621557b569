//! `LinearClassifier`: one score per class, or a single one for two classes, and the label of the largest. Labels are
//! decided by the scores before the transform.

use tract_onnx::prelude::{Arc, DatumExt, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, tensor};
use super::linear::{Labels, Rows, check_columns, dot, first_of_largest, rows_fact};
use super::post_transform::{PostTransform, SecondClass};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct LinearClassifier {
    coefficients: Vec<f32>,
    /// None at all for a model without them.
    intercepts: Vec<f32>,
    labels: Labels,
    transform: PostTransform,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let (coefficients, intercepts) = (node.floats("coefficients")?.to_vec(), node.floats("intercepts")?.to_vec());
    // It says how the model was fitted, which the scores already are.
    node.int("multi_class")?;
    if coefficients.is_empty() || (!intercepts.is_empty() && coefficients.len() % intercepts.len() != 0) {
        let (count, rows) = (coefficients.len(), intercepts.len());
        return Err(malformed(format!("it has {count} coefficients and {rows} intercepts")));
    }
    let labels = Labels::of(node, "classlabels_ints")?;
    if !intercepts.is_empty() && !fits(intercepts.len(), labels.len()) {
        return Err(malformed(format!("it has {} scores and {} classes", intercepts.len(), labels.len())));
    }
    let transform = PostTransform::of(node)?;
    if transform == PostTransform::Probit && intercepts.len() == 1 {
        return Err(Refusal::new(
            "the standard does not say what PROBIT makes of a single score for two classes",
            "Export it with one score per class",
        ));
    }
    Ok(Arc::new(LinearClassifier { coefficients, intercepts, labels, transform }))
}

/// Whether there is a score for each class, or one for both of two.
fn fits(scores: usize, classes: usize) -> bool {
    scores == classes.max(2) || (scores == 1 && classes == 2)
}

impl LinearClassifier {
    /// Scores per row before the transform.
    fn scores(&self, columns: usize) -> TractResult<usize> {
        let scores = match self.intercepts.len() {
            0 => self.coefficients.len() / columns.max(1),
            scores => scores,
        };
        check_columns(self.coefficients.len() / scores.max(1), columns)?;
        if !fits(scores, self.labels.len()) {
            return Err(TractError::msg(format!("it has {scores} scores and {} classes", self.labels.len())));
        }
        Ok(scores)
    }

    /// Whether the one score of a row becomes two.
    fn doubles(&self, scores: usize) -> bool {
        scores == 1 && self.transform.adds_a_class()
    }
}

impl Kernel for LinearClassifier {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (rows, columns) = rows_fact(required(inputs, 0)?)?;
        let columns = columns.unwrap_or_else(|| self.coefficients.len() / self.intercepts.len().max(1));
        let scores = self.scores(columns)?;
        let scores = if self.doubles(scores) { 2 } else { scores };
        Ok(tvec![self.labels.fact(rows.clone()), f32::fact([rows, scores.into()])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = Rows::of(required(inputs, 0)?)?;
        let count = self.scores(input.columns)?;
        let mut chosen = Vec::with_capacity(input.rows);
        let mut all = Vec::with_capacity(input.rows * count.max(2));
        let mut scores = vec![0.0; count];
        for row in input.each() {
            for (at, (score, line)) in scores.iter_mut().zip(self.coefficients.chunks_exact(input.columns)).enumerate()
            {
                *score = dot(row, line) + self.intercepts.get(at).copied().unwrap_or(0.0);
            }
            match *scores {
                [score] => chosen.push(usize::from(score > 0.0)),
                _ => chosen.push(first_of_largest(&scores)),
            }
            if self.doubles(count) {
                all.extend(self.transform.two(scores[0], SecondClass::Complement));
            } else {
                self.transform.apply(&mut scores);
                all.extend(&scores);
            }
        }
        let count = if self.doubles(count) { 2 } else { count };
        Ok(tvec![self.labels.at(&chosen)?, tensor(&[input.rows, count], all)?])
    }
}
