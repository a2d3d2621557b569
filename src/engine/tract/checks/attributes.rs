//! Attributes that tract reads past. An operator that carries one with another value than the default would be run as
//! if it did not, so it is refused.

use tract_onnx::pb::{AttributeProto, NodeProto};

use super::Refusal;
use super::scope::attribute;

/// The value with which an attribute changes nothing.
enum Neutral {
    Int(i64),
    /// Any value changes the result.
    Absent,
}

use Neutral::{Absent, Int};

/// Operators, an attribute of them, and the value that may stand there.
const IGNORED: &[(&[&str], &str, Neutral)] = &[
    // Before operator set 7 a second operand could be laid along an axis of the first one.
    (&["Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"], "axis", Absent),
    (&["Scan"], "directions", Absent),
];

/// Refuses a node with an attribute that would be ignored.
pub fn ignored(node: &NodeProto) -> Option<Refusal> {
    let rules = IGNORED.iter().filter(|(operators, ..)| operators.contains(&&*node.op_type));
    let mut broken = rules.filter(|(_, name, neutral)| attribute(node, name).is_some_and(|a| !neutral.is(a)));
    broken.next().map(|(_, name, neutral)| {
        let hint = match neutral {
            Int(value) => format!("Export the model with {name} = {value}"),
            Absent => format!("Export the model without {name}"),
        };
        Refusal::new(format!("the engine ignores its attribute {name:?}"), hint)
    })
}

impl Neutral {
    fn is(&self, given: &AttributeProto) -> bool {
        match *self {
            Int(value) => given.i == value,
            Absent => false,
        }
    }
}
