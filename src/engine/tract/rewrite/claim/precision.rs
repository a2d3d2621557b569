//! Where it matters how small a small number is. tract's `Sigmoid` and `Tanh` are right to seven digits behind the point,
//! whatever the result: far out they never reach zero or one. That is what single precision would do to a sum, but not to
//! the logarithm of the result, or to a quotient.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, NodeProto};

use super::super::super::checks::{Scope, attribute};
use super::given;
use super::invalid::numbers;

/// Values of which small differences come out large, by the operators that use them or what is made of them.
pub fn delicate<'g>(graph: &'g GraphProto, scope: &Scope) -> HashSet<&'g str> {
    let mut found: HashSet<&str> = HashSet::new();
    let stored = |node: &NodeProto, at: usize| given(node, at).is_some_and(|name| scope.stored(name).is_some());
    // Nodes stand in the order in which they are computed, so what uses a value comes before it here.
    for node in graph.node.iter().rev() {
        let magnified = match &*node.op_type {
            "Div" => !stored(node, 1),
            "Cast" => attribute(node, "to").is_some_and(|to| (2..=9).contains(&to.i) || (12..=13).contains(&to.i)),
            // Of a square it is as small as of the number.
            "Pow" => !given(node, 1)
                .and_then(|name| scope.stored(name))
                .and_then(numbers)
                .is_some_and(|exponents| exponents.iter().all(|&exponent| exponent >= 1.0)),
            operator => MAGNIFIES.contains(&operator),
        };
        let passes = MOVES.contains(&&*node.op_type)
            || node.op_type == "Cast"
            || matches!(&*node.op_type, "Add" | "Max" | "Min" | "Mul" | "Sub") && (stored(node, 0) || stored(node, 1));
        if magnified || passes && node.output.iter().any(|output| found.contains(output.as_str())) {
            found.extend(node.input.iter().map(String::as_str));
        }
    }
    found
}

/// Operators that make a large difference of a small one near zero or one.
const MAGNIFIES: &[&str] = &["Acos", "Acosh", "Asin", "Atanh", "Ceil", "Floor", "Log", "Reciprocal", "Sqrt"];

/// Operators that only move elements, or bound them.
const MOVES: &[&str] = &[
    "Clip",
    "Concat",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "Neg",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];
