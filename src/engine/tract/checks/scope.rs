//! What can be known about the values of one graph without running it: its element type and its axes where the file
//! tells, and its contents where they are stored in it.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, ValueInfoProto, type_proto};

use super::super::{dims, proto};
use super::Refusal;

pub struct Scope<'g> {
    stored: HashMap<&'g str, &'g TensorProto>,
    types: HashMap<&'g str, OnnxType>,
    ranks: HashMap<&'g str, usize>,
}

impl<'g> Scope<'g> {
    pub fn of(graph: &'g GraphProto) -> Self {
        let mut stored: HashMap<&str, &TensorProto> = graph.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
        for node in &graph.node {
            for output in &node.output {
                if let (true, Some(value)) = (node.op_type == "Constant", attribute(node, "value")) {
                    stored.extend(value.t.as_ref().map(|tensor| (output.as_str(), tensor)));
                }
            }
        }
        let told = graph.input.iter().chain(&graph.value_info).chain(&graph.output);
        let ranks = told.clone().filter_map(|info| Some((&*info.name, dims::shape(info)?.dim.len()))).collect();
        let mut types: HashMap<&str, OnnxType> =
            told.filter_map(|info| Some((&*info.name, element_type(info)?))).collect();
        types.extend(
            stored.iter().filter_map(|(name, tensor)| Some((*name, OnnxType::try_from(tensor.data_type).ok()?))),
        );
        Self { stored, types, ranks }
    }

    /// The contents of a value that is stored in the file.
    pub fn stored(&self, value: &str) -> Option<&'g TensorProto> {
        self.stored.get(value).copied()
    }

    pub fn element_type(&self, value: &str) -> Option<OnnxType> {
        self.types.get(value).copied()
    }

    /// Axes of a value, where the file declares them.
    pub fn rank(&self, value: &str) -> Option<usize> {
        self.ranks.get(value).copied()
    }

    /// Whether a node touches elements the engine has no type for.
    pub fn foreign_element(&self, node: &NodeProto) -> Option<Refusal> {
        let values = node.input.iter().chain(&node.output).filter_map(|value| self.types.get(value.as_str()));
        let cast = attribute(node, "to").map(|to| to.i).filter(|_| matches!(&*node.op_type, "Cast"));
        let word = values
            .map(|&known| known as i32)
            .chain(cast.and_then(|to| i32::try_from(to).ok()))
            .find_map(foreign_type)?;
        Some(Refusal::new(
            format!("it computes with {word}, which the engine does not have"),
            "Export the model in float32, or with 8-bit integers if it is quantised",
        ))
    }
}

/// The word for an element type the server does not carry; `None` where it does, or where nothing is said.
pub fn foreign_type(code: i32) -> Option<String> {
    match OnnxType::try_from(code) {
        Ok(OnnxType::Undefined) => None,
        Ok(known) if proto::datatype(known).is_some() => None,
        Ok(known) => Some(known.as_str_name().to_lowercase()),
        Err(_) => Some(format!("element type {code}")),
    }
}

pub fn attribute<'n>(node: &'n NodeProto, name: &str) -> Option<&'n tract_onnx::pb::AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// The element type of a value, where the file declares it.
pub fn element_type(info: &ValueInfoProto) -> Option<OnnxType> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    OnnxType::try_from(tensor.elem_type).ok().filter(|&known| known != OnnxType::Undefined)
}
