//! What the server says about itself while it runs: log lines and metrics. The only module that names prometheus.

mod logging;
mod metrics;
mod process;

pub use logging::{LogConfig, LogFormat, LogLevel, init as init_logging};
pub use metrics::{CacheMetrics, InFlight, Metrics, ModelMetrics, Outcome};
