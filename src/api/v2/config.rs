//! The `model_configuration` extension: a model described in the words of Triton's configuration file. Nothing here
//! can be configured; it exists because `perf_analyzer` asks for it before it sends anything.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::metadata::platform;
use super::refused;
use crate::api::models::describe;
use crate::api::{App, reply};
use crate::model::{Description, Port};
use crate::tensor::DataType;

/// `GET /v2/models/{model}/config`
pub(in crate::api) async fn model(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    answer(&app, &name, None)
}

/// `GET /v2/models/{model}/versions/{version}/config`
pub(in crate::api) async fn version(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Response {
    answer(&app, &name, Some(&version))
}

fn answer(app: &App, name: &str, version: Option<&str>) -> Response {
    match describe(app, name, version) {
        Ok(description) => reply::json(StatusCode::OK, &configuration(&description, app.config.max_body)),
        Err(error) => refused(&error),
    }
}

fn configuration(description: &Description, max_body: usize) -> Value {
    let signature = &description.signature;
    let rows = max_batch_size(description, max_body);
    let inputs: Vec<Value> = signature.inputs.iter().map(|port| input(port, rows > 0)).collect();
    let outputs: Vec<Value> = signature.outputs.iter().map(|port| output(port, rows > 0)).collect();
    let mut configuration = json!({
        "name": description.id.name.as_str(),
        "platform": platform(description),
        "backend": description.engine,
        // Every version on disk is served.
        "version_policy": {"all": {}},
        "max_batch_size": rows,
        "input": inputs,
        "output": outputs,
        "instance_group": [{"name": description.id.name.as_str(), "kind": "KIND_CPU", "count": 1}],
        "default_model_filename": "model.onnx",
        "parameters": {},
        "model_warmup": [],
        "model_transaction_policy": {"decoupled": false},
    });
    // Present only where it is on: clients take the key as a sign of it.
    if description.card.cache.is_some() {
        configuration["response_cache"] = json!({"enable": true});
    }
    configuration
}

/// Largest number of rows a client should send in one request: as many as certainly fit a request body, and no more
/// than a client may reasonably allocate for. 0 says that the model has no batch axis; clients take any other number
/// as leave to drop axis 0 from each shape.
fn max_batch_size(description: &Description, max_body: usize) -> i32 {
    const REASONABLE: usize = 1024;
    // A number in JSON takes some 20 characters.
    const ELEMENT: usize = 20;
    let signature = &description.signature;
    if !signature.is_batched() {
        return 0;
    }
    let elements = |port: &Port| port.shape.iter().skip(1).map(|dim| dim.fixed().unwrap_or(1)).product::<usize>();
    let row_bytes = signature.inputs.iter().map(elements).sum::<usize>().saturating_mul(ELEMENT).max(1);
    i32::try_from((max_body / row_bytes).clamp(1, REASONABLE)).unwrap_or(1)
}

fn input(port: &Port, batched: bool) -> Value {
    let mut value = output(port, batched);
    value["format"] = "FORMAT_NONE".into();
    value["is_shape_tensor"] = false.into();
    value["allow_ragged_batch"] = false.into();
    value["optional"] = false.into();
    value
}

fn output(port: &Port, batched: bool) -> Value {
    let dims: Vec<i64> = port.wire_shape().into_iter().skip(usize::from(batched)).collect();
    let mut value = json!({"name": port.name, "data_type": data_type(port.datatype), "dims": dims});
    if dims.is_empty() {
        // Triton's configuration knows no empty shape; this is how it says "a scalar per row".
        value["dims"] = json!([1]);
        value["reshape"] = json!({"shape": []});
    }
    value
}

const fn data_type(datatype: DataType) -> &'static str {
    match datatype {
        DataType::Bool => "TYPE_BOOL",
        DataType::Uint8 => "TYPE_UINT8",
        DataType::Uint16 => "TYPE_UINT16",
        DataType::Uint32 => "TYPE_UINT32",
        DataType::Uint64 => "TYPE_UINT64",
        DataType::Int8 => "TYPE_INT8",
        DataType::Int16 => "TYPE_INT16",
        DataType::Int32 => "TYPE_INT32",
        DataType::Int64 => "TYPE_INT64",
        DataType::Fp16 => "TYPE_FP16",
        DataType::Fp32 => "TYPE_FP32",
        DataType::Fp64 => "TYPE_FP64",
        DataType::Bytes => "TYPE_STRING",
    }
}
