//! Where settings come from: defaults, a TOML file, the environment, flags. The only reader of the environment. A name
//! nobody knows is refused wherever it stands, so that a slip does not quietly do nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Command, FromArgMatches};

use super::{Settings, Text};

const PREFIX: &str = "ONNXD_";
/// Names the setting file itself.
const CONFIG: &str = "ONNXD_CONFIG";
/// Set by Vertex AI and by Knative, Cloud Run, Heroku and others; the first one set wins.
const PORTS: [&str; 2] = ["AIP_HTTP_PORT", "PORT"];

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}: {reason}")]
    File { path: PathBuf, reason: String },
    #[error("environment variable {name}: {reason}")]
    Environment { name: String, reason: String },
}

/// The settings in force: `flags` over the environment over the file (`file`, or the one that `ONNXD_CONFIG` names) over
/// the defaults. Not validated yet.
pub fn load(file: Option<&Path>, flags: Settings) -> Result<Settings, ConfigError> {
    let environment = environment();
    let file = file.map(Path::to_path_buf).or_else(|| environment.get(CONFIG).map(PathBuf::from));
    let from_file = match &file {
        Some(path) => read_file(path)?,
        None => Settings::default(),
    };
    let from_environment = read_environment(&environment)?;
    let mut settings = Settings::defaults().overlaid_with(from_file);
    if let Some((_, port)) = port_alone(&environment)?
        && let Some(Text(listen)) = &mut settings.listen
    {
        listen.set_port(port);
    }
    Ok(settings.overlaid_with(from_environment).overlaid_with(flags))
}

/// The port that a server started with this environment listens on, for a probe in the same container.
pub fn local_port() -> Result<u16, ConfigError> {
    let settings = load(None, Settings::default())?;
    Ok(settings.listen.map_or(8080, |Text(listen)| SocketAddr::port(&listen)))
}

/// Every environment variable the program reads.
pub fn environment_names() -> Vec<String> {
    let named =
        settings_command().get_arguments().filter_map(|arg| Some(variable(arg.get_long()?))).collect::<Vec<_>>();
    named.into_iter().chain([CONFIG.into()]).chain(PORTS.map(String::from)).collect()
}

fn variable(long: &str) -> String {
    format!("{PREFIX}{}", long.replace('-', "_").to_uppercase())
}

fn environment() -> BTreeMap<String, String> {
    let wanted = |name: &str| name.starts_with(PREFIX) || PORTS.contains(&name);
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    };
    std::env::vars_os().filter_map(text).filter(|(name, _)| wanted(name)).collect()
}

fn read_file(path: &Path) -> Result<Settings, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error| ConfigError::File { path: path.to_owned(), reason: error.to_string() })
}

/// Reads the variables as the flags they stand for, so that both take the same words and give the same messages.
fn read_environment(environment: &BTreeMap<String, String>) -> Result<Settings, ConfigError> {
    let mut settings = Settings::default();
    for (name, value) in environment.iter().filter(|(name, _)| name.starts_with(PREFIX) && *name != CONFIG) {
        if is_service_link(name) {
            continue;
        }
        let wrong = |reason: String| ConfigError::Environment { name: name.clone(), reason };
        let command = settings_command();
        let flag = command.get_arguments().filter_map(|arg| arg.get_long()).find(|long| variable(long) == *name);
        let Some(flag) = flag else {
            return Err(wrong(format!("there is no such setting; there are {}", environment_names().join(", "))));
        };
        let words: Vec<String> = match flag {
            "models" => value.split(':').map(String::from).collect(),
            "cors-origin" => value.split(',').map(|origin| origin.trim().into()).collect(),
            _ => vec![value.clone()],
        };
        let flags = words.into_iter().map(|word| format!("--{flag}={word}"));
        let matches = command.clone().try_get_matches_from(flags);
        let layer = matches.and_then(|matches| Settings::from_arg_matches(&matches));
        settings = settings.overlaid_with(layer.map_err(|error| wrong(first_line(&error)))?);
    }
    Ok(settings)
}

/// What Kubernetes puts into every container for Services that are called onnxd or onnxd-something:
/// `ONNXD_SERVICE_HOST`, `ONNXD_PORT`, `ONNXD_CANARY_PORT_8080_TCP` and the like. No setting has such a name.
fn is_service_link(name: &str) -> bool {
    let ends = ["_SERVICE_HOST", "_PORT"].iter().any(|end| name.ends_with(end));
    ends || ["_SERVICE_PORT", "_PORT_"].iter().any(|part| name.contains(part))
}

fn port_alone(environment: &BTreeMap<String, String>) -> Result<Option<(&'static str, u16)>, ConfigError> {
    let Some((name, value)) = PORTS.iter().find_map(|name| Some((*name, environment.get(*name)?))) else {
        return Ok(None);
    };
    let port = value.trim().parse().map_err(|_| ConfigError::Environment {
        name: name.into(),
        reason: format!("{value:?} is no port: write a number from 0 to 65535"),
    })?;
    Ok(Some((name, port)))
}

fn settings_command() -> Command {
    Settings::augment_args(Command::new("settings").no_binary_name(true).disable_help_flag(true))
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ByteSize, Period};

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn variables_read_like_flags() {
        let settings = read_environment(&environment(&[
            ("ONNXD_MODELS", "/a:/b"),
            ("ONNXD_MAX_BODY", "1MiB"),
            ("ONNXD_LAME_DUCK", "0"),
            ("ONNXD_CORS_ORIGIN", "https://a.example:8443, https://b.example"),
        ]))
        .unwrap();
        assert_eq!(settings.models, Some(vec!["/a".into(), "/b".into()]));
        assert_eq!(settings.max_body, Some(Text(ByteSize(1 << 20))));
        assert_eq!(settings.lame_duck, Some(Text(Period(std::time::Duration::ZERO))));
        let origins = ["https://a.example:8443", "https://b.example"].map(String::from);
        assert_eq!(settings.cors_origin, Some(origins.to_vec()));
    }

    #[test]
    fn slips_in_the_environment_are_named() {
        for (name, value) in [("ONNXD_LISTN", "x"), ("ONNXD_LISTEN", "8080"), ("ONNXD_LOG_FORMAT", "xml")] {
            let error = read_environment(&environment(&[(name, value)])).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(port_alone(&environment(&[("PORT", "http")])).is_err());
    }

    #[test]
    fn what_kubernetes_injects_is_no_setting() {
        let injected = environment(&[
            ("ONNXD_PORT", "tcp://10.0.0.1:80"),
            ("ONNXD_SERVICE_HOST", "10.0.0.1"),
            ("ONNXD_PORT_80_TCP", "x"),
            ("ONNXD_CANARY_PORT", "x"),
            ("ONNXD_SERVICE_PORT_HTTP", "x"),
        ]);
        assert_eq!(read_environment(&injected).unwrap(), Settings::default());
    }

    #[test]
    fn an_unknown_key_in_the_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("onnxd.toml");
        std::fs::write(&path, "max_body = '1MiB'\nthreads = 2\nmodels = ['/x']\n").unwrap();
        let settings = read_file(&path).unwrap();
        assert_eq!((settings.threads, settings.models), (Some(Text(2)), Some(vec!["/x".into()])));
        std::fs::write(&path, "max_bodi = '1MiB'\n").unwrap();
        assert!(read_file(&path).unwrap_err().to_string().contains("max_bodi"));
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let printed = toml::to_string(&Settings::defaults()).unwrap();
        assert_eq!(toml::from_str::<Settings>(&printed).unwrap(), Settings::defaults());
        assert!(Settings::defaults().into_config().is_ok());
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let settings = Settings { max_plans: Some(Text(0)), queue_rows: Some(Text(0)), ..Settings::default() };
        assert_eq!(settings.into_config().unwrap_err().len(), 2);
    }
}
