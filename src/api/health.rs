//! What probes ask: is the process alive, has it started, does it want traffic. Alive is constant, since a process
//! that answers is alive and restarting it would cure nothing; the others come from the readiness latches. Every
//! "no" is 503 and says why.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::{App, reply};
use crate::serving::{Lifecycle, Unready};

/// `GET /`: where to go from here.
pub(super) async fn root() -> Response {
    let routes = json!({
        "predict": "/predict",
        "models": "/models",
        "health": "/health",
        "metrics": "/metrics",
        "open_inference_protocol": "/v2",
    });
    let body = json!({
        "status": "alive",
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "routes": routes,
    });
    reply::json(StatusCode::OK, &body)
}

#[derive(Serialize)]
struct Summary<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    version: &'static str,
    uptime_seconds: u64,
    default_model: Option<&'a str>,
    /// Versions by the state they are in.
    models: BTreeMap<&'static str, usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Value>,
}

/// `GET /health`: the state of the server for people; the status code is that of readiness.
pub(super) async fn summary(State(app): State<Arc<App>>) -> Response {
    let ready = app.serving.readiness().ready();
    let models = app.serving.models();
    let default = models.iter().find(|model| model.is_default).map(|model| model.name.as_str());
    let versions = || models.iter().flat_map(|model| &model.versions);
    let count = |word| versions().filter(|version| version.state.word() == word).count();
    let failed: Vec<Value> = models
        .iter()
        .flat_map(|model| model.versions.iter().map(move |version| (model, version)))
        .filter_map(|(model, version)| match &version.state {
            Lifecycle::Failed { reason } => {
                Some(json!({"name": model.name.as_str(), "version": version.version.to_string(), "reason": reason}))
            }
            Lifecycle::Loading | Lifecycle::Verifying | Lifecycle::Ready => None,
        })
        .collect();
    let body = Summary {
        status: word(&ready),
        reason: ready.as_ref().err().map(ToString::to_string),
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.started.elapsed().as_secs(),
        default_model: default,
        models: Lifecycle::WORDS.iter().map(|&word| (word, count(word))).collect(),
        failed,
    };
    reply::json(status(&ready), &body)
}

/// Whether the process answers at all.
pub(super) async fn live() -> Response {
    reply::json(StatusCode::OK, &json!({"live": true}))
}

/// Whether the server wants traffic.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    answer("ready", app.serving.readiness().ready())
}

/// Whether start-up has finished; stays so until the process ends.
pub(super) async fn startup(State(app): State<Arc<App>>) -> Response {
    answer("started", app.serving.readiness().started())
}

fn answer(question: &str, outcome: Result<(), Unready>) -> Response {
    let body = match &outcome {
        Ok(()) => json!({question: true}),
        // `error` is where clients of the Open Inference Protocol look for words.
        Err(reason) => json!({question: false, "reason": reason.to_string(), "error": reason.to_string()}),
    };
    reply::json(status(&outcome), &body)
}

fn status(outcome: &Result<(), Unready>) -> StatusCode {
    if outcome.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn word(ready: &Result<(), Unready>) -> &'static str {
    match ready {
        Ok(()) => "ready",
        Err(Unready::Models | Unready::Listening) => "starting",
        Err(Unready::Failed(_)) => "failed",
        Err(Unready::Draining) => "draining",
    }
}
