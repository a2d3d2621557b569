//! The names of free axes, made safe before tract sees them. A file may leave an axis unnamed, name it by a formula, or
//! by ten thousand brackets that overflow the stack of tract's parser; tract only ever gets short plain identifiers.
//!
//! Readable names are kept. An unnamed axis 0 of a graph input becomes `N`, the batch, the same for every input; other
//! unnamed axes become `<input>_<axis>`. What a name was is not kept: equal names stay equal, that is all they mean.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};
use tract_onnx::pb::{GraphProto, TensorShapeProto, ValueInfoProto, type_proto};

/// Longest axis name that is kept.
const LONGEST: usize = 32;

/// Gives every free axis of `graph` a plain name and drops the shapes of inner values, which tract is not to read.
pub fn clean(graph: &mut GraphProto) {
    let weights: HashSet<String> = graph.initializer.iter().map(|weight| weight.name.clone()).collect();
    let mut names = Names::of(graph);
    for input in &mut graph.input {
        let (stem, is_weight) = (input.name.clone(), weights.contains(&input.name));
        let Some(shape) = shape_mut(input) else { continue };
        for (axis, dim) in shape.dim.iter_mut().enumerate() {
            dim.value = match known(dim) {
                Some(Size::Fixed(size)) => Some(Value::DimValue(size)),
                // Weights that are listed as inputs have their own shape.
                _ if is_weight => None,
                Some(Size::Named(name)) => Some(Value::DimParam(names.renamed(&name, axis))),
                None if axis == 0 => Some(Value::DimParam(names.batch.clone())),
                None => Some(Value::DimParam(names.fresh(&format!("{}_{axis}", identifier(&stem))))),
            };
        }
    }
    clean_results(graph, &mut names);
}

/// The same for what is not an input: outputs keep what is known and leave the rest unset.
fn clean_results(graph: &mut GraphProto, names: &mut Names) {
    graph.value_info.clear();
    for output in &mut graph.output {
        clean_unnamed(output, names);
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            for input in &mut inner.input {
                clean_unnamed(input, names);
            }
            clean_results(inner, names);
        }
    }
}

fn clean_unnamed(info: &mut ValueInfoProto, names: &mut Names) {
    let Some(shape) = shape_mut(info) else { return };
    for dim in &mut shape.dim {
        dim.value = match known(dim) {
            Some(Size::Fixed(size)) => Some(Value::DimValue(size)),
            Some(Size::Named(name)) => names.already(&name).map(Value::DimParam),
            None => None,
        };
    }
}

enum Size {
    Fixed(i64),
    Named(String),
}

/// What the file says of an axis. Negative sizes and the names that exporters write for "I do not know" say nothing.
fn known(dim: &Dimension) -> Option<Size> {
    match dim.value.as_ref()? {
        Value::DimValue(size) if *size >= 0 => Some(Size::Fixed(*size)),
        Value::DimValue(_) => None,
        Value::DimParam(name) if name.trim().is_empty() || name == "?" || name.starts_with("unk__") => None,
        Value::DimParam(name) => Some(Size::Named(name.clone())),
    }
}

/// Old name to new name, for one file.
struct Names {
    batch: String,
    given: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Names {
    fn of(graph: &GraphProto) -> Self {
        // The batch may share its name with a declared axis 0, which then is the same axis, but with no other one.
        let mut elsewhere = HashSet::new();
        let mut taken = HashSet::new();
        for shape in graph.input.iter().chain(&graph.output).filter_map(shape) {
            for (axis, dim) in shape.dim.iter().enumerate() {
                if let Some(Size::Named(name)) = known(dim) {
                    taken.insert(name.clone());
                    if axis > 0 {
                        elsewhere.insert(name);
                    }
                }
            }
        }
        let batch = ["N", "batch"].iter().find(|name| !elsewhere.contains(**name)).unwrap_or(&"batch_size");
        let batch = (*batch).to_owned();
        taken.insert(batch.clone());
        Self { batch, given: HashMap::new(), taken }
    }

    fn renamed(&mut self, old: &str, axis: usize) -> String {
        if let Some(new) = self.given.get(old) {
            return new.clone();
        }
        let new = if is_plain(old) { old.to_owned() } else { self.fresh(&format!("axis_{axis}")) };
        self.given.insert(old.to_owned(), new.clone());
        new
    }

    /// The new name of an axis that some input has, or a plain name as it is; formulas of outputs are left to inference.
    fn already(&self, old: &str) -> Option<String> {
        self.given.get(old).cloned().or_else(|| is_plain(old).then(|| old.to_owned()))
    }

    fn fresh(&mut self, stem: &str) -> String {
        let numbered = (1..).map(|number| format!("{stem}_{number}"));
        let free = std::iter::once(stem.to_owned()).chain(numbered).find(|name| !self.taken.contains(name));
        let free = free.unwrap_or_else(|| stem.to_owned());
        self.taken.insert(free.clone());
        free
    }
}

/// Whether a name is a short ASCII identifier, the one kind of name that every parser reads alike.
pub fn is_plain(name: &str) -> bool {
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && name.len() <= LONGEST && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The nearest identifier to a value's name: its plain characters, bounded.
pub fn identifier(name: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(LONGEST - 8).collect();
    if is_plain(&plain) { plain } else { format!("axis{plain}") }
}

pub fn shape(info: &ValueInfoProto) -> Option<&TensorShapeProto> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    tensor.shape.as_ref()
}

fn shape_mut(info: &mut ValueInfoProto) -> Option<&mut TensorShapeProto> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_mut()?.value.as_mut()?;
    tensor.shape.as_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto, TypeProto};

    fn info(name: &str, dims: &[Option<Value>]) -> ValueInfoProto {
        let dim = dims.iter().map(|value| Dimension { value: value.clone(), ..Default::default() }).collect();
        let tensor = type_proto::Tensor { elem_type: 1, shape: Some(TensorShapeProto { dim }) };
        let value = Some(type_proto::Value::TensorType(tensor));
        ValueInfoProto {
            name: name.into(),
            r#type: Some(TypeProto { value, ..Default::default() }),
            ..Default::default()
        }
    }

    fn named(name: &str) -> Option<Value> {
        Some(Value::DimParam(name.into()))
    }

    fn sized(size: i64) -> Option<Value> {
        Some(Value::DimValue(size))
    }

    fn texts(info: &ValueInfoProto) -> Vec<String> {
        let text = |dim: &Dimension| match &dim.value {
            Some(Value::DimValue(size)) => size.to_string(),
            Some(Value::DimParam(name)) => name.clone(),
            None => "?".into(),
        };
        shape(info).unwrap().dim.iter().map(text).collect()
    }

    fn cleaned(inputs: &[&[Option<Value>]]) -> Vec<Vec<String>> {
        let input = inputs.iter().enumerate().map(|(at, dims)| info(&format!("in{at}"), dims)).collect();
        let mut graph = GraphProto { input, ..Default::default() };
        clean(&mut graph);
        graph.input.iter().map(texts).collect()
    }

    #[test]
    fn readable_names_stay_and_the_rest_is_named() {
        assert_eq!(cleaned(&[&[named("batch"), named("seq"), sized(4)]]), [["batch", "seq", "4"]]);
        assert_eq!(cleaned(&[&[None, sized(4)], &[None, None]]), [["N", "4"], ["N", "in1_1"]]);
        assert_eq!(cleaned(&[&[sized(-1), named("?"), named("")]]), [["N", "in0_1", "in0_2"]]);
        assert_eq!(cleaned(&[&[named("unk__12"), sized(0)]]), [["N", "0"]]);
    }

    #[test]
    fn formulas_and_hostile_names_become_plain_ones_and_equal_ones_stay_equal() {
        let nested = "(".repeat(20_000) + &")".repeat(20_000);
        let long = "x".repeat(10_000);
        for odd in ["2*batch", "floor(W/2 - 1/2) + 1", "a b", "naïve", "1st", "a.b", &nested, &long] {
            assert_eq!(cleaned(&[&[named(odd), named(odd)]]), [["axis_0", "axis_0"]], "{}", &odd[..odd.len().min(30)]);
        }
        assert_eq!(cleaned(&[&[named("a+b"), named("a-b")]]), [["axis_0", "axis_1"]]);
        assert_eq!(cleaned(&[&[named("axis_0"), named("a-b")], &[named("a+b")]]).len(), 2);
    }

    #[test]
    fn the_batch_does_not_take_the_name_of_another_axis() {
        assert_eq!(cleaned(&[&[None, named("N")]]), [["batch", "N"]]);
        assert_eq!(cleaned(&[&[None, named("N"), named("batch")]]), [["batch_size", "N", "batch"]]);
        assert_eq!(cleaned(&[&[None], &[named("N")]]), [["N"], ["N"]]);
    }

    #[test]
    fn outputs_subgraphs_and_weights_are_cleaned_too() {
        let nested = "(".repeat(20_000);
        let inner = GraphProto {
            input: vec![info("i", &[named(&nested), named("seq")])],
            value_info: vec![info("v", &[named(&nested)])],
            ..Default::default()
        };
        let attribute = AttributeProto { g: Some(inner), ..Default::default() };
        let mut graph = GraphProto {
            input: vec![info("x", &[named("seq")]), info("w", &[named(&nested)])],
            initializer: vec![TensorProto { name: "w".into(), ..Default::default() }],
            output: vec![info("y", &[named(&nested), named("seq")])],
            value_info: vec![info("v", &[named(&nested)])],
            node: vec![NodeProto { attribute: vec![attribute], ..Default::default() }],
            ..Default::default()
        };
        clean(&mut graph);
        assert_eq!(texts(&graph.output[0]), ["?", "seq"]);
        assert_eq!(texts(&graph.input[1]), ["?"]);
        assert!(graph.value_info.is_empty());
        let inner = graph.node[0].attribute[0].g.as_ref().unwrap();
        assert_eq!(texts(&inner.input[0]), ["?", "seq"]);
        assert!(inner.value_info.is_empty());
    }
}
