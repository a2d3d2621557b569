//! The shared library, which a process loads once and keeps: ONNX Runtime has one environment per process.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::engine::guard;

/// What was opened, from where. A library that could not be opened may be put right and tried again.
static OPENED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// The process's environment, opened at the first call; later ones must mean the same library.
pub fn environment(library: Option<&Path>) -> Result<Environment, String> {
    let path = library.map_or_else(|| PathBuf::from(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}")), Path::to_path_buf);
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*opened {
        Some((known, environment)) if *known == path => return Ok(environment.clone()),
        Some((known, _)) => {
            return Err(format!(
                "ONNX Runtime was loaded from {}; one process cannot load {} as well",
                known.display(),
                path.display()
            ));
        }
        None => {}
    }
    // Unwinding leaves nothing behind that a later call would use.
    let environment = guard::catch(|| open(&path)).and_then(|opened| opened).map_err(|reason| {
        format!("ONNX Runtime cannot be loaded: {reason}. Name its library with --onnxruntime-lib")
    })?;
    *opened = Some((path, environment.clone()));
    Ok(environment)
}

fn open(path: &Path) -> Result<Environment, String> {
    let builder = ort::init_from(path).map_err(|error| explain(&error))?;
    let environment = builder.with_name("onnxd").with_telemetry(false).build();
    let environment = environment.map_err(|error| guard::one_line(error.message()))?;
    // What goes wrong comes back as a value and is told where it belongs.
    environment.set_log_level(LogLevel::Fatal);
    Ok(environment)
}

/// The system's loader says why one link further down the chain.
fn explain(error: &ort::LoadDynamicError) -> String {
    let cause = match error {
        ort::LoadDynamicError::Dlopen { error, .. } => error.source().map(|cause| format!(": {cause}")),
        _ => None,
    };
    guard::one_line(&format!("{error}{}", cause.unwrap_or_default()))
}
