//! The `model_repository` extension, as far as it reads: which versions there are and how they do. Loading and
//! unloading belong to whoever owns the files; over HTTP they are refused.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::refused;
use crate::api::{App, problem, reply};
use crate::serving::{Invalid, Lifecycle, Place, Problem};

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Question {
    /// Only versions that answer.
    #[serde(default)]
    ready: bool,
}

/// `POST /v2/repository/index`
pub(in crate::api) async fn index(State(app): State<Arc<App>>, body: Bytes) -> Response {
    #[derive(Serialize)]
    struct Entry<'a> {
        name: &'a str,
        version: String,
        state: &'static str,
        reason: &'a str,
    }
    let question = match question(&body) {
        Ok(question) => question,
        Err(invalid) => return refused(&Problem::from(invalid).into()),
    };
    let models = app.serving.models();
    let versions = models.iter().flat_map(|model| model.versions.iter().map(move |version| (model, version)));
    let entries: Vec<Entry> = versions
        .map(|(model, version)| Entry {
            name: model.name.as_str(),
            version: version.version.to_string(),
            state: state(&version.state),
            reason: match &version.state {
                Lifecycle::Failed { reason } => reason,
                Lifecycle::Loading | Lifecycle::Verifying | Lifecycle::Ready => "",
            },
        })
        .filter(|entry| !question.ready || entry.state == "READY")
        .collect();
    reply::json(StatusCode::OK, &entries)
}

/// An empty body asks for everything.
fn question(body: &[u8]) -> Result<Question, Invalid> {
    if body.trim_ascii().is_empty() {
        return Ok(Question::default());
    }
    serde_json::from_slice(body).map_err(|error| Invalid {
        code: "invalid_request",
        what: "the body is no question about the repository".into(),
        place: Place::Whole,
        expected: r#"nothing, {} or {"ready": true}"#.into(),
        got: error.to_string(),
        hint: None,
    })
}

fn state(lifecycle: &Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Loading | Lifecycle::Verifying => "LOADING",
        Lifecycle::Ready => "READY",
        Lifecycle::Failed { .. } => "UNAVAILABLE",
    }
}

/// `POST /v2/repository/models/{model}/load`
pub(in crate::api) async fn load(Path(name): Path<String>) -> Response {
    not_offered(&name, "load")
}

/// `POST /v2/repository/models/{model}/unload`
pub(in crate::api) async fn unload(Path(name): Path<String>) -> Response {
    not_offered(&name, "unload")
}

fn not_offered(name: &str, verb: &str) -> Response {
    let what =
        format!("cannot {verb} {name:?}: this server loads its models when it starts; change --models and restart it");
    problem::refuse(problem::Dialect::Oip, problem::Refusal::NotOffered { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_may_be_left_out() {
        for (body, ready) in
            [("", false), (" \n", false), ("{}", false), (r#"{"ready":true}"#, true), (r#"{"x":1}"#, false)]
        {
            assert_eq!(question(body.as_bytes()), Ok(Question { ready }), "{body}");
        }
        for bad in ["1", "{", r#"{"ready":1}"#] {
            assert!(question(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
