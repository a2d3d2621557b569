//! The results for people: a line per level and target. Of several rounds it shows the medians; of several targets, how they
//! stand to the first.

use super::figures::{digits, grouped, median};
use super::level::Mode;
use super::report::{Measured, Report, Target};

/// `about`: what each target is asked.
pub(super) fn table(report: &Report, about: &[String]) -> String {
    let several = report.targets.len() > 1;
    let mut text = String::new();
    for (index, (target, about)) in report.targets.iter().zip(about).enumerate() {
        let letter = if several { format!("{}  ", letter(index)) } else { String::new() };
        text += &format!("{letter}{}  ({about})\n", target.target);
    }
    let rounds = report.conditions.rounds;
    let medians = if rounds > 1 { format!(", medians of {rounds} rounds") } else { String::new() };
    let (duration, warm_up) = (report.conditions.duration_s, report.conditions.warm_up_s);
    text += &format!("{duration} s a level after {warm_up} s of warm-up{medians}; latencies in ms\n\n");

    let lines: Vec<Line> = lines(&report.targets);
    let used = lines.iter().any(|line| line.cpu.is_some());
    // One kind of load stands in the title; several are told apart line by line.
    let mut units: Vec<&str> = lines.iter().map(|line| line.unit).collect();
    units.dedup();
    let unit = match units.as_slice() {
        [unit] if !unit.is_empty() => Some(*unit),
        _ => None,
    };
    let mut rows = vec![titles(unit, several, used)];
    rows.extend(lines.iter().map(|line| line.cells(unit, several, used)));
    text + &aligned(&rows)
}

fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index @ 0..26) => char::from(b'A' + index).into(),
        _ => (index + 1).to_string(),
    }
}

/// One level of one target over all rounds.
struct Line {
    load: String,
    /// What the load counts, where that is not a rate.
    unit: &'static str,
    target: String,
    requests: f64,
    rows: f64,
    /// p50, p90, p99, p99.9, max.
    latencies: [f64; 5],
    bytes: [f64; 2],
    cpu: Option<f64>,
    rss: Option<u64>,
    to_first: Option<[f64; 2]>,
    errors: String,
}

fn lines(targets: &[Target]) -> Vec<Line> {
    let mut keys = Vec::new();
    for level in targets.iter().flat_map(|target| &target.levels) {
        let key = key(level);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    // Sweep first, then the rates, each in the order that they ran.
    keys.sort_by_key(|key| key.0);
    let mut lines = Vec::new();
    for wanted in &keys {
        lines.extend((0..targets.len()).filter_map(|index| Line::of(targets, index, wanted)));
    }
    lines
}

/// What makes two measurements the same level.
type Key = (bool, usize, Option<u64>, Option<u64>);

fn key(level: &Measured) -> Key {
    let rate = if level.rate_percent.is_some() { None } else { level.rate };
    (level.mode == Mode::Open, level.connections, rate.map(f64::to_bits), level.rate_percent.map(f64::to_bits))
}

impl Line {
    /// Of the target with this number, at this level.
    fn of(targets: &[Target], index: usize, wanted: &Key) -> Option<Self> {
        let (target, first) = (targets.get(index)?, targets.first());
        let levels: Vec<&Measured> = target.levels.iter().filter(|level| key(level) == *wanted).collect();
        let one = levels.first()?;
        let of = |get: fn(&Measured) -> f64| median(levels.iter().map(|level| get(level)).collect());
        let (requests, p99) = (of(|level| level.requests_per_second), of(|level| level.latency_ms.p99));
        let to_first = first.filter(|_| index > 0).and_then(|first| {
            // A model file is what everything else is held against, however much load that is under.
            let alone = first.engine.is_some() && first.levels.iter().all(|level| key(level) == key(&first.levels[0]));
            let of_first: Vec<_> = first.levels.iter().filter(|level| alone || key(level) == *wanted).collect();
            let of = |get: fn(&Measured) -> f64| median(of_first.iter().map(|level| get(level)).collect());
            let p99 = p99 / of(|level| level.latency_ms.p99);
            // Latencies are those of the successes: few of them say nothing of what users would have seen.
            let comparable = mostly_answered(&levels) && mostly_answered(&of_first);
            Some([requests / of(|level| level.requests_per_second), if comparable { p99 } else { f64::NAN }])
                .filter(|_| !of_first.is_empty())
        });
        let cpu: Vec<f64> = levels.iter().filter_map(|level| level.server_cpu_us_per_request).collect();
        Some(Self {
            load: load(one, of(|level| level.rate.unwrap_or(f64::NAN))),
            unit: match (one.mode, target.engine) {
                (Mode::Open, _) => "",
                (Mode::Closed, None) => "connections",
                (Mode::Closed, Some(_)) => "threads",
            },
            target: letter(index),
            requests,
            rows: of(|level| level.rows_per_second),
            latencies: [
                of(|level| level.latency_ms.p50),
                of(|level| level.latency_ms.p90),
                p99,
                of(|level| level.latency_ms.p99_9),
                of(|level| level.latency_ms.max),
            ]
            .map(|latency| if latency > 0.0 { latency } else { f64::NAN }),
            bytes: [of(|level| rate(level.bytes_in, level)), of(|level| rate(level.bytes_out, level))],
            cpu: (!cpu.is_empty()).then(|| median(cpu)),
            rss: levels.iter().filter_map(|level| level.server_peak_rss_bytes).max(),
            to_first,
            errors: errors(&levels),
        })
    }

    fn cells(&self, unit: Option<&str>, several: bool, used: bool) -> Vec<String> {
        let load = match unit {
            None if self.load == "1" => format!("1 {}", self.unit.trim_end_matches('s')),
            None if !self.unit.is_empty() => format!("{} {}", self.load, self.unit),
            _ => self.load.clone(),
        };
        let mut cells = vec![load];
        if several {
            cells.push(self.target.clone());
        }
        cells.extend([grouped(self.requests), grouped(self.rows)]);
        cells.extend(self.latencies.map(digits));
        cells.extend(self.bytes.map(|bytes| digits(bytes / 1e6)));
        if used {
            cells.push(self.cpu.map_or_else(|| "-".into(), digits));
            cells.push(self.rss.map_or_else(|| "-".into(), |bytes| digits(bytes as f64 / 1e6)));
        }
        if several {
            let ratio = |index: usize| match self.to_first.map(|ratios| ratios[index]).filter(|ratio| ratio.is_finite())
            {
                Some(ratio) => format!("{ratio:.2}"),
                None => "-".into(),
            };
            cells.extend([ratio(0), ratio(1)]);
        }
        cells.push(self.errors.clone());
        cells
    }
}

fn titles(unit: Option<&str>, several: bool, used: bool) -> Vec<String> {
    let mut titles = vec![unit.unwrap_or("load")];
    if several {
        titles.push("");
    }
    titles.extend(["requests/s", "rows/s", "p50", "p90", "p99", "p99.9", "max", "MB/s in", "out"]);
    if used {
        titles.extend(["CPU µs", "RSS MB"]);
    }
    if several {
        titles.extend(["rate:A", "p99:A"]);
    }
    titles.push("errors");
    titles.into_iter().map(Into::into).collect()
}

/// `rate`: that of the level, which differs by round where it is a part of the maximum.
fn load(level: &Measured, rate: f64) -> String {
    let rate = format!("{}/s", grouped(rate));
    match (level.mode, level.rate_percent) {
        (Mode::Closed, _) => level.connections.to_string(),
        (Mode::Open, None) => rate,
        (Mode::Open, Some(percent)) => format!("{percent}% of its max: {rate}"),
    }
}

/// Whether more of what was sent was answered with success than not.
fn mostly_answered(levels: &[&Measured]) -> bool {
    let sum = |get: fn(&Measured) -> u64| levels.iter().map(|level| get(level)).sum::<u64>();
    sum(|level| level.requests) > sum(Measured::failures)
}

/// What went wrong, over all rounds.
fn errors(levels: &[&Measured]) -> String {
    let sum = |get: fn(&Measured) -> u64| levels.iter().map(|level| get(level)).sum::<u64>();
    let mut counts: Vec<(String, u64)> = Vec::new();
    for (name, count) in levels.iter().flat_map(|level| &level.errors) {
        match counts.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += count,
            None => counts.push((name.clone(), *count)),
        }
    }
    counts.extend([
        ("late".into(), sum(|level| level.late)),
        ("unsent".into(), sum(|level| level.unsent)),
        ("resent".into(), sum(|level| level.resent)),
    ]);
    let words = counts.iter().filter(|(_, count)| *count > 0);
    let words: Vec<String> = words.map(|(name, count)| format!("{name}: {}", grouped(*count as f64))).collect();
    if words.is_empty() { "0".into() } else { words.join(", ") }
}

fn rate(bytes: u64, level: &Measured) -> f64 {
    if level.seconds > 0.0 { bytes as f64 / level.seconds } else { 0.0 }
}

/// Columns as wide as their widest cell, numbers to the right, the last one to the left.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let last = columns - 1;
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| if column == last { cell.clone() } else { format!("{cell:>width$}") })
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text.trim_end().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::report::{Conditions, Latency};
    use super::*;

    fn measured(connections: usize, rate: f64, p99: f64, busy: u64) -> Measured {
        let latency_ms = Latency { mean: 0.1, p50: 0.1, p90: 0.2, p99, p99_9: 2.0, max: 30.0 };
        Measured {
            mode: Mode::Closed,
            connections,
            rate: None,
            rate_percent: None,
            round: 0,
            requests: 10,
            seconds: 2.0,
            requests_per_second: rate,
            rows_per_request: 1,
            rows_per_second: rate,
            latency_ms,
            errors: BTreeMap::from([("transport".into(), 0), ("503".into(), busy)]),
            planned: 0,
            late: 0,
            unsent: 0,
            resent: 0,
            bytes_in: 4_000_000,
            bytes_out: 2_000_000,
            server_cpu_us_per_request: None,
            server_peak_rss_bytes: None,
        }
    }

    fn report(engine: Option<&'static str>, of_first: Vec<Measured>) -> Report {
        let (threads, awake, warm_up_s, duration_s, rounds, cpus, load_average, seed, version) =
            (1, false, 1.0, 5.0, 3, 2, None, 1, "");
        let conditions =
            Conditions { threads, awake, warm_up_s, duration_s, rounds, cpus, load_average, seed, version };
        let of_second = vec![measured(8, 600.0, 2.0, 2), measured(8, 500.0, 3.0, 0), measured(8, 9.0, 4.0, 1)];
        let targets = vec![
            Target { target: "first".into(), engine, levels: of_first },
            Target { target: "second".into(), engine: None, levels: of_second },
        ];
        Report { onnxd_bench: 1, interrupted: false, conditions, targets }
    }

    #[test]
    fn of_several_rounds_it_shows_medians_and_how_they_stand_to_the_first() {
        let first = vec![measured(8, 2000.0, 1.0, 0), measured(8, 1000.0, 1.5, 0), measured(8, 100.0, 9.0, 0)];
        let text = table(&report(None, first), &["x".into(), "y".into()]);
        let line = text.lines().last().unwrap();
        let cells: Vec<&str> = line.split_whitespace().collect();
        let expected = "8 B 500 500 0.100 0.200 3.00 2.00 30.0 2.00 1.00 0.50 2.00 503: 3";
        assert_eq!(cells, expected.split(' ').collect::<Vec<_>>(), "{text}");
        assert!(text.contains("medians of 3 rounds") && text.contains("connections"), "{text}");
    }

    #[test]
    fn a_target_that_mostly_fails_is_not_praised_for_its_latency() {
        let mut report = report(None, vec![measured(8, 1000.0, 1.0, 0)]);
        report.targets[1].levels = vec![Measured { requests: 0, ..measured(8, 0.0, 0.0, 90) }];
        let last = |report: &Report| table(report, &["x".into(), "y".into()]).lines().last().unwrap().to_owned();
        assert!(last(&report).ends_with("0.00      -  503: 90"), "{}", last(&report));
        report.targets[1].levels = vec![measured(8, 100.0, 0.2, 90)];
        assert!(last(&report).ends_with("0.10      -  503: 90"), "{}", last(&report));
    }

    #[test]
    fn a_part_of_the_maximum_says_whose_it_is() {
        let mut report = report(None, vec![measured(8, 1000.0, 1.0, 0)]);
        let part = |rate| Measured {
            mode: Mode::Open,
            rate: Some(rate),
            rate_percent: Some(60.0),
            ..measured(8, rate, 1.0, 0)
        };
        report.targets[1].levels = vec![part(500.0), part(700.0), part(600.0)];
        let text = table(&report, &["x".into(), "y".into()]);
        assert!(text.lines().last().unwrap().trim().starts_with("60% of its max: 600/s  B"), "{text}");
    }

    #[test]
    fn a_model_file_is_held_against_at_every_level() {
        let text = table(&report(Some("tract"), vec![measured(1, 250.0, 1.0, 0)]), &["x".into(), "y".into()]);
        let cells: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        assert!(cells.ends_with(&["2.00", "3.00", "503:", "3"]), "{text}");
        assert!(text.contains("     1 thread  A"), "{text}");
    }
}
