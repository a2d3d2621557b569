//! The nodes of a file in the order in which they stand, each with what is known of the values before it. A function is
//! gone through where it is called, with what is known of what it is given: ONNX Runtime writes it out there. Nothing is
//! copied for that.

use std::collections::{HashMap, HashSet};

use prost::Message;
use tract_onnx::pb::{FunctionProto, GraphProto, NodeProto, ValueInfoProto, type_proto};

use super::fact::{self, Fact};
use super::proto;
use super::reach::Reach;
use crate::engine::LoadError;

/// Nodes that calls unfold into, and bytes, which are those of the largest file: one of a few lines must not take for ever.
const MOST_NODES: usize = 100_000;
const MOST_BYTES: usize = 1 << 31;
/// Calls within calls, which take stack, here and in ONNX Runtime.
const DEEPEST: usize = 64;

/// From this version of the format on, a weight that is listed among the inputs is one that may be given another value, and
/// so is none that ONNX Runtime changes.
const OVERRIDES: i64 = 4;

/// What is known of the values that a node can see: those of its graph so far, and those of the graphs around that.
#[derive(Default)]
pub struct Values<'s> {
    here: HashMap<&'s str, Fact>,
    outer: Option<&'s Values<'s>>,
}

impl<'s> Values<'s> {
    /// Nothing is known of a value that is not there or is made by a later node.
    pub fn get(&self, name: &str) -> Fact {
        let outside = || self.outer.map(|outer| outer.get(name));
        self.here.get(name).copied().or_else(outside).unwrap_or_default()
    }

    /// Takes in what a graph starts with. `given` are the inputs of the node around it, which are its own in this order
    /// where it has any.
    fn begin(&mut self, graph: &'s GraphProto, given: &[Fact], ir_version: i64) {
        // What a later node makes is not what is called the same around the graph.
        let made = graph.node.iter().flat_map(|node| &node.output);
        self.here.extend(made.map(|name| (name.as_str(), Fact::default())));
        let mut listed = HashSet::new();
        let reach = if self.outer.is_none() { Reach::Sent } else { Reach::Anything };
        for (at, input) in graph.input.iter().enumerate() {
            let kind = element_type(input).or_else(|| given.get(at)?.kind);
            self.here.insert(&input.name, Fact { kind, factor: kind, stored: false, reach });
            listed.insert(input.name.as_str());
        }
        for weight in &graph.initializer {
            let kind = Some(weight.data_type);
            let stored = ir_version < OVERRIDES || !listed.contains(weight.name.as_str());
            self.here.insert(&weight.name, Fact { kind, factor: kind, stored, reach: Reach::of(weight) });
        }
    }
}

fn element_type(info: &ValueInfoProto) -> Option<i32> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    Some(tensor.elem_type).filter(|&kind| kind != 0)
}

/// Calls `visit` for every node that would be run, graphs within nodes after these.
///
/// # Errors
/// When calls go round in a circle, or unfold into more than any model has.
pub fn trace(
    graph: &GraphProto,
    functions: &[FunctionProto],
    ir_version: i64,
    visit: &mut dyn FnMut(&NodeProto, &Values<'_>),
) -> Result<(), LoadError> {
    let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
    for function in functions {
        by_name.entry((proto::domain(function.domain()), function.name())).or_default().push(function);
    }
    let mut trace = Trace { functions: by_name, ir_version, open: Vec::new(), nodes: 0, bytes: 0, visit };
    trace.graph(graph, &[], None)?;
    Ok(())
}

struct Trace<'m, 'v> {
    /// By domain and name; more than one where only what the message does not hold tells them apart.
    functions: HashMap<(&'m str, &'m str), Vec<&'m FunctionProto>>,
    ir_version: i64,
    /// Functions that are being gone through, outermost first.
    open: Vec<&'m FunctionProto>,
    nodes: usize,
    bytes: usize,
    visit: &'v mut dyn FnMut(&NodeProto, &Values<'_>),
}

impl<'m> Trace<'m, '_> {
    /// What is known of a graph's outputs.
    fn graph<'s>(
        &mut self,
        graph: &'m GraphProto,
        given: &[Fact],
        outer: Option<&'s Values<'s>>,
    ) -> Result<Vec<Fact>, LoadError>
    where
        'm: 's,
    {
        let mut values = Values { here: HashMap::new(), outer };
        values.begin(graph, given, self.ir_version);
        for node in &graph.node {
            self.node(node, &mut values)?;
        }
        Ok(graph.output.iter().map(|output| values.get(&output.name)).collect())
    }

    fn node<'s>(&mut self, node: &'m NodeProto, values: &mut Values<'s>) -> Result<(), LoadError>
    where
        'm: 's,
    {
        self.count(node)?;
        (self.visit)(node, &*values);
        let given: Vec<Fact> = node.input.iter().map(|name| values.get(name)).collect();
        let mut inner = Vec::new();
        for graph in node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
            inner.push(self.graph(graph, &given, Some(&*values))?);
        }
        let domain = proto::domain(&node.domain);
        let called = self.functions.get(&(domain, node.op_type.as_str())).cloned().unwrap_or_default();
        let mut made = Vec::new();
        // An operator that the library has goes before a function of its name.
        if called.is_empty() || fact::DOMAINS.contains(&domain) {
            made.push(fact::of(node, values, &inner));
        }
        for function in called {
            made.push(self.call(node, function, &given)?);
        }
        let facts = fact::joined(&made, node.output.len());
        let known = node.output.iter().zip(facts).filter(|(output, _)| !output.is_empty());
        values.here.extend(known.map(|(output, fact)| (output.as_str(), fact)));
        Ok(())
    }

    /// What is known of a function's outputs, called with these inputs.
    fn call(&mut self, node: &NodeProto, function: &'m FunctionProto, given: &[Fact]) -> Result<Vec<Fact>, LoadError> {
        let refuse = |reason: &str, hint: &str| LoadError::Unsupported {
            node: proto::node_name(node).to_owned(),
            operator: node.op_type.clone(),
            reason: reason.to_owned(),
            hint: hint.to_owned(),
        };
        if self.open.iter().any(|open| std::ptr::eq(*open, function)) {
            return Err(refuse("it is a function that calls itself", "ONNX does not allow that"));
        }
        if self.open.len() >= DEEPEST {
            let reason = format!("more than {DEEPEST} functions call one another");
            return Err(refuse(&reason, "Export it without functions"));
        }
        let mut body = Values::default();
        for (at, input) in function.input.iter().enumerate() {
            body.here.insert(input, given.get(at).copied().unwrap_or_default());
        }
        self.open.push(function);
        for node in &function.node {
            self.node(node, &mut body)?;
        }
        self.open.pop();
        Ok(function.output.iter().map(|output| body.get(output)).collect())
    }

    /// Counts what is written out where a function is called.
    fn count(&mut self, node: &NodeProto) -> Result<(), LoadError> {
        if self.open.is_empty() {
            return Ok(());
        }
        self.nodes += 1;
        self.bytes = self.bytes.saturating_add(node.encoded_len());
        if self.nodes <= MOST_NODES && self.bytes <= MOST_BYTES {
            return Ok(());
        }
        Err(LoadError::Interface(format!(
            "its functions unfold into more than {MOST_NODES} nodes or {} MiB; export a smaller model, or one without \
             functions",
            MOST_BYTES >> 20
        )))
    }
}

#[cfg(test)]
pub mod tests;
