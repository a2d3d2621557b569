//! Which node of the file an error of tract is about. tract renames and fuses nodes while it optimises, but keeps the
//! original name as the beginning of the new one.

use std::collections::HashMap;

use tract_onnx::pb::GraphProto;
use tract_onnx::prelude::TractError;

use super::proto;
use crate::engine::guard;

/// Node name to operator, for one file.
pub struct Blame {
    operators: HashMap<String, String>,
}

impl Blame {
    pub fn of(graph: &GraphProto) -> Self {
        let mut operators = HashMap::new();
        proto::walk(graph, &mut |graph| {
            let named = graph.node.iter().map(|node| (proto::node_name(node).to_owned(), node.op_type.clone()));
            operators.extend(named);
        });
        Self { operators }
    }

    /// An error of tract in one line: its root cause, and the node that some link of its chain names.
    pub fn explain(&self, error: &TractError) -> String {
        let links: Vec<String> = error.chain().map(ToString::to_string).collect();
        let cause = guard::one_line(links.last().map_or("", String::as_str));
        let node = links.iter().rev().flat_map(|link| quoted(link)).find_map(|name| self.find(name));
        node.map_or_else(|| cause.clone(), |(name, operator)| sentence(name, operator, &cause))
    }

    /// What went wrong while the node that tract calls `name` was computed.
    pub fn at(&self, name: &str, what: &str) -> String {
        self.find(name).map_or_else(|| what.to_owned(), |(name, operator)| sentence(name, operator, what))
    }

    /// The node of the file whose name is the longest beginning of tract's name.
    fn find(&self, name: &str) -> Option<(&str, &str)> {
        let ends = name.match_indices(['.', '/', '-', '#', '_']).map(|(at, _)| at).filter(|&at| at > 0);
        let mut shorter: Vec<usize> = ends.collect();
        shorter.push(name.len());
        shorter.iter().rev().find_map(|&end| self.operators.get_key_value(&name[..end])).map(|(n, o)| (&**n, &**o))
    }
}

fn sentence(name: &str, operator: &str, what: &str) -> String {
    let name: String = name.chars().take(80).collect();
    format!("node {name:?} ({operator}): {what}")
}

/// The parts of a text between double quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::NodeProto;
    use tract_onnx::prelude::tract_itertools::Itertools;

    fn blame() -> Blame {
        let node = |name: &str, op_type: &str, output: &str| NodeProto {
            name: name.into(),
            op_type: op_type.into(),
            output: vec![output.into()],
            ..Default::default()
        };
        let node = vec![node("/fc1/Gemm", "Gemm", "a"), node("", "Gather", "picked")];
        Blame::of(&GraphProto { node, ..Default::default() })
    }

    #[test]
    fn renamed_nodes_are_found_by_their_beginning() {
        let blame = blame();
        assert_eq!(blame.at("/fc1/Gemm.ab.pack", "no"), "node \"/fc1/Gemm\" (Gemm): no");
        assert_eq!(blame.at("picked", "no"), "node \"picked\" (Gather): no");
        assert_eq!(blame.at("pick", "no"), "no");
        assert_eq!(blame.at("", "no"), "no");
    }

    #[test]
    fn the_root_cause_is_told_with_the_deepest_node_named() {
        let error =
            TractError::msg("shapes differ").context("Translating node #3 \"picked\" Gather").context("Optimising");
        assert_eq!(blame().explain(&error), "node \"picked\" (Gather): shapes differ");
        assert_eq!(blame().explain(&TractError::msg("x")), "x");
        assert_eq!(quoted("a \"b\" c \"d\" e").collect_vec(), ["b", "d"]);
    }
}
