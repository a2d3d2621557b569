//! `onnxd bench`: how fast a server answers, or how fast a model file runs without one. Measures levels of load one after the
//! other, several targets in turn, and says what came of it as a table and as JSON. Deliberately not a general HTTP load
//! generator: one request, or a few in turn, sent many times over HTTP/1.1.

mod alarm;
mod answer;
mod body;
mod connection;
mod discover;
mod figures;
mod generator;
mod given;
mod http;
mod in_process;
mod inputs;
mod interrupt;
mod level;
mod process;
mod progress;
mod report;
mod request;
mod rounds;
mod schedule;
mod table;
mod tally;
mod target;
mod url;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Args;

use self::body::Format;
use self::discover::Wanted;
use self::level::Rate;
use self::report::{Conditions, Measured, Report};
use self::target::{Asked, Manner, Named, Target};
use super::engine::EngineFlags;
use super::{Failure, complain, say};
use crate::config::{Period, Text};

/// Rounds where targets are compared: the fewest with a median that one disturbed round leaves alone.
const ROUNDS_TO_COMPARE: usize = 3;

const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[derive(Args)]
pub(super) struct Bench {
    /// What to measure: a server as http://HOST:PORT, which is asked what it takes, a URL with a path, or a .onnx file, which
    /// is run in this process
    target: String,

    /// Connections that each send a request when the last one was answered; one level for each number. For a file, threads
    /// [default: 1,8,32; for a file --threads]
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', value_parser = count)]
    connections: Vec<usize>,

    /// Requests per second, sent whether or not the last one was answered; latencies count from when each was to leave. A
    /// percentage is of the most that the connections reached before. May be several
    #[arg(long, value_name = "RATES", value_delimiter = ',')]
    rate: Vec<Rate>,

    /// Send at random times, as users would who know nothing of each other, and not evenly
    #[arg(long, requires = "rate")]
    poisson: bool,

    /// How long to measure each level
    #[arg(long, value_name = "TIME", default_value = "5s")]
    duration: Text<Period>,

    /// How long to load each level before that
    #[arg(long, value_name = "TIME", default_value = "1s")]
    warm_up: Text<Period>,

    /// Threads that make the load
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = count)]
    threads: usize,

    /// Keep these threads awake while they wait, so that the server is not charged for waking them, as it would not be for
    /// clients on other machines. Give them processors of their own
    #[arg(long)]
    awake: bool,

    /// How long to wait for answers that are outstanding at the end of a level
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: Text<Period>,

    /// Model to ask for, with or without version [default: the server's]
    #[arg(long, value_name = "NAME[/VERSION]")]
    model: Option<String>,

    /// Rows of a request that is made here; with --body and --bodies, how many that has
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = count)]
    rows: usize,

    /// How a request that is made here is written [default: v2-json, or what the path asks for]
    #[arg(long, value_name = "FORMAT", conflicts_with = "given")]
    format: Option<Format>,

    /// Body to send: a file, - for standard input, or @ followed by the text itself
    #[arg(long, value_name = "FILE|-|@TEXT", group = "given")]
    body: Option<String>,

    /// Bodies to send in turn, one on each line: a file, or - for standard input
    #[arg(long, value_name = "FILE|-", group = "given")]
    bodies: Option<String>,

    /// Type of what is sent [default: application/json]
    #[arg(long, value_name = "TYPE", requires = "given")]
    content_type: Option<String>,

    /// Header to send, as 'name: value'; may be given several times
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,

    /// HTTP method [default: POST with a body, else GET]
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,

    /// Another target to measure in turn with the first, with the same body; may be given several times
    #[arg(long, value_name = "URL")]
    compare: Vec<String>,

    /// How often to measure everything; the table shows medians [default: 3 with --compare, else 1]
    #[arg(long, value_name = "COUNT", value_parser = count)]
    rounds: Option<usize>,

    /// Process of the server, to tell its CPU time and memory; given several times, those of the targets in order
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,

    /// Write the results as JSON; - writes them to standard output instead of the table
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,

    /// Body that each target has to answer with, byte by byte; looked at once before each level
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,

    /// Exit with 1 if any request failed, and not only if a target answered none
    #[arg(long)]
    fail_on_errors: bool,

    /// Seed of what is random: values that are made up, and the times of --poisson
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u64,

    #[command(flatten)]
    engine: EngineFlags,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        let manner = Manner { warm_up: self.warm_up.0.0, duration: self.duration.0.0 };
        if manner.duration.is_zero() {
            return Err(Failure("--duration 0: nothing can be measured in no time".into()));
        }
        for (flag, time) in [("duration", manner.duration), ("warm-up", manner.warm_up), ("timeout", self.timeout.0.0)]
        {
            if time > LONGEST {
                return Err(Failure(format!("--{flag}: a day is the longest that is possible")));
            }
        }
        let targets = self.targets()?;
        if targets.iter().any(|target| target.engine().is_some()) && !self.rate.is_empty() {
            return Err(Failure("--rate is for servers; a model file is run as fast as it goes".into()));
        }
        for pid in &self.pid {
            process::usage(*pid).ok_or_else(|| format!("--pid {pid}: there is no such process"))?;
        }
        let rounds = self.rounds.unwrap_or(if targets.len() > 1 { ROUNDS_TO_COMPARE } else { 1 });
        let report = Report {
            onnxd_bench: 1,
            interrupted: false,
            conditions: Conditions {
                threads: self.threads,
                awake: self.awake,
                warm_up_s: manner.warm_up.as_secs_f64(),
                duration_s: manner.duration.as_secs_f64(),
                rounds,
                cpus: process::cpus(),
                load_average: process::load_average(),
                seed: self.seed,
                version: env!("CARGO_PKG_VERSION"),
            },
            targets: targets
                .iter()
                .map(|target| report::Target {
                    target: target.label().into(),
                    engine: target.engine(),
                    levels: Vec::new(),
                })
                .collect(),
        };
        let report = Mutex::new(report);
        let so_far = || report.lock().unwrap_or_else(PoisonError::into_inner).clone();
        interrupt::unless_interrupted(
            || self.measure(&targets, &manner, &report),
            || {
                let report = Report { interrupted: true, ..so_far() };
                let told = self.tell(&targets, &report).and_then(|()| self.judge(&report));
                told.unwrap_or_else(|failure| complain(&failure));
                complain(&Failure("interrupted: the level under way is left out".into()));
            },
        )??;
        let report = so_far();
        self.tell(&targets, &report)?;
        self.judge(&report)
    }

    /// Each target with what it is asked; each has answered once.
    fn targets(&self) -> Result<Vec<Target>, Failure> {
        let named = std::iter::once(&self.target).chain(&self.compare).map(|text| Named::parse(text));
        let named = named.collect::<Result<Vec<_>, _>>()?;
        let wanted = Wanted { model: self.model.clone(), rows: self.rows, seed: self.seed };
        let asked = Asked { wanted: wanted.clone(), format: self.format, timeout: self.timeout.0.0 };
        let mut messages = self.messages()?;
        // What a server suggests, or a method, is nothing to a file.
        let has_bodies = self.body.is_some() || self.bodies.is_some();
        let slots = self.connections.iter().copied().max().unwrap_or(self.threads);
        let mut targets = Vec::new();
        for named in named {
            targets.push(match named {
                Named::File(path) => {
                    let given = messages.as_deref().filter(|_| has_bodies);
                    Target::file(path, &self.engine, slots, &wanted, given)?
                }
                Named::Url(url) => {
                    let messages = match &messages {
                        Some(messages) => messages,
                        None => messages.insert(vec![self.with_headers(asked.of(&url)?)?]),
                    };
                    Target::server(url, messages)
                }
            });
        }
        for target in &targets {
            if let Some((status, body)) = target.first_answer(self.timeout.0.0)?
                && !(200..300).contains(&status)
            {
                let words: String = String::from_utf8_lossy(&body).trim().chars().take(400).collect();
                if has_bodies && self.model.is_none() && target.lacks_path() {
                    let why = "end the URL with the path to send --body to, such as /predict, or name a --model";
                    return Err(Failure(format!("{}: answered {status}; there is no path: {why}", target.label())));
                }
                complain(&Failure(format!("{}: answered {status}: {words}", target.label())));
            }
        }
        Ok(targets)
    }

    /// Writes the results.
    fn tell(&self, targets: &[Target], report: &Report) -> Result<(), Failure> {
        let to_stdout = self.json.as_ref().is_some_and(|file| file.as_os_str() == "-");
        if let Some(file) = &self.json {
            let json = serde_json::to_string(report)?;
            if to_stdout {
                say(json)?;
            } else {
                std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
        if !to_stdout {
            let about: Vec<String> = targets.iter().map(|target| target.describe(self.rows)).collect();
            say(table::table(report, &about))?;
        }
        Ok(())
    }

    /// Whether the results are a success.
    fn judge(&self, report: &Report) -> Result<(), Failure> {
        for target in &report.targets {
            if target.levels.iter().all(|level| level.requests == 0) && !report.interrupted {
                return Err(Failure(format!("{}: no request succeeded", target.target)));
            }
            // A schedule at random may have no request in so short a time.
            let unanswered = |level: &&Measured| level.requests == 0 && level.failures() + level.unsent > 0;
            if let Some(level) = target.levels.iter().find(unanswered) {
                return Err(Failure(format!("{}: no request succeeded at {}", target.target, level.load())));
            }
            let failures: u64 = target.levels.iter().map(Measured::failures).sum();
            if self.fail_on_errors && failures > 0 {
                return Err(Failure(format!("{}: {failures} requests failed", target.target)));
            }
        }
        Ok(())
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn count(text: &str) -> Result<usize, String> {
    const MOST: usize = 1 << 20;
    let number = text.trim().parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("{text:?} is no number between 1 and {MOST}"))
}
