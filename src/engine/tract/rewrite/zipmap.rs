//! `ZipMap` makes a list of maps out of a table of scores, one map from label to score per row. Such lists are no tensors.
//! So the table itself becomes the output under the same name, and the labels are kept for whoever writes the answer.

use std::collections::BTreeMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};
use tract_onnx::pb::{GraphProto, NodeProto, TensorShapeProto, TypeProto, type_proto};

use super::super::{checks::attribute, proto};
use crate::engine::LoadError;
use crate::model::{ClassLabels, OutputRole};

pub fn is_zipmap(node: &NodeProto) -> bool {
    node.op_type == "ZipMap" && proto::domain(&node.domain) == "ai.onnx.ml"
}

/// Takes every `ZipMap` out of a graph; the labels, when all of them have the same.
pub fn drop(graph: &mut GraphProto) -> Result<Option<ClassLabels>, LoadError> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for node in graph.node.iter_mut().filter(|node| is_zipmap(node)) {
        let labels = labels(node)?;
        let Some(name) = node.output.first().cloned() else { continue };
        if let Some(output) = graph.output.iter_mut().find(|output| output.name == name) {
            let sized = |value| Dimension { value, ..Default::default() };
            let size = i64::try_from(labels.len()).unwrap_or(i64::MAX);
            let shape = TensorShapeProto { dim: vec![sized(None), sized(Some(Value::DimValue(size)))] };
            let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
            let value = Some(type_proto::Value::TensorType(tensor));
            output.r#type = Some(TypeProto { value, ..Default::default() });
            found.push((name, labels));
        }
        *node = NodeProto {
            op_type: "Identity".into(),
            domain: String::new(),
            attribute: Vec::new(),
            name: std::mem::take(&mut node.name),
            input: std::mem::take(&mut node.input),
            output: std::mem::take(&mut node.output),
            ..Default::default()
        };
    }
    let Some((_, labels)) = found.first().cloned() else { return Ok(None) };
    let alike = found.into_iter().filter(|(_, others)| *others == labels);
    let outputs: BTreeMap<_, _> = alike.map(|(name, _)| (name, OutputRole::Scores)).collect();
    Ok(Some(ClassLabels { labels, outputs }))
}

fn labels(node: &NodeProto) -> Result<Vec<String>, LoadError> {
    let words = attribute(node, "classlabels_strings").map(|a| a.strings.as_slice()).unwrap_or_default();
    let numbers = attribute(node, "classlabels_int64s").map(|a| a.ints.as_slice()).unwrap_or_default();
    let labels: Vec<String> = match (words, numbers) {
        (words, []) => words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect(),
        ([], numbers) => numbers.iter().map(i64::to_string).collect(),
        _ => Vec::new(),
    };
    if labels.is_empty() {
        let name = proto::node_name(node);
        return Err(LoadError::Malformed(format!("node {name:?} (ZipMap) has no class labels, or two kinds of them")));
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, ValueInfoProto};

    fn zipmap(output: &str, words: &[&str], numbers: &[i64]) -> NodeProto {
        let strings = words.iter().map(|&word| word.into()).collect();
        NodeProto {
            op_type: "ZipMap".into(),
            domain: "ai.onnx.ml".into(),
            input: vec!["scores".into()],
            output: vec![output.into()],
            attribute: vec![
                AttributeProto { name: "classlabels_strings".into(), strings, ..Default::default() },
                AttributeProto { name: "classlabels_int64s".into(), ints: numbers.into(), ..Default::default() },
            ],
            ..Default::default()
        }
    }

    fn graph(node: Vec<NodeProto>) -> GraphProto {
        let output = node.iter().flat_map(|node| &node.output);
        let output = output.map(|name| ValueInfoProto { name: name.clone(), ..Default::default() }).collect();
        GraphProto { node, output, ..Default::default() }
    }

    #[test]
    fn the_table_takes_the_place_of_the_maps() {
        let mut graph = graph(vec![zipmap("p", &["no", "yes"], &[])]);
        let classes = drop(&mut graph).unwrap().unwrap();
        assert_eq!(classes.labels, ["no", "yes"]);
        assert_eq!(classes.outputs.into_iter().collect::<Vec<_>>(), [("p".to_owned(), OutputRole::Scores)]);
        assert_eq!(
            (&*graph.node[0].op_type, &*graph.node[0].input[0], &*graph.node[0].output[0]),
            ("Identity", "scores", "p")
        );
        let Some(type_proto::Value::TensorType(tensor)) = &graph.output[0].r#type.as_ref().unwrap().value else {
            panic!("no tensor")
        };
        assert_eq!(tensor.elem_type, DataType::Float as i32);
        assert_eq!(tensor.shape.as_ref().unwrap().dim[1].value, Some(Value::DimValue(2)));
    }

    #[test]
    fn numbers_are_labels_too_and_only_equal_lists_are_told() {
        let mut graph = graph(vec![zipmap("p", &[], &[7, -1]), zipmap("q", &["a", "b"], &[])]);
        let classes = drop(&mut graph).unwrap().unwrap();
        assert_eq!(classes.labels, ["7", "-1"]);
        assert_eq!(classes.outputs.len(), 1);
    }

    #[test]
    fn without_labels_it_is_malformed() {
        assert!(drop(&mut graph(vec![zipmap("p", &[], &[])])).is_err());
        assert_eq!(drop(&mut graph(Vec::new())).unwrap(), None);
    }
}
