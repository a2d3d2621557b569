//! The edge: every HTTP endpoint on one screen. Handlers decode, call one use case of `serving`, and encode.

mod admission;
mod health;
mod metrics;
mod middleware;
mod models;
mod offload;
pub mod predict;
mod problem;
mod reply;
pub mod server;
mod v2;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::serving::Serving;

pub(crate) use middleware::{Context, Served};

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
    places: Semaphore,
}

impl App {
    pub fn new(serving: Arc<Serving>, config: Config) -> Self {
        let places = admission::places(config.max_in_flight);
        Self { serving, config, started: Instant::now(), places }
    }
}

/// Every route.
#[rustfmt::skip]
pub fn router(app: App) -> Router {
    let predictions = Router::new()
        .route("/predict",                                      post(predict::default_model))
        .route("/predict/{model}",                              post(predict::newest_version))
        .route("/predict/{model}/{version}",                    post(predict::exact_version))
        .route("/v2/models/{model}/infer",                      post(v2::infer::newest_version))
        .route("/v2/models/{model}/versions/{version}/infer",   post(v2::infer::exact_version));

    let questions = Router::new()
        .route("/",                                             get(health::root))
        .route("/models",                                       get(models::list))
        .route("/models/{model}",                               get(models::show))
        .route("/metrics",                                      get(metrics::render))
        // Probes.
        .route("/health",                                       get(health::summary))
        .route("/health/live",                                  get(health::live))
        .route("/health/ready",                                 get(health::ready))
        .route("/health/startup",                               get(health::startup))
        .route("/livez",                                        get(health::live))
        .route("/readyz",                                       get(health::ready))
        .route("/healthz",                                      get(health::summary))
        .route("/v2/health/live",                               get(health::live))
        .route("/v2/health/ready",                              get(health::ready))
        // Open Inference Protocol V2 with the extensions it lists.
        .route("/v2",                                           get(v2::metadata::server))
        .route("/v2/",                                          get(v2::metadata::server))
        .route("/v2/models",                                    get(models::list))
        .route("/v2/models/stats",                              get(v2::statistics::all))
        .route("/v2/models/{model}",                            get(v2::metadata::model))
        .route("/v2/models/{model}/ready",                      get(v2::metadata::model_ready))
        .route("/v2/models/{model}/config",                     get(v2::config::model))
        .route("/v2/models/{model}/stats",                      get(v2::statistics::model))
        .route("/v2/models/{model}/versions/{version}",         get(v2::metadata::version))
        .route("/v2/models/{model}/versions/{version}/ready",   get(v2::metadata::version_ready))
        .route("/v2/models/{model}/versions/{version}/config",  get(v2::config::version))
        .route("/v2/models/{model}/versions/{version}/stats",   get(v2::statistics::version))
        .route("/v2/repository/index",                          post(v2::repository::index))
        .route("/v2/repository/models/{model}/load",            post(v2::repository::load))
        .route("/v2/repository/models/{model}/unload",          post(v2::repository::unload));

    let app = Arc::new(app);
    middleware::stack(predictions, questions, &app).with_state(app)
}
