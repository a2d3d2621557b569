//! The edge: every HTTP endpoint on one screen. Handlers decode, call one use case of `serving`, and encode.

mod admission;
mod burst;
mod health;
mod metrics;
mod middleware;
mod models;
mod offload;
mod pieces;
pub mod predict;
mod problem;
mod reply;
pub mod server;
mod shortcut;
mod stamp;
pub mod v2;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tower_http::cors::CorsLayer;

use crate::serving::Serving;

pub(crate) use middleware::{Call, Context};
pub use shortcut::Front;

/// Limits and manners of the HTTP interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Largest request body in bytes, after decompression.
    pub max_body: usize,
    /// How long a request may take when its client names no time of its own; the client may only ask for less.
    pub request_timeout: Duration,
    /// Predictions in flight, waiting ones included; more get 503 at once. Bounds memory together with `max_body`.
    pub max_in_flight: usize,
    /// Origins that browsers may call from (`*` for any). Empty: no CORS headers at all.
    pub cors_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let request_timeout = Duration::from_secs(30);
        Self { max_body: 64 << 20, request_timeout, max_in_flight: 512, cors_origins: Vec::new() }
    }
}

/// What handlers share.
pub struct App {
    pub(crate) serving: Arc<Serving>,
    pub(crate) config: Config,
    started: Instant,
    places: Arc<Semaphore>,
    burst: Arc<burst::Burst>,
    cors: Option<CorsLayer>,
}

impl App {
    pub fn new(serving: Arc<Serving>, config: Config) -> Self {
        let places = admission::places(config.max_in_flight);
        let cors = middleware::cors(&config.cors_origins);
        Self { serving, config, started: Instant::now(), places, burst: Arc::default(), cors }
    }
}

/// Makes a router and the list of what it answers from one table, so that neither can say something else.
macro_rules! routes {
    ($list:ident, $router:ident, $around:path: $($method:ident $path:literal $handler:path;)*) => {
        const $list: &[(&str, &str)] = &[$((stringify!($method), $path)),*];

        fn $router() -> Router<Arc<App>> {
            Router::new()$(.route($path, routes!(@ $method $around, $handler)))*
        }
    };
    (@ GET $around:path, $handler:path) => { get($around($handler)) };
    (@ POST $around:path, $handler:path) => { post($around($handler)) };
}

// Bounded in number; see `admission`.
routes! {
    PREDICTIONS, predictions, middleware::Prediction:
    POST "/predict"                                      predict::default_model;
    POST "/predict/{model}"                              predict::newest_version;
    POST "/predict/{model}/{version}"                    predict::exact_version;
    POST "/v2/models/{model}/infer"                      v2::infer::newest_version;
    POST "/v2/models/{model}/versions/{version}/infer"   v2::infer::exact_version;
}

// Answered however busy the compute slots are.
routes! {
    QUESTIONS, questions, std::convert::identity:
    GET  "/"                                             health::root;
    GET  "/models"                                       models::list;
    GET  "/models/{model}"                               models::show;
    GET  "/metrics"                                      metrics::render;
    // Probes.
    GET  "/health"                                       health::summary;
    GET  "/health/live"                                  health::live;
    GET  "/health/ready"                                 health::ready;
    GET  "/health/startup"                               health::startup;
    GET  "/livez"                                        health::live;
    GET  "/readyz"                                       health::ready;
    GET  "/healthz"                                      health::summary;
    GET  "/v2/health/live"                               health::live;
    GET  "/v2/health/ready"                              health::ready;
    // Open Inference Protocol V2 with the extensions it lists.
    GET  "/v2"                                           v2::metadata::server;
    GET  "/v2/"                                          v2::metadata::server;
    GET  "/v2/models"                                    models::list;
    GET  "/v2/models/stats"                              v2::statistics::all;
    GET  "/v2/models/{model}"                            v2::metadata::model;
    GET  "/v2/models/{model}/ready"                      v2::metadata::model_ready;
    GET  "/v2/models/{model}/config"                     v2::config::model;
    GET  "/v2/models/{model}/stats"                      v2::statistics::model;
    GET  "/v2/models/{model}/versions/{version}"         v2::metadata::version;
    GET  "/v2/models/{model}/versions/{version}/ready"   v2::metadata::version_ready;
    GET  "/v2/models/{model}/versions/{version}/config"  v2::config::version;
    GET  "/v2/models/{model}/versions/{version}/stats"   v2::statistics::version;
    POST "/v2/repository/index"                          v2::repository::index;
    POST "/v2/repository/models/{model}/load"            v2::repository::load;
    POST "/v2/repository/models/{model}/unload"          v2::repository::unload;
}

/// Method and path of every route, `{...}` standing for one segment.
pub fn route_list() -> impl Iterator<Item = (&'static str, &'static str)> {
    PREDICTIONS.iter().chain(QUESTIONS).copied()
}

/// Every route behind the whole stack of middleware.
pub fn service(app: App) -> Front {
    let app = Arc::new(app);
    let router = middleware::stack(predictions(), questions(), &app).with_state(Arc::clone(&app));
    Front { router, app }
}
