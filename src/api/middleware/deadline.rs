//! How long a request may take. The time starts with its head; it covers the upload, waiting, computing and writing the
//! answer's first byte. Clients may ask for less than the server allows, never for more.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::Response;
use tokio::time::timeout_at;

use super::{App, Call, discard, problem};
use crate::serving::{self, Invalid, Place};

const X_REQUEST_TIMEOUT_MS: &str = "x-request-timeout-ms";

/// The parts below see the deadline themselves and say where the time went; this much later nobody waits for them.
const GRACE: Duration = Duration::from_millis(50);

pub(super) async fn limit<F: Future<Output = Response>>(
    app: &App,
    mut call: Box<Call>,
    next: impl FnOnce(Box<Call>) -> F,
) -> Response {
    let dialect = problem::Dialect::of(call.request.uri().path());
    let asked = match asked(call.request.headers()) {
        Ok(asked) => asked,
        Err(invalid) => {
            let (parts, body) = call.request.into_parts();
            Box::pin(discard(&parts.headers, body)).await;
            return problem::respond(dialect, &serving::Problem::from(invalid).into());
        }
    };
    let context = &mut call.context;
    let start = context.start;
    context.deadline = start + asked.map_or(app.config.request_timeout, |asked| asked.min(app.config.request_timeout));
    let last_moment = context.deadline + GRACE;
    match timeout_at(last_moment.into(), next(call)).await {
        Ok(response) => response,
        Err(_) => {
            let late = serving::Problem::DeadlineExceeded { waited: start.elapsed(), stage: "without an answer" };
            problem::respond(dialect, &late.into())
        }
    }
}

fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Invalid> {
    let Some(value) = headers.get(X_REQUEST_TIMEOUT_MS) else { return Ok(None) };
    let milliseconds = value.to_str().ok().and_then(|text| text.parse::<u64>().ok()).filter(|&ms| ms > 0);
    milliseconds.map(|ms| Some(Duration::from_millis(ms))).ok_or_else(|| Invalid {
        code: "invalid_header",
        what: format!("header {X_REQUEST_TIMEOUT_MS} is no time"),
        place: Place::Whole,
        expected: "a whole number of milliseconds, 1 or more".into(),
        got: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        hint: Some("leave the header out to get the server's own limit".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_a_whole_number_of_milliseconds() {
        let asked_with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_TIMEOUT_MS, text.parse().expect("a header value"));
            asked(&headers)
        };
        assert_eq!(asked(&HeaderMap::new()), Ok(None));
        assert_eq!(asked_with("250"), Ok(Some(Duration::from_millis(250))));
        for bad in ["", "0", "-1", "1.5", "5s", "99999999999999999999"] {
            assert!(asked_with(bad).is_err(), "{bad}");
        }
    }
}
