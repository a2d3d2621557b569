use std::sync::Arc;

use crate::model::{Description, Selector};
use crate::registry::Registry;
use crate::telemetry::Metrics;

use super::{Error, ModelStatus, Readiness, Request, Response, Statistics};

/// Every use case of the server, shared by all protocols.
pub struct Serving {
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

impl Serving {
    pub fn new(registry: Arc<Registry>, metrics: Arc<Metrics>) -> Self {
        Self { registry, metrics, readiness: Readiness::default() }
    }

    /// Route, check out, fit, infer, answer.
    pub async fn predict(&self, request: Request) -> Result<Response, Error> {
        todo!()
    }

    /// The ready version that a request with this selector would be answered by.
    pub fn describe(&self, selector: &Selector) -> Result<Arc<Description>, Error> {
        todo!()
    }

    /// All models by name, versions newest first.
    pub fn models(&self) -> Vec<ModelStatus> {
        todo!()
    }

    /// Counts of the versions the selector names: of every model when it names none, of every version of the model
    /// when it names no version.
    pub fn statistics(&self, selector: &Selector) -> Result<Vec<Statistics>, Error> {
        todo!()
    }

    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}
