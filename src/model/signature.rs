//! What goes in and what comes out: names, element types and shapes, as the ONNX graph declares them.

use std::fmt;

use crate::tensor::DataType;

/// One axis of a declared shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    Fixed(usize),
    /// Any size; axes with the same name have the same size within one request.
    Symbol(String),
}

impl Dim {
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Self::Fixed(size) => Some(*size),
            Self::Symbol(_) => None,
        }
    }

    /// The Open Inference Protocol's spelling: a dynamic axis is -1.
    pub fn wire(&self) -> i64 {
        self.fixed().and_then(|size| i64::try_from(size).ok()).unwrap_or(-1)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => size.fmt(f),
            Self::Symbol(name) => f.write_str(name),
        }
    }
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    pub datatype: DataType,
    pub shape: Vec<Dim>,
    /// The graph's own words about it, if any.
    pub description: Option<String>,
}

impl Port {
    /// Whether axis 0 is a batch: present and of any size.
    pub fn is_batched(&self) -> bool {
        matches!(self.shape.first(), Some(Dim::Symbol(_)))
    }

    /// The shape with -1 for dynamic axes.
    pub fn wire_shape(&self) -> Vec<i64> {
        self.shape.iter().map(Dim::wire).collect()
    }
}

/// A model's inputs and outputs, in the graph's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

impl Signature {
    /// Whether requests of this model have rows: axis 0 of every input and of every output is one and the same symbol.
    /// An output whose length is another symbol has rows of its own, which belong to no row of the request.
    pub fn is_batched(&self) -> bool {
        fn first(port: &Port) -> Option<&Dim> {
            port.shape.first()
        }
        let batch = self.inputs.first().and_then(first);
        !self.inputs.is_empty()
            && self.inputs.iter().all(|port| port.is_batched() && first(port) == batch)
            && self.outputs.iter().all(|port| first(port) == batch)
    }
}
