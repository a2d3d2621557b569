//! Log lines, structured, on standard error: JSON for machines, text for people. Standard output is left to the
//! results of commands.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;

use super::lines::Json;
use super::outlet::Outlet;

/// How much to log and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    pub format: LogFormat,
    pub level: LogLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

/// `info` has one line per prediction; `debug` adds probes and scrapes; `warn` leaves only what needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel(LevelFilter);

/// Text where a person is looking, JSON where a collector is.
impl Default for LogConfig {
    fn default() -> Self {
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let format = if terminal { LogFormat::Text } else { LogFormat::Json };
        Self { format, level: LogLevel(LevelFilter::INFO) }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(format!("{word:?} is no log format: use json or text")),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Text => "text",
        })
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "off" | "error" | "warn" | "info" | "debug" | "trace" => {
                word.parse().map(Self).map_err(|_| format!("{word:?} is no log level"))
            }
            _ => Err(format!("{word:?} is no log level: use off, error, warn, info, debug or trace")),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The way out of lines for machines, once there is one.
static OUTLET: OnceLock<Outlet> = OnceLock::new();

/// Sends log lines to standard error from now on. A second call in one process, as in tests, changes nothing.
pub fn init(config: LogConfig) {
    let lines = tracing_subscriber::fmt().with_max_level(config.level.0);
    let outlet = (config.format == LogFormat::Json).then(Outlet::open);
    let _ = match outlet {
        Some(Ok(outlet)) => {
            let lines = lines.event_format(Json).with_writer(OUTLET.get_or_init(|| outlet).clone());
            tracing::subscriber::set_global_default(lines.finish())
        }
        Some(Err(_)) => {
            let lines = lines.event_format(Json).with_writer(std::io::stderr);
            tracing::subscriber::set_global_default(lines.finish())
        }
        // A person wants to see each line when it comes.
        None => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
            let lines = lines.with_ansi(colour).with_target(false).with_writer(std::io::stderr);
            tracing::subscriber::set_global_default(lines.finish())
        }
    };
}

/// Writes out the lines that wait for others, for the end of the process.
pub fn flush() {
    if let Some(outlet) = OUTLET.get() {
        outlet.flush();
    }
}
