//! What a process has used, read from `/proc`: its CPU time with that of its threads and of the processes it has started,
//! and the most memory it has held. Nothing where there is no `/proc`.

use std::fs;

/// Ticks per second of the times in `/proc`, on every architecture that we build for.
const TICKS: f64 = 100.0;

/// Used since the process was started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    /// The sum over the processes, each at its own peak.
    pub(super) peak_rss_bytes: u64,
}

/// `None` when there is no such process.
pub(super) fn usage(pid: u32) -> Option<Usage> {
    let mut sum = of_one(pid)?;
    let mut waiting = children(pid);
    while let Some(pid) = waiting.pop() {
        if let Some(child) = of_one(pid) {
            sum.cpu_seconds += child.cpu_seconds;
            sum.peak_rss_bytes += child.peak_rss_bytes;
            waiting.extend(children(pid));
        }
    }
    Some(sum)
}

fn of_one(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(Usage { cpu_seconds: cpu_seconds(&stat)?, peak_rss_bytes: peak_rss(&status).unwrap_or(0) })
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// User and system time of all threads, and of children that have ended.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The name in brackets may hold anything; fields are counted behind it, where the 14th of the line is the 12th.
    let fields = &stat[stat.rfind(')')? + 1..];
    let times: Vec<f64> = fields.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse().ok()).collect();
    (times.len() == 4).then(|| times.iter().sum::<f64>() / TICKS)
}

fn peak_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// Averages over one, five and fifteen minutes.
pub(super) fn load_average() -> Option<[f64; 3]> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let numbers: Vec<f64> = text.split_whitespace().take(3).filter_map(|number| number.parse().ok()).collect();
    numbers.try_into().ok()
}

/// Processors of the machine, whichever of them this process may use.
pub(super) fn cpus() -> usize {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let is_cpu =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match stat.lines().filter(is_cpu).count() {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 10 5 20 0 1 0 100";
        assert_eq!(cpu_seconds(stat), Some(2.15));
        assert_eq!(cpu_seconds("7 (x) S 1"), None);
        assert_eq!(peak_rss("Name:\tx\nVmHWM:\t    1024 kB\n"), Some(1 << 20));
    }

    #[test]
    fn this_process_uses_something() {
        if cfg!(target_os = "linux") {
            assert!(usage(std::process::id()).unwrap().peak_rss_bytes > 0 && cpus() > 0 && load_average().is_some());
        }
        assert_eq!(usage(u32::MAX), None);
    }
}
