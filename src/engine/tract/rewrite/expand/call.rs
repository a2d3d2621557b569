//! The node that is taken apart, as an expansion reads it: inputs and outputs by position, attributes with their kinds,
//! and what the file stores under a name.

use std::cell::Cell;

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

use super::super::super::checks::{Refusal, Scope};
use super::super::super::ops::{Node, Opsets};

pub struct Call<'c> {
    proto: &'c NodeProto,
    pub attributes: Node<'c>,
    scope: &'c Scope<'c>,
    opset: i64,
    handed_on: Cell<bool>,
}

impl<'c> Call<'c> {
    pub fn new(proto: &'c NodeProto, opsets: &Opsets, scope: &'c Scope<'c>) -> Self {
        let opset = opsets.get("ai.onnx").copied().unwrap_or(1);
        Self { proto, attributes: Node::new(proto, opsets, None), scope, opset, handed_on: Cell::new(false) }
    }

    /// The operator set of the standard domain, which the nodes written belong to.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// The input at a position, which must be given.
    pub fn input(&self, at: usize) -> Result<&'c str, Refusal> {
        self.optional(at).ok_or_else(|| malformed(format!("its input {at} is missing")))
    }

    pub fn optional(&self, at: usize) -> Option<&'c str> {
        self.proto.input.get(at).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The name of the input, empty where it is left out.
    pub fn or_nothing(&self, at: usize) -> &'c str {
        self.optional(at).unwrap_or_default()
    }

    pub fn inputs(&self) -> usize {
        self.proto.input.len()
    }

    pub fn output(&self) -> Result<&'c str, Refusal> {
        self.output_at(0).ok_or_else(|| malformed("it has no output"))
    }

    pub fn output_at(&self, at: usize) -> Option<&'c str> {
        self.proto.output.get(at).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The contents of a value that is stored in this graph.
    pub fn stored(&self, value: &str) -> Option<&'c TensorProto> {
        self.scope.stored(value)
    }

    /// Axes of a value, where it is stored.
    pub fn rank(&self, value: &str) -> Option<usize> {
        self.stored(value).map(|tensor| tensor.dims.len())
    }

    /// Axes of a value, where it is stored or the file declares its shape.
    pub fn rank_of(&self, value: &str) -> Option<usize> {
        self.rank(value).or_else(|| self.scope.rank(value))
    }

    /// All outputs by position, empty ones included.
    pub fn outputs(&self) -> impl Iterator<Item = &'c str> {
        self.proto.output.iter().map(String::as_str)
    }

    /// The attributes as they are, for an operator that has the same ones.
    pub fn hand_on_attributes(&self) -> Vec<AttributeProto> {
        self.handed_on.set(true);
        self.proto.attribute.clone()
    }

    pub fn element_type(&self, value: &str) -> Option<DataType> {
        self.scope.element_type(value)
    }

    /// Stored bytes as integers, where they are in the file itself.
    pub fn bytes(&self, value: &str) -> Option<(Vec<i32>, &'c [i64])> {
        let tensor = self.stored(value)?;
        if tensor.data_location == Some(DataLocation::External as i32) {
            return None;
        }
        let signed = match DataType::try_from(tensor.data_type).ok()? {
            DataType::Int8 => true,
            DataType::Uint8 => false,
            _ => return None,
        };
        let raw = tensor.raw_data.iter().map(|&byte| if signed { i32::from(byte as i8) } else { i32::from(byte) });
        let values: Vec<i32> = if tensor.raw_data.is_empty() { tensor.int32_data.clone() } else { raw.collect() };
        Some((values, &tensor.dims))
    }

    /// Refuses an attribute that the expansion has not read.
    pub fn finished(&self) -> Result<(), Refusal> {
        match self.attributes.unread().filter(|_| !self.handed_on.get()) {
            None => Ok(()),
            Some(name) => Err(Refusal::new(
                format!("the engine does not know its attribute {name:?}"),
                format!("Export the model without {name}"),
            )),
        }
    }
}

pub fn malformed(reason: impl Into<String>) -> Refusal {
    Refusal::new(reason, "The node does not follow the description of its operator; make the model again")
}

/// The way out of what is only a fusion.
pub fn unoptimised(reason: impl Into<String>) -> Refusal {
    Refusal::new(reason, "Save the model before ONNX Runtime optimises it: its fused operators are its own")
}
