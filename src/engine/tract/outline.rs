//! What another engine needs of a file so that clients cannot tell the engines apart: the same inputs and outputs under
//! the same names, tables instead of `ZipMap`'s lists of maps, the same checks of what is declared. The bytes stay as they
//! are in all else: they are cut and joined field by field, so that what this decoder does not know is not lost.

mod division;
mod fact;
mod guards;
mod kinds;
mod overflow;
mod reach;
mod trace;

use std::path::PathBuf;

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use tract_onnx::pb::{GraphProto, ValueInfoProto, type_proto};

pub use self::guards::{Guards, Suspect};
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
    /// Where the files are that the summary names.
    pub external_files: Vec<PathBuf>,
    pub classes: Option<ClassLabels>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<DeclaredOutput>,
    /// What the model has to be given for it to answer at all.
    pub categories: Categories,
    pub guards: Guards,
}

impl Outline {
    pub fn of(source: &ModelSource) -> Result<Self, LoadError> {
        let mut model = proto::decode(&source.bytes)?;
        let summary = proto::summary(&model);
        let external_files = source.external_files(&summary.external_data)?;
        let graph = model.graph.as_mut().ok_or_else(proto::no_graph)?;
        let maps: Vec<bool> = graph.node.iter().map(zipmap::is_zipmap).collect();
        let classes = zipmap::drop(graph)?;
        dims::clean(graph);
        let proto::Declared { inputs, outputs } = proto::Declared::of(graph)?;
        let categories = Categories::of(graph, &inputs);
        let guards = Guards::of(graph, &model.functions, model.ir_version)?;
        let bytes = spliced(&source.bytes, graph, &maps)?;
        Ok(Self { bytes, summary, external_files, classes, inputs, outputs, categories, guards })
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
