//! What the server says about itself while it runs: log lines and metrics. The only module that names prometheus.

mod lines;
mod logging;
mod metrics;
mod outlet;
mod process;

pub use logging::{LogConfig, LogFormat, LogLevel, flush as flush_logging, init as init_logging};
pub use metrics::{CacheMetrics, InFlight, Metrics, ModelMetrics, Outcome};
