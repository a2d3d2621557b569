//! `onnxd bench`: how fast a server answers, or how fast a model file runs without one. Measures levels of load one after the
//! other, several targets in turn, and says what came of it as a table and as JSON. Deliberately not a general HTTP load
//! generator: one request, sent many times, over HTTP/1.1.

mod answer;
mod body;
mod connection;
mod discover;
mod generator;
mod http;
mod in_process;
mod inputs;
mod level;
mod process;
mod progress;
mod report;
mod request;
mod schedule;
mod table;
mod tally;
mod target;
mod url;

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fastrand::Rng;

use self::body::Format;
use self::discover::Wanted;
use self::http::{Load, Pace};
use self::level::{Level, Mode, Rate};
use self::progress::Progress;
use self::report::{Conditions, Measured, Report};
use self::request::{Message, header};
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

    /// How long to wait for answers that are outstanding at the end of a level
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: Text<Period>,

    /// Model to ask for, with or without version [default: the server's]
    #[arg(long, value_name = "NAME[/VERSION]")]
    model: Option<String>,

    /// Rows of a request that is made here; with --body, how many that has
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = count)]
    rows: usize,

    /// How a request that is made here is written [default: v2-json, or what the path asks for]
    #[arg(long, value_name = "FORMAT", conflicts_with = "body")]
    format: Option<Format>,

    /// Body to send: a file, - for standard input, or @ followed by the text itself
    #[arg(long, value_name = "FILE|-|@TEXT")]
    body: Option<String>,

    /// Type of that body [default: application/json]
    #[arg(long, value_name = "TYPE", requires = "body")]
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
        let mut report = Report {
            onnxd_bench: 1,
            conditions: Conditions {
                threads: self.threads,
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
        self.measure(&targets, &manner, &mut report)?;
        self.tell(&targets, &report)
    }

    /// Each target with what it is asked; each has answered once.
    fn targets(&self) -> Result<Vec<Target>, Failure> {
        let named = std::iter::once(&self.target).chain(&self.compare).map(|text| Named::parse(text));
        let named = named.collect::<Result<Vec<_>, _>>()?;
        let wanted = Wanted { model: self.model.clone(), rows: self.rows, seed: self.seed };
        let asked = Asked { wanted: wanted.clone(), format: self.format, timeout: self.timeout.0.0 };
        let mut message = self.message()?;
        let slots = self.connections.iter().copied().max().unwrap_or(self.threads);
        let mut targets = Vec::new();
        for named in named {
            targets.push(match named {
                Named::File(path) => Target::file(path, &self.engine, slots, &wanted)?,
                Named::Url(url) => {
                    let message = match &message {
                        Some(message) => message,
                        None => message.insert(self.with_headers(asked.of(&url)?)?),
                    };
                    Target::server(url, message)
                }
            });
        }
        for target in &targets {
            if let Some((status, body)) = target.first_answer(self.timeout.0.0)?
                && !(200..300).contains(&status)
            {
                let words: String = String::from_utf8_lossy(&body).trim().chars().take(400).collect();
                complain(&Failure(format!("{}: answered {status}: {words}", target.label())));
            }
        }
        Ok(targets)
    }

    /// What to send, if the flags say it.
    fn message(&self) -> Result<Option<Message>, Failure> {
        let body = match self.body.as_deref() {
            None if self.method.is_none() || self.model.is_some() => return Ok(None),
            None => Vec::new(),
            Some("-") => {
                let mut body = Vec::new();
                std::io::stdin().read_to_end(&mut body)?;
                body
            }
            Some(text) => match text.strip_prefix('@') {
                Some(text) => text.into(),
                None => std::fs::read(text).map_err(|error| format!("--body {text}: {error}"))?,
            },
        };
        let mut headers = Vec::new();
        if self.body.is_some() {
            let content_type = self.content_type.as_deref().unwrap_or("application/json");
            headers.push(header(&format!("content-type: {content_type}"))?);
        }
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let path = self.model.as_ref().map_or("/".into(), |model| match model.split_once('/') {
            Some((name, version)) => format!("/v2/models/{name}/versions/{version}/infer"),
            None => format!("/v2/models/{model}/infer"),
        });
        self.with_headers(Message { method: method.into(), path, headers, body }).map(Some)
    }

    /// The message with the headers and the method of the command line, which win over its own.
    fn with_headers(&self, mut message: Message) -> Result<Message, Failure> {
        for text in &self.headers {
            let (name, value) = header(text)?;
            message.headers.retain(|(known, _)| *known != name);
            message.headers.push((name, value));
        }
        if let Some(method) = &self.method {
            if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
                return Err(Failure(format!("--method {method:?}: expected a method such as POST")));
            }
            message.method.clone_from(method);
        }
        Ok(message)
    }

    fn measure(&self, targets: &[Target], manner: &Manner, report: &mut Report) -> Result<(), Failure> {
        let expected = self.expect.as_ref();
        let expected = expected.map(|file| std::fs::read(file).map_err(|error| format!("{}: {error}", file.display())));
        let expected = expected.transpose()?;
        let rounds = report.conditions.rounds;
        let levels_of = |target: &Target, round: usize| {
            let otherwise = if target.engine().is_some() { &[self.threads][..] } else { &[1, 8, 32] };
            let connections = if self.connections.is_empty() { otherwise } else { &self.connections };
            Level::of_round(round, connections, &self.rate)
        };
        let steps = targets.iter().map(|target| levels_of(target, 0).len()).sum::<usize>() * rounds;
        let progress = Progress::start(steps, manner.warm_up + manner.duration);
        let mut step = 0;
        for round in 0..rounds {
            let levels: Vec<Vec<Level>> = targets.iter().map(|target| levels_of(target, round)).collect();
            for at in 0..levels.iter().map(Vec::len).max().unwrap_or(0) {
                for turn in 0..targets.len() {
                    // Another one begins each time, so that none always runs in the wake of the same neighbour.
                    let index = (turn + at + round) % targets.len();
                    let Some(level) = levels[index].get(at) else { continue };
                    let (target, results) = (&targets[index], &mut report.targets[index].levels);
                    let Some(level) = with_rate(level, results) else {
                        progress.note(&format!("{}: no maximum to take a part of", target.label()));
                        continue;
                    };
                    progress.level(step, what(&level, target, rounds));
                    step += 1;
                    if let Some(expected) = &expected {
                        check(target, expected, self.timeout.0.0)?;
                    }
                    let pid = self.pid.get(index).copied();
                    results.push(self.measure_level(target, &level, manner, pid, &progress)?);
                }
            }
        }
        Ok(())
    }

    fn measure_level(
        &self,
        target: &Target,
        level: &Level,
        manner: &Manner,
        pid: Option<u32>,
        progress: &Progress,
    ) -> Result<Measured, Failure> {
        let pace = match level.rate {
            None => Pace::Closed,
            Some(rate) => Pace::Open { rate, random: self.poisson.then(|| Rng::with_seed(self.seed)) },
        };
        let load = Load { pace, connections: level.connections, threads: self.threads, timeout: self.timeout.0.0 };
        let usage = || pid.and_then(process::usage);
        let mut before = None;
        let tally = target.measure(&load, manner, || before = usage())?;
        if let Some(failure) = &tally.first_failure {
            progress.note(&format!("{}: {failure}", target.label()));
        }
        Ok(Measured::new(level, self.rows, &tally, (before, usage())))
    }

    /// Writes the results and decides whether they are a success.
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
        for target in &report.targets {
            if target.levels.iter().all(|level| level.requests == 0) {
                return Err(Failure(format!("{}: no request succeeded", target.target)));
            }
            let failures: u64 = target.levels.iter().map(Measured::failures).sum();
            if self.fail_on_errors && failures > 0 {
                return Err(Failure(format!("{}: {failures} requests failed", target.target)));
            }
        }
        Ok(())
    }
}

/// The level with its rate, if that can be told: a percentage is of the most that the target reached in this round.
fn with_rate(level: &Level, before: &[Measured]) -> Option<Level> {
    let mut level = level.clone();
    if let Some(percent) = level.percent {
        let closed = before.iter().filter(|before| before.round == level.round && before.mode == Mode::Closed);
        let most = closed.map(|before| before.requests_per_second).fold(0.0, f64::max);
        level.rate = Some(most * percent / 100.0).filter(|rate| *rate > 0.0);
        level.rate?;
    }
    Some(level)
}

/// What is going on, for the progress bar.
fn what(level: &Level, target: &Target, rounds: usize) -> String {
    let load = match (level.rate, target.engine()) {
        (Some(rate), _) => format!("{rate:.0}/s"),
        (None, None) => counted(level.connections, "connection"),
        (None, Some(_)) => counted(level.connections, "thread"),
    };
    let round = if rounds > 1 { format!("round {} of {rounds}, ", level.round + 1) } else { String::new() };
    format!("{round}{load}, {}", target.label())
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn check(target: &Target, expected: &[u8], timeout: Duration) -> Result<(), Failure> {
    match target.first_answer(timeout)? {
        Some((_, body)) if body != expected => {
            let start: String = String::from_utf8_lossy(&body).trim().chars().take(400).collect();
            Err(Failure(format!("{}: the answer is not what --expect says: {start}", target.label())))
        }
        _ => Ok(()),
    }
}

fn count(text: &str) -> Result<usize, String> {
    const MOST: usize = 1 << 20;
    let number = text.trim().parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("{text:?} is no number between 1 and {MOST}"))
}
