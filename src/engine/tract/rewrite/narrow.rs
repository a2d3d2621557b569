//! Half precision computed in single precision. tract's convolutions of halves take minutes and its `Gemm` refuses them,
//! so a graph of halves becomes one of singles; callers still give and get halves, by a cast at the border.
//!
//! What this does to answers: every operation is computed as if it were exact to 24 bits instead of 11, so results are
//! nearer to the exact ones than any kernel for halves is, and differ from those by up to their rounding errors. Sums
//! and squares beyond 65504 stay finite inside of the graph where halves overflow; an output that is too large for a half
//! is infinite as before. Where a file *says* that a value is rounded (a cast to half), it is rounded. Comparisons, `Floor`
//! and the like see unrounded values, and so may decide otherwise where two halves would have been equal by rounding.
//!
//! bfloat16 inside of a graph is treated alike, except that it cannot cross the border.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, ValueInfoProto, type_proto};

use super::super::checks::attribute;
use super::super::proto;
use super::raw::{self, is_narrow};
use super::writer::{Names, int};
use crate::engine::LoadError;

const HALF: i32 = DataType::Float16 as i32;
const SINGLE: i32 = DataType::Float as i32;

/// Attributes that hold an element type, of which a narrow one becomes single.
const TYPES: &[&str] = &["dtype", "output_dtype", "output_datatype", "softmax_precision", "precision", "stash_type"];

/// Makes the graph one of single precision inside.
pub fn widen(graph: &mut GraphProto) -> Result<(), LoadError> {
    let mut found = false;
    proto::walk(graph, &mut |graph| found |= speaks_of_it(graph));
    if !found {
        return Ok(());
    }
    let mut names = Names::of(graph);
    let borders = Borders::of(graph, &mut names);
    inside(graph, &mut names, None)?;
    borders.apply(graph, &mut names);
    Ok(())
}

fn speaks_of_it(graph: &GraphProto) -> bool {
    let infos = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
    let attributes = graph.node.iter().flat_map(|node| &node.attribute);
    infos.filter_map(element_type).any(is_narrow)
        || graph.initializer.iter().any(|weight| is_narrow(weight.data_type))
        || attributes.clone().any(|attribute| attribute.t.as_ref().is_some_and(|value| is_narrow(value.data_type)))
        || attributes.clone().any(names_it)
}

fn names_it(attribute: &AttributeProto) -> bool {
    let named = attribute.name == "to" || TYPES.contains(&&*attribute.name);
    named && i32::try_from(attribute.i).is_ok_and(is_narrow)
}

fn element_type(info: &ValueInfoProto) -> Option<i32> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    Some(tensor.elem_type).filter(|&kind| kind != 0)
}

fn make_single(info: &mut ValueInfoProto) {
    let value = info.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    match value {
        Some(type_proto::Value::TensorType(tensor)) if is_narrow(tensor.elem_type) => tensor.elem_type = SINGLE,
        _ => {}
    }
}

/// Public inputs and outputs of half precision, and the names under which singles stand for them inside.
struct Borders {
    inputs: Vec<(String, String)>,
    outputs: Vec<(String, String)>,
}

impl Borders {
    fn of(graph: &GraphProto, names: &mut Names) -> Self {
        let is_half = |info: &&ValueInfoProto| element_type(info) == Some(HALF);
        let inputs: Vec<String> = proto::inputs(graph).filter(is_half).map(|info| info.name.clone()).collect();
        // An input that is an output as well is handed through.
        let outputs = graph.output.iter().filter(is_half).map(|info| &info.name);
        let outputs: Vec<String> = outputs.filter(|name| !inputs.contains(name)).cloned().collect();
        let mut inner = |name: String| (name.clone(), names.fresh(&name));
        Self { inputs: inputs.into_iter().map(&mut inner).collect(), outputs: outputs.into_iter().map(inner).collect() }
    }

    fn apply(self, graph: &mut GraphProto, names: &mut Names) {
        let renamed: HashMap<String, String> = self.inputs.iter().chain(&self.outputs).cloned().collect();
        rename(graph, &renamed);
        let mut cast = |from: String, output: String, to: i32| NodeProto {
            name: names.fresh(&output),
            op_type: "Cast".into(),
            input: vec![from],
            output: vec![output],
            attribute: vec![int("to", to.into())],
            ..Default::default()
        };
        let before: Vec<NodeProto> = self.inputs.into_iter().map(|(name, inner)| cast(name, inner, SINGLE)).collect();
        graph.node.splice(0..0, before);
        graph.node.extend(self.outputs.into_iter().map(|(name, inner)| cast(inner, name, HALF)));
    }
}

/// Gives values new names wherever nodes speak of them; a name that an inner graph makes itself is another one.
fn rename(graph: &mut GraphProto, renamed: &HashMap<String, String>) {
    let new = |name: &mut String| {
        if let Some(other) = renamed.get(name) {
            name.clone_from(other);
        }
    };
    for node in &mut graph.node {
        // A node without a name is known by what it makes.
        if let (true, Some(output)) = (node.name.is_empty(), node.output.first()) {
            node.name.clone_from(output);
        }
        node.input.iter_mut().chain(&mut node.output).for_each(new);
        for attribute in &mut node.attribute {
            for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                let mut left = renamed.clone();
                inner.input.iter().for_each(|input| drop(left.remove(&input.name)));
                inner.initializer.iter().for_each(|weight| drop(left.remove(&weight.name)));
                inner.node.iter().flat_map(|node| &node.output).for_each(|output| drop(left.remove(output)));
                rename(inner, &left);
                for output in &mut inner.output {
                    if let Some(other) = left.get(&output.name) {
                        output.name.clone_from(other);
                    }
                }
            }
        }
    }
    graph.initializer.iter_mut().for_each(|weight| new(&mut weight.name));
}

/// Element types by value name.
type Types = HashMap<String, i32>;

/// Widens a graph and those inside it; `outer` are the types around an inner graph.
fn inside(graph: &mut GraphProto, names: &mut Names, outer: Option<&Types>) -> Result<(), LoadError> {
    let mut types = outer.cloned().unwrap_or_default();
    types.extend(known_types(graph));
    let mut nodes = Vec::with_capacity(graph.node.len());
    let (mut narrow_weights, mut kept) = (Vec::new(), Vec::new());
    for mut weight in std::mem::take(&mut graph.initializer) {
        if !raw::widen(&mut weight) && weight.data_type == HALF && raw::is_external(&weight) {
            // It stays where it is until it is read.
            let inner = names.fresh(&weight.name);
            nodes.push(node(names, "onnxd", "Widen", &inner, &weight.name));
            narrow_weights.push(weight.name.clone());
            weight.name = inner;
        }
        kept.push(weight);
    }
    graph.initializer = kept;
    graph.input.retain(|input| !narrow_weights.contains(&input.name));
    for mut here in std::mem::take(&mut graph.node) {
        let rounds = rounds_to(&here, &types)?;
        for attribute in &mut here.attribute {
            if names_it(attribute) {
                attribute.i = SINGLE.into();
            }
            let stuck = attribute.t.as_mut().is_some_and(|value| is_narrow(value.data_type) && !raw::widen(value));
            if stuck {
                return Err(LoadError::Interface(format!(
                    "node {:?} has a constant of half precision in another file; save the model as one file",
                    proto::node_name(&here)
                )));
            }
            for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                inside(inner, names, Some(&types))?;
            }
        }
        match (rounds, here.output.first().cloned()) {
            (Some(kind), Some(output)) => {
                let unrounded = names.fresh(&output);
                here.op_type = "Cast".into();
                here.attribute = vec![int("to", SINGLE.into())];
                here.input.truncate(1);
                here.output = vec![unrounded.clone()];
                nodes.push(here);
                let operator = if kind == HALF { "RoundToHalf" } else { "RoundToBrain" };
                nodes.push(node(names, "onnxd", operator, &unrounded, &output));
            }
            _ => nodes.push(here),
        }
    }
    graph.node = nodes;
    let weights: Vec<&str> = graph.initializer.iter().map(|weight| weight.name.as_str()).collect();
    // Public inputs and outputs keep their types; those of weights and of inner graphs do not.
    let of_weight = |info: &&mut ValueInfoProto| outer.is_some() || weights.contains(&&*info.name);
    graph.input.iter_mut().filter(of_weight).for_each(make_single);
    if outer.is_some() {
        graph.output.iter_mut().for_each(make_single);
    }
    graph.value_info.iter_mut().for_each(make_single);
    Ok(())
}

fn node(names: &mut Names, domain: &str, operator: &str, input: &str, output: &str) -> NodeProto {
    NodeProto {
        name: names.fresh(output),
        domain: domain.into(),
        op_type: operator.into(),
        input: vec![input.into()],
        output: vec![output.into()],
        ..Default::default()
    }
}

fn known_types(graph: &GraphProto) -> Types {
    let infos = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
    let told = infos.filter_map(|info| Some((info.name.clone(), element_type(info)?)));
    let stored = graph.initializer.iter().map(|weight| (weight.name.clone(), weight.data_type));
    let mut types: Types = told.chain(stored).collect();
    for node in &graph.node {
        let known = node.output.first().filter(|output| !types.contains_key(*output));
        if let (Some(output), Some(kind)) = (known, result_type(node, &types)) {
            types.insert(output.clone(), kind);
        }
    }
    types
}

/// The element type of a node's first output where it follows simply; the file tells most of the others.
fn result_type(node: &NodeProto, types: &Types) -> Option<i32> {
    let of = |at: usize| node.input.get(at).and_then(|name| types.get(name)).copied();
    match &*node.op_type {
        "Cast" => attribute(node, "to").and_then(|to| i32::try_from(to.i).ok()),
        "CastLike" | "Where" => of(1),
        "Constant" => attribute(node, "value").and_then(|value| value.t.as_ref()).map(|value| value.data_type),
        "ConstantOfShape" => {
            Some(attribute(node, "value").and_then(|value| value.t.as_ref()).map_or(SINGLE, |value| value.data_type))
        }
        "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "And" | "Or" | "Not" | "IsNaN" | "IsInf" => {
            Some(DataType::Bool as i32)
        }
        "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" => Some(DataType::Int64 as i32),
        "DequantizeLinear" => of(1),
        "QuantizeLinear" | "OneHot" => of(2),
        // What is left computes in one type.
        "If" | "Loop" | "Scan" | "DynamicQuantizeLinear" | "EyeLike" | "Bernoulli" | "BitCast" => None,
        _ => of(0).or_else(|| of(1)),
    }
}

/// The narrow type that a node says its result is rounded to.
fn rounds_to(node: &NodeProto, types: &Types) -> Result<Option<i32>, LoadError> {
    let refused = |reason: &str| LoadError::Unsupported {
        node: proto::node_name(node).to_owned(),
        operator: node.op_type.clone(),
        reason: reason.to_owned(),
        hint: "Export the model in float32".to_owned(),
    };
    if proto::domain(&node.domain) != "ai.onnx" {
        return Ok(None);
    }
    match &*node.op_type {
        "Cast" => Ok(attribute(node, "to").and_then(|to| i32::try_from(to.i).ok()).filter(|&kind| is_narrow(kind))),
        "CastLike" => match node.input.get(1).and_then(|like| types.get(like)) {
            Some(&kind) => Ok(Some(kind).filter(|&kind| is_narrow(kind))),
            None => Err(refused("in a model of half precision, it does not say to which type it casts")),
        },
        "BitCast" => Err(refused("it takes apart the bits of numbers, in a model of half precision")),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::writer::{stored, tensor};
    use super::*;
    use tract_onnx::pb::tensor_proto::DataLocation;
    use tract_onnx::pb::{TensorProto, TypeProto};

    fn info(name: &str, elem_type: i32) -> ValueInfoProto {
        let value = Some(type_proto::Value::TensorType(type_proto::Tensor { elem_type, shape: None }));
        let r#type = Some(TypeProto { value, ..Default::default() });
        ValueInfoProto { name: name.into(), r#type, ..Default::default() }
    }

    fn node(operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
        NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            attribute,
            ..Default::default()
        }
    }

    fn operators(graph: &GraphProto) -> Vec<&str> {
        graph.node.iter().map(|node| &*node.op_type).collect()
    }

    fn weight(name: &str) -> TensorProto {
        TensorProto { name: name.into(), ..stored(DataType::Float16, &[1], vec![0, 0x3c]) }
    }

    #[test]
    fn inside_it_is_single_and_outside_half() {
        let mut graph = GraphProto {
            input: vec![info("x", HALF)],
            output: vec![info("y", HALF)],
            node: vec![node("Mul", &["x", "w"], "y", vec![])],
            initializer: vec![weight("w")],
            ..Default::default()
        };
        widen(&mut graph).unwrap();
        assert_eq!(operators(&graph), ["Cast", "Mul", "Cast"]);
        assert_eq!((element_type(&graph.input[0]), element_type(&graph.output[0])), (Some(HALF), Some(HALF)));
        assert_eq!((&*graph.node[0].input[0], &*graph.node[2].output[0]), ("x", "y"));
        assert_eq!(graph.node[0].output[0], graph.node[1].input[0]);
        assert_eq!((graph.initializer[0].data_type, &*graph.initializer[0].name), (SINGLE, "w"));
        // Messages speak of the node by the name of what it made.
        assert_eq!(graph.node[1].name, "y");
    }

    #[test]
    fn a_cast_to_half_rounds_and_other_weights_stay_in_their_file() {
        let far =
            TensorProto { data_location: Some(DataLocation::External as i32), raw_data: Vec::new(), ..weight("w") };
        let mut graph = GraphProto {
            input: vec![info("x", SINGLE)],
            output: vec![info("y", SINGLE)],
            node: vec![
                node("Cast", &["x"], "h", vec![int("to", HALF.into())]),
                node("Add", &["h", "w"], "s", vec![]),
                node("Cast", &["s"], "y", vec![int("to", SINGLE.into())]),
            ],
            initializer: vec![far],
            ..Default::default()
        };
        widen(&mut graph).unwrap();
        assert_eq!(operators(&graph), ["Widen", "Cast", "RoundToHalf", "Add", "Cast"]);
        assert_eq!((&*graph.node[0].output[0], &*graph.node[2].output[0]), ("w", "h"));
        assert_eq!(graph.node[0].input[0], graph.initializer[0].name);
    }

    #[test]
    fn inner_graphs_are_widened_and_see_the_new_names() {
        let inner = GraphProto {
            node: vec![node("Add", &["x", "k"], "z", vec![])],
            output: vec![info("z", HALF)],
            initializer: vec![weight("k")],
            ..Default::default()
        };
        let branch = AttributeProto { name: "then_branch".into(), g: Some(inner), ..Default::default() };
        let mut graph = GraphProto {
            input: vec![info("x", HALF)],
            output: vec![info("y", SINGLE)],
            node: vec![
                node("If", &["c"], "t", vec![branch]),
                node("Cast", &["t"], "y", vec![int("to", SINGLE.into())]),
            ],
            ..Default::default()
        };
        widen(&mut graph).unwrap();
        let inner = graph.node[1].attribute[0].g.as_ref().unwrap();
        assert_eq!(inner.node[0].input[0], graph.node[0].output[0]);
        assert_eq!((inner.initializer[0].data_type, element_type(&inner.output[0])), (SINGLE, Some(SINGLE)));
    }

    #[test]
    fn without_halves_nothing_happens() {
        let value = tensor("value", stored(DataType::Float, &[], vec![0; 4]));
        let mut graph = GraphProto { node: vec![node("Constant", &[], "y", vec![value])], ..Default::default() };
        let before = graph.clone();
        widen(&mut graph).unwrap();
        assert_eq!(graph, before);
    }
}
