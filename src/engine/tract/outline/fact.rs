//! What is known of a value of a model without running it, and what becomes of that from node to node.

use tract_onnx::pb::NodeProto;

use super::reach::{self, Reach};
use super::trace::Values;
use super::{kinds, overflow, proto};
use crate::engine::tract::checks::attribute;

/// Whose operators the library has: those of the standard and its own.
pub const DOMAINS: &[&str] = &["ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// Nothing, to begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// The element type, as ONNX numbers it.
    pub kind: Option<i32>,
    /// The same for a factor of a product, before it was dequantised.
    pub factor: Option<i32>,
    /// Whether ONNX Runtime may take it for a weight.
    pub stored: bool,
    pub reach: Reach,
}

impl Fact {
    /// What holds for both of two values.
    fn or(self, other: Self) -> Self {
        Self {
            kind: self.kind.filter(|_| self.kind == other.kind),
            factor: self.factor.filter(|_| self.factor == other.factor),
            stored: self.stored && other.stored,
            reach: self.reach.max(other.reach),
        }
    }
}

/// Of the outputs of a node that is an operator; `inner` is known of the outputs of the graphs within it.
pub fn of(node: &NodeProto, values: &Values<'_>, inner: &[Vec<Fact>]) -> Vec<Fact> {
    let computed = |fact: &Fact| Fact { kind: fact.kind, ..Fact::default() };
    match (proto::domain(&node.domain), node.op_type.as_str()) {
        ("ai.onnx", "If") => joined(inner, node.output.len()),
        // Its first output is the condition.
        ("ai.onnx", "Loop") => inner.iter().flat_map(|made| made.iter().skip(1)).map(computed).collect(),
        ("ai.onnx", "Scan" | "SequenceMap") => inner.iter().flatten().map(computed).collect(),
        _ => {
            let stored = overflow::is_stored(node, values);
            let at = |at: usize| Fact {
                kind: kinds::kind(node, at, values),
                factor: overflow::factor(node, at, values),
                stored,
                reach: reach::reach(node, at, values),
            };
            (0..node.output.len()).map(at).collect()
        }
    }
}

/// What holds for each of so many outputs, whichever of several ways it is computed.
pub fn joined(ways: &[Vec<Fact>], outputs: usize) -> Vec<Fact> {
    let one = |at: usize| ways.iter().map(|made| made.get(at).copied().unwrap_or_default()).reduce(Fact::or);
    (0..outputs).map(|at| one(at).unwrap_or_default()).collect()
}

/// The number that an attribute holds: `default` where it is left out, and none where only a call of the function around it
/// tells.
pub fn told(node: &NodeProto, name: &str, default: Option<i64>) -> Option<i64> {
    match attribute(node, name) {
        Some(given) => given.ref_attr_name.is_empty().then_some(given.i),
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_holds_either_way_is_known() {
        let known = |kind, reach| vec![Fact { kind, reach, stored: true, ..Fact::default() }];
        let both = joined(&[known(Some(1), Reach::Size), known(Some(1), Reach::Sent)], 2);
        let first = Fact { kind: Some(1), reach: Reach::Sent, stored: true, ..Fact::default() };
        assert_eq!(both, [first, Fact::default()]);
        assert_eq!(joined(&[known(Some(1), Reach::Size), known(None, Reach::Size)], 1)[0].kind, None);
        assert_eq!(joined(&[], 1), [Fact::default()]);
    }
}
