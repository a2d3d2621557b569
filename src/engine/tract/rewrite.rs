//! What is done to a file's graph before it is checked and given to tract: small rewrites, one file each, that turn what
//! tract cannot read into what it can without changing an answer. Each is a function over the message that is tested by
//! itself; [`rewrite`] has their order.

mod claim;
mod constants;
mod control;
mod expand;
mod functions;
mod instance;
mod kinds;
mod narrow;
pub mod raw;
mod sequences;
mod strings;
mod writer;
pub mod zipmap;

use tract_onnx::pb::{ModelProto, NodeProto};

use super::{ops, proto};
use crate::engine::LoadError;
use crate::model::ClassLabels;

/// What the rewrites learned and the message no longer says.
#[derive(Debug, Default, PartialEq)]
pub struct Notes {
    /// Labels of classes that outputs are named by.
    pub classes: Option<ClassLabels>,
}

/// Rewrites a model in place. `bytes` are those of the file, for what tract's messages do not hold.
pub fn rewrite(model: &mut ModelProto, bytes: &[u8]) -> Result<Notes, LoadError> {
    let mut notes = Notes::default();
    public(model)?;
    kinds::describe(model, bytes);
    functions::inline(model, bytes)?;
    let opset = ops::opsets(model).get("ai.onnx").copied().unwrap_or(1);
    if let Some(graph) = &mut model.graph {
        constants::normalise(graph)?;
        control::unfold(graph, opset)?;
        sequences::dissolve(graph, opset);
        narrow::widen(graph)?;
    }
    expand::expand(model)?;
    if let Some(graph) = &mut model.graph {
        notes.classes = zipmap::drop(graph)?;
        strings::mark(graph);
    }
    // The last one: it goes by what the nodes have become.
    claim::claim(model);
    Ok(notes)
}

/// Refuses a file that names the operators which only rewrites write.
fn public(model: &ModelProto) -> Result<(), LoadError> {
    let mut found = None;
    let mut look = |node: &NodeProto| {
        if [ops::PRIVATE, ops::CASES, ops::STRINGS].contains(&&*node.domain) {
            found = Some(LoadError::Unsupported {
                node: proto::node_name(node).to_owned(),
                operator: node.op_type.clone(),
                reason: format!("it belongs to the domain {:?}, which is not for files", node.domain),
                hint: "Export the model with standard operators only".into(),
            });
        }
    };
    if let Some(graph) = &model.graph {
        proto::walk(graph, &mut |graph| graph.node.iter().for_each(&mut look));
    }
    model.functions.iter().flat_map(|function| &function.node).for_each(look);
    found.map_or(Ok(()), Err)
}
