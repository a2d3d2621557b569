//! What is refused before tract sees it: operators it does not have, and those it runs but answers wrongly, mostly by
//! ignoring an attribute. Better no answer than a wrong one: each refusal names the node and says what to do instead.
//! Every rule here was seen to fail against the specification or another runtime, or read in tract's source.

mod attributes;
mod operators;
mod schemas;
mod scope;

use std::collections::{BTreeMap, HashSet};

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use super::ops::{self, Opsets};
use super::proto;
use crate::engine::{LoadError, OperatorUse, Support};
pub use scope::{Scope, attribute, element_type};

/// Why a node is refused and what its author can do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    pub hint: String,
}

impl Refusal {
    pub fn new(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: hint.into() }
    }
}

/// Whether tract has an implementation under this operator name.
pub type Known<'a> = &'a dyn Fn(&str) -> bool;

/// The first reason why the model cannot be served, if there is one.
pub fn check(model: &ModelProto, graph: &GraphProto, known: Known) -> Result<(), LoadError> {
    let rules = Rules::of(model, known);
    let mut found = Ok(());
    proto::walk(graph, &mut |graph| {
        if found.is_ok() {
            found = check_graph(graph, &rules);
        }
    });
    found?;
    connected(graph)
}

/// Every operator type of the model and how it is run.
pub fn operators(model: &ModelProto, graph: &GraphProto, known: Known) -> Vec<OperatorUse> {
    let rules = Rules::of(model, known);
    let mut uses: BTreeMap<(String, String), (usize, Option<String>)> = BTreeMap::new();
    proto::walk(graph, &mut |graph| {
        let scope = Scope::of(graph);
        for node in &graph.node {
            let key = (proto::domain(&node.domain).to_owned(), node.op_type.clone());
            let entry = uses.entry(key).or_default();
            entry.0 += 1;
            if entry.1.is_none() {
                entry.1 = rules.refusal(node, &scope).map(|refusal| refusal.reason);
            }
        }
    });
    let listed = uses.into_iter().map(|((domain, operator), (count, refused))| {
        let here = if ops::is_own(&domain, &operator) { Support::Own } else { Support::Engine };
        let support = refused.map_or(here, Support::Refused);
        OperatorUse { domain, operator, count, support }
    });
    listed.collect()
}

fn check_graph(graph: &GraphProto, rules: &Rules) -> Result<(), LoadError> {
    if let Some(sparse) = graph.sparse_initializer.first() {
        let name = sparse.values.as_ref().map_or("", |values| values.name.as_str());
        return Err(LoadError::Interface(format!("weight {name:?} is stored as a sparse tensor; store it densely")));
    }
    let scope = Scope::of(graph);
    for node in &graph.node {
        if let Some(Refusal { reason, hint }) = rules.refusal(node, &scope) {
            let (node, operator) = (proto::node_name(node).to_owned(), node.op_type.clone());
            return Err(LoadError::Unsupported { node, operator, reason, hint });
        }
    }
    for weight in &graph.initializer {
        if let Some(word) = scope::foreign_type(weight.data_type) {
            let name = &weight.name;
            return Err(LoadError::Interface(format!(
                "weight {name:?} has elements of {word}, which the engine does not compute with; convert it to float32"
            )));
        }
    }
    Ok(())
}

/// What decides about the nodes of one model.
struct Rules<'m> {
    functions: Functions<'m>,
    opsets: Opsets,
    known: Known<'m>,
}

impl<'m> Rules<'m> {
    fn of(model: &'m ModelProto, known: Known<'m>) -> Self {
        Self { functions: Functions::of(model), opsets: ops::opsets(model), known }
    }

    fn refusal(&self, node: &NodeProto, scope: &Scope) -> Option<Refusal> {
        let of_tract = || {
            operators::unknown(node, self.known)
                .or_else(|| schemas::foreign(node))
                .or_else(|| attributes::ignored(node))
                .or_else(|| operators::outdated(node, &self.opsets))
                .or_else(|| operators::wrong(node))
        };
        let own = ops::is_own(proto::domain(&node.domain), &node.op_type);
        self.functions
            .refusal(node)
            .or_else(|| scope.foreign_element(node))
            .or_else(|| if own { ops::refusal(node, &self.opsets) } else { of_tract() })
    }
}

/// Operators that the file defines itself, by domain and name. There are none left once `rewrite` has written them out.
struct Functions<'m>(HashSet<(&'m str, &'m str)>);

impl<'m> Functions<'m> {
    fn of(model: &'m ModelProto) -> Self {
        let name = |f: &'m tract_onnx::pb::FunctionProto| (proto::domain(f.domain()), f.name());
        Self(model.functions.iter().map(name).collect())
    }

    fn refusal(&self, node: &NodeProto) -> Option<Refusal> {
        self.0.contains(&(proto::domain(&node.domain), &node.op_type)).then(|| {
            Refusal::new(
                "it is a function defined in the file, which cannot be written out",
                "Inline it before saving: onnx.inliner.inline_local_functions(model)",
            )
        })
    }
}

/// Every value that is used is made, and made once.
fn connected(graph: &GraphProto) -> Result<(), LoadError> {
    let inputs = graph.input.iter().map(|input| &input.name);
    let weights = graph.initializer.iter().map(|weight| &weight.name);
    let mut made: HashSet<&str> = inputs.chain(weights).map(String::as_str).collect();
    for node in &graph.node {
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            if !made.insert(output) {
                return Err(LoadError::Malformed(format!("the value {output:?} is made twice")));
            }
        }
    }
    for node in &graph.node {
        if let Some(missing) = node.input.iter().find(|input| !input.is_empty() && !made.contains(input.as_str())) {
            let (name, operator) = (proto::node_name(node), &node.op_type);
            return Err(LoadError::Malformed(format!(
                "node {name:?} ({operator}) uses {missing:?}, which nothing makes"
            )));
        }
    }
    match graph.output.iter().find(|output| !made.contains(output.name.as_str())) {
        Some(output) => Err(LoadError::Malformed(format!("nothing makes the output {:?}", output.name))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
