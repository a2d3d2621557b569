//! What is looked at before anything else is done with a decoded file: that it is no larger and no stranger than models
//! are. The engine library trusts sizes and attributes; here each that is out of all proportion is named and refused, so
//! that nothing is allocated, counted or folded for it. What only shows when the model is prepared is for
//! [`super::bounds`], and what nobody thought of for [`crate::engine::trial`].

mod attributes;
pub mod axes;
mod sizes;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

pub use self::sizes::integers;
use super::checks::{Refusal, Scope};
use super::{dims, proto};
use crate::engine::LoadError;

/// How large a model and what it makes may be.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Limits {
    /// Nodes of all graphs and functions of a file, as it is and with its functions written out. Preparing takes time by the
    /// square of it: 2 s for 10,000.
    pub max_nodes: usize,
    /// Bytes of any tensor that a run or the preparation of a model makes, by its shape. Weights are not counted: their
    /// size is that of their files.
    pub max_tensor: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_nodes: 20_000, max_tensor: 1 << 30 }
    }
}

/// Longest name of a node, value or weight, in bytes. Exporters write paths of modules, a few hundred.
const LONGEST_NAME: usize = 4096;
/// Axes of a tensor.
const MOST_AXES: usize = 64;
/// Newest operator sets, as far as the operators are known here: a later one may mean something else by the same names.
const NEWEST: [(&str, i64); 2] = [("ai.onnx", 28), ("ai.onnx.ml", 5)];

/// The first thing that is out of proportion, if there is one. A function is looked at like a graph of nothing but nodes; what
/// only its calls tell is found once it is written out.
pub fn check(model: &ModelProto, limits: &Limits) -> Result<(), LoadError> {
    let Some(graph) = &model.graph else { return Ok(()) };
    let mut nodes = 0;
    let mut found = model.functions.iter().try_for_each(function_within);
    let bodies: Vec<GraphProto> = model.functions.iter().map(body).collect();
    for graph in std::iter::once(graph).chain(&bodies) {
        proto::walk(graph, &mut |graph| {
            nodes += graph.node.len();
            if found.is_ok() && nodes <= limits.max_nodes {
                found = graph_within(graph, limits);
            }
        });
    }
    if nodes > limits.max_nodes {
        return Err(LoadError::Interface(format!(
            "it has {nodes} nodes, more than the {} that are taken (--max-nodes)",
            limits.max_nodes
        )));
    }
    found?;
    operator_sets(model, graph)
}

fn function_within(function: &FunctionProto) -> Result<(), LoadError> {
    name_within(function.name(), "a function")?;
    name_within(function.domain(), "a domain")?;
    function.input.iter().chain(&function.output).try_for_each(|name| name_within(name, "a value"))
}

fn body(function: &FunctionProto) -> GraphProto {
    GraphProto { node: function.node.clone(), ..Default::default() }
}

/// Whether the file says which operator sets it speaks, and they are known here.
fn operator_sets(model: &ModelProto, graph: &GraphProto) -> Result<(), LoadError> {
    for (domain, newest) in NEWEST {
        let mut versions = model.opset_import.iter().filter(|opset| proto::domain(&opset.domain) == domain);
        let version = versions.next().map(|opset| opset.version);
        if let Some(other) = versions.map(|opset| opset.version).find(|other| Some(*other) != version) {
            return Err(LoadError::Malformed(format!(
                "it speaks the operator sets {} and {other} of {domain} at once",
                version.unwrap_or_default()
            )));
        }
        match version {
            Some(version) if !(1..=newest).contains(&version) => {
                return Err(LoadError::Interface(format!(
                    "it speaks the operator set {version} of {domain}; known are those from 1 to {newest}. Export it \
                     with one of these"
                )));
            }
            Some(_) => {}
            None => {
                let mut used = false;
                let of_domain = |node: &NodeProto| proto::domain(&node.domain) == domain;
                proto::walk(graph, &mut |graph| used |= graph.node.iter().any(of_domain));
                if used {
                    return Err(LoadError::Malformed(format!(
                        "it does not say which operator set of {domain} it speaks"
                    )));
                }
            }
        }
    }
    Ok(())
}

fn graph_within(graph: &GraphProto, limits: &Limits) -> Result<(), LoadError> {
    let values = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
    for info in values {
        name_within(&info.name, "a value")?;
        axes_within(info)?;
    }
    let mut names = HashSet::new();
    for weight in &graph.initializer {
        name_within(&weight.name, "a weight")?;
        if !names.insert(&weight.name) {
            return Err(LoadError::Malformed(format!("two weights are called {:?}", weight.name)));
        }
        weight_within(weight).map_err(|reason| LoadError::Malformed(format!("weight {:?}: {reason}", weight.name)))?;
    }
    let scope = Scope::of(graph);
    for node in &graph.node {
        node_within(node)?;
        let refusal = attributes::refusal(node, &scope).or_else(|| sizes::refusal(node, &scope, limits.max_tensor));
        if let Some(Refusal { reason, hint }) = refusal {
            let (node, operator) = (proto::node_name(node).to_owned(), node.op_type.clone());
            return Err(LoadError::Unsupported { node, operator, reason, hint });
        }
    }
    Ok(())
}

fn node_within(node: &NodeProto) -> Result<(), LoadError> {
    name_within(&node.name, "a node")?;
    name_within(&node.op_type, "an operator")?;
    name_within(&node.domain, "a domain")?;
    node.input.iter().chain(&node.output).try_for_each(|name| name_within(name, "a value"))?;
    let mut names = HashSet::new();
    for attribute in &node.attribute {
        name_within(&attribute.name, "an attribute")?;
        let called = || format!("node {:?} ({}): ", proto::node_name(node), node.op_type);
        if !names.insert(&attribute.name) {
            return Err(LoadError::Malformed(format!("{}two attributes are called {:?}", called(), attribute.name)));
        }
        for tensor in attribute.t.iter().chain(&attribute.tensors) {
            weight_within(tensor)
                .map_err(|reason| LoadError::Malformed(format!("{}{}: {reason}", called(), attribute.name)))?;
        }
    }
    Ok(())
}

fn name_within(name: &str, what: &str) -> Result<(), LoadError> {
    if name.len() <= LONGEST_NAME {
        return Ok(());
    }
    let begins: String = name.chars().take(40).collect();
    Err(LoadError::Malformed(format!("{what} has a name of {} bytes, which begins {begins:?}", name.len())))
}

fn axes_within(info: &ValueInfoProto) -> Result<(), LoadError> {
    match dims::shape(info).map_or(0, |shape| shape.dim.len()) {
        count if count > MOST_AXES => {
            Err(LoadError::Malformed(format!("the value {:?} has {count} axes; {MOST_AXES} are taken", info.name)))
        }
        _ => Ok(()),
    }
}

/// Whether a stored tensor holds what its shape says; what another file holds is looked at when that is read.
fn weight_within(tensor: &TensorProto) -> Result<(), String> {
    if tensor.dims.len() > MOST_AXES {
        return Err(format!("it has {} axes; {MOST_AXES} are taken", tensor.dims.len()));
    }
    if tensor.segment.is_some() {
        return Err("it is stored in segments; store it whole".into());
    }
    let size =
        |&size: &i64| usize::try_from(size).map_err(|_| format!("its shape {:?} has a negative size", tensor.dims));
    let sizes = tensor.dims.iter().map(size).collect::<Result<Vec<_>, _>>()?;
    // Zero times huge is nothing, but who multiplies from the left overflows.
    let count = sizes.iter().try_fold(1usize, |count, &size| count.checked_mul(size.max(1)));
    let count = count.ok_or_else(|| format!("its shape {sizes:?} is beyond all bounds"))?;
    let count = if sizes.contains(&0) { 0 } else { count };
    if tensor.data_location == Some(DataLocation::External as i32) {
        return Ok(());
    }
    let width = width(tensor.data_type);
    let (holds, wants) = if tensor.raw_data.is_empty() {
        (typed(tensor), count)
    } else {
        (Some(tensor.raw_data.len()), width.map_or(count, |width| count.saturating_mul(width)))
    };
    match holds {
        Some(holds) if holds != wants && (width.is_some() || tensor.raw_data.is_empty()) => {
            let unit = if tensor.raw_data.is_empty() { "elements" } else { "bytes" };
            Err(format!("its shape {sizes:?} wants {wants} {unit} and it holds {holds}"))
        }
        _ => Ok(()),
    }
}

/// Bytes of an element in raw data; `None` for types that are refused elsewhere.
fn width(code: i32) -> Option<usize> {
    let known = tract_onnx::pb::tensor_proto::DataType::try_from(code).ok()?;
    proto::datatype(known)?.width()
}

/// Elements of a tensor that is stored as a list of its own type; `None` where that cannot be told.
fn typed(tensor: &TensorProto) -> Option<usize> {
    use tract_onnx::pb::tensor_proto::DataType as Onnx;
    Some(match Onnx::try_from(tensor.data_type).ok()? {
        Onnx::Float => tensor.float_data.len(),
        Onnx::Double => tensor.double_data.len(),
        Onnx::String => tensor.string_data.len(),
        Onnx::Int64 => tensor.int64_data.len(),
        Onnx::Bool | Onnx::Uint8 | Onnx::Uint16 | Onnx::Int8 | Onnx::Int16 | Onnx::Int32 | Onnx::Float16 => {
            tensor.int32_data.len()
        }
        Onnx::Uint32 | Onnx::Uint64 => tensor.uint64_data.len(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
