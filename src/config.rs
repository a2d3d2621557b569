//! All settings of the server. Each part documents its own; this module puts them together, and [`load`] says where the
//! values come from: defaults, then a TOML file, then the environment, then flags, the later ones winning.

mod load;
mod settings;

use std::net::SocketAddr;
use std::time::Duration;

use crate::{api, batching, engine, registry, telemetry};
pub use load::{ConfigError, environment_names, load, local_port};
pub use settings::Settings;

pub use crate::units::{ByteSize, Period, Text};

/// Everything the server obeys, validated as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub listen: SocketAddr,
    pub models: registry::Config,
    pub engine: engine::choice::Config,
    pub trial: engine::trial::Config,
    pub compute: batching::Config,
    pub api: api::Config,
    pub shutdown: ShutdownConfig,
    pub log: telemetry::LogConfig,
}

/// How long stopping may take. Give the container a little more than both together before it is killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutdownConfig {
    /// Serving on while not ready. Longer than a load balancer's probe interval times its failure threshold, and than
    /// the time an endpoint change takes to spread.
    pub lame_duck: Duration,
    /// For requests in flight after that; less than the request timeout cuts off requests that are within their time.
    pub drain_timeout: Duration,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { lame_duck: Duration::from_secs(5), drain_timeout: Duration::from_secs(30) }
    }
}
