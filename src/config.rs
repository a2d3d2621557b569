//! All settings of the server. Each part documents its own; this module puts them together, and [`load`] says where the
//! values come from: defaults, then a TOML file, then the environment, then flags, the later ones winning.

mod load;
mod settings;
mod units;

use std::net::SocketAddr;

pub use load::{ConfigError, environment_names, load, local_port};
pub use settings::Settings;
pub use units::{ByteSize, Period, Text};

use crate::{api, app, batching, engine, registry, telemetry};

/// Everything the server obeys, validated as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub listen: SocketAddr,
    pub models: registry::Config,
    pub engine: engine::tract::Config,
    pub compute: batching::Config,
    pub api: api::Config,
    pub shutdown: app::ShutdownConfig,
    pub log: telemetry::LogConfig,
}
