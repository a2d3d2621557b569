//! `NegativeLogLikelihoodLoss` and `SoftmaxCrossEntropyLoss`: how far class scores are from the labels, as graphs exported
//! for evaluation carry them. Sums are taken in double precision.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required};
use super::shapes::{around, error, fact, integers, narrow, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reduction {
    None,
    Mean,
    Sum,
}

#[derive(Debug)]
struct Loss {
    reduction: Reduction,
    ignored: Option<i64>,
    /// Whether the scores are to be made logarithms of probabilities first.
    softmax: bool,
}

pub fn negative_log_likelihood(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, false)
}

pub fn softmax_cross_entropy(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    build(node, true)
}

fn build(node: &Node, softmax: bool) -> Result<Arc<dyn Kernel>, Refusal> {
    let reduction = match node.text_or("reduction", "mean")? {
        "none" => Reduction::None,
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        other => return Err(malformed(format!("it has no reduction {other:?}"))),
    };
    Ok(Arc::new(Loss { reduction, ignored: node.int("ignore_index")?, softmax }))
}

impl Kernel for Loss {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (scores, labels) = (required(inputs, 0)?, required(inputs, 1)?);
        one_of(scores, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        one_of(labels, &[DatumType::I32, DatumType::I64])?;
        let shape: TVec<TDim> = scores.shape.iter().cloned().collect();
        if shape.len() < 2 || labels.rank() + 1 != shape.len() {
            return Err(error(format!("it takes scores of shape {shape:?} with a label for each")));
        }
        let none = self.reduction == Reduction::None;
        let loss = if none { labels.shape.iter().cloned().collect() } else { TVec::new() };
        let mut facts = tvec![fact(scores.datum_type, &loss)];
        if self.softmax {
            facts.push(fact(scores.datum_type, &shape));
        }
        Ok(facts)
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (scores, labels) = (required(inputs, 0)?, required(inputs, 1)?);
        let (rows, classes, places) = around(scores.shape(), 1);
        let spatial = [&scores.shape()[..1], &scores.shape()[2..]].concat();
        if labels.shape() != spatial {
            return Err(error(format!(
                "its scores are of shape {:?}, its labels {:?}",
                scores.shape(),
                labels.shape()
            )));
        }
        let mut values = wide(scores)?;
        if self.softmax {
            log_softmax(&mut values, rows, classes, places);
        }
        let weights = inputs.get(2).copied().flatten().map(wide).transpose()?;
        if weights.as_ref().is_some_and(|weights| weights.len() != classes) {
            return Err(error(format!("it does not have one weight for each of {classes} classes")));
        }
        let labels = integers(labels)?;
        let (mut losses, mut weight) = (Vec::with_capacity(labels.len()), 0.0);
        for (at, &label) in labels.iter().enumerate() {
            if Some(label) == self.ignored {
                losses.push(0.0);
                continue;
            }
            let class = usize::try_from(label).ok().filter(|&class| class < classes);
            let class = class.ok_or_else(|| error(format!("the label {label} is none of {classes} classes")))?;
            let of_class = weights.as_ref().map_or(1.0, |weights| weights[class]);
            let (row, place) = (at / places, at % places);
            losses.push(-values[(row * classes + class) * places + place] * of_class);
            weight += of_class;
        }
        let total = || losses.iter().sum::<f64>();
        let datatype = scores.datum_type();
        let loss = match self.reduction {
            Reduction::None => narrow(datatype, &spatial, losses)?,
            Reduction::Sum => narrow(datatype, &[], vec![total()])?,
            Reduction::Mean => narrow(datatype, &[], vec![total() / weight])?,
        };
        let mut outputs = tvec![loss];
        if self.softmax {
            outputs.push(narrow(datatype, scores.shape(), values)?);
        }
        Ok(outputs)
    }
}

fn log_softmax(values: &mut [f64], rows: usize, classes: usize, places: usize) {
    for row in 0..rows {
        for place in 0..places {
            let at = |class: usize| (row * classes + class) * places + place;
            let top = (0..classes).map(|class| values[at(class)]).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..classes).map(|class| (values[at(class)] - top).exp()).sum();
            let log = top + sum.ln();
            (0..classes).for_each(|class| values[at(class)] -= log);
        }
    }
}
