//! What large bodies leave behind. The allocator keeps what is freed for the next ones, and after a burst of many at a time that
//! is several times the models. Where none has come for a while, it goes back to the system.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::SizeHint;

use crate::memory;

/// Bodies from here on count, and those whose size is not known beforehand.
const LARGE: u64 = 64 << 10;

/// How long none may have come, and be under way, for the memory to be better given back than kept for the next.
const QUIET: Duration = Duration::from_secs(1);

/// The large bodies of a server.
#[derive(Debug, Default)]
pub(super) struct Burst {
    came: AtomicUsize,
    under_way: AtomicUsize,
    is_watched: AtomicBool,
}

/// One that is under way.
#[derive(Debug)]
pub(super) struct Large(Arc<Burst>);

impl Burst {
    /// Counts a body of this size, if it is a large one, for as long as the answer is held. Called on a runtime, where the end of
    /// the burst is waited for.
    pub(super) fn count(self: &Arc<Self>, size: &SizeHint) -> Option<Large> {
        if size.exact().is_some_and(|size| size < LARGE) {
            return None;
        }
        self.came.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::AcqRel);
        if !self.is_watched.swap(true, Ordering::AcqRel) {
            tokio::spawn(Arc::clone(self).watch());
        }
        Some(Large(Arc::clone(self)))
    }

    async fn watch(self: Arc<Self>) {
        let mut before = None;
        while before != Some(self.came.load(Ordering::Relaxed)) || self.under_way.load(Ordering::Acquire) > 0 {
            before = Some(self.came.load(Ordering::Relaxed));
            tokio::time::sleep(QUIET).await;
        }
        // One that comes from here on has somebody else to wait for its end.
        self.is_watched.store(false, Ordering::Release);
        let _ = tokio::task::spawn_blocking(memory::give_back).await;
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}
