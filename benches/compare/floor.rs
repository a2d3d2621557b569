//! The floor of the comparison: what "HTTP and JSON in this language with these libraries" costs when nothing is computed.
//! It reads what `onnxd` reads and answers in the same shapes, with constants, as many as the model would give.
//! It has no layers, no checks, no log and no metrics, so it is a limit and not a server anyone could run.
//!
//!     floor 127.0.0.1:8080 3 [resnet18 80]        address, how many numbers an answer holds, and a model whose answers wait,
//!                                                 in milliseconds: what its bodies alone do to those that are asked beside it

use std::borrow::Cow;
use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

// The V2 message, both ways. Names are borrowed from the body: the fastest that serde_json offers.

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
}

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Vec<usize>,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    /// Absent where the values follow the JSON as bytes.
    #[serde(default)]
    data: Vec<f32>,
}

#[derive(Serialize)]
struct Answer<'a> {
    model_name: &'a str,
    model_version: &'a str,
    outputs: [Output<'a>; 1],
}

#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
    shape: [usize; 2],
    datatype: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Binary>,
}

#[derive(Serialize)]
struct Binary {
    binary_data_size: usize,
}

#[derive(Serialize)]
struct Prediction<'a> {
    predictions: [&'a [f32]; 1],
}

/// The constant answer, in the two forms in which it is written.
#[derive(Clone, Copy)]
struct Constant {
    floats: &'static [f32],
    bytes: &'static [u8],
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().ok_or("floor ADDRESS:PORT [NUMBERS]")?;
    let count = arguments.next().map_or(Ok(3), |text| text.parse())?;
    // Seven or eight digits each, as probabilities have.
    let floats: Vec<f32> = (0..count).map(|i| 1.0 / (i as f32 + 3.7)).collect();
    let bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
    let constant = Constant { floats: floats.leak(), bytes: bytes.leak() };

    let mut routes = Router::new();
    if let (Some(model), Some(milliseconds)) = (arguments.next(), arguments.next()) {
        let wait = Duration::from_secs_f64(milliseconds.parse::<f64>()? / 1000.0);
        let late = async move |constant, headers, body| {
            tokio::time::sleep(wait).await;
            infer(constant, headers, body).await
        };
        routes = routes.route(&format!("/v2/models/{model}/infer"), post(late));
    }
    let routes = routes
        .route("/v2/health/ready", get(|| async {}))
        .route("/v2/models/{model}/infer", post(infer))
        .route("/predict", post(predict))
        .route("/predict/{model}", post(predict))
        .layer(DefaultBodyLimit::disable())
        .with_state(constant);
    let listener = TcpListener::bind(address).await?.tap_io(|stream| {
        // A stream that is gone by now fails at its first read.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, routes).await?)
}

async fn infer(State(constant): State<Constant>, headers: HeaderMap, body: Bytes) -> Response {
    let length = headers.get(HEADER_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let json = match length {
        Some(length) if length <= body.len() => &body[..length],
        _ => &body[..],
    };
    match serde_json::from_slice::<Request<'_>>(json) {
        Ok(request) if length.is_some() => binary(&request, constant),
        Ok(request) => {
            let output = Output { data: Some(constant.floats), parameters: None, ..output(&request, constant) };
            reply(&answer(output))
        }
        Err(error) => refuse(&error),
    }
}

async fn predict(State(constant): State<Constant>, body: Bytes) -> Response {
    match serde_json::from_slice::<Vec<Vec<f32>>>(&body) {
        Ok(_) => reply(&Prediction { predictions: [constant.floats] }),
        Err(error) => refuse(&error),
    }
}

/// JSON first, the numbers behind it.
fn binary(request: &Request<'_>, constant: Constant) -> Response {
    let size = Some(Binary { binary_data_size: constant.bytes.len() });
    match serde_json::to_vec(&answer(Output { parameters: size, ..output(request, constant) })) {
        Ok(mut message) => {
            let length = HeaderValue::from(message.len());
            message.extend_from_slice(constant.bytes);
            let kind = HeaderValue::from_static("application/octet-stream");
            ([(CONTENT_TYPE, kind), (HEADER_LENGTH, length)], message).into_response()
        }
        Err(error) => refuse(&error),
    }
}

fn answer(output: Output<'_>) -> Answer<'_> {
    Answer { model_name: "floor", model_version: "1", outputs: [output] }
}

/// Depends on what was read, so that nothing of the reading can be left out by the compiler.
fn output(request: &Request<'_>, constant: Constant) -> Output<'static> {
    let read = |input: &Input<'_>| !input.name.is_empty() && !input.datatype.is_empty() && input.data.len() != 1;
    let rows = request.inputs.iter().filter(|input| read(input)).filter_map(|input| input.shape.first()).sum();
    Output { name: "output", shape: [rows, constant.floats.len()], datatype: "FP32", data: None, parameters: None }
}

fn reply(message: &impl Serialize) -> Response {
    match serde_json::to_vec(message) {
        Ok(json) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response(),
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &serde_json::Error) -> Response {
    (StatusCode::BAD_REQUEST, error.to_string()).into_response()
}
