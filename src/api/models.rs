//! `GET /models` and `GET /models/{model}`: everything there is to know before sending a request. What is loaded and in
//! which state, what each version takes and gives, who wrote it, which bytes it is, and a command line that works.

mod scheduling;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::predict::fault_of_example;
use super::{App, problem, reply};
use crate::model::{Description, EngineChoice, EngineProbe, GraphSummary, ModelCard, Port, Selector};
use crate::serving::{CacheStatus, Lifecycle, ModelStatus, VersionStatus};
use scheduling::Scheduling;

/// `GET /models`, also under `/v2/models`.
pub(super) async fn list(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    #[derive(Serialize)]
    struct Listing<'a> {
        models: Vec<Model<'a>>,
    }
    let host = host(&headers);
    let models = app.serving.models();
    reply::json(StatusCode::OK, &Listing { models: models.iter().map(|model| Model::of(model, host)).collect() })
}

/// `GET /models/{model}`: one entry of the list, failed versions included.
pub(super) async fn show(State(app): State<Arc<App>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let models = app.serving.models();
    if let Some(model) = models.iter().find(|model| model.name.as_str() == name) {
        return reply::json(StatusCode::OK, &Model::of(model, host(&headers)));
    }
    let known = models.iter().map(|model| model.name.to_string()).collect();
    problem::respond(problem::Dialect::Problem, &crate::serving::Problem::UnknownModel { name, known }.into())
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    default: bool,
    /// Whether at least one version answers.
    ready: bool,
    versions: Vec<Version<'a>>,
}

impl<'a> Model<'a> {
    fn of(model: &'a ModelStatus, host: &str) -> Self {
        let is_ready = |version: &VersionStatus| version.state == Lifecycle::Ready;
        let newest = model.versions.iter().find(|version| is_ready(version)).map(|version| version.version);
        Self {
            name: model.name.as_str(),
            default: model.is_default,
            ready: newest.is_some(),
            versions: model
                .versions
                .iter()
                .map(|version| {
                    // The shortest path that reaches this version.
                    let path = match newest == Some(version.version) {
                        true => format!("/predict/{}", model.name),
                        false => format!("/predict/{}/{}", model.name, version.version),
                    };
                    Version::of(version, path, host)
                })
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct Version<'a> {
    version: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    described: Option<Described<'a>>,
    memory_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<Cache>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduling: Option<Scheduling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<Example>,
    /// Why the model refuses the example that its author gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    example_fault: Option<String>,
}

impl<'a> Version<'a> {
    fn of(status: &'a VersionStatus, path: String, host: &str) -> Self {
        let description = status.description.as_deref();
        let example = description.and_then(problem::predict_example);
        Self {
            version: status.version.to_string(),
            state: status.state.word(),
            reason: match &status.state {
                Lifecycle::Failed { reason } => Some(reason),
                Lifecycle::Loading | Lifecycle::Verifying | Lifecycle::Ready => None,
            },
            described: description.map(Described::of),
            memory_bytes: status.memory_bytes,
            cache: status.cache.as_ref().map(Cache::of),
            scheduling: status.scheduling.as_ref().map(Scheduling::of),
            example: example.and_then(|body| Example::of(&body, path, host)),
            example_fault: description.and_then(fault_of_example),
        }
    }
}

/// A response cache: its limits as `model.toml` gives them, what it holds, and how often it had the answer.
#[derive(Serialize)]
struct Cache {
    max_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<f64>,
    entries: u64,
    bytes: u64,
    hits: u64,
    misses: u64,
}

impl Cache {
    fn of(status: &CacheStatus) -> Self {
        let CacheStatus { max_bytes, ttl, entries, bytes, hits, misses } = *status;
        Self { max_bytes, ttl_seconds: ttl.map(|ttl| ttl.as_secs_f64()), entries, bytes, hits, misses }
    }
}

/// What is known of a version once it was loaded.
#[derive(Serialize)]
struct Described<'a> {
    digest: String,
    engine: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    inputs: Vec<PortView<'a>>,
    outputs: Vec<PortView<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    features: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    labels: &'a [String],
    graph: Graph<'a>,
}

impl<'a> Described<'a> {
    fn of(description: &'a Description) -> Self {
        let Description { id, signature, card, graph, engine, engine_choice, sample: _ } = description;
        let ModelCard { title, description, features, classes, .. } = card;
        Self {
            digest: format!("sha256:{}", id.digest),
            engine,
            engine_choice: engine_choice.as_ref().map(Choice::of),
            title: title.as_deref(),
            description: description.as_deref().or(Some(graph.description.as_str()).filter(|words| !words.is_empty())),
            inputs: signature.inputs.iter().map(PortView::of).collect(),
            outputs: signature.outputs.iter().map(PortView::of).collect(),
            features,
            labels: classes.as_ref().map_or(&[], |classes| classes.labels.as_slice()),
            graph: Graph::of(graph),
        }
    }
}

/// Why this engine, where there was a choice.
#[derive(Serialize)]
struct Choice<'a> {
    reason: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    probes: Vec<Probe>,
}

/// What one engine took for a request of so many rows.
#[derive(Serialize)]
struct Probe {
    engine: &'static str,
    rows: usize,
    microseconds: f64,
}

impl<'a> Choice<'a> {
    fn of(choice: &'a EngineChoice) -> Self {
        let probe = |&EngineProbe { engine, rows, seconds }: &EngineProbe| Probe {
            engine,
            rows,
            // Tenths are more than the measurement is good for.
            microseconds: (seconds * 1e7).round() / 10.0,
        };
        Self { reason: &choice.reason, probes: choice.probes.iter().map(probe).collect() }
    }
}

/// One input or output as the Open Inference Protocol describes it.
#[derive(Serialize)]
pub(super) struct PortView<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: Vec<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

impl<'a> PortView<'a> {
    pub(super) fn of(port: &'a Port) -> Self {
        Self {
            name: &port.name,
            datatype: port.datatype.name(),
            shape: port.wire_shape(),
            description: port.description.as_deref().filter(|words| !words.is_empty()),
        }
    }
}

/// What the file says of itself.
#[derive(Serialize)]
struct Graph<'a> {
    ir_version: i64,
    opsets: &'a std::collections::BTreeMap<String, i64>,
    producer: &'a str,
    nodes: usize,
    weight_bytes: u64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    external_data: &'a [String],
}

impl<'a> Graph<'a> {
    fn of(graph: &'a GraphSummary) -> Self {
        let GraphSummary { ir_version, opsets, producer, nodes, weight_bytes, external_data, .. } = graph;
        Self { ir_version: *ir_version, opsets, producer, nodes: *nodes, weight_bytes: *weight_bytes, external_data }
    }
}

/// A request that works.
#[derive(Serialize)]
struct Example {
    method: &'static str,
    path: String,
    body: Value,
    curl: String,
}

impl Example {
    /// `None` where the author's example is no JSON: better no example than one that fails.
    fn of(body: &str, path: String, host: &str) -> Option<Self> {
        let value = serde_json::from_str(body).ok()?;
        let quoted = body.trim().replace('\'', r"'\''");
        let curl = format!("curl -s http://{host}{path} -H 'content-type: application/json' -d '{quoted}'");
        Some(Self { method: "POST", path, body: value, curl })
    }
}

/// The name under which the client reached the server, for commands it can paste. Whatever else a client writes into
/// the header must not end up in a command line.
fn host(headers: &HeaderMap) -> &str {
    let plain = |host: &&str| {
        (1..=255).contains(&host.len())
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
    };
    headers.get(HOST).and_then(|host| host.to_str().ok()).filter(plain).unwrap_or("localhost:8080")
}

/// The description of the version a path names.
pub(super) fn describe(
    app: &App,
    name: &str,
    version: Option<&str>,
) -> Result<Arc<Description>, crate::serving::Error> {
    Ok(Arc::clone(app.serving.checkout(&Selector::new(Some(name), version))?.description()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_host_is_not_pasted_into_a_command() {
        let host_of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, text.parse().expect("a header value"));
            host(&headers).to_owned()
        };
        for good in ["example.org", "127.0.0.1:8080", "[::1]:80", "my_service"] {
            assert_eq!(host_of(good), good);
        }
        for bad in ["", "a b", "$(reboot)", "a;b", "a'b", "a/b"] {
            assert_eq!(host_of(bad), "localhost:8080", "{bad}");
        }
    }

    #[test]
    fn an_example_survives_the_shell() {
        let example = Example::of(r#"{"instances": ["it's"]}"#, "/predict/m".into(), "h").expect("valid JSON");
        assert!(example.curl.ends_with(r#"-d '{"instances": ["it'\''s"]}'"#), "{}", example.curl);
        assert!(Example::of("{", "/predict/m".into(), "h").is_none());
    }
}
