//! What another engine needs of a file so that clients cannot tell the engines apart: the same inputs and outputs under
//! the same names, tables instead of `ZipMap`'s lists of maps, the same checks of what is declared. The bytes stay as they
//! are in all else: they are cut and joined field by field, so that what this decoder does not know is not lost.

mod overflow;

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use tract_onnx::pb::tensor_proto::{DataLocation, DataType as OnnxType};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};

pub use self::overflow::Overflow;
pub use super::proto::{DeclaredOutput, unnamed};
use super::rewrite::zipmap;
pub use super::samples::Categories;
use super::{dims, interface, proto};
use crate::engine::{Inspection, LoadError, ModelSource, Support};
use crate::model::{ClassLabels, GraphSummary, Port, Signature};
use crate::tensor::Shape;

/// Field numbers of `ModelProto` and `GraphProto`.
const GRAPH: u32 = 7;
const NODE: u32 = 1;
const INPUT: u32 = 11;
const OUTPUT: u32 = 12;
const VALUE_INFO: u32 = 13;

/// A file, read but not understood.
pub struct Outline {
    /// The model with plain axis names, without shapes of outputs and inner values, which exporters get wrong.
    pub bytes: Vec<u8>,
    pub summary: GraphSummary,
    pub classes: Option<ClassLabels>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<DeclaredOutput>,
    /// What the model has to be given for it to answer at all.
    pub categories: Categories,
    /// Files with weights, as the model names them.
    pub external: Vec<String>,
    /// The node that divides integers, perhaps, by something that may be -1.
    pub divides: Option<String>,
    /// The node where ONNX Runtime, tried out, makes a number of NaN, in a model that has nothing to deal with NaN.
    pub hides_nan: Option<String>,
    /// The node that draws lots.
    pub chance: Option<String>,
    /// The node whose sums overflow on some processors, perhaps.
    pub overflow: Option<Overflow>,
}

/// Where NaN goes in and numbers come out, although nothing says so.
const HIDES_NAN: &[&str] = &[
    "ArgMax",
    "ArgMin",
    "DynamicQuantizeLinear",
    "GlobalMaxPool",
    "GRU",
    "Hardmax",
    "LSTM",
    "MaxPool",
    "QuantizeLinear",
    "ReduceMax",
    "ReduceMin",
    "RNN",
    "ThresholdedRelu",
];
/// What is there for missing values.
const MINDS_NAN: &[&str] = &["Imputer", "IsNaN", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"];

impl Outline {
    pub fn of(source: &ModelSource) -> Result<Self, LoadError> {
        let mut model = proto::decode(&source.bytes)?;
        let summary = proto::summary(&model);
        let external = external(&model);
        let chance = chance(&model);
        if source.directory.is_none() && !external.is_empty() {
            return Err(proto::no_folder());
        }
        let graph = model.graph.as_mut().ok_or_else(proto::no_graph)?;
        let maps: Vec<bool> = graph.node.iter().map(zipmap::is_zipmap).collect();
        let classes = zipmap::drop(graph)?;
        dims::clean(graph);
        let proto::Declared { inputs, outputs } = proto::Declared::of(graph)?;
        let categories = Categories::of(graph, &inputs);
        let (divides, hides_nan, overflow) =
            (divides(graph), hides_nan(graph), overflow::find(graph, model.ir_version));
        let bytes = spliced(&source.bytes, graph, &maps)?;
        Ok(Self {
            bytes,
            summary,
            classes,
            inputs,
            outputs,
            categories,
            external,
            divides,
            hides_nan,
            chance,
            overflow,
        })
    }

    /// Shapes to prepare a model with; see [`interface::samples`].
    pub fn samples(&self) -> Vec<Vec<Shape>> {
        interface::samples(&self.inputs)
    }
}

/// Describes a file for an engine that tells what it refuses only by loading.
pub fn inspect(source: &ModelSource) -> Result<Inspection, LoadError> {
    let model = proto::decode(&source.bytes)?;
    let graph = model.graph.as_ref().ok_or_else(proto::no_graph)?;
    let mut operators = super::checks::operators(&model, graph, &|_| true);
    for used in &mut operators {
        used.support = Support::Untold;
    }
    let outline = Outline::of(source);
    let signature =
        outline.map(|outline| proto::Declared { inputs: outline.inputs, outputs: outline.outputs }.signature());
    Ok(Inspection { graph: proto::summary(&model), signature: signature.map(|s: Signature| s), operators })
}

fn external(model: &ModelProto) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |tensor: &TensorProto| {
        if tensor.data_location == Some(DataLocation::External as i32) {
            let location = tensor.external_data.iter().find(|entry| entry.key == "location");
            found.extend(location.map(|entry| entry.value.clone()));
        }
    };
    if let Some(graph) = &model.graph {
        proto::walk(graph, &mut |graph| {
            let constants = graph.node.iter().flat_map(|node| &node.attribute);
            let constants = constants.flat_map(|attribute| attribute.t.iter().chain(&attribute.tensors));
            graph.initializer.iter().chain(constants).for_each(&mut note);
        });
    }
    found.sort();
    found.dedup();
    found
}

fn hides_nan(graph: &GraphProto) -> Option<String> {
    let (mut hides, mut minds) = (None, false);
    proto::walk(graph, &mut |graph| {
        for node in &graph.node {
            minds |= MINDS_NAN.contains(&node.op_type.as_str());
            if HIDES_NAN.contains(&node.op_type.as_str()) {
                hides.get_or_insert_with(|| proto::node_name(node).to_owned());
            }
        }
    });
    hides.filter(|_| !minds)
}

/// Operators that draw lots, of ONNX and of what ONNX Runtime adds to it.
const CHANCE: &[&str] = &[
    "Bernoulli",
    "BiasDropout",
    "BitmaskBiasDropout",
    "BitmaskDropout",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Sampling",
];

/// A node that may draw lots: one that always does, or a `Dropout` that is told whether it is in training.
fn chance(model: &ModelProto) -> Option<String> {
    let mut found = None;
    let mut look = |node: &NodeProto| {
        let trains = node.op_type == "Dropout" && node.input.get(2).is_some_and(|flag| !flag.is_empty());
        if trains || CHANCE.contains(&node.op_type.as_str()) {
            found.get_or_insert_with(|| proto::node_name(node).to_owned());
        }
    };
    let functions = model.functions.iter().flat_map(|function| &function.node);
    let inner = functions.clone().flat_map(|node| &node.attribute).flat_map(|each| each.g.iter().chain(&each.graphs));
    for graph in model.graph.iter().chain(inner) {
        proto::walk(graph, &mut |graph| graph.node.iter().for_each(&mut look));
    }
    functions.for_each(&mut look);
    found
}

/// The processor stops a program that divides the smallest integer by -1. A divisor that is stored in the file is known;
/// types of other values are not, so a division of floats is suspected as well.
fn divides(graph: &GraphProto) -> Option<String> {
    let mut harmless = std::collections::HashSet::new();
    let mut suspects: Vec<&NodeProto> = Vec::new();
    proto::walk(graph, &mut |graph| {
        let stored = graph.initializer.iter().filter(|weight| is_harmless(weight)).map(|weight| weight.name.as_str());
        harmless.extend(stored);
        let constants = graph.node.iter().filter(|node| node.op_type == "Constant");
        for node in constants {
            let fine = |attribute: &tract_onnx::pb::AttributeProto| match attribute.name.as_str() {
                "value" => attribute.t.as_ref().is_some_and(is_harmless),
                "value_int" => attribute.i != -1,
                "value_ints" => !attribute.ints.contains(&-1),
                _ => true,
            };
            if node.attribute.iter().all(fine) {
                harmless.extend(node.output.iter().map(String::as_str));
            }
        }
        let divisions = graph.node.iter().filter(|node| matches!(node.op_type.as_str(), "Div" | "Mod"));
        suspects.extend(divisions);
    });
    let known = |node: &NodeProto| node.input.get(1).is_some_and(|divisor| harmless.contains(divisor.as_str()));
    suspects.into_iter().find(|node| !known(node)).map(|node| proto::node_name(node).to_owned())
}

/// Whether dividing by a stored tensor stops no program: floats, unsigned integers, integers without -1.
fn is_harmless(tensor: &TensorProto) -> bool {
    let width = match OnnxType::try_from(tensor.data_type) {
        Ok(OnnxType::Int64) => 8,
        Ok(OnnxType::Int32) => 4,
        _ => return true,
    };
    tensor.data_location != Some(DataLocation::External as i32)
        && !tensor.int32_data.contains(&-1)
        && !tensor.int64_data.contains(&-1)
        && !tensor.raw_data.chunks(width).any(|number| number.iter().all(|&byte| byte == 0xff))
}

/// The file with its inputs, outputs and former `ZipMap`s as `graph` has them now.
fn spliced(original: &Bytes, graph: &GraphProto, replaced: &[bool]) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::with_capacity(original.len());
    let mut seen = false;
    for field in fields(original.clone())? {
        if field.number != GRAPH {
            bytes.extend_from_slice(&field.whole);
            continue;
        }
        // Two would have to be merged, which decoders do differently.
        if std::mem::replace(&mut seen, true) {
            return Err(LoadError::Malformed("it holds two graphs".into()));
        }
        put(GRAPH, &spliced_graph(field.content, graph, replaced)?, &mut bytes);
    }
    Ok(bytes)
}

fn spliced_graph(original: Bytes, graph: &GraphProto, replaced: &[bool]) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::with_capacity(original.len());
    let mut nodes = graph.node.iter().zip(replaced);
    for field in fields(original)? {
        match field.number {
            INPUT | OUTPUT | VALUE_INFO => {}
            NODE => match nodes.next() {
                Some((node, true)) => put(NODE, &node.encode_to_vec(), &mut bytes),
                _ => bytes.extend_from_slice(&field.whole),
            },
            _ => bytes.extend_from_slice(&field.whole),
        }
    }
    for input in &graph.input {
        put(INPUT, &input.encode_to_vec(), &mut bytes);
    }
    for output in &graph.output {
        put(OUTPUT, &shapeless(output).encode_to_vec(), &mut bytes);
    }
    Ok(bytes)
}

fn shapeless(output: &ValueInfoProto) -> ValueInfoProto {
    let mut output = output.clone();
    if let Some(type_proto::Value::TensorType(tensor)) = output.r#type.as_mut().and_then(|kind| kind.value.as_mut()) {
        tensor.shape = None;
    }
    output
}

fn put(number: u32, message: &[u8], bytes: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, bytes);
    encode_varint(message.len() as u64, bytes);
    bytes.extend_from_slice(message);
}

/// One field of a message: everything of it, and what a length stands before.
struct Field {
    number: u32,
    whole: Bytes,
    content: Bytes,
}

/// A message's fields in their order; nothing is copied.
fn fields(message: Bytes) -> Result<Vec<Field>, LoadError> {
    let malformed = |error: prost::DecodeError| LoadError::Malformed(error.to_string());
    let short = || LoadError::Malformed("it ends in the middle of a field".into());
    let mut fields = Vec::new();
    let mut rest = message.clone();
    while rest.has_remaining() {
        let begin = message.len() - rest.len();
        let (number, kind) = decode_key(&mut rest).map_err(malformed)?;
        let length = match kind {
            WireType::Varint => decode_varint(&mut rest).map(|_| 0).map_err(malformed)?,
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                usize::try_from(decode_varint(&mut rest).map_err(malformed)?).map_err(|_| short())?
            }
            _ => return Err(LoadError::Malformed("it has a field of a kind that ONNX does not use".into())),
        };
        if length > rest.len() {
            return Err(short());
        }
        let content = rest.split_to(length);
        fields.push(Field { number, whole: message.slice(begin..message.len() - rest.len()), content });
    }
    Ok(fields)
}
