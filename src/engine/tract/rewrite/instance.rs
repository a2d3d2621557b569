//! A copy of nodes with names of its own: the body of a function or a branch, written where it is called. Names that the
//! body takes from outside are replaced or kept; everything it makes gets a fresh name, in inner graphs too.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use super::writer::Names;

/// Old name to new name. A name that is not in it comes from outside and stays.
pub type Renamed = HashMap<String, String>;

/// Copies nodes. `attribute` turns an attribute that refers to one of the caller into that, or drops it.
pub fn copy(
    nodes: &[NodeProto],
    renamed: &mut Renamed,
    names: &mut Names,
    stem: &str,
    attribute: &dyn Fn(&AttributeProto) -> Option<AttributeProto>,
) -> Vec<NodeProto> {
    for output in nodes.iter().flat_map(|node| &node.output).filter(|output| !output.is_empty()) {
        if !renamed.contains_key(output) {
            renamed.insert(output.clone(), names.fresh(stem));
        }
    }
    let mut made = Vec::with_capacity(nodes.len());
    for node in nodes {
        let new = |name: &String| renamed.get(name).unwrap_or(name).clone();
        let mut attributes = Vec::with_capacity(node.attribute.len());
        for given in &node.attribute {
            if given.ref_attr_name.is_empty() {
                attributes.push(copy_attribute(given, renamed, names, stem, attribute));
            } else if let Some(found) = attribute(given) {
                // Its names are those of the caller.
                attributes.push(AttributeProto { name: given.name.clone(), ref_attr_name: String::new(), ..found });
            }
        }
        made.push(NodeProto {
            input: node.input.iter().map(new).collect(),
            output: node.output.iter().map(new).collect(),
            name: names.fresh(stem),
            op_type: node.op_type.clone(),
            domain: node.domain.clone(),
            attribute: attributes,
            ..Default::default()
        });
    }
    made
}

fn copy_attribute(
    given: &AttributeProto,
    renamed: &Renamed,
    names: &mut Names,
    stem: &str,
    attribute: &dyn Fn(&AttributeProto) -> Option<AttributeProto>,
) -> AttributeProto {
    let mut inner = |graph: &GraphProto| copy_graph(graph, renamed, names, stem, attribute);
    let g = given.g.as_ref().map(&mut inner);
    let graphs = given.graphs.iter().map(&mut inner).collect();
    // Graphs are copied above; the rest is plain.
    let plain = AttributeProto { g: None, graphs: Vec::new(), ..given.clone() };
    AttributeProto { g, graphs, ..plain }
}

fn copy_graph(
    graph: &GraphProto,
    outer: &Renamed,
    names: &mut Names,
    stem: &str,
    attribute: &dyn Fn(&AttributeProto) -> Option<AttributeProto>,
) -> GraphProto {
    let mut renamed = outer.clone();
    let made_here = graph.input.iter().map(|input| &input.name).chain(graph.initializer.iter().map(|w| &w.name));
    for name in made_here {
        let fresh = names.fresh(stem);
        renamed.insert(name.clone(), fresh);
    }
    for output in graph.node.iter().flat_map(|node| &node.output).filter(|output| !output.is_empty()) {
        renamed.insert(output.clone(), names.fresh(stem));
    }
    let node = copy(&graph.node, &mut renamed, names, stem, attribute);
    let new = |name: &mut String| {
        if let Some(fresh) = renamed.get(name) {
            name.clone_from(fresh);
        }
    };
    let (mut input, mut output) = (graph.input.clone(), graph.output.clone());
    input.iter_mut().chain(&mut output).for_each(|info| new(&mut info.name));
    let mut initializer = graph.initializer.clone();
    initializer.iter_mut().for_each(|weight| new(&mut weight.name));
    GraphProto { node, input, output, initializer, name: graph.name.clone(), ..Default::default() }
}
