//! Operators of our own, one file each: what tract lacks, computes wrongly, or computes too slowly. [`TABLE`] says which
//! there are and from which operator set on they are right; everything in it runs here and never in tract.
//!
//! tract looks operators up by their name alone. [`qualify`] therefore gives every node of ours the name
//! `domain.Operator`, which no operator of tract's can have, before tract reads the graph.

mod attention;
pub mod budget;
mod doubles;
mod kernel;
mod microsoft;
mod ml;
mod node;
mod recurrent;
mod standard;
mod text;
mod trees;
pub mod values;

use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};
use tract_onnx::prelude::{Arc, TractError, TractResult};
use tract_onnx::tract_hir::infer::InferenceOp;

use super::checks::Refusal;
use super::proto;
pub use kernel::Kernel;
pub use kernel::{Own, Primitive};
pub use microsoft::PRIVATE;
pub use ml::softmax;
pub use node::{Node, Opsets};
pub use standard::{CASES, place_of_best};
pub use text::STRINGS;

/// A kernel for a node, or why there is none for this one.
type Build = fn(&Node) -> Result<Arc<dyn Kernel>, Refusal>;

/// One operator of ours.
struct Entry {
    domain: &'static str,
    name: &'static str,
    build: Build,
}

/// Every operator of ours, by domain and name.
const TABLE: &[&[Entry]] = &[
    attention::OPERATORS,
    microsoft::OPERATORS,
    ml::OPERATORS,
    recurrent::OPERATORS,
    standard::OPERATORS,
    text::OPERATORS,
    trees::OPERATORS,
];

fn entry(domain: &str, name: &str) -> Option<&'static Entry> {
    TABLE.iter().copied().flatten().find(|entry| entry.domain == domain && entry.name == name)
}

/// Whether an operator is ours. `domain` is spelled in full.
pub fn is_own(domain: &str, name: &str) -> bool {
    entry(domain, name).is_some()
}

/// Why this node of ours cannot be run; `None` where it can, or where it is not ours.
pub fn refusal(proto: &NodeProto, opsets: &Opsets) -> Option<Refusal> {
    let entry = entry(proto::domain(&proto.domain), &proto.op_type)?;
    build(entry, &Node::new(proto, opsets, None)).err()
}

/// Builds the kernel and makes sure that it has looked at every attribute: one that nobody reads would be ignored.
fn build(entry: &Entry, node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let kernel = (entry.build)(node)?;
    match node.unread() {
        None => Ok(kernel),
        Some(name) => Err(Refusal::new(
            format!("its attribute {name:?} is not part of the operator"),
            format!("Export the model without {name}, or with the operator set that defines it"),
        )),
    }
}

/// Gives every node of ours the name under which [`register`] knows it. The last thing done to a graph: after it, names
/// of operators are no longer those of the standard.
pub fn qualify(graph: &mut GraphProto) {
    for node in &mut graph.node {
        let domain = proto::domain(&node.domain);
        if is_own(domain, &node.op_type) {
            node.op_type = format!("{domain}.{}", node.op_type);
        }
        for inner in node.attribute.iter_mut().flat_map(|attribute| attribute.g.iter_mut().chain(&mut attribute.graphs))
        {
            qualify(inner);
        }
    }
}

/// The operator's name as the file has it.
pub fn plain_name(op_type: &str) -> &str {
    op_type.rsplit('.').next().unwrap_or(op_type)
}

/// Makes the operators known to tract's importer.
pub fn register(onnx: &mut Onnx) {
    doubles::register(onnx);
    onnx.op_register.0.insert("ConvTranspose".into(), standard::conv_transpose);
    onnx.op_register.0.insert("Einsum".into(), standard::einsum);
    onnx.op_register.0.insert("Equal".into(), standard::equal);
    standard::register_resize(onnx);
    onnx.op_register.0.insert("Pow".into(), standard::pow);
    for entry in TABLE.iter().copied().flatten() {
        onnx.op_register.0.insert(format!("{}.{}", entry.domain, entry.name), import);
    }
}

fn import(context: &ParsingContext, proto: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let found = entry(proto::domain(&proto.domain), plain_name(&proto.op_type));
    let entry = found.ok_or_else(|| TractError::msg(format!("no operator {}", proto.op_type)))?;
    let opsets = opsets(context.model);
    let node = Node::new(proto, &opsets, Some(context));
    let kernel = build(entry, &node).map_err(|refusal| TractError::msg(refusal.reason))?;
    Ok((Box::new(Own::new(format!("{}.{}", entry.domain, entry.name), kernel, proto)), Vec::new()))
}

/// Which operator set of each domain the file speaks.
pub fn opsets(model: &ModelProto) -> Opsets {
    model.opset_import.iter().map(|opset| (proto::domain(&opset.domain).to_owned(), opset.version)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_stands_in_the_table_once() {
        let mut names: Vec<_> = TABLE.iter().copied().flatten().map(|entry| (entry.domain, entry.name)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
