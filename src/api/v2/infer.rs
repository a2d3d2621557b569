//! `POST /v2/models/{model}[/versions/{version}]/infer`: divide the body, read the message, predict, write the answer.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::answer::{Manner, Written, write};
use super::framing::{Framed, INFERENCE_HEADER, divide, whole_body_tensor};
use super::message::{Message, read};
use super::refused;
use crate::api::{App, Call, Context, offload, problem, stamp};
use crate::codec::DecodeError;
use crate::model::{Description, Selector, Signature};
use crate::serving::{self, Error, Input, Payload};

pub(in crate::api) async fn newest_version(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    match Path::<String>::from_request_parts(&mut parts, &()).await {
        Ok(Path(name)) => {
            let selector = Selector { name: Some(name), version: None };
            reopened(&app, selector, Request::from_parts(parts, body)).await
        }
        Err(unreadable) => unreadable.into_response(),
    }
}

pub(in crate::api) async fn exact_version(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    match Path::<(String, String)>::from_request_parts(&mut parts, &()).await {
        Ok(Path((name, version))) => {
            let selector = Selector { name: Some(name), version: Some(version) };
            reopened(&app, selector, Request::from_parts(parts, body)).await
        }
        Err(unreadable) => unreadable.into_response(),
    }
}

/// A request that came by the router.
async fn reopened(app: &App, selector: Selector, request: Request) -> Response {
    match Call::of(request).await {
        Ok(call) => respond(app, selector, call).await,
        Err(refused) => refused,
    }
}

pub(in crate::api) async fn respond(app: &App, selector: Selector, call: Box<Call>) -> Response {
    let Call { request, context, body } = *call;
    infer(app, &context, selector, request.headers(), body).await.unwrap_or_else(|error| refused(&error))
}

async fn infer(
    app: &App,
    context: &Context,
    selector: Selector,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    if let Some(got) = strange_type(headers) {
        let expected = "application/json, or application/octet-stream with Inference-Header-Content-Length";
        return Ok(problem::refuse(problem::Dialect::Oip, problem::Refusal::WrongContentType { got, expected }));
    }
    // Asked first: whoever names a model that is not there should not be told about commas.
    let checkout = app.serving.checkout(&selector)?;
    let model = checkout.description();
    let since = Instant::now();
    let unreadable = |fault| checkout.unreadable(since, fault);
    let framed = divide(headers, body).map_err(unreadable)?;
    let message = understand(context, model, framed).await.map_err(unreadable)?;

    let Message { id, inputs, outputs, parameters } = message;
    let deadline = parameters.timeout.and_then(|timeout| context.start.checked_add(timeout));
    let request = serving::Request {
        payload: Payload::Named(inputs),
        outputs: (!outputs.is_empty()).then(|| outputs.iter().map(|output| output.name.clone()).collect()),
        deadline: deadline.map_or(context.deadline, |deadline| deadline.min(context.deadline)),
    };
    let response = checkout.predict(request).await?;

    let manner = Manner { id, wanted: outputs, binary: parameters.binary_output, non_finite: parameters.non_finite };
    Ok(answer(context, response, manner).await)
}

/// A content type that says the body is something else. Clients of this protocol often send none, or the one their
/// library puts there by default, so the types that tools give to any text pass.
fn strange_type(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(CONTENT_TYPE)?;
    if given == "application/json" || given == "application/octet-stream" {
        return None;
    }
    let text = String::from_utf8_lossy(given.as_bytes()).into_owned();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = ["", "application/json", "application/octet-stream", "text/plain", "application/x-www-form-urlencoded"];
    (!known.contains(&essence.as_str()) && !essence.ends_with("+json")).then_some(text)
}

/// The message of a body, read where that keeps nobody waiting.
async fn understand(context: &Context, model: &Arc<Description>, framed: Framed) -> Result<Message, Box<DecodeError>> {
    let place = &context.place;
    match framed {
        Framed::Message { json, binary } => {
            offload::run(place, json.len() + binary.len(), move || read(&json, binary)).await
        }
        Framed::Raw(body) => {
            let model = Arc::clone(model);
            offload::run(place, body.len(), move || message_of(Framed::Raw(body), &model.signature)).await
        }
    }
}

/// The message of a body; a raw one is a message that asks for raw outputs.
pub(super) fn message_of(framed: Framed, signature: &Signature) -> Result<Message, Box<DecodeError>> {
    match framed {
        Framed::Message { json, binary } => read(&json, binary),
        Framed::Raw(body) => {
            let (name, tensor) = whole_body_tensor(signature, body)?;
            let mut message = Message { inputs: vec![Input { name, tensor, typed: true }], ..Message::default() };
            message.parameters.binary_output = true;
            Ok(message)
        }
    }
}

async fn answer(context: &Context, response: serving::Response, manner: Manner) -> Response {
    let (model, timings, cache) = (Arc::clone(&response.model), response.timings, response.cache);
    let bytes = response.outputs.iter().map(|(_, tensor)| tensor.size_in_bytes()).sum();
    let Written { body, json_length } = offload::run(&context.place, bytes, move || write(&response, &manner)).await;

    let mut answer = Response::new(body.into_body());
    let headers = answer.headers_mut();
    stamp::stamp(headers, &model.id, timings, cache, context.start);
    let content_type = match json_length {
        Some(length) => {
            headers.insert(INFERENCE_HEADER, HeaderValue::from(length));
            "application/octet-stream"
        }
        None => "application/json",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    context.seen.served_by(&model.id);
    answer
}
