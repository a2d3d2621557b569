//! From bytes to a session, in the order in which things can go wrong: decode, check, clean the axis names, parse,
//! prepare one plan, describe.

use tract_onnx::model::{Onnx, ParseResult};
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::{Arc, InferenceFact, TypedModel};

use super::blame::Blame;
use super::files::ReadRange;
use super::plans::Plans;
use super::proto::{self, Declared};
use super::samples::Categories;
use super::session::{About, TractSession};
use super::{Config, bounds, checks, convert, dims, interface, limits, nan, ops, rewrite};
use crate::engine::{Inspection, LoadError, ModelSource, Support, guard};
use crate::tensor::Shape;

pub fn load(source: &ModelSource, config: &Config) -> Result<TractSession, LoadError> {
    let mut model = proto::decode(&source.bytes)?;
    limits::check(&model, &config.limits)?;
    let summary = proto::summary(&model);
    source.external_files(&summary.external_data)?;
    let calls = !model.functions.is_empty();
    let notes = rewrite::rewrite(&mut model, &source.bytes)?;
    if calls {
        // What functions are given by their calls shows where they are written out.
        limits::check(&model, &config.limits)?;
    }
    let onnx = framework();
    checks::check(&model, graph(&model)?, &|operator| onnx.op_register.0.contains_key(operator))?;
    dims::clean(model.graph.as_mut().ok_or_else(proto::no_graph)?);
    let declared = Declared::of(graph(&model)?)?;
    let categories = Categories::of(graph(&model)?, &declared.inputs);
    let blame = Blame::of(graph(&model)?);
    let nan_stoppers = nan::Stoppers::of(graph(&model)?);
    ops::qualify(model.graph.as_mut().ok_or_else(proto::no_graph)?);
    let parsed = parse(&onnx, &model, source, &blame)?;
    axes(graph(&model)?, &parsed, &declared, config)?;
    let ParseResult { model: mut parsed, .. } = parsed;
    bounds::wrap(&mut parsed, config.limits.max_tensor);
    // The message holds a second copy of every weight.
    drop(model);
    let datatypes = declared.inputs.iter().map(|port| port.datatype).collect();
    let outputs = declared.outputs.iter().map(|output| (output.name.clone(), output.datatype)).collect();
    let mut plans = Plans::new(parsed.clone(), datatypes, outputs, blame, config);
    let (sample, prepared) = prepare(&plans, &declared)?;
    let signature = interface::signature(declared, &parsed, &prepared, &sample)?;
    if signature.inputs.iter().flat_map(|port| &port.shape).all(|dim| dim.fixed().is_some()) {
        plans.seal();
    }
    let about = About { signature, summary, classes: notes.classes, categories };
    Ok(TractSession::new(about, plans, sample, nan_stoppers, source.bytes.len()))
}

pub fn inspect(source: &ModelSource) -> Result<Inspection, LoadError> {
    let mut model = proto::decode(&source.bytes)?;
    let onnx = framework();
    let known = |operator: &str| onnx.op_register.0.contains_key(operator);
    let mut operators = checks::operators(&model, graph(&model)?, &known);
    let summary = proto::summary(&model);
    // What the rewrites object to is told by loading; here the file is described as far as it goes.
    if rewrite::rewrite(&mut model, &source.bytes).is_ok() {
        let left = checks::operators(&model, graph(&model)?, &known);
        for used in &mut operators {
            let same = left.iter().find(|other| (&other.domain, &other.operator) == (&used.domain, &used.operator));
            used.support = same.map_or(Support::Rewritten, |same| same.support.clone());
        }
    }
    dims::clean(model.graph.as_mut().ok_or_else(proto::no_graph)?);
    let signature = Declared::of(graph(&model)?).map(Declared::signature);
    Ok(Inspection { graph: summary, signature, operators })
}

fn graph(model: &ModelProto) -> Result<&GraphProto, LoadError> {
    model.graph.as_ref().ok_or_else(proto::no_graph)
}

/// tract's importer. Recorded shapes of inner values are ignored: they carry the exporter's names for the axes, which
/// clash with sizes filled in here.
fn framework() -> Onnx {
    let mut onnx = tract_onnx::onnx().with_ignore_value_info(true);
    onnx.provider = Arc::new(ReadRange);
    ops::register(&mut onnx);
    onnx
}

fn parse(onnx: &Onnx, model: &ModelProto, source: &ModelSource, blame: &Blame) -> Result<ParseResult, LoadError> {
    let folder = match &source.directory {
        None => None,
        Some(folder) => Some(folder.to_str().ok_or_else(|| {
            LoadError::Interface(format!("the path of its folder is no valid UTF-8: {}", folder.display()))
        })?),
    };
    // Unwinding leaves nothing behind: parsing builds a new model.
    let parsed = guard::catch(|| onnx.parse(model, folder)).map_err(LoadError::Engine)?;
    let parsed = parsed.map_err(|error| LoadError::Engine(blame.explain(&error)))?;
    match parsed.unresolved_inputs.first() {
        Some(missing) => Err(LoadError::Malformed(format!("it uses the value {missing:?}, which nothing makes"))),
        None => Ok(parsed),
    }
}

/// Whether the axes that nodes name are there, where it can be told.
fn axes(graph: &GraphProto, parsed: &ParseResult, declared: &Declared, config: &Config) -> Result<(), LoadError> {
    if !limits::axes::matter(graph) {
        return Ok(());
    }
    let Some(sample) = interface::samples(&declared.inputs).into_iter().next() else { return Ok(()) };
    let mut model = parsed.model.clone();
    for (at, (shape, port)) in sample.iter().zip(&declared.inputs).enumerate() {
        let fact = InferenceFact::dt_shape(convert::datum_type(port.datatype), shape.as_slice());
        model.set_input_fact(at, fact).map_err(|error| LoadError::Engine(error.to_string()))?;
    }
    // What cannot be inferred is told when the model is prepared, and told better.
    let Ok(facts) = bounds::forward(&model, config.limits.max_tensor) else { return Ok(()) };
    limits::axes::check(graph, &|value| {
        let outlet = parsed.outlets_by_name.get(value)?;
        bounds::rank(facts.get(outlet.node)?.get(outlet.slot)?)
    })
}

/// Builds the plan for a batch of one, so that what cannot be served is known now, and keeps it. When other axes are
/// free too, the first of a few sizes that is accepted stands for them; the first refusal is the one that is told.
fn prepare(plans: &Plans, declared: &Declared) -> Result<(Vec<Shape>, TypedModel), LoadError> {
    let mut refused = None;
    let samples = interface::samples(&declared.inputs);
    for sample in &samples {
        match plans.prepare(sample) {
            Ok(plan) => return Ok((sample.clone(), plan.model().clone())),
            Err(reason) if samples.len() == 1 => refused = Some(reason),
            Err(reason) => refused = refused.or_else(|| Some(format!("{reason} (for inputs of shape {sample:?})"))),
        }
    }
    Err(LoadError::Engine(refused.unwrap_or_else(|| "there is no shape to prepare it with".into())))
}
