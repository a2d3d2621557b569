//! Writing nodes into a graph: names that nothing else has, attributes, stored constants. What the rewrites have in
//! common, and nothing that knows an operator.

use std::collections::HashSet;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::super::proto;

/// Names of values and nodes that are taken, in a graph and all graphs inside it: an inner graph sees the outer one's.
#[derive(Default)]
pub struct Names {
    taken: HashSet<String>,
    next: usize,
}

impl Names {
    pub fn of(graph: &GraphProto) -> Self {
        let mut taken = HashSet::new();
        proto::walk(graph, &mut |graph| {
            taken.extend(graph.input.iter().chain(&graph.output).map(|info| info.name.clone()));
            taken.extend(graph.initializer.iter().map(|weight| weight.name.clone()));
            for node in &graph.node {
                taken.extend(node.input.iter().chain(&node.output).cloned());
                taken.insert(node.name.clone());
            }
        });
        Self { taken, next: 0 }
    }

    /// A name that nothing has, which begins like `stem`.
    pub fn fresh(&mut self, stem: &str) -> String {
        loop {
            self.next += 1;
            let name = format!("{stem}.{}", self.next);
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// Writes the nodes that take the place of one.
pub struct Writer<'w> {
    names: &'w mut Names,
    stem: String,
    pub nodes: Vec<NodeProto>,
}

impl<'w> Writer<'w> {
    pub fn new(names: &'w mut Names, replaced: &NodeProto) -> Self {
        let stem = proto::node_name(replaced);
        let stem = if stem.is_empty() { replaced.op_type.as_str() } else { stem };
        Self { names, stem: stem.to_owned(), nodes: Vec::new() }
    }

    /// Adds a node with one output of a fresh name and returns that. `operator` is a standard one, or `domain::Name`.
    pub fn add(&mut self, operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = self.names.fresh(&self.stem);
        self.put(operator, inputs, attributes, &[&output]);
        output
    }

    /// Adds a node with outputs of fresh names.
    pub fn add_many<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> [String; N] {
        let outputs = std::array::from_fn(|_| self.names.fresh(&self.stem));
        self.put(operator, inputs, attributes, &outputs.each_ref().map(String::as_str));
        outputs
    }

    /// Adds a node with outputs of these names.
    pub fn put(&mut self, operator: &str, inputs: &[&str], attribute: Vec<AttributeProto>, outputs: &[&str]) {
        let (domain, op_type) = operator.split_once("::").unwrap_or(("", operator));
        // Inputs left out at the end are not written at all.
        let given = inputs.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        self.nodes.push(NodeProto {
            name: self.names.fresh(&self.stem),
            domain: domain.into(),
            op_type: op_type.into(),
            input: inputs[..given].iter().map(|&name| name.into()).collect(),
            output: outputs.iter().map(|&name| name.into()).collect(),
            attribute,
            ..Default::default()
        });
    }

    /// A fresh name for an output.
    pub fn name(&mut self) -> String {
        self.names.fresh(&self.stem)
    }

    pub fn constant(&mut self, value: TensorProto) -> String {
        self.add("Constant", &[], vec![tensor("value", value)])
    }

    pub fn floats(&mut self, shape: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(stored(DataType::Float, shape, raw))
    }

    pub fn float(&mut self, value: f32) -> String {
        self.floats(&[], &[value])
    }

    /// One 64-bit integer, without an axis.
    pub fn number(&mut self, value: i64) -> String {
        self.constant(stored(DataType::Int64, &[], value.to_le_bytes().into()))
    }

    /// A list of 64-bit integers.
    pub fn ints(&mut self, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(stored(DataType::Int64, &[values.len()], raw))
    }
}

pub fn stored(datatype: DataType, shape: &[usize], raw: Vec<u8>) -> TensorProto {
    let dims = shape.iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect();
    TensorProto { data_type: datatype as i32, dims, raw_data: raw, ..Default::default() }
}

pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: value, ..Default::default() }
}

pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Ints as i32, ints: values.into(), ..Default::default() }
}

pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Float as i32, f: value, ..Default::default() }
}

pub fn tensor(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Tensor as i32, t: Some(value), ..Default::default() }
}

pub fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::String as i32, s: value.into(), ..Default::default() }
}
