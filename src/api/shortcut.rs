//! The way of predictions past the router. What they are sent to is plain from the path, and for a small model the router's
//! table, the parameters it takes from a path and the futures it makes cost as much as the prediction. Everything that is
//! spelled otherwise, if only by one escaped letter, goes to the router, which comes to the same answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use tower::{Service, ServiceExt};

use super::middleware::{self, Call};
use super::{App, predict, v2};
use crate::model::Selector;

/// Answers every request. Cloning shares all of it.
#[derive(Clone)]
pub struct Front {
    pub(super) router: Router,
    pub(super) app: Arc<App>,
}

/// What a path leads to without the router: the route as the table has it, and which model is asked.
struct Shortcut {
    route: &'static str,
    selector: Selector,
    protocol: Protocol,
}

enum Protocol {
    Predict,
    V2,
}

pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answering {
        self.answer(request)
    }
}

impl Front {
    pub(super) fn answer(&self, request: Request) -> Answering {
        let Some(Shortcut { route, selector, protocol }) = Shortcut::of(&request) else {
            return Box::pin(self.router.clone().oneshot(request));
        };
        let (app, call) = (Arc::clone(&self.app), Call::begin(&self.app, request));
        // Two futures of their own and not one that branches: each is as large as it has to be.
        match protocol {
            Protocol::Predict => Box::pin(async move {
                let answer = |call| predict::respond(&app, selector, call);
                Ok(middleware::prediction(&app, call, Some(route), answer).await)
            }),
            Protocol::V2 => Box::pin(async move {
                let answer = |call| v2::infer::respond(&app, selector, call);
                Ok(middleware::prediction(&app, call, Some(route), answer).await)
            }),
        }
    }
}

impl Shortcut {
    fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        if request.method() != Method::POST || path.contains('%') {
            return None;
        }
        let mut segments = path.strip_prefix('/')?.split('/');
        let mut next = || segments.next();
        let parts = [next(), next(), next(), next(), next(), next(), next()];
        let found =
            |route, model, version, protocol| Some(Self { route, selector: Selector::new(model, version), protocol });
        match parts {
            [Some("predict"), None, ..] => found("/predict", None, None, Protocol::Predict),
            [Some("predict"), Some(model), None, ..] if !model.is_empty() => {
                found("/predict/{model}", Some(model), None, Protocol::Predict)
            }
            [Some("v2"), Some("models"), Some(model), Some("infer"), None, ..] if !model.is_empty() => {
                found("/v2/models/{model}/infer", Some(model), None, Protocol::V2)
            }
            [Some("v2"), Some("models"), Some(model), Some("versions"), Some(version), Some("infer"), None]
                if !model.is_empty() && !version.is_empty() =>
            {
                found("/v2/models/{model}/versions/{version}/infer", Some(model), Some(version), Protocol::V2)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::api::PREDICTIONS;

    fn route(method: &str, path: &str) -> Option<&'static str> {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
        Shortcut::of(&request).map(|found| found.route)
    }

    #[test]
    fn shortcuts_lead_where_the_table_says() {
        for (path, expected) in [
            ("/predict", "/predict"),
            ("/predict?x=/y", "/predict"),
            ("/predict/iris", "/predict/{model}"),
            ("/v2/models/iris/infer", "/v2/models/{model}/infer"),
            ("/v2/models/iris/versions/2/infer", "/v2/models/{model}/versions/{version}/infer"),
        ] {
            assert_eq!(route("POST", path), Some(expected));
            assert!(PREDICTIONS.contains(&("POST", expected)), "{expected}");
        }
    }

    #[test]
    fn everything_else_is_the_routers() {
        for path in [
            "/",
            "/predict/",
            "/predict/a/",
            "/predict/a/1",
            "/predict/%69ris",
            "/v2/models//infer",
            "/v2/models/a/infer/b",
        ] {
            assert_eq!(route("POST", path), None, "{path}");
        }
        assert_eq!(route("GET", "/predict"), None);
    }
}
