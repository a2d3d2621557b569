//! A scripted engine for tests of the layers above: it has the signature a test gives it and answers by a closure, so
//! that slowness, errors and panics-turned-errors happen exactly when the test says so. It reads no ONNX at all.

use std::sync::Arc;

use super::{Engine, Inspection, LoadError, ModelSource, RunError, Session};
use crate::model::{Dim, GraphSummary, Port, Signature};
use crate::tensor::{DataType, Tensor};

/// What a fake model does with its inputs. It may block: on a channel or a barrier the test holds the other end of.
pub type Script = Arc<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>, RunError> + Send + Sync>;

/// An engine that loads the same scripted model whatever the bytes are, or fails to.
#[derive(Clone)]
pub struct Fake {
    name: &'static str,
    model: Result<FakeSession, LoadError>,
}

/// The scripted model; cheap to clone.
#[derive(Clone)]
pub struct FakeSession {
    signature: Signature,
    graph: GraphSummary,
    script: Script,
    chance: Option<&'static str>,
}

impl Fake {
    pub fn new(
        signature: Signature,
        script: impl Fn(&[Tensor]) -> Result<Vec<Tensor>, RunError> + Send + Sync + 'static,
    ) -> Self {
        Self { name: "fake", model: Ok(FakeSession::new(signature, script)) }
    }

    /// One FP32 input `x` and one FP32 output `y`, both `[N, columns]`: answers what it is given.
    pub fn echo(columns: usize) -> Self {
        Self::new(FakeSession::rows_in_rows_out(columns), |inputs| Ok(inputs.to_vec()))
    }

    /// An engine whose every load fails.
    pub fn failing(error: LoadError) -> Self {
        Self { name: "fake", model: Err(error) }
    }

    /// The same with a node that draws lots.
    pub fn depending_on_chance(self, node: &'static str) -> Self {
        Self { model: self.model.map(|session| FakeSession { chance: Some(node), ..session }), ..self }
    }

    /// The same under another name, for tests that need two.
    pub fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}

impl FakeSession {
    pub fn new(
        signature: Signature,
        script: impl Fn(&[Tensor]) -> Result<Vec<Tensor>, RunError> + Send + Sync + 'static,
    ) -> Self {
        Self { signature, graph: GraphSummary::default(), script: Arc::new(script), chance: None }
    }

    /// The signature of [`Fake::echo`].
    pub fn rows_in_rows_out(columns: usize) -> Signature {
        let port = |name: &str| Port {
            name: name.into(),
            datatype: DataType::Fp32,
            shape: vec![Dim::Symbol("N".into()), Dim::Fixed(columns)],
            description: None,
        };
        Signature { inputs: vec![port("x")], outputs: vec![port("y")] }
    }
}

impl Engine for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn load(&self, _source: &ModelSource) -> Result<Box<dyn Session>, LoadError> {
        self.model.clone().map(|session| Box::new(session) as Box<dyn Session>)
    }

    fn inspect(&self, _source: &ModelSource) -> Result<Inspection, LoadError> {
        let session = self.model.clone()?;
        Ok(Inspection { graph: session.graph, signature: Ok(session.signature), operators: Vec::new() })
    }
}

impl Session for FakeSession {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn graph(&self) -> &GraphSummary {
        &self.graph
    }

    fn depends_on_chance(&self) -> Option<&str> {
        self.chance
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        (self.script)(inputs)
    }

    fn memory_bytes(&self) -> u64 {
        0
    }
}
