//! `BatchNormalization` with parameters that are computed, or over the batch itself as in training.

use tract_onnx::prelude::{Arc, DatumType, TDim, TVec, Tensor, TractResult, TypedFact};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required};
use super::shapes::{error, fact, narrow, wide};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct BatchNorm {
    epsilon: f64,
    momentum: f64,
    training: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let training = node.opset() >= 14 && node.int_or("training_mode", 0)? != 0;
    let trains_always = node.opset() < 7 && node.int_or("is_test", 0)? == 0;
    if node.opset() < 9 && node.int_or("spatial", 1)? != 1 || trains_always {
        return Err(Refusal::new(
            "it normalises each place by itself, or trains, in an old operator set",
            "Export the model for inference, with operator set 9 or later",
        ));
    }
    if node.opset() < 7 {
        node.ints("consumed_inputs")?;
    }
    if (1..5).any(|at| node.has_output(at)) && (!training || node.has_output(3)) {
        return Err(malformed("it has outputs that only training makes"));
    }
    let (epsilon, momentum) = (node.float_or("epsilon", 1e-5)?.into(), node.float_or("momentum", 0.9)?.into());
    Ok(Arc::new(BatchNorm { epsilon, momentum, training }))
}

impl Kernel for BatchNorm {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (input, mean, variance) = (required(inputs, 0)?, required(inputs, 3)?, required(inputs, 4)?);
        one_of(input, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
        let of = |like: &TypedFact| fact(like.datum_type, &like.shape.iter().cloned().collect::<TVec<TDim>>());
        let mut facts: TVec<TypedFact> = TVec::new();
        facts.push(of(input));
        if self.training {
            facts.extend([of(mean), of(variance)]);
        }
        Ok(facts)
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let parameter = |at: usize| wide(required(inputs, at)?);
        let (scale, bias, mut mean, mut variance) = (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
        let channels = input.shape().get(1).copied().unwrap_or(1);
        if [scale.len(), bias.len(), mean.len(), variance.len()] != [channels; 4] {
            return Err(error(format!("its parameters are not for {channels} channels")));
        }
        let area = input.shape().iter().skip(2).product::<usize>().max(1);
        let mut values = wide(input)?;
        let mut outputs: TVec<Tensor> = TVec::new();
        if self.training {
            let of_batch = moments(&values, channels, area);
            let running = |old: &[f64], new: &[f64]| {
                let mixed = old.iter().zip(new).map(|(old, new)| old * self.momentum + new * (1.0 - self.momentum));
                mixed.collect::<Vec<f64>>()
            };
            let mixed = [(3, running(&mean, &of_batch.0)), (4, running(&variance, &of_batch.1))];
            for (at, mixed) in mixed {
                let like = required(inputs, at)?;
                outputs.push(narrow(like.datum_type(), like.shape(), mixed)?);
            }
            (mean, variance) = of_batch;
        }
        for (at, map) in values.chunks_exact_mut(area).enumerate() {
            let channel = at % channels;
            let slope = scale[channel] / (variance[channel] + self.epsilon).sqrt();
            map.iter_mut().for_each(|value| *value = (*value - mean[channel]) * slope + bias[channel]);
        }
        outputs.insert(0, narrow(input.datum_type(), input.shape(), values)?);
        Ok(outputs)
    }
}

/// Mean and variance of each channel over all rows and places.
fn moments(values: &[f64], channels: usize, area: usize) -> (Vec<f64>, Vec<f64>) {
    let maps = |channel: usize| values.chunks_exact(area).skip(channel).step_by(channels).flatten();
    let of = |channel: usize| {
        let count = maps(channel).count() as f64;
        let mean = maps(channel).sum::<f64>() / count;
        (mean, maps(channel).map(|value| (value - mean).powi(2)).sum::<f64>() / count)
    };
    (0..channels).map(of).unzip()
}
