//! Axes that a tensor does not have. Most operators of the engine library stumble over one; some normalise over nothing
//! and give an answer. The ranks are known once the model is parsed.

use tract_onnx::pb::{GraphProto, NodeProto};

use super::super::checks::attribute;
use super::super::proto;
use crate::engine::LoadError;

/// Operators whose attribute `axis` is one of the first input's.
const OF_THE_INPUT: &[&str] = &[
    "ArgMax",
    "ArgMin",
    "Concat",
    "Gather",
    "GatherElements",
    "Hardmax",
    "LayerNormalization",
    "LogSoftmax",
    "LpNormalization",
    "RMSNormalization",
    "ScatterElements",
    "SimplifiedLayerNormalization",
    "Softmax",
    "Split",
    "TopK",
];

/// Whether any node could be refused by [`check`].
pub fn matter(graph: &GraphProto) -> bool {
    graph.node.iter().any(|node| axis(node).is_some())
}

/// The first node with an axis that its input does not have; `rank` tells the axes of a value where they are known.
pub fn check(graph: &GraphProto, rank: &dyn Fn(&str) -> Option<usize>) -> Result<(), LoadError> {
    for node in &graph.node {
        let (Some(axis), Some(rank)) = (axis(node), node.input.first().and_then(|input| rank(input))) else { continue };
        let rank = i64::try_from(rank).unwrap_or(i64::MAX);
        if !(-rank..rank).contains(&axis) {
            return Err(LoadError::Unsupported {
                node: proto::node_name(node).to_owned(),
                operator: node.op_type.clone(),
                reason: format!("its attribute axis is {axis}, and its input has {rank} axes"),
                hint: "The file does not follow the ONNX standard here; export the model again".into(),
            });
        }
    }
    Ok(())
}

/// The axis a node names; the last and the first one are always there.
fn axis(node: &NodeProto) -> Option<i64> {
    let named = proto::domain(&node.domain) == "ai.onnx" && OF_THE_INPUT.contains(&&*node.op_type);
    attribute(node, "axis").filter(|_| named).map(|axis| axis.i).filter(|axis| ![0, -1].contains(axis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::AttributeProto;

    #[test]
    fn an_axis_is_one_of_the_inputs() {
        let softmax = |axis| NodeProto {
            op_type: "Softmax".into(),
            input: vec!["x".into()],
            attribute: vec![AttributeProto { name: "axis".into(), i: axis, ..Default::default() }],
            ..Default::default()
        };
        let fits = |axis, rank| {
            let graph = GraphProto { node: vec![softmax(axis)], ..Default::default() };
            check(&graph, &|_| rank).is_ok()
        };
        assert!([-2, -1, 0, 1].iter().all(|&axis| fits(axis, Some(2))));
        assert!([-3, 2, 7].iter().all(|&axis| !fits(axis, Some(2))));
        assert!(fits(7, None));
    }
}
