//! `POST /predict`, `/predict/{model}` and `/predict/{model}/{version}`: one question, many spellings. The body becomes
//! a neutral request, the waist answers it, and the answer is written the way the question was put.

mod answer;
mod body;
mod media;
mod options;
mod raw;
mod records;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderValue, Uri};
use axum::response::Response;

use super::pieces::Pieces;
use super::problem::{self, Refusal, refuse_to, respond_to};
use super::{App, Call, Context, offload, stamp};
use crate::model::{Description, Selector};
use crate::serving::{self, Error, Invalid, Place, Problem};

pub use answer::{Layout, encode};
pub use body::{Decoded, decode};
use media::AnswerType;
pub use media::BodyType;
use options::Options;

pub(super) async fn default_model(State(app): State<Arc<App>>, request: Request) -> Response {
    reopened(&app, Selector::default(), request).await
}

pub(super) async fn newest_version(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let selector = match path {
        Ok(Path(name)) => Selector::new(Some(&name), None),
        Err(_) => unreadable(request.uri()),
    };
    reopened(&app, selector, request).await
}

pub(super) async fn exact_version(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let selector = match path {
        Ok(Path((name, version))) => Selector::new(Some(&name), Some(&version)),
        Err(_) => unreadable(request.uri()),
    };
    reopened(&app, selector, request).await
}

/// The problem document that the route would answer with, for whoever asks without a server.
pub fn explain(error: &Error) -> Vec<u8> {
    problem::document(error)
}

/// What is wrong with the body that a model's author gives as an example, if anything is.
pub fn fault_of_example(model: &Description) -> Option<String> {
    let example = model.card.example.clone()?;
    let words = |invalid: Invalid| match invalid.place {
        Place::Pointer(ref pointer) if !pointer.is_empty() => format!("{invalid} (at {pointer})"),
        _ => invalid.to_string(),
    };
    match decode(BodyType::Json, example.into(), None, model) {
        Ok(decoded) => {
            let error = serving::suits(model, decoded.payload, decoded.outputs.as_deref()).err()?;
            match decoded.places.located(Problem::Invalid(error).into()).problem {
                Problem::Invalid(invalid) => Some(words(invalid)),
                other => Some(other.to_string()),
            }
        }
        Err(fault) => Some(words(fault.into())),
    }
}

/// A path that is not UTF-8 once unescaped names no model; the registry says so.
fn unreadable(uri: &Uri) -> Selector {
    Selector::new(uri.path().strip_prefix("/predict/"), None)
}

/// Why there is no answer.
enum Failure {
    Error(Error),
    Refusal(Refusal),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

/// A request that came by the router.
async fn reopened(app: &App, selector: Selector, request: Request) -> Response {
    match Call::of(request).await {
        Ok(call) => respond(app, selector, call).await,
        Err(refused) => refused,
    }
}

pub(super) async fn respond(app: &App, selector: Selector, mut call: Box<Call>) -> Response {
    match answer(app, selector, &mut call).await {
        Ok(response) => response,
        Err(Failure::Refusal(refusal)) => refuse_to(&call.context.request_id, refusal),
        Err(Failure::Error(error)) => {
            if let Some(model) = &error.model {
                call.context.seen.served_by(&model.id);
            }
            respond_to(&call.context.request_id, &error)
        }
    }
}

/// Check out, decode, predict, encode.
async fn answer(app: &App, selector: Selector, call: &mut Call) -> Result<Response, Failure> {
    let body = std::mem::take(&mut call.body);
    let Call { request, context, .. } = call;
    let bytes = body.len();
    let body_type = BodyType::of(request.headers().get(CONTENT_TYPE), &body)?;
    let answer_type = AnswerType::of(request.headers().get_all(ACCEPT))?;

    let checkout = app.serving.checkout(&selector)?;
    let model = checkout.description();
    let since = Instant::now();
    let options =
        Options::read(request.uri(), request.headers()).map_err(|invalid| checkout.unreadable(since, invalid))?;
    let Options { non_finite, shape, outputs } = options;
    let described = Arc::clone(model);
    let decoding = move || decode(body_type, body, shape.as_deref(), &described);
    let decoded = offload::run(&context.place, bytes, decoding).await;
    let mut decoded = decoded.map_err(|fault| checkout.unreadable(since, fault))?;
    decoded.places.outputs_elsewhere = outputs.is_some();
    decoded.outputs = outputs.or(decoded.outputs);
    answer_type.must_suit(model, decoded.outputs.as_deref())?;

    let request = serving::Request { payload: decoded.payload, outputs: decoded.outputs, deadline: context.deadline };
    let places = decoded.places;
    let (layout, id) = (decoded.layout, decoded.id);
    let answered = checkout.predict(request).await.map_err(|error| places.located(error))?;
    let bytes = answered.outputs.iter().map(|(_, tensor)| tensor.size_in_bytes()).sum();
    let encoding = move || {
        let body = match answer_type {
            AnswerType::Json => Some(encode(&answered, layout, id.as_deref(), non_finite).into()),
            AnswerType::Npy => answer::npy(&answered),
            AnswerType::Raw => Some(answer::raw(&answered)),
        };
        (body, answered)
    };
    let (body, answered) = offload::run(&context.place, bytes, encoding).await;
    let body = body.ok_or_else(media::too_different)?;
    Ok(complete(body, answer_type, &answered, context))
}

/// The answer with the headers that say who gave it and how long it took.
fn complete(body: Pieces, answer_type: AnswerType, answered: &serving::Response, context: &Context) -> Response {
    let mut response = Response::new(body.into_body());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer_type.name()));
    stamp::stamp(headers, &answered.model.id, answered.timings, answered.cache, context.start);
    context.seen.served_by(&answered.model.id);
    response
}

#[cfg(test)]
mod tests;
