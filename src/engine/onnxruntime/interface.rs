//! A model's outputs: what the library infers, completed by what a few runs show and by what the file declares, so that
//! clients see the same signature as with the built-in engine. Inference wins over the declaration because it is what
//! will be computed; an exporter that traced one row declares a batch of one for a model that takes any.

use std::collections::HashSet;

use ort::value::ValueType;

use super::pool::Pool;
use super::session;
use super::values;
use crate::engine::LoadError;
use crate::engine::samples::{self, Values};
use crate::engine::tract::outline::{self, DeclaredOutput, Outline};
use crate::model::{Dim, Port, Signature};
use crate::tensor::{DataType, Shape};

/// Values for trial runs. The length of an axis that depends on values is not likely to follow the batch with all of them.
const TRIALS: [Values; 3] = [Values::All(0.0), Values::All(1.0), Values::Varied];

/// The signature, and the shapes of a small request that the model has answered, or might.
pub fn signature(outline: &mut Outline, pool: &Pool) -> Result<(Signature, Vec<Shape>), LoadError> {
    let declared = std::mem::take(&mut outline.outputs);
    let inputs = &outline.inputs;
    let mut inferred = infer(pool, inputs, &declared)?;
    let types: Vec<(&str, DataType)> =
        declared.iter().zip(&inferred).map(|(port, found)| (port.name.as_str(), found.datatype)).collect();
    // Shapes of the outputs for these input shapes, for as many of the values that the model takes.
    let shown = |shapes: &[Shape], most: usize| -> Vec<Vec<Shape>> {
        let answers = TRIALS.iter().filter_map(|&values| {
            let tensors = samples::made_up(inputs, shapes, values)?.into_iter().enumerate();
            let known = tensors.map(|(at, tensor)| outline.categories.put(at, tensor));
            let tensors = known.collect::<Option<Vec<_>>>()?;
            let lent = tensors.iter().map(values::lend).collect::<Result<Vec<_>, _>>().ok()?;
            let answers = session::run(pool, inputs, &tensors, &lent, &types).ok()?;
            Some(answers.iter().map(|answer| answer.shape().into()).collect())
        });
        answers.take(most).collect()
    };
    let samples = outline.samples();
    let tried = samples.iter().find_map(|sample| Some((sample.clone(), shown(sample, 1).pop()?)));
    let (sample, one) = match tried {
        Some((sample, shapes)) => (sample, Some(shapes)),
        None => (samples.into_iter().next().unwrap_or_default(), None),
    };
    let batch = batch(inputs);
    let sized = |rows: usize| -> Option<Vec<Shape>> {
        let (batch, _) = (batch.as_ref()?, one.as_ref()?);
        Some(inputs.iter().zip(&sample).map(|(port, shape)| sized(port, shape, batch, rows)).collect())
    };
    let three = sized(3).and_then(|shapes| shown(&shapes, 1).pop());
    let seen = Seen { one: one.as_deref(), three: three.as_deref(), batch: batch.as_deref() };
    for (at, found) in inferred.iter_mut().enumerate() {
        found.shape = found.shape.take().and_then(|shape| seen.corrected(at, shape));
    }
    let follows = match (sized(2), sized(3)) {
        (Some(two), Some(three)) if seen.leaves_open(&inferred) => {
            following(&shown(&two, TRIALS.len()), &shown(&three, TRIALS.len()))
        }
        _ => Vec::new(),
    };
    let mut outputs = Vec::with_capacity(declared.len());
    for (at, (port, found)) in declared.into_iter().zip(inferred).enumerate() {
        let rank = found.shape.as_ref().map(Vec::len).or(seen.rank(at)).or(port.shape.as_ref().map(Vec::len));
        let rank = rank.ok_or_else(|| {
            LoadError::Interface(format!(
                "output {:?} declares no shape, and nothing tells how many axes it has; export it with a shape",
                port.name
            ))
        })?;
        let inferred = found.shape.unwrap_or_else(|| vec![None; rank]);
        // What the model was just seen not to keep to is an exporter's mistake.
        let declared = port.shape.filter(|dims| dims.len() == rank).and_then(|dims| seen.corrected(at, dims));
        let axis = |(axis, told): (usize, Option<Dim>)| {
            let follows = follows.get(at).and_then(|axes: &Vec<bool>| axes.get(axis)).copied().unwrap_or(false);
            let shown = follows.then(|| batch.clone().map(Dim::Symbol)).flatten();
            let declared = declared.as_ref().and_then(|dims| dims[axis].clone());
            told.or(shown).or(declared).unwrap_or_else(|| outline::unnamed(&port.name, axis))
        };
        let shape = inferred.into_iter().enumerate().map(axis).collect();
        outputs.push(Port { name: port.name.clone(), datatype: port.datatype, shape, description: port.description });
    }
    Ok((Signature { inputs: outline.inputs.clone(), outputs }, sample))
}

/// Axis by axis; `None` for one of which nothing is known.
type Axes = Vec<Option<Dim>>;

/// The shapes of the outputs for a batch of one and a batch of three, as far as the model answered made-up values.
struct Seen<'s> {
    one: Option<&'s [Shape]>,
    three: Option<&'s [Shape]>,
    batch: Option<&'s str>,
}

impl Seen<'_> {
    fn rank(&self, output: usize) -> Option<usize> {
        Some(self.one?.get(output)?.len())
    }

    /// What is said of an output's shape without that which turned out to be wrong; `None` where that is the rank. The
    /// library's inference is wrong for some operators, as declarations are.
    fn corrected(&self, output: usize, mut axes: Axes) -> Option<Axes> {
        for (shapes, rows) in [(self.one, 1), (self.three, 3)] {
            let Some(shape) = shapes.and_then(|shapes| shapes.get(output)) else { continue };
            if shape.len() != axes.len() {
                return None;
            }
            for (axis, &size) in axes.iter_mut().zip(shape) {
                let expected = match axis {
                    Some(Dim::Fixed(size)) => Some(*size),
                    Some(Dim::Symbol(name)) if Some(name.as_str()) == self.batch => Some(rows),
                    _ => None,
                };
                if expected.is_some_and(|expected| expected != size) {
                    *axis = None;
                }
            }
        }
        Some(axes)
    }

    /// Whether further runs could tell more than the library did.
    fn leaves_open(&self, inferred: &[Inferred]) -> bool {
        let open = |(at, found): (usize, &Inferred)| match &found.shape {
            Some(axes) => axes.iter().any(Option::is_none),
            None => self.rank(at) != Some(0),
        };
        inferred.iter().enumerate().any(open)
    }
}

/// What the library says of one output.
struct Inferred {
    datatype: DataType,
    /// An axis that is neither a number nor one of the inputs' names is not known.
    shape: Option<Axes>,
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

    #[test]
    fn what_runs_show_to_be_wrong_is_not_said() {
        let shapes = |size: &[usize]| vec![Shape::from_slice(size)];
        let (one, three) = (shapes(&[1, 1, 5]), shapes(&[3, 1, 5]));
        let seen = Seen { one: Some(&one), three: Some(&three), batch: Some("N") };
        let batch = || Some(Dim::Symbol("N".into()));
        let corrected = |axes: &[Option<Dim>]| seen.corrected(0, axes.to_vec());
        let right = [batch(), Some(Dim::Fixed(1)), None];
        assert_eq!(corrected(&right).unwrap(), right);
        assert_eq!(corrected(&[Some(Dim::Fixed(1)), batch(), Some(Dim::Fixed(4))]).unwrap(), [None, None, None]);
        assert_eq!(corrected(&[batch()]), None);
        let nothing = Seen { one: None, three: None, batch: None };
        assert_eq!(nothing.corrected(0, vec![batch()]), Some(vec![batch()]));
    }
}
