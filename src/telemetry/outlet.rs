//! Where log lines leave: standard error, by a thread of its own. A line per prediction would be a system call per
//! prediction, and a collector that reads slowly would hold up the threads that serve. So lines gather in memory and
//! leave together some milliseconds later; warnings and errors take what has gathered along and leave at once. Lines are
//! never dropped: a writer that finds too much gathered waits for its turn to write.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait for others.
const GATHERING: Duration = Duration::from_millis(10);

/// Bytes after which whoever adds to them writes them out.
const MOST: usize = 256 << 10;

/// The way out. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Outlet(Arc<Shared>);

#[derive(Default)]
struct Shared {
    gathered: Mutex<Vec<u8>>,
    filled: Condvar,
    /// Held while writing, so that lines leave in the order they came.
    writing: Mutex<()>,
}

impl Outlet {
    /// Begins to write on a thread of its own, or fails where there can be none.
    pub(super) fn open() -> io::Result<Self> {
        let outlet = Self::default();
        let shared = Arc::clone(&outlet.0);
        std::thread::Builder::new().name("log".into()).spawn(move || shared.write_for_ever())?;
        Ok(outlet)
    }

    /// Writes what has gathered.
    pub(super) fn flush(&self) {
        self.0.flush();
    }
}

impl Shared {
    fn write_for_ever(&self) {
        loop {
            let mut gathered = lock(&self.gathered);
            while gathered.is_empty() {
                gathered = self.filled.wait(gathered).unwrap_or_else(PoisonError::into_inner);
            }
            drop(gathered);
            std::thread::sleep(GATHERING);
            self.flush();
        }
    }

    fn flush(&self) {
        let _writing = lock(&self.writing);
        let mut lines = std::mem::take(&mut *lock(&self.gathered));
        // There is nobody left to tell that standard error is closed.
        let _ = io::stderr().write_all(&lines);
        // The room is used again, unless there was a flood.
        if lines.capacity() <= 2 * MOST {
            lines.clear();
            let mut gathered = lock(&self.gathered);
            if gathered.is_empty() {
                *gathered = lines;
            }
        }
    }

    fn add(&self, line: &[u8], urgent: bool) {
        let mut gathered = lock(&self.gathered);
        let first = gathered.is_empty();
        gathered.extend_from_slice(line);
        let full = gathered.len() >= MOST;
        drop(gathered);
        if urgent || full {
            self.flush();
        } else if first {
            self.filled.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line on its way.
pub(super) struct Line<'o> {
    outlet: &'o Outlet,
    urgent: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.outlet.0.add(line, self.urgent);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'o> MakeWriter<'o> for Outlet {
    type Writer = Line<'o>;

    fn make_writer(&'o self) -> Line<'o> {
        Line { outlet: self, urgent: true }
    }

    fn make_writer_for(&'o self, about: &Metadata<'_>) -> Line<'o> {
        Line { outlet: self, urgent: *about.level() <= Level::WARN }
    }
}
