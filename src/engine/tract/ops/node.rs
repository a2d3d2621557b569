//! A node of the file as an operator reads it: typed attributes, and which inputs and outputs are there. It remembers
//! what was read, so that an attribute nobody looked at is noticed instead of ignored.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto};
use tract_onnx::prelude::{Symbol, SymbolScope, Tensor};

use super::super::checks::Refusal;
use super::super::files::ReadRange;
use super::super::proto;

/// Operator set versions by domain, spelled in full.
pub type Opsets = HashMap<String, i64>;

pub struct Node<'n> {
    proto: &'n NodeProto,
    opset: i64,
    symbols: SymbolScope,
    folder: Option<&'n str>,
    read: RefCell<HashSet<&'n str>>,
}

impl<'n> Node<'n> {
    /// `context` is there when the model is imported, and not when it is only checked.
    pub fn new(proto: &'n NodeProto, opsets: &Opsets, context: Option<&ParsingContext<'n>>) -> Self {
        // Behind a space stands which of our own operators of that name it is.
        let domain = proto::domain(&proto.domain).split(' ').next().unwrap_or_default();
        let opset = opsets.get(domain).copied().unwrap_or(1);
        let symbols = context.map(|context| context.template.symbols.clone()).unwrap_or_default();
        let folder = context.and_then(|context| context.model_dir);
        Self { proto, opset, symbols, folder, read: RefCell::default() }
    }

    /// The operator's name, as the file has it.
    pub fn operator(&self) -> &str {
        super::plain_name(&self.proto.op_type)
    }

    /// The version of the operator set of the node's own domain.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// Whether the input at this position is given.
    pub fn has_input(&self, at: usize) -> bool {
        self.proto.input.get(at).is_some_and(|name| !name.is_empty())
    }

    /// Positions of inputs, those left out in the middle included.
    pub fn inputs(&self) -> usize {
        self.proto.input.len()
    }

    /// Positions of outputs.
    pub fn outputs(&self) -> usize {
        self.proto.output.len()
    }

    /// Whether somebody wants the output at this position.
    pub fn has_output(&self, at: usize) -> bool {
        self.proto.output.get(at).is_some_and(|name| !name.is_empty())
    }

    /// A size that is known only once the operator has run.
    pub fn size_at_run_time(&self) -> Symbol {
        size_at_run_time(&self.symbols)
    }

    /// Where such sizes are made later.
    pub fn symbols(&self) -> SymbolScope {
        self.symbols.clone()
    }

    pub fn has(&self, name: &str) -> bool {
        self.proto.attribute.iter().any(|attribute| attribute.name == name)
    }

    pub fn int(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.attribute(name, AttributeType::Int).map(|found| found.map(|attribute| attribute.i))
    }

    pub fn int_or(&self, name: &str, default: i64) -> Result<i64, Refusal> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    pub fn float(&self, name: &str) -> Result<Option<f32>, Refusal> {
        self.attribute(name, AttributeType::Float).map(|found| found.map(|attribute| attribute.f))
    }

    pub fn float_or(&self, name: &str, default: f32) -> Result<f32, Refusal> {
        Ok(self.float(name)?.unwrap_or(default))
    }

    pub fn text(&self, name: &str) -> Result<Option<&'n str>, Refusal> {
        let Some(attribute) = self.attribute(name, AttributeType::String)? else { return Ok(None) };
        let text = std::str::from_utf8(&attribute.s);
        text.map(Some).map_err(|_| malformed(format!("its attribute {name:?} is no UTF-8")))
    }

    pub fn text_or(&self, name: &str, default: &'n str) -> Result<&'n str, Refusal> {
        Ok(self.text(name)?.unwrap_or(default))
    }

    /// Empty when it is not there, like the other lists.
    pub fn ints(&self, name: &str) -> Result<&'n [i64], Refusal> {
        self.attribute(name, AttributeType::Ints).map(|found| found.map_or(&[][..], |attribute| &attribute.ints))
    }

    pub fn floats(&self, name: &str) -> Result<&'n [f32], Refusal> {
        self.attribute(name, AttributeType::Floats).map(|found| found.map_or(&[][..], |attribute| &attribute.floats))
    }

    pub fn strings(&self, name: &str) -> Result<&'n [Vec<u8>], Refusal> {
        self.attribute(name, AttributeType::Strings).map(|found| found.map_or(&[][..], |attribute| &attribute.strings))
    }

    pub fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let texts = self.strings(name)?.iter().map(|text| String::from_utf8(text.clone()));
        texts.collect::<Result<_, _>>().map_err(|_| malformed(format!("its attribute {name:?} is no UTF-8")))
    }

    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>, Refusal> {
        let Some(attribute) = self.attribute(name, AttributeType::Tensor)? else { return Ok(None) };
        let Some(tensor) = &attribute.t else { return Ok(None) };
        let loaded = tract_onnx::tensor::load_tensor(&ReadRange, tensor, self.folder);
        loaded.map(Some).map_err(|error| malformed(format!("its attribute {name:?} cannot be read: {error}")))
    }

    /// The first attribute that nobody has read.
    pub fn unread(&self) -> Option<&'n str> {
        let read = self.read.borrow();
        self.proto.attribute.iter().map(|attribute| &*attribute.name).find(|name| !read.contains(name))
    }

    fn attribute(&self, name: &str, kind: AttributeType) -> Result<Option<&'n AttributeProto>, Refusal> {
        let Some(found) = self.proto.attribute.iter().find(|attribute| attribute.name == name) else {
            return Ok(None);
        };
        self.read.borrow_mut().insert(&found.name);
        // The oldest files do not say what an attribute is.
        if found.r#type != AttributeType::Undefined as i32 && found.r#type != kind as i32 {
            let word = kind.as_str_name().to_lowercase();
            return Err(malformed(format!("its attribute {name:?} is not of the kind {word:?} that the operator has")));
        }
        Ok(Some(found))
    }
}

/// A new size that is known only at run time.
pub fn size_at_run_time(symbols: &SymbolScope) -> Symbol {
    symbols.new_with_prefix("found")
}

/// A refusal of a node that no exporter writes.
pub fn malformed(reason: impl Into<String>) -> Refusal {
    Refusal::new(reason, "The file does not follow the ONNX standard here; export the model again")
}
