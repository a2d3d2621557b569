//! A model's inputs and outputs: what the file declares, completed and where need be corrected by what tract infers.
//! Inference wins over the declaration because it is what will be computed; an exporter that traced one row declares a
//! batch of one for a model that takes any.

use std::collections::HashSet;

use tract_onnx::prelude::{InferenceFact, InferenceModel, InferenceModelExt, TDim, TypedModel};
use tract_onnx::tract_hir::internal::DimLike;

use super::convert;
use super::proto::{self, Declared};
use crate::engine::{LoadError, guard};
use crate::model::{Dim, Port, Signature};
use crate::tensor::Shape;

/// Sizes to try for free axes that are not a batch, such as a sequence or the sides of an image, until one is accepted.
const SIZES: [usize; 5] = [8, 32, 64, 224, 1];

/// Shapes to prepare the model with: a batch of one, and other free axes of each of a few sizes.
pub fn samples(inputs: &[Port]) -> Vec<Vec<Shape>> {
    let batches = batches(inputs);
    let sized = |size: usize| inputs.iter().map(|port| sized(port, &batches, 1, size)).collect::<Vec<Shape>>();
    let mut samples: Vec<Vec<Shape>> = SIZES.map(sized).into();
    samples.dedup();
    samples
}

/// The names of free axes in first place.
fn batches(inputs: &[Port]) -> HashSet<&str> {
    inputs.iter().filter_map(|port| port.shape.first()).filter_map(symbol).collect()
}

fn symbol(dim: &Dim) -> Option<&str> {
    match dim {
        Dim::Symbol(name) => Some(name),
        Dim::Fixed(_) => None,
    }
}

fn sized(port: &Port, batches: &HashSet<&str>, batch: usize, other: usize) -> Shape {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => *size,
        Dim::Symbol(name) if batches.contains(name.as_str()) => batch,
        Dim::Symbol(_) => other,
    };
    port.shape.iter().map(size).collect()
}

/// The signature of a model that was just prepared: `prepared` is its plan for `sample`.
pub fn signature(
    declared: Declared,
    model: &InferenceModel,
    prepared: &TypedModel,
    sample: &[Shape],
) -> Result<Signature, LoadError> {
    let inputs = declared.inputs;
    let inferred = infer(model).or_else(|| probe(model, &inputs, sample));
    let mut outputs = Vec::with_capacity(declared.outputs.len());
    for (at, output) in declared.outputs.into_iter().enumerate() {
        let name = output.name;
        let fact = prepared.output_fact(at).map_err(|error| LoadError::Engine(error.to_string()))?;
        if !convert::can_become(fact.datum_type, output.datatype) {
            return Err(LoadError::Interface(format!(
                "output {name:?} is declared as {} but the engine computes {:?}; export the model with the right type",
                output.datatype, fact.datum_type
            )));
        }
        let inferred = inferred.as_ref().and_then(|facts| facts.get(at)).filter(|dims| dims.len() == fact.rank());
        let declared = output.shape.filter(|dims| dims.len() == fact.rank());
        let axis = |axis: usize| {
            inferred
                .and_then(|dims| dims[axis].clone())
                .or_else(|| declared.as_ref().and_then(|dims| dims[axis].clone()))
                .unwrap_or_else(|| proto::unnamed(&name, axis))
        };
        let shape = (0..fact.rank()).map(axis).collect();
        outputs.push(Port { name: name.clone(), datatype: output.datatype, shape, description: output.description });
    }
    Ok(Signature { inputs, outputs })
}

/// Output shapes, axis by axis; `None` for an axis that is neither a number nor one of the inputs' names.
type Inferred = Vec<Vec<Option<Dim>>>;

/// Output shapes for free input sizes. Nothing at all for models that can only be analysed with known ones.
fn infer(model: &InferenceModel) -> Option<Inferred> {
    let axis = |dim: &TDim| match dim {
        TDim::Sym(name) => Some(Dim::Symbol(name.to_string())),
        other => other.to_usize().ok().map(Dim::Fixed),
    };
    let typed = guard::catch(|| model.clone().into_typed()).ok()?.ok()?;
    let facts = (0..typed.outputs.len()).map(|at| typed.output_fact(at).ok());
    facts.map(|fact| Some(fact?.shape.iter().map(axis).collect())).collect()
}

/// The same found out by trying two batch sizes: an axis that is as long as the batch both times is the
/// batch, and one that stays the same is fixed unless other free axes could change it.
fn probe(model: &InferenceModel, inputs: &[Port], sample: &[Shape]) -> Option<Inferred> {
    let batches = batches(inputs);
    let batch = (*batches.iter().next().filter(|_| batches.len() == 1)?).to_owned();
    let shapes = |rows: usize| -> Option<Vec<Vec<usize>>> {
        let mut model = model.clone();
        for (at, (port, shape)) in inputs.iter().zip(sample).enumerate() {
            let size = |(dim, &size): (&Dim, &usize)| if symbol(dim) == Some(&batch) { rows } else { size };
            let shape: Shape = port.shape.iter().zip(shape).map(size).collect();
            let fact = InferenceFact::dt_shape(convert::datum_type(port.datatype), shape.as_slice());
            model.set_input_fact(at, fact).ok()?;
        }
        let typed = guard::catch(|| model.into_typed()).ok()?.ok()?;
        let facts = (0..typed.outputs.len()).map(|at| typed.output_fact(at).ok());
        facts.map(|fact| fact?.shape.iter().map(|dim| dim.to_usize().ok()).collect()).collect()
    };
    let mut free = inputs.iter().flat_map(|port| &port.shape).filter_map(symbol);
    let nothing_else_is_free = free.all(|name| name == batch);
    let axis = |(two, three): (&usize, &usize)| match (*two, *three) {
        (2, 3) => Some(Dim::Symbol(batch.clone())),
        (two, three) => (two == three && nothing_else_is_free).then_some(Dim::Fixed(two)),
    };
    let (two, three) = (shapes(2)?, shapes(3)?);
    Some(two.iter().zip(&three).map(|(two, three)| two.iter().zip(three).map(axis).collect()).collect())
}
