//! The process metrics that every Prometheus client library exposes under the same names, read from `/proc` at scrape
//! time. Elsewhere than on Linux they are simply absent.

use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Opts};

/// Clock ticks per second in `/proc/self/stat`: fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) struct ProcessCollector {
    cpu: Counter,
    resident: Gauge,
    virtual_memory: Gauge,
    open_fds: Gauge,
    max_fds: Gauge,
    threads: Gauge,
    start_time: Gauge,
}

impl ProcessCollector {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| Gauge::with_opts(Opts::new(name, help));
        Ok(Self {
            cpu: Counter::with_opts(Opts::new("process_cpu_seconds_total", "User and system CPU time spent."))?,
            resident: gauge("process_resident_memory_bytes", "Resident memory size.")?,
            virtual_memory: gauge("process_virtual_memory_bytes", "Virtual memory size.")?,
            open_fds: gauge("process_open_fds", "Open file descriptors.")?,
            max_fds: gauge("process_max_fds", "Limit of open file descriptors.")?,
            threads: gauge("process_threads", "Threads of the process.")?,
            start_time: gauge("process_start_time_seconds", "Start of the process since the Unix epoch.")?,
        })
    }

    fn refresh(&self) -> Option<()> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let kilobytes = |key: &str| field(&status, key).map(|value| value * 1024.0);
        kilobytes("VmRSS:").into_iter().for_each(|bytes| self.resident.set(bytes));
        kilobytes("VmSize:").into_iter().for_each(|bytes| self.virtual_memory.set(bytes));
        field(&status, "Threads:").into_iter().for_each(|count| self.threads.set(count));
        let limits = fs::read_to_string("/proc/self/limits").ok()?;
        field(&limits, "Max open files").into_iter().for_each(|count| self.max_fds.set(count));
        self.open_fds.set(fs::read_dir("/proc/self/fd").ok()?.count() as f64);

        // Fields are counted after the command, which may itself hold spaces and parentheses; see proc(5).
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<f64> =
            stat.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
        let (user, system, started) = (fields.get(11)?, fields.get(12)?, fields.get(19)?);
        self.cpu.reset();
        self.cpu.inc_by((user + system) / TICKS_PER_SECOND);
        let boot = field(&fs::read_to_string("/proc/stat").ok()?, "btime")?;
        self.start_time.set(boot + started / TICKS_PER_SECOND);
        Some(())
    }

    fn parts(&self) -> [&dyn Collector; 7] {
        [
            &self.cpu,
            &self.resident,
            &self.virtual_memory,
            &self.open_fds,
            &self.max_fds,
            &self.threads,
            &self.start_time,
        ]
    }
}

/// The first number after a line's key.
fn field(text: &str, key: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.parts().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        match self.refresh() {
            Some(()) => self.parts().into_iter().flat_map(Collector::collect).collect(),
            None => Vec::new(),
        }
    }
}
