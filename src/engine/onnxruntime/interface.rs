//! A model's outputs: what the library infers, completed by what a few runs show and by what the file declares, so that
//! clients see the same signature as with the built-in engine. Inference wins over the declaration because it is what
//! will be computed; an exporter that traced one row declares a batch of one for a model that takes any.

use std::collections::HashSet;

use ort::value::ValueType;

use super::pool::Pool;
use super::session;
use super::values;
use crate::engine::LoadError;
use crate::engine::tract::outline::{self, DeclaredOutput, Outline};
use crate::engine::trial::{self, Values};
use crate::model::{Dim, Port, Signature};
use crate::tensor::{DataType, Shape};

/// Values for trial runs. An axis that depends on values is not likely to follow the batch with all of them.
const TRIALS: [Values; 3] = [Values::All(0.0), Values::All(1.0), Values::Varied];

/// The signature, and the shapes of a small request that the model has answered, or might.
pub fn signature(outline: &mut Outline, pool: &Pool) -> Result<(Signature, Vec<Shape>), LoadError> {
    let (inputs, declared) = (std::mem::take(&mut outline.inputs), std::mem::take(&mut outline.outputs));
    outline.inputs = inputs;
    let inputs = &outline.inputs;
    let inferred = infer(pool, inputs, &declared)?;
    let types: Vec<(&str, DataType)> =
        declared.iter().zip(&inferred).map(|(port, found)| (port.name.as_str(), found.datatype)).collect();
    let samples = outline.samples();
    // Shapes of the outputs for these input shapes, for each of the values that the model takes.
    let shown = |shapes: &[Shape]| -> Vec<Vec<Shape>> {
        let answers = TRIALS.iter().filter_map(|&values| {
            let tensors = trial::made_up(inputs, shapes, values)?;
            let lent = tensors.iter().map(values::lend).collect::<Result<Vec<_>, _>>().ok()?;
            let answers = session::run(pool, inputs, &tensors, &lent, &types).ok()?;
            Some(answers.iter().map(|answer| answer.shape().into()).collect())
        });
        answers.collect()
    };
    let tried = samples.iter().map(|sample| (sample, shown(sample))).find(|(_, shown)| !shown.is_empty());
    let (sample, small) = match tried {
        Some((sample, shown)) => (sample.clone(), shown),
        None => (samples.first().cloned().unwrap_or_default(), Vec::new()),
    };
    let batch = batch(inputs);
    let follows = match &batch {
        Some(batch) if unsettled(&inferred, &small) => {
            let sized =
                |rows: usize| inputs.iter().zip(&sample).map(|(port, shape)| sized(port, shape, batch, rows)).collect();
            let (two, three): (Vec<Shape>, Vec<Shape>) = (sized(2), sized(3));
            following(&shown(&two), &shown(&three))
        }
        _ => Vec::new(),
    };
    let mut outputs = Vec::with_capacity(declared.len());
    for (at, (port, found)) in declared.into_iter().zip(inferred).enumerate() {
        let seen = small.first().and_then(|shapes| shapes.get(at));
        let declared = port.shape;
        let rank = found.shape.as_ref().map(Vec::len).or(seen.map(|shape| shape.len()));
        let rank = rank.or(declared.as_ref().map(Vec::len)).ok_or_else(|| {
            LoadError::Interface(format!(
                "output {:?} declares no shape, and nothing tells how many axes it has; export it with a shape",
                port.name
            ))
        })?;
        let inferred = found.shape.filter(|dims| dims.len() == rank);
        let declared = declared.filter(|dims| dims.len() == rank);
        let axis = |axis: usize| {
            let told = inferred.as_ref().and_then(|dims| dims[axis].clone());
            let follows = follows.get(at).and_then(|axes: &Vec<bool>| axes.get(axis)).copied().unwrap_or(false);
            let shown = follows.then(|| batch.clone().map(Dim::Symbol)).flatten();
            let declared = declared.as_ref().and_then(|dims| dims[axis].clone());
            // A declared size that the model was just seen not to keep to is an exporter's mistake.
            let kept = |dim: &Dim| dim.fixed().is_none_or(|size| seen.is_none_or(|seen| seen.get(axis) == Some(&size)));
            told.or(shown).or(declared.filter(kept)).unwrap_or_else(|| outline::unnamed(&port.name, axis))
        };
        let shape = (0..rank).map(axis).collect();
        outputs.push(Port { name: port.name.clone(), datatype: port.datatype, shape, description: port.description });
    }
    Ok((Signature { inputs: outline.inputs.clone(), outputs }, sample))
}

/// What the library says of one output.
struct Inferred {
    datatype: DataType,
    /// Axis by axis; `None` for one that is neither a number nor one of the inputs' names.
    shape: Option<Vec<Option<Dim>>>,
}

fn infer(pool: &Pool, inputs: &[Port], declared: &[DeclaredOutput]) -> Result<Vec<Inferred>, LoadError> {
    let names: HashSet<&str> = inputs.iter().flat_map(|port| &port.shape).filter_map(symbol).collect();
    let mut turn = pool.turn().map_err(LoadError::Engine)?;
    let session = turn.session().map_err(LoadError::Engine)?;
    let mut found = Vec::with_capacity(declared.len());
    for port in declared {
        let name = &port.name;
        let outlet = session.outputs().iter().find(|outlet| outlet.name() == name);
        let Some(ValueType::Tensor { ty, shape, dimension_symbols }) = outlet.map(|outlet| outlet.dtype()) else {
            return Err(LoadError::Interface(format!("output {name:?} is no tensor for ONNX Runtime")));
        };
        let datatype = values::datatype(*ty).filter(|datatype| *datatype == port.datatype).ok_or_else(|| {
            LoadError::Interface(format!(
                "output {name:?} is declared as {} but the engine computes {ty}; export the model with the right type",
                port.datatype
            ))
        })?;
        let axis = |(&size, name): (&i64, &String)| match usize::try_from(size) {
            Ok(size) => Some(Dim::Fixed(size)),
            Err(_) => names.contains(name.as_str()).then(|| Dim::Symbol(name.clone())),
        };
        // No axes at all is how an unknown shape reads, too.
        let shape = (!shape.is_empty()).then(|| shape.iter().zip(dimension_symbols.iter()).map(axis).collect());
        found.push(Inferred { datatype, shape });
    }
    Ok(found)
}

fn symbol(dim: &Dim) -> Option<&str> {
    match dim {
        Dim::Symbol(name) => Some(name),
        Dim::Fixed(_) => None,
    }
}

/// The name of the batch, where the inputs agree on one.
fn batch(inputs: &[Port]) -> Option<String> {
    let mut names = inputs.iter().filter_map(|port| port.shape.first()).filter_map(symbol);
    let first = names.next()?;
    names.all(|name| name == first).then(|| first.to_owned())
}

/// Whether runs could tell more than the library did.
fn unsettled(inferred: &[Inferred], shown: &[Vec<Shape>]) -> bool {
    let scalar = |at: usize| shown.iter().all(|shapes| shapes.get(at).is_some_and(|shape| shape.is_empty()));
    let open = |(at, found): (usize, &Inferred)| match &found.shape {
        Some(dims) => dims.iter().any(Option::is_none),
        None => !scalar(at),
    };
    !shown.is_empty() && inferred.iter().enumerate().any(open)
}

fn sized(port: &Port, sample: &[usize], batch: &str, rows: usize) -> Shape {
    let size = |(dim, &size): (&Dim, &usize)| if symbol(dim) == Some(batch) { rows } else { size };
    port.shape.iter().zip(sample).map(size).collect()
}

/// Which axes of which outputs were as long as the batch whatever the values were, for both batches.
fn following(two: &[Vec<Shape>], three: &[Vec<Shape>]) -> Vec<Vec<bool>> {
    let (Some(first), false) = (two.first(), three.is_empty()) else { return Vec::new() };
    let always = |shown: &[Vec<Shape>], at: usize, axis: usize, rows: usize| {
        shown.iter().all(|shapes| shapes.get(at).and_then(|shape| shape.get(axis)) == Some(&rows))
    };
    let axes = |(at, shape): (usize, &Shape)| {
        (0..shape.len()).map(|axis| always(two, at, axis, 2) && always(three, at, axis, 3)).collect()
    };
    first.iter().enumerate().map(axes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_follows_the_batch_only_when_it_always_does() {
        let shapes = |sizes: &[&[usize]]| sizes.iter().map(|size| Shape::from_slice(size)).collect::<Vec<_>>();
        let two = [shapes(&[&[2, 5], &[2]]), shapes(&[&[2, 5], &[0]])];
        let three = [shapes(&[&[3, 5], &[3]]), shapes(&[&[3, 5], &[3]])];
        assert_eq!(following(&two, &three), [vec![true, false], vec![false]]);
        assert!(following(&two, &[]).is_empty());
    }
}
