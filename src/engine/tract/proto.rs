//! The ONNX file as a message: decoded from bytes that the caller has read, and described without running anything.
//! The message types are tract's; it knows tensors only, so sequences, maps and optionals read as a missing type,
//! which `rewrite` describes.

use std::collections::{BTreeMap, HashSet};

use prost::Message;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType as OnnxType};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimValue;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};

use super::{company, dims};
use crate::engine::LoadError;
use crate::model::{Dim, GraphSummary, Port, Signature};
use crate::tensor::{DataType, element_count};

/// Inputs larger than this many elements at a batch of one are a mistake in the file or an attack, not a model.
const LARGEST_INPUT: usize = 1 << 31;

/// Decodes a file. An empty or foreign file can decode to an empty message, so a graph must be there.
pub fn decode(bytes: &[u8]) -> Result<ModelProto, LoadError> {
    let model = ModelProto::decode(bytes).map_err(|error| LoadError::Malformed(error.to_string()))?;
    match &model.graph {
        Some(graph) if !graph.output.is_empty() => Ok(model),
        Some(_) => Err(LoadError::Malformed("its graph has no outputs".into())),
        None => Err(no_graph()),
    }
}

pub fn no_graph() -> LoadError {
    LoadError::Malformed("it holds no graph".into())
}

/// What the file says about itself.
pub fn summary(model: &ModelProto) -> GraphSummary {
    let opsets = model.opset_import.iter().map(|opset| (domain(&opset.domain).to_owned(), opset.version));
    let metadata = model.metadata_props.iter().map(|entry| (entry.key.clone(), entry.value.clone()));
    let (mut nodes, mut weight_bytes) = (0, 0u64);
    let mut graph_name = String::new();
    let mut description = model.doc_string.clone();
    if let Some(graph) = &model.graph {
        graph_name.clone_from(&graph.name);
        if description.is_empty() {
            description.clone_from(&graph.doc_string);
        }
        walk(graph, &mut |graph| {
            nodes += graph.node.len();
            let constants =
                graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.t.as_ref());
            for weight in graph.initializer.iter().chain(constants) {
                weight_bytes = weight_bytes.saturating_add(size_of(weight));
            }
        });
    }
    GraphSummary {
        ir_version: model.ir_version,
        opsets: opsets.collect(),
        producer: format!("{} {}", model.producer_name, model.producer_version).trim().to_owned(),
        graph_name,
        description,
        metadata: metadata.collect::<BTreeMap<_, _>>(),
        nodes,
        weight_bytes,
        external_data: external_data(model),
        takes_rows_together: company::of(model),
    }
}

/// The files that hold weights, as the model names them: with no name where it gives none.
fn external_data(model: &ModelProto) -> Vec<String> {
    let location = |tensor: &TensorProto| {
        let location = tensor.external_data.iter().find(|entry| entry.key == "location");
        location.map_or_else(String::new, |entry| entry.value.clone())
    };
    let mut found: Vec<String> = external_tensors(model).into_iter().map(location).collect();
    found.sort();
    found.dedup();
    found
}

/// Stored tensors that live in another file, those of functions too.
fn external_tensors(model: &ModelProto) -> Vec<&TensorProto> {
    let mut found = Vec::new();
    let mut look = |weights, nodes| {
        let constants = <[NodeProto]>::iter(nodes).flat_map(|node| &node.attribute);
        let constants = constants.flat_map(|attribute| attribute.t.iter().chain(&attribute.tensors));
        let stored = <[TensorProto]>::iter(weights).chain(constants);
        found.extend(stored.filter(|tensor| tensor.data_location == Some(DataLocation::External as i32)));
    };
    model.functions.iter().for_each(|function| look(&[], &function.node));
    let inner = model.functions.iter().flat_map(|function| &function.node).flat_map(|node| &node.attribute);
    let inner = inner.flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
    for graph in model.graph.iter().chain(inner) {
        walk(graph, &mut |graph| look(&graph.initializer, &graph.node));
    }
    found
}

/// Calls `visit` for a graph and every graph inside its nodes. The decoder's recursion limit bounds the depth.
pub fn walk<'g>(graph: &'g GraphProto, visit: &mut dyn FnMut(&'g GraphProto)) {
    visit(graph);
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        for inner in attribute.g.iter().chain(&attribute.graphs) {
            walk(inner, visit);
        }
    }
}

/// The standard domain has two spellings.
pub fn domain(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

/// What to call a node in a message: its name, or else what it makes.
pub fn node_name(node: &NodeProto) -> &str {
    if node.name.is_empty() { node.output.first().map_or("", String::as_str) } else { &node.name }
}

/// Bytes of a stored tensor by its declared shape: external data is not in the file.
fn size_of(tensor: &TensorProto) -> u64 {
    let count = tensor.dims.iter().try_fold(1u64, |count, &size| count.checked_mul(u64::try_from(size).ok()?));
    let width = OnnxType::try_from(tensor.data_type).ok().and_then(datatype).map_or(1, |d| d.width().unwrap_or(1));
    count.unwrap_or(0).saturating_mul(width as u64)
}

/// The server's word for an ONNX element type; `None` where it has none.
pub fn datatype(onnx: OnnxType) -> Option<DataType> {
    Some(match onnx {
        OnnxType::Bool => DataType::Bool,
        OnnxType::Uint8 => DataType::Uint8,
        OnnxType::Uint16 => DataType::Uint16,
        OnnxType::Uint32 => DataType::Uint32,
        OnnxType::Uint64 => DataType::Uint64,
        OnnxType::Int8 => DataType::Int8,
        OnnxType::Int16 => DataType::Int16,
        OnnxType::Int32 => DataType::Int32,
        OnnxType::Int64 => DataType::Int64,
        OnnxType::Float16 => DataType::Fp16,
        OnnxType::Float => DataType::Fp32,
        OnnxType::Double => DataType::Fp64,
        OnnxType::String => DataType::Bytes,
        _ => return None,
    })
}

/// The inputs a caller gives, by position in the graph: those that are not weights.
pub fn inputs(graph: &GraphProto) -> impl Iterator<Item = &ValueInfoProto> {
    let weights: HashSet<&str> = graph.initializer.iter().map(|weight| weight.name.as_str()).collect();
    graph.input.iter().filter(move |input| !weights.contains(input.name.as_str()))
}

/// Inputs and outputs as the (cleaned) file declares them. An output axis that it leaves open is `None`, and so is a
/// whole shape.
pub struct Declared {
    pub inputs: Vec<Port>,
    pub outputs: Vec<DeclaredOutput>,
}

pub struct DeclaredOutput {
    pub name: String,
    pub datatype: DataType,
    pub shape: Option<Vec<Option<Dim>>>,
    pub description: Option<String>,
}

impl Declared {
    pub fn of(graph: &GraphProto) -> Result<Self, LoadError> {
        let inputs: Vec<Port> = inputs(graph).map(input).collect::<Result<_, _>>()?;
        let outputs: Vec<DeclaredOutput> = graph.output.iter().map(output).collect::<Result<_, _>>()?;
        unique("input", inputs.iter().map(|port| port.name.as_str()))?;
        unique("output", outputs.iter().map(|port| port.name.as_str()))?;
        Ok(Self { inputs, outputs })
    }

    /// The declaration as a signature, its open ends named: what `inspect` shows of a file that may not load.
    pub fn signature(self) -> Signature {
        let outputs = self.outputs.into_iter().map(|output| {
            let shape = output.shape.unwrap_or_default().into_iter().enumerate();
            let shape = shape.map(|(axis, dim)| dim.unwrap_or_else(|| unnamed(&output.name, axis))).collect();
            Port { name: output.name, datatype: output.datatype, shape, description: output.description }
        });
        Signature { outputs: outputs.collect(), inputs: self.inputs }
    }
}

/// The name of an output axis nobody named.
pub fn unnamed(output: &str, axis: usize) -> Dim {
    Dim::Symbol(format!("{}_{axis}", dims::identifier(output)))
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), LoadError> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(LoadError::Interface(format!("an {what} of the graph has no name")));
        }
        if !seen.insert(name) {
            return Err(LoadError::Interface(format!("two {what}s of the graph are called {name:?}")));
        }
    }
    Ok(())
}

fn input(info: &ValueInfoProto) -> Result<Port, LoadError> {
    let name = &info.name;
    let shape = dims::shape(info).ok_or_else(|| {
        LoadError::Interface(format!("input {name:?} declares no shape; export the model with the rank of its inputs"))
    });
    let datatype = element_type("input", info)?;
    let shape = shape?
        .dim
        .iter()
        .enumerate()
        .map(|(axis, dim)| size(dim.value.as_ref()).unwrap_or_else(|| unnamed(name, axis)));
    let shape: Vec<Dim> = shape.collect();
    let least: Vec<usize> = shape.iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
    if element_count(&least).is_none_or(|count| count > LARGEST_INPUT) {
        return Err(LoadError::Interface(format!("input {name:?} of shape {least:?} is too large to serve")));
    }
    Ok(Port { name: name.clone(), datatype, shape, description: description(info) })
}

fn output(info: &ValueInfoProto) -> Result<DeclaredOutput, LoadError> {
    let datatype = element_type("output", info)?;
    let shape = dims::shape(info).map(|shape| shape.dim.iter().map(|dim| size(dim.value.as_ref())).collect());
    Ok(DeclaredOutput { name: info.name.clone(), datatype, shape, description: description(info) })
}

fn description(info: &ValueInfoProto) -> Option<String> {
    (!info.doc_string.is_empty()).then(|| info.doc_string.clone())
}

fn size(value: Option<&DimValue>) -> Option<Dim> {
    match value? {
        DimValue::DimValue(size) => usize::try_from(*size).ok().map(Dim::Fixed),
        DimValue::DimParam(name) => Some(Dim::Symbol(name.clone())),
    }
}

fn element_type(what: &str, info: &ValueInfoProto) -> Result<DataType, LoadError> {
    let name = &info.name;
    let value = info.r#type.as_ref().and_then(|declared| declared.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = value else {
        // `rewrite` has put there what the message cannot hold.
        let kind = info.r#type.as_ref().map(|declared| declared.denotation.as_str()).filter(|words| !words.is_empty());
        return Err(LoadError::Interface(format!(
            "{what} {name:?} is {}, not a tensor; export the model so that every {what} is a tensor",
            kind.unwrap_or("of no declared type")
        )));
    };
    let onnx = OnnxType::try_from(tensor.elem_type).ok();
    onnx.and_then(datatype).ok_or_else(|| {
        let word = onnx.map_or_else(|| format!("type {}", tensor.elem_type), |onnx| onnx.as_str_name().to_lowercase());
        LoadError::Interface(format!("{what} {name:?} has elements of {word}, which the server does not carry"))
    })
}
