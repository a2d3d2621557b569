//! What is measured: a server with the requests that it gets, or a model file.

use std::path::Path;
use std::time::Duration;

use super::super::Failure;
use super::super::engine::EngineFlags;
use super::body::Format;
use super::counted;
use super::discover::{self, Wanted};
use super::generator::measure;
use super::http::Load;
use super::in_process::Model;
use super::request::{Message, Request, Requests};
use super::tally::Tally;
use super::url::Url;

pub(super) enum Target {
    Server { url: Url, requests: Requests, label: String },
    File { model: Model, label: String },
}

/// How every target is measured.
pub(super) struct Manner {
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
}

/// A target as it was typed.
pub(super) enum Named {
    Url(Url),
    File(String),
}

impl Named {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if text.contains("://") || !(text.ends_with(".onnx") || Path::new(text).is_file()) {
            return Url::parse(text).map(Self::Url);
        }
        Ok(Self::File(text.into()))
    }
}

/// What to send to a server whose user gives no body.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) wanted: Wanted,
    pub(super) format: Option<Format>,
    pub(super) timeout: Duration,
}

impl Asked {
    /// The message that the server itself suggests; a path that names a model says which. Blocking.
    pub(super) fn of(&self, url: &Url) -> Result<Message, Failure> {
        let mut wanted = self.wanted.clone();
        let mut format = self.format;
        if let Some((model, said)) = url.path.as_deref().and_then(discover::said_by) {
            wanted.model = wanted.model.or(model);
            format = format.or(Some(said));
        } else if let Some(path) = url.path.as_deref().filter(|_| wanted.model.is_none() && format.is_none()) {
            let why = "is no path of predictions: say --method GET to send nothing there, or what to send with --body";
            return Err(Failure(format!("http://{}{path}: {path} {why}", url.host)));
        }
        let question = discover::question(url, &wanted, self.timeout)?;
        Ok(question.message(format.unwrap_or(Format::V2Json)))
    }
}

impl Target {
    pub(super) fn server(url: Url, messages: &[Message]) -> Self {
        let requests = messages.iter().map(|message| message.to(&url)).collect();
        let label = url.with_path(messages.first().map_or("/", |message| &message.path));
        Self::Server { url, requests, label }
    }

    pub(super) fn file(
        path: String,
        flags: &EngineFlags,
        slots: usize,
        wanted: &Wanted,
        given: Option<&[Message]>,
    ) -> Result<Self, Failure> {
        let model = Model::load(Path::new(&path), flags, slots, wanted, given)?;
        Ok(Self::File { model, label: path })
    }

    /// What was typed, with the path that is asked.
    pub(super) fn label(&self) -> &str {
        match self {
            Self::Server { label, .. } | Self::File { label, .. } => label,
        }
    }

    /// Whether it was typed without saying where on the server to ask.
    pub(super) fn lacks_path(&self) -> bool {
        matches!(self, Self::Server { url, .. } if url.path.is_none())
    }

    pub(super) fn engine(&self) -> Option<&'static str> {
        match self {
            Self::Server { .. } => None,
            Self::File { model, .. } => Some(model.engine),
        }
    }

    /// What one request is, for the head of the table.
    pub(super) fn describe(&self, rows: usize) -> String {
        let rows = counted(rows, "row");
        match self {
            Self::Server { requests, .. } => {
                let body = requests.iter().map(Request::body_length).sum::<usize>() / requests.len().max(1);
                match requests.len() {
                    ..=1 => format!("body {body} bytes, {rows}"),
                    several => format!("{several} bodies in turn, {body} bytes on average, {rows}"),
                }
            }
            Self::File { model, .. } => format!("in process by {}, {rows}", model.engine),
        }
    }

    /// One request before any load: status and body. `None` for a file, which was tried when it was loaded.
    pub(super) fn first_answer(&self, timeout: Duration) -> Result<Option<(u16, Vec<u8>)>, Failure> {
        match self {
            Self::Server { url, requests, .. } => {
                requests.first().map(|request| discover::ask(url, request, timeout)).transpose()
            }
            Self::File { .. } => Ok(None),
        }
    }

    /// Runs one level; `between` is called when the warm-up is over. Blocking.
    pub(super) fn measure(&self, load: &Load, manner: &Manner, between: impl FnOnce()) -> Result<Tally, Failure> {
        match self {
            Self::Server { url, requests, .. } => {
                measure(&mut load.clients(url, requests)?, manner.warm_up, manner.duration, between)
            }
            Self::File { model, .. } => {
                measure(&mut model.runners(load.connections), manner.warm_up, manner.duration, between)
            }
        }
    }
}
