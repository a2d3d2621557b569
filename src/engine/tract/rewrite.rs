//! What is done to a file's graph before it is checked and given to tract: small rewrites, one file each, that turn what
//! tract cannot read into what it can without changing an answer. Each is a function over the message that is tested by
//! itself; [`rewrite`] has their order.

pub mod zipmap;

use tract_onnx::pb::ModelProto;

use crate::engine::LoadError;
use crate::model::ClassLabels;

/// What the rewrites learned and the message no longer says.
#[derive(Debug, Default, PartialEq)]
pub struct Notes {
    /// Labels of classes that outputs are named by.
    pub classes: Option<ClassLabels>,
}

/// Rewrites a model in place.
pub fn rewrite(model: &mut ModelProto) -> Result<Notes, LoadError> {
    let mut notes = Notes::default();
    if let Some(graph) = &mut model.graph {
        notes.classes = zipmap::drop(graph)?;
    }
    Ok(notes)
}
