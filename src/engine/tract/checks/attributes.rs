//! Attributes that tract reads past. An operator that carries one would be run as if it did not, so it is refused.

use tract_onnx::pb::NodeProto;

use super::Refusal;
use super::scope::attribute;

/// Operators, and an attribute of them that changes the result.
const IGNORED: &[(&[&str], &str)] = &[
    // Before operator set 7 a second operand could be laid along an axis of the first one.
    (&["Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"], "axis"),
    (&["Scan"], "directions"),
];

/// Refuses a node with an attribute that would be ignored.
pub fn ignored(node: &NodeProto) -> Option<Refusal> {
    let mut rules = IGNORED.iter().filter(|(operators, _)| operators.contains(&&*node.op_type));
    rules.find(|(_, name)| attribute(node, name).is_some()).map(|(_, name)| {
        Refusal::new(format!("the engine ignores its attribute {name:?}"), format!("Export the model without {name}"))
    })
}
