//! `SVMClassifier`: every pair of classes is compared and each comparison is a vote; with `prob_a` and `prob_b` the
//! comparisons also become probabilities. Without support vectors it is a linear model with a row of coefficients per
//! class. What scores come out, and how many, follows ONNX Runtime.

use tract_onnx::prelude::{Arc, DatumExt, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, tensor};
use super::linear::{Labels, Rows, check_columns, dot, first_of_largest, rows_fact};
use super::post_transform::{PostTransform, SecondClass, logistic};
use super::svm::{Similarity, couple};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct SvmClassifier {
    labels: Labels,
    columns: usize,
    transform: PostTransform,
    coefficients: Vec<f32>,
    /// Offsets of the comparisons; the first one alone in a linear model.
    rho: Vec<f32>,
    support: Option<Support>,
}

#[derive(Debug)]
struct Support {
    similarity: Similarity,
    vectors: Vec<f32>,
    /// Where the vectors of each class begin, and where the last ones end.
    starts: Vec<usize>,
    /// `prob_a` and `prob_b` for each comparison, or none.
    sigmoids: Vec<(f32, f32)>,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let labels = Labels::of(node, "classlabels_ints")?;
    let classes = labels.len();
    let pairs = classes * (classes - 1) / 2;
    let (coefficients, rho) = (node.floats("coefficients")?.to_vec(), node.floats("rho")?.to_vec());
    let (a, b) = (node.floats("prob_a")?, node.floats("prob_b")?);
    let (similarity, vectors) = (Similarity::of(node)?, node.floats("support_vectors")?.to_vec());
    let transform = PostTransform::of(node)?;
    let mut starts = vec![0usize];
    for &count in node.ints("vectors_per_class")? {
        let count = usize::try_from(count).ok().filter(|&count| count <= vectors.len());
        let count = count.ok_or_else(|| malformed("its vectors_per_class are more than its vectors, or negative"))?;
        starts.push(starts.last().copied().unwrap_or(0) + count);
    }
    let total = starts.last().copied().unwrap_or(0);
    let enough = if total == 0 {
        !rho.is_empty() && coefficients.len() % classes == 0 && a.is_empty() && b.is_empty()
    } else {
        starts.len() == classes + 1
            && rho.len() >= pairs
            && coefficients.len() == (classes - 1) * total
            && vectors.len() % total == 0
            && a.len() == b.len()
            && (a.is_empty() || a.len() >= pairs)
    };
    if classes < 2 || coefficients.is_empty() || !enough {
        return Err(malformed("its classes, coefficients, support vectors and offsets do not fit each other"));
    }
    if total == 0 {
        let columns = coefficients.len() / classes;
        return Ok(Arc::new(SvmClassifier { labels, columns, transform, coefficients, rho, support: None }));
    }
    if transform == PostTransform::Probit && classes == 2 && a.is_empty() {
        return Err(Refusal::new(
            "the standard does not say what PROBIT makes of a single score for two classes",
            "Export it with probabilities or without the transform",
        ));
    }
    let columns = vectors.len() / total;
    let sigmoids = a.iter().copied().zip(b.iter().copied()).collect();
    let support = Some(Support { similarity, vectors, starts, sigmoids });
    Ok(Arc::new(SvmClassifier { labels, columns, transform, coefficients, rho, support }))
}

impl SvmClassifier {
    /// Scores per row.
    fn scores(&self) -> usize {
        let classes = self.labels.len();
        match &self.support {
            Some(support) if support.sigmoids.is_empty() && classes > 2 => classes * (classes - 1) / 2,
            _ => classes,
        }
    }

    fn linear(&self, row: &[f32], out: &mut Vec<f32>) -> usize {
        let lines = self.coefficients.chunks_exact(self.columns);
        let mut scores: Vec<f32> = lines.map(|line| dot(row, line) + self.rho[0]).collect();
        let best = first_of_largest(&scores);
        let decides = if self.coefficients.iter().all(|&weight| weight >= 0.0) {
            scores[best] >= 0.5
        } else {
            scores[best] > 0.0
        };
        self.transform.apply(&mut scores);
        out.extend(scores);
        // With two classes the second one has it as soon as any score is on the far side.
        if self.labels.len() == 2 && decides { 1 } else { best }
    }

    fn supported(&self, support: &Support, row: &[f32], out: &mut Vec<f32>) -> usize {
        let classes = self.labels.len();
        let vectors = support.vectors.chunks_exact(self.columns);
        let alike: Vec<f64> = vectors.map(|vector| support.similarity.between(row, vector)).collect();
        // The part of the sum over the vectors of class `own` in the comparison with class `other`.
        let part = |own: usize, other: usize| -> f64 {
            let line = if other > own { other - 1 } else { other };
            let range = support.starts[own]..support.starts[own + 1];
            let weights = &self.coefficients[line * alike.len()..(line + 1) * alike.len()];
            let terms = weights[range.clone()].iter().zip(&alike[range]);
            terms.map(|(&weight, alike)| f64::from(weight) * alike).sum()
        };
        let mut votes = vec![0usize; classes];
        let mut scores = Vec::with_capacity(classes * (classes - 1) / 2);
        for i in 0..classes {
            for j in i + 1..classes {
                let sum = part(i, j) + part(j, i) + f64::from(self.rho[scores.len()]);
                votes[if sum > 0.0 { i } else { j }] += 1;
                scores.push(sum as f32);
            }
        }
        if !support.sigmoids.is_empty() {
            scores = probabilities(&scores, &support.sigmoids, classes);
        }
        match *scores {
            [score] if self.transform == PostTransform::None => {
                out.extend(self.transform.two(score, SecondClass::Opposite));
            }
            [score] => out.extend(self.transform.two(score, SecondClass::Complement)),
            _ => {
                self.transform.apply(&mut scores);
                out.extend(scores);
            }
        }
        first_of_largest(&votes)
    }
}

/// The probabilities of the classes from the scores of their comparisons.
fn probabilities(scores: &[f32], sigmoids: &[(f32, f32)], classes: usize) -> Vec<f32> {
    let mut pairs = vec![0.0; classes * classes];
    let mut each = scores.iter().zip(sigmoids);
    for i in 0..classes {
        for j in i + 1..classes {
            let Some((score, (a, b))) = each.next() else { continue };
            let p = (1.0 - logistic(score * a + b)).clamp(1e-7, 1.0 - 1e-7);
            pairs[i * classes + j] = p;
            pairs[j * classes + i] = 1.0 - p;
        }
    }
    couple(&pairs, classes)
}

impl Kernel for SvmClassifier {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (rows, columns) = rows_fact(required(inputs, 0)?)?;
        check_columns(self.columns, columns.unwrap_or(self.columns))?;
        Ok(tvec![self.labels.fact(rows.clone()), f32::fact([rows, self.scores().into()])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = Rows::of(required(inputs, 0)?)?;
        check_columns(self.columns, input.columns)?;
        let mut scores = Vec::with_capacity(input.rows * self.scores());
        let chosen = input.each().map(|row| match &self.support {
            Some(support) => self.supported(support, row, &mut scores),
            None => self.linear(row, &mut scores),
        });
        let chosen: Vec<usize> = chosen.collect();
        Ok(tvec![self.labels.at(&chosen)?, tensor(&[input.rows, self.scores()], scores)?])
    }
}
