//! One signature for both engines. The second one knows less of some outputs: where it leaves an axis open, the first one is
//! asked, whose analysis goes further on most models that it can read.

use std::collections::HashSet;

use super::contest;
use crate::engine::{RunError, Session};
use crate::model::{ClassLabels, Dim, GraphSummary, Signature};
use crate::tensor::{Shape, Tensor};

/// Loading takes the first engine a time that grows with the square of the nodes: a second or two for this many.
const MOST_NODES: usize = 2000;

/// The session with what `other`, loaded only when it is needed, knows of axes that it knows nothing of.
pub fn completed(session: Box<dyn Session>, other: impl FnOnce() -> Option<Box<dyn Session>>) -> Box<dyn Session> {
    if session.graph().nodes > MOST_NODES || !has_open_axes(session.signature()) {
        return session;
    }
    let Some(other) = other() else { return session };
    if contest::same_interface([session.signature(), other.signature()], ["", ""]).is_err() {
        return session;
    }
    let signature = merged(session.signature(), other.signature());
    Box::new(Under { session, signature })
}

fn has_open_axes(signature: &Signature) -> bool {
    let names = names(signature);
    signature.outputs.iter().flat_map(|port| &port.shape).any(|dim| is_open(dim, &names))
}

/// The names of the inputs' axes: what an output's axis can be said to be as long as.
fn names(signature: &Signature) -> HashSet<String> {
    let symbol = |dim: &Dim| match dim {
        Dim::Symbol(name) => Some(name.clone()),
        Dim::Fixed(_) => None,
    };
    signature.inputs.iter().flat_map(|port| &port.shape).filter_map(symbol).collect()
}

fn is_open(dim: &Dim, names: &HashSet<String>) -> bool {
    matches!(dim, Dim::Symbol(name) if !names.contains(name))
}

/// `ours` with the axes of outputs that it leaves open taken from `theirs`, which has the same ports.
fn merged(ours: &Signature, theirs: &Signature) -> Signature {
    let names = names(ours);
    let mut merged = ours.clone();
    for (port, other) in merged.outputs.iter_mut().zip(&theirs.outputs) {
        for (dim, other) in port.shape.iter_mut().zip(&other.shape).filter(|(dim, _)| is_open(dim, &names)) {
            dim.clone_from(other);
        }
    }
    merged
}

/// A session under another's signature; both have the same ports.
pub struct Under {
    pub session: Box<dyn Session>,
    pub signature: Signature,
}

impl Session for Under {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn graph(&self) -> &GraphSummary {
        self.session.graph()
    }

    fn classes(&self) -> Option<&ClassLabels> {
        self.session.classes()
    }

    fn depends_on_chance(&self) -> Option<&str> {
        self.session.depends_on_chance()
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        self.session.run(inputs)
    }

    fn is_prepared(&self, inputs: &[Tensor]) -> bool {
        self.session.is_prepared(inputs)
    }

    fn is_prepared_for_rows(&self, like: &[Tensor], rows: usize) -> bool {
        self.session.is_prepared_for_rows(like, rows)
    }

    fn prefers_few_sizes(&self) -> bool {
        self.session.prefers_few_sizes()
    }

    fn memory_bytes(&self) -> u64 {
        self.session.memory_bytes()
    }

    fn sample_shapes(&self) -> Vec<Shape> {
        self.session.sample_shapes()
    }

    fn sample(&self, value: f64) -> Option<Vec<Tensor>> {
        self.session.sample(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::FakeSession;
    use crate::model::Port;
    use crate::tensor::DataType;

    fn session(output: &[&str]) -> Box<dyn Session> {
        let dim = |text: &&str| text.parse().map_or_else(|_| Dim::Symbol((*text).into()), Dim::Fixed);
        let port = |name: &str, shape: &[&str]| Port {
            name: name.into(),
            datatype: DataType::Fp32,
            shape: shape.iter().map(dim).collect(),
            description: None,
        };
        let signature = Signature { inputs: vec![port("x", &["N", "4"])], outputs: vec![port("y", output)] };
        Box::new(FakeSession::new(signature, |inputs| Ok(inputs.to_vec())))
    }

    fn shape(session: &dyn Session) -> Vec<String> {
        session.signature().outputs[0].shape.iter().map(Dim::to_string).collect()
    }

    #[test]
    fn open_axes_are_completed_and_known_ones_kept() {
        let complete = |ours: &[&str], theirs: &[&str]| shape(&*completed(session(ours), || Some(session(theirs))));
        assert_eq!(complete(&["N", "y_1"], &["N", "3"]), ["N", "3"]);
        assert_eq!(complete(&["y_0", "3"], &["N", "y_1"]), ["N", "3"]);
        assert_eq!(complete(&["N", "y_1"], &["N", "3", "1"]), ["N", "y_1"]);
        assert_eq!(complete(&["2", "y_1"], &["5", "3"]), ["2", "y_1"]);
        assert_eq!(shape(&*completed(session(&["N", "y_1"]), || None)), ["N", "y_1"]);
        assert_eq!(shape(&*completed(session(&["N", "3"]), || unreachable!())), ["N", "3"]);
    }
}
