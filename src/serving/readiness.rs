//! Whether the server wants traffic, as a set of latches: each is closed at start, opened by the one part that knows,
//! and named in the answer while it is closed. Ready means all are open and nobody asked the server to stop.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// One condition for being ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latch {
    /// Every required model was loaded and verified.
    Models,
    /// The listener accepts connections.
    Listening,
}

/// Why the server is not ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    #[error("models are being loaded and verified")]
    Models,
    /// For good: what is on disk has to be mended.
    #[error("{0}")]
    Failed(String),
    #[error("the listener is not open yet")]
    Listening,
    #[error("the server is shutting down")]
    Draining,
}

#[derive(Debug, Default)]
pub struct Readiness {
    models: AtomicBool,
    failed: OnceLock<String>,
    listening: AtomicBool,
    draining: AtomicBool,
}

impl Readiness {
    pub fn open(&self, latch: Latch) {
        match latch {
            Latch::Models => self.models.store(true, Ordering::Release),
            Latch::Listening => self.listening.store(true, Ordering::Release),
        }
    }

    /// Keeps the models' latch closed for good, with the reason. The first reason stays.
    pub fn fail(&self, reason: String) {
        let _ = self.failed.set(reason);
    }

    /// From now on the server is not ready and says so on each connection; it still answers.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether start-up has finished; unlike readiness this never becomes false again.
    pub fn started(&self) -> Result<(), Unready> {
        if let Some(reason) = self.failed.get() {
            Err(Unready::Failed(reason.clone()))
        } else if !self.models.load(Ordering::Acquire) {
            Err(Unready::Models)
        } else if !self.listening.load(Ordering::Acquire) {
            Err(Unready::Listening)
        } else {
            Ok(())
        }
    }

    pub fn ready(&self) -> Result<(), Unready> {
        if self.is_draining() { Err(Unready::Draining) } else { self.started() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_once_all_latches_are_open_until_draining() {
        let readiness = Readiness::default();
        assert_eq!(readiness.ready(), Err(Unready::Models));
        readiness.open(Latch::Models);
        assert_eq!(readiness.ready(), Err(Unready::Listening));
        readiness.open(Latch::Listening);
        assert_eq!(readiness.ready(), Ok(()));
        readiness.drain();
        assert_eq!(readiness.ready(), Err(Unready::Draining));
        assert_eq!(readiness.started(), Ok(()));
    }
}
