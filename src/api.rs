//! The edge: every HTTP endpoint on one screen. Handlers decode, call one use case of `serving`, and encode.

mod admission;
mod health;
mod metrics;
mod middleware;
mod models;
mod predict;
mod problem;
pub mod server;
mod v2;

use std::time::Duration;

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
