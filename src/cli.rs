//! The command line: what can be asked of the program, and the exit code of each answer. 0 is success, 1 a failure, 2 a
//! command line that makes no sense. Results go to standard output, everything else to standard error.

mod bench;
mod check;
mod engine;
mod inspect;
mod predict;
mod probe;
mod serve;
mod try_model;

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{Config, Settings};

/// Serves ONNX models over HTTP. Without a command it serves.
#[derive(Parser)]
#[command(name = "onnxd", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serve models (the default)
    Serve(Box<serve::Serve>),
    /// Run one prediction without a server
    Predict(predict::Predict),
    /// Tell what an ONNX file takes, gives, and is made of
    Inspect(inspect::Inspect),
    /// Load and verify all models, and say what is wrong with those that fail
    Check(check::Check),
    /// Measure how fast a server answers, or a model file runs
    Bench(Box<bench::Bench>),
    /// Ask a running server whether it is ready; the container's health check
    Probe(probe::Probe),
    /// Load a model from standard input within limits; what the program starts itself for to try one
    #[command(hide = true)]
    TryModel(try_model::TryModel),
}

/// The whole command line as data: every subcommand and flag.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program with this process's arguments.
pub fn run() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        // Help and version come this way too, with their own exit code.
        Err(answer) => answer.exit(),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let done = match cli.command.unwrap_or(Command::Serve(Box::new(cli.serve))) {
        Command::Serve(serve) => serve.run(),
        Command::Predict(predict) => predict.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Check(check) => check.run(),
        Command::Bench(bench) => bench.run(),
        Command::Probe(probe) => probe.run(),
        Command::TryModel(model) => model.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

/// The settings as this program obeys them: it tries models by starting itself.
fn config(settings: Settings) -> Result<Config, Failure> {
    let mut config = settings.into_config().map_err(|mistakes| Failure(mistakes.join("\nonnxd: ")))?;
    config.trial.program = Some(std::env::current_exe()?);
    Ok(config)
}

/// Why a command failed, for standard error.
#[derive(Debug)]
struct Failure(String);

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn complain(failure: &Failure) {
    // Nowhere is left to say that standard error is closed.
    let _ = writeln!(std::io::stderr(), "onnxd: {}", failure.0);
}

/// Writes a result to standard output. A reader that has seen enough, such as `head`, is no failure.
fn say(result: impl Display) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{result}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
