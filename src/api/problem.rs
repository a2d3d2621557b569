//! The one table: everything that can go wrong, with its status, its stable code and what to do about it. Both
//! dialects of the edge are written from it: RFC 9457 problem documents on our own routes, `{"error": ...}` where a
//! protocol of others wants that. Nothing below the edge knows of status codes.

mod example;
mod facts;

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use crate::codec::DecodeError;
use crate::serving::{Aspect, Error, Invalid, Place, Problem};

pub(crate) use example::{oip_example, predict_example};
use facts::Facts;

/// Who is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Our own routes: RFC 9457.
    Problem,
    /// The Open Inference Protocol: an object with the key `error`.
    Oip,
}

impl Dialect {
    pub(crate) fn of(path: &str) -> Self {
        if path == "/v2" || path.starts_with("/v2/") { Self::Oip } else { Self::Problem }
    }
}

/// What the edge itself refuses, before any use case is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    UnknownRoute {
        path: String,
    },
    MethodNotAllowed {
        method: String,
    },
    /// No form in which the answer can be given is among those the client accepts.
    NotAcceptable {
        got: String,
        expected: &'static str,
    },
    WrongContentType {
        got: String,
        expected: &'static str,
    },
    UnknownEncoding {
        got: String,
    },
    BodyTooLarge {
        limit: usize,
    },
    BodyTooSlow,
    UnreadableBody {
        /// How it was said to be packed, if that is what was wrong with it.
        encoding: Option<&'static str>,
        reason: String,
    },
    NotOffered {
        what: String,
    },
    Internal,
}

/// A response extension: the code of the problem it tells, for the log line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code(pub &'static str);

/// Answers a request that the waist, or the decoder before it, turned down.
pub(crate) fn respond(dialect: Dialect, error: &Error) -> Response {
    of_error(dialect, error).render(dialect, None)
}

/// The same with the request's id in the document as well as in the header.
pub(crate) fn respond_to(request_id: &HeaderValue, error: &Error) -> Response {
    of_error(Dialect::Problem, error).render(Dialect::Problem, request_id.to_str().ok())
}

/// Answers a request that never got as far as a use case.
pub(crate) fn refuse(dialect: Dialect, refusal: Refusal) -> Response {
    of_refusal(refusal).render(dialect, None)
}

/// The same with the request's id in the document as well as in the header.
pub(crate) fn refuse_to(request_id: &HeaderValue, refusal: Refusal) -> Response {
    of_refusal(refusal).render(Dialect::Problem, request_id.to_str().ok())
}

/// The problem document as text, for whoever has no connection to send it over.
pub(crate) fn document(error: &Error) -> Vec<u8> {
    of_error(Dialect::Problem, error).document(None)
}

impl From<Box<DecodeError>> for Invalid {
    fn from(fault: Box<DecodeError>) -> Self {
        let DecodeError { code, what, pointer, expected, got, hint, position } = *fault;
        // The empty pointer leads to the whole of a JSON text; where there is no text it leads nowhere.
        let place = if pointer.is_empty() && position.is_none() { Place::Whole } else { Place::Pointer(pointer) };
        Self { code, what, place, expected, got, hint }
    }
}

impl From<Box<DecodeError>> for Problem {
    fn from(fault: Box<DecodeError>) -> Self {
        Self::Invalid(fault.into())
    }
}

fn of_error(dialect: Dialect, error: &Error) -> Facts {
    let mut facts = of_problem(dialect, &error.problem);
    if let (400 | 415 | 422, Some(model)) = (facts.status.as_u16(), &error.model) {
        facts.example = match dialect {
            Dialect::Problem => predict_example(model),
            Dialect::Oip => oip_example(model),
        };
    }
    facts
}

fn of_problem(dialect: Dialect, problem: &Problem) -> Facts {
    let facts = |status, code, title: &str| Facts::new(status, code, title, problem.to_string());
    let known = |known: &[String]| if known.is_empty() { "none".into() } else { known.join(", ") };
    match problem {
        Problem::UnknownModel { name, known: models } => facts(StatusCode::NOT_FOUND, "unknown_model", "Unknown model")
            .expected(known(models))
            .got(name.clone())
            .hint("GET /models lists what is loaded"),
        Problem::UnknownVersion { version, known: versions, .. } => {
            facts(StatusCode::NOT_FOUND, "unknown_version", "Unknown version")
                .expected(known(versions))
                .got(version.clone())
                .hint("leave the version out to get the newest one that is ready")
        }
        Problem::NoDefaultModel { known: models } => {
            facts(StatusCode::NOT_FOUND, "no_default_model", "No default model")
                .expected(known(models))
                .hint("name the model in the path, or start the server with --default-model")
        }
        Problem::NotReady { .. } => facts(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Model not ready")
            .retry_after(Duration::from_secs(1))
            .hint("GET /models shows the state of each version"),
        Problem::Invalid(invalid) => of_invalid(dialect, invalid),
        Problem::RejectedByModel { place, .. } => {
            let title = "The model cannot compute with these values";
            let facts = facts(StatusCode::UNPROCESSABLE_ENTITY, "rejected_by_model", title);
            let hint = match place {
                Some(_) => "this input takes finite numbers only; put them in place of NaN and Infinity before sending",
                None => "types and shapes are right; look for indices out of range or sizes that do not fit together",
            };
            facts.hint(hint).pointed(place.as_ref().and_then(|place| pointer(dialect, place)))
        }
        Problem::Overloaded { retry_after, .. } => {
            facts(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Server saturated")
                .retry_after(*retry_after)
                .hint("send the request again after the time in Retry-After")
        }
        Problem::DeadlineExceeded { .. } => {
            facts(StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", "Deadline exceeded")
                .hint("send fewer rows at once, or allow more time with --request-timeout")
        }
        Problem::ShuttingDown => facts(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "Server shutting down")
            .retry_after(Duration::from_secs(1))
            .hint("send the request again: another instance, or this one once restarted, will answer"),
    }
}

fn of_invalid(dialect: Dialect, invalid: &Invalid) -> Facts {
    let facts = Facts::new(StatusCode::BAD_REQUEST, invalid.code, &title(invalid.code), invalid.to_string())
        .expected(invalid.expected.clone())
        .got(invalid.got.clone());
    let facts = match &invalid.hint {
        Some(hint) => facts.hint(hint),
        None => facts,
    };
    facts.pointed(pointer(dialect, &invalid.place))
}

/// Where a place is in the JSON of a dialect. `/predict` has several body forms, so its handler turns places into
/// pointers itself before it comes here.
fn pointer(dialect: Dialect, place: &Place) -> Option<String> {
    match (place, dialect) {
        (Place::Pointer(pointer), _) => Some(pointer.clone()),
        (Place::Whole, _) => None,
        (Place::Inputs, _) => Some("/inputs".into()),
        (Place::Input { index, aspect }, Dialect::Oip) => Some(match aspect {
            Aspect::Name => format!("/inputs/{index}/name"),
            Aspect::DataType => format!("/inputs/{index}/datatype"),
            Aspect::Shape => format!("/inputs/{index}/shape"),
            Aspect::Data => format!("/inputs/{index}/data"),
        }),
        (Place::Input { .. }, Dialect::Problem) => Some("/inputs".into()),
        (Place::Output { index }, Dialect::Oip) => Some(format!("/outputs/{index}/name")),
        (Place::Output { index }, Dialect::Problem) => Some(format!("/outputs/{index}")),
    }
}

/// `wrong_shape` as `Wrong shape`.
fn title(code: &str) -> String {
    let mut words = code.replace('_', " ").replace("json", "JSON").replace("utf8", "UTF-8");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

fn of_refusal(refusal: Refusal) -> Facts {
    match refusal {
        Refusal::UnknownRoute { path } => {
            Facts::new(StatusCode::NOT_FOUND, "unknown_route", "Unknown route", format!("there is nothing at {path}"))
                .got(path)
                .hint("POST /predict answers; GET /models lists models; GET /health and /metrics tell of the server")
        }
        Refusal::MethodNotAllowed { method } => Facts::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "Method not allowed",
            format!("this route does not answer {method}"),
        )
        .got(method)
        .hint("predictions are asked for with POST, everything else with GET"),
        Refusal::NotAcceptable { got, expected } => Facts::new(
            StatusCode::NOT_ACCEPTABLE,
            "not_acceptable",
            "Not acceptable",
            format!("the answer cannot be given in the form asked for: expected {expected}, got {got}"),
        )
        .expected(expected)
        .got(got)
        .hint("leave the Accept header out to get JSON"),
        Refusal::WrongContentType { got, expected } => Facts::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong_content_type",
            "Wrong content type",
            format!("bodies of this type are not read here: expected {expected}, got {got}"),
        )
        .expected(expected)
        .got(got)
        .hint("send JSON with the header content-type: application/json"),
        Refusal::UnknownEncoding { got } => Facts::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unknown_encoding",
            "Unknown content encoding",
            format!("the body is packed in a way that is not read here: expected gzip, zstd or identity, got {got}"),
        )
        .expected("gzip, zstd or identity")
        .got(got),
        Refusal::BodyTooLarge { limit } => Facts::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "Body too large",
            format!("the body is larger than is taken here: expected at most {limit} bytes"),
        )
        .expected(format!("at most {limit} bytes"))
        .hint("send fewer rows at once, or raw tensors instead of JSON; --max-body sets the limit for predictions"),
        Refusal::BodyTooSlow => Facts::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            "Body too slow",
            "the deadline passed before the whole body had arrived".into(),
        ),
        Refusal::UnreadableBody { encoding, reason } => {
            let facts = |detail| Facts::new(StatusCode::BAD_REQUEST, "unreadable_body", "Unreadable body", detail);
            match encoding {
                None => facts(format!("the body could not be received: {reason}")),
                Some(encoding) => {
                    let expected = format!("one whole {encoding} stream, as the header content-encoding says");
                    facts(format!("the body could not be unpacked: expected {expected}, got other bytes: {reason}"))
                        .expected(expected)
                        .hint("leave the header content-encoding out where the body is sent as it is")
                }
            }
        }
        Refusal::NotOffered { what } => {
            Facts::new(StatusCode::BAD_REQUEST, "not_offered", "Not offered by this server", what)
        }
        Refusal::Internal => Facts::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
            "the server made a mistake; its log has the cause under this request's id".into(),
        )
        .hint("please report it"),
    }
}

impl Facts {
    fn render(&self, dialect: Dialect, request_id: Option<&str>) -> Response {
        let (text, content_type) = match dialect {
            Dialect::Problem => (self.document(request_id), "application/problem+json"),
            Dialect::Oip => (self.error_object(), "application/json"),
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Code(self.code));
        response
    }
}

#[cfg(test)]
mod tests;
