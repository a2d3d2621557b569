//! The `statistics` extension: counts and durations since start, which `perf_analyzer` reads twice and subtracts. Its
//! parser wants every field there, so the cache of a model that has none is present as zero.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::refused;
use crate::api::{App, reply};
use crate::model::Selector;
use crate::serving::{StageStatistics, Statistics};

/// `GET /v2/models/stats`
pub(in crate::api) async fn all(State(app): State<Arc<App>>) -> Response {
    answer(&app, &Selector::default())
}

/// `GET /v2/models/{model}/stats`
pub(in crate::api) async fn model(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    answer(&app, &Selector::new(Some(&name), None))
}

/// `GET /v2/models/{model}/versions/{version}/stats`
pub(in crate::api) async fn version(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Response {
    answer(&app, &Selector::new(Some(&name), Some(&version)))
}

fn answer(app: &App, selector: &Selector) -> Response {
    match app.serving.statistics(selector) {
        Ok(statistics) => {
            let models: Vec<Value> = statistics.iter().map(model_statistics).collect();
            reply::json(StatusCode::OK, &json!({"model_stats": models}))
        }
        Err(error) => refused(&error),
    }
}

fn model_statistics(s: &Statistics) -> Value {
    let last = s.last_inference.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let batches: Vec<Value> = s
        .batches
        .iter()
        .map(|(rows, infer)| {
            json!({
                "batch_size": rows,
                "compute_input": stage(StageStatistics { count: infer.count, nanoseconds: 0 }),
                "compute_infer": stage(*infer),
                "compute_output": stage(StageStatistics { count: infer.count, nanoseconds: 0 }),
            })
        })
        .collect();
    json!({
        "name": s.name.as_str(),
        "version": s.version.to_string(),
        "last_inference": last.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        "inference_count": s.inference_count,
        "execution_count": s.execution_count,
        "inference_stats": {
            "success": stage(s.success),
            "fail": stage(s.fail),
            "queue": stage(s.queue),
            "compute_input": stage(s.compute_input),
            "compute_infer": stage(s.compute_infer),
            "compute_output": stage(s.compute_output),
            "cache_hit": stage(s.cache_hit),
            "cache_miss": stage(s.cache_miss),
        },
        "response_stats": {},
        "batch_stats": batches,
        "memory_usage": [{"type": "CPU", "id": "0", "byte_size": s.memory_bytes}],
    })
}

fn stage(stage: StageStatistics) -> Value {
    json!({"count": stage.count, "ns": stage.nanoseconds})
}
