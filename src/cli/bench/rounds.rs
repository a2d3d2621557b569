//! The order of a run: round by round, level by level, the targets in turn, so that what else the machine does meets all of
//! them alike.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use super::super::Failure;
use super::http::{Load, Pace};
use super::level::{Level, Mode};
use super::progress::Progress;
use super::report::{Measured, Report};
use super::target::{Manner, Target};
use super::{Bench, counted, process};

impl Bench {
    /// Measures every level of every target and puts each result into the report when it is there. Blocking.
    pub(super) fn measure(&self, targets: &[Target], manner: &Manner, report: &Mutex<Report>) -> Result<(), Failure> {
        let report = || report.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = self.expect.as_ref();
        let expected = expected.map(|file| std::fs::read(file).map_err(|error| format!("{}: {error}", file.display())));
        let expected = expected.transpose()?;
        let rounds = report().conditions.rounds;
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
                    let target = &targets[index];
                    let Some(level) = with_rate(level, &report().targets[index].levels) else {
                        progress.note(&format!("{}: no maximum to take a part of", target.label()));
                        continue;
                    };
                    progress.level(step, what(&level, target, rounds));
                    step += 1;
                    if let Some(expected) = &expected {
                        check(target, expected, self.timeout.0.0)?;
                    }
                    let pid = self.pid.get(index).copied();
                    let measured = self.measure_level(target, &level, manner, pid, &progress)?;
                    report().targets[index].levels.push(measured);
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
        let load = Load {
            pace,
            connections: level.connections,
            threads: self.threads,
            awake: self.awake,
            timeout: self.timeout.0.0,
        };
        let usage = || pid.and_then(process::usage);
        let mut before = None;
        let tally = target.measure(&load, manner, || before = usage())?;
        if let Some(failure) = &tally.first_failure {
            progress.note(&format!("{}: {failure}", target.label()));
        }
        Ok(Measured::new(level, self.rows, &tally, (before, usage())))
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

fn check(target: &Target, expected: &[u8], timeout: Duration) -> Result<(), Failure> {
    match target.first_answer(timeout)? {
        Some((_, body)) if body != expected => {
            let start: String = String::from_utf8_lossy(&body).trim().chars().take(400).collect();
            Err(Failure(format!("{}: the answer is not what --expect says: {start}", target.label())))
        }
        _ => Ok(()),
    }
}
