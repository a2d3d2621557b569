//! What the server is and what a model takes and gives.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::refused;
use crate::api::models::{PortView, describe};
use crate::api::{App, reply};
use crate::model::Description;
use crate::serving::{Error, Lifecycle, Problem};

/// The optional parts of the protocol that are implemented, by the names its clients look for.
pub(in crate::api) const EXTENSIONS: [&str; 4] =
    ["binary_tensor_data", "model_repository", "statistics", "model_configuration"];

/// `GET /v2`
pub(in crate::api) async fn server() -> Response {
    let body = json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": EXTENSIONS,
    });
    reply::json(StatusCode::OK, &body)
}

/// `GET /v2/models/{model}`
pub(in crate::api) async fn model(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    metadata(&app, &name, None)
}

/// `GET /v2/models/{model}/versions/{version}`
pub(in crate::api) async fn version(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Response {
    metadata(&app, &name, Some(&version))
}

/// `GET /v2/models/{model}/ready`
pub(in crate::api) async fn model_ready(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    ready(&app, &name, None)
}

/// `GET /v2/models/{model}/versions/{version}/ready`
pub(in crate::api) async fn version_ready(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Response {
    ready(&app, &name, Some(&version))
}

fn metadata(app: &App, name: &str, version: Option<&str>) -> Response {
    #[derive(Serialize)]
    struct Metadata<'a> {
        name: &'a str,
        versions: Vec<String>,
        platform: String,
        inputs: Vec<PortView<'a>>,
        outputs: Vec<PortView<'a>>,
    }
    match describe(app, name, version) {
        Ok(description) => {
            let Description { id, signature, .. } = &*description;
            let body = Metadata {
                name: id.name.as_str(),
                versions: ready_versions(app, name),
                platform: platform(&description),
                inputs: signature.inputs.iter().map(PortView::of).collect(),
                outputs: signature.outputs.iter().map(PortView::of).collect(),
            };
            reply::json(StatusCode::OK, &body)
        }
        Err(error) => refused(&error),
    }
}

/// `<format>_<engine>`, as the platforms of other servers are called.
pub(super) fn platform(description: &Description) -> String {
    format!("onnx_{}", description.engine)
}

/// Oldest first.
fn ready_versions(app: &App, name: &str) -> Vec<String> {
    let models = app.serving.models();
    let versions =
        models.iter().filter(|model| model.name.as_str() == name).flat_map(|model| model.versions.iter().rev());
    versions.filter(|version| version.state == Lifecycle::Ready).map(|version| version.version.to_string()).collect()
}

/// A model is ready when it can answer and the server wants the question: while draining it does not.
fn ready(app: &App, name: &str, version: Option<&str>) -> Response {
    let ready = match describe(app, name, version) {
        Ok(_) if app.serving.readiness().is_draining() => Err(Error::from(Problem::ShuttingDown)),
        other => other,
    };
    match ready {
        Ok(description) => reply::json(StatusCode::OK, &json!({"name": description.id.name.as_str(), "ready": true})),
        Err(error) => refused(&error),
    }
}
