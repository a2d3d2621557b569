//! Which form a body has and which form its answer shall have, from two headers. Forgiving where the intention is plain:
//! a body that starts like JSON is read as JSON although a command line tool called it a form.

use axum::http::HeaderValue;
use axum::http::header::GetAll;

use crate::api::problem::Refusal;
use crate::model::Description;

const BODY_TYPES: &str = "application/json, application/octet-stream or application/x-npy";
const ANSWER_TYPES: &str = "application/json, application/x-npy or application/octet-stream";

/// What a request body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyType {
    Json,
    /// Little-endian elements of the model's only input.
    Raw,
    Npy,
}

impl BodyType {
    pub(crate) fn of(content_type: Option<&HeaderValue>, body: &[u8]) -> Result<Self, Refusal> {
        let Some(header) = content_type.filter(|&header| header != "application/json") else { return Ok(Self::Json) };
        let text = String::from_utf8_lossy(header.as_bytes());
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "" | "application/json" | "text/json" => Ok(Self::Json),
            "application/octet-stream" => Ok(Self::Raw),
            "application/x-npy" | "application/npy" => Ok(Self::Npy),
            json if json.ends_with("+json") => Ok(Self::Json),
            // What curl and fetch send when nobody said otherwise.
            "application/x-www-form-urlencoded" | "text/plain" if may_be_json(body) => Ok(Self::Json),
            _ => Err(Refusal::WrongContentType { got: text.into_owned(), expected: BODY_TYPES }),
        }
    }
}

/// An empty body counts: that it is empty says more than that it has the wrong type.
fn may_be_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), None | Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9'))
}

/// What the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerType {
    Json,
    Npy,
    Raw,
}

impl AnswerType {
    /// The first of the acceptable types with the highest weight.
    pub(super) fn of(accept: GetAll<'_, HeaderValue>) -> Result<Self, Refusal> {
        let mut best: Option<(f32, Self)> = None;
        let mut got = String::new();
        for header in accept {
            let text = String::from_utf8_lossy(header.as_bytes());
            for range in text.split(',') {
                let mut parts = range.split(';').map(str::trim);
                let weight = |part: &str| part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
                let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
                let weight = parts.find_map(weight).unwrap_or(1.0);
                let Some(kind) = Self::named(&essence).filter(|_| weight > 0.0) else { continue };
                if best.is_none_or(|(most, _)| weight > most) {
                    best = Some((weight, kind));
                }
            }
            got.push_str(&text);
        }
        match best {
            Some((_, kind)) => Ok(kind),
            None if got.trim().is_empty() => Ok(Self::Json),
            None => Err(Refusal::NotAcceptable { got, expected: ANSWER_TYPES }),
        }
    }

    fn named(essence: &str) -> Option<Self> {
        match essence {
            "*/*" | "application/*" | "application/json" | "text/json" | "application/problem+json" => Some(Self::Json),
            "application/x-npy" | "application/npy" => Some(Self::Npy),
            "application/octet-stream" => Some(Self::Raw),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Npy => "application/x-npy",
            Self::Raw => "application/octet-stream",
        }
    }

    /// Bytes hold one tensor, so there has to be one output.
    pub(super) fn must_suit(self, model: &Description, wanted: Option<&[String]>) -> Result<(), Refusal> {
        let count = wanted.map_or(model.signature.outputs.len(), <[String]>::len);
        if self == Self::Json || count == 1 {
            return Ok(());
        }
        let got = format!("{} for {count} outputs", self.name());
        Err(Refusal::NotAcceptable { got, expected: "application/json, or one output chosen with ?outputs=NAME" })
    }
}

/// An array has one width for all of its strings, so a long one among many short ones would fill memory with nothing.
pub(super) fn too_different() -> Refusal {
    let got = format!("{} for strings of very different lengths", AnswerType::Npy.name());
    Refusal::NotAcceptable { got, expected: "application/json or application/octet-stream" }
}
