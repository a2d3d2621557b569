//! Attributes that no version of the standard gives an operator. tract reads past them, and whoever wrote them meant
//! something by them. `schemas.txt` lists the right ones; `tests/conformance/make_schemas.py` writes it.

use tract_onnx::pb::NodeProto;

use super::super::proto;
use super::Refusal;

const SCHEMAS: &str = include_str!("schemas.txt");

/// Refuses a node with an attribute that its operator does not have.
pub fn foreign(node: &NodeProto) -> Option<Refusal> {
    let known = attributes(proto::domain(&node.domain), &node.op_type)?;
    let foreign = node.attribute.iter().find(|attribute| !known.split(' ').any(|name| name == attribute.name))?;
    Some(Refusal::new(
        format!("its attribute {:?} is not part of the operator", foreign.name),
        format!("Export the model without {}", foreign.name),
    ))
}

/// The attributes of an operator, with spaces between; `None` where the list does not have the operator.
fn attributes(domain: &str, operator: &str) -> Option<&'static str> {
    let of = |line: &'static str| line.strip_prefix(domain)?.strip_prefix(' ')?.strip_prefix(operator);
    let mut found = SCHEMAS.lines().filter_map(of).filter(|rest| rest.is_empty() || rest.starts_with(' '));
    found.next().map(str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_found_by_their_whole_name() {
        assert_eq!(attributes("ai.onnx", "Concat"), Some("axis"));
        assert_eq!(attributes("ai.onnx", "Erf"), Some(""));
        assert_eq!(attributes("com.microsoft", "QuickGelu"), Some("alpha"));
        assert_eq!(attributes("ai.onnx", "Conca"), None);
    }
}
