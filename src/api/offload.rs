//! Where long decoding and encoding run. A body of megabytes takes long enough to read that the threads which serve
//! connections, health probes among them, should not be the ones to do it; a small one is done before a hand-over is.

/// Below this a hand-over costs more than it spares others.
const SMALL: usize = 256 << 10;

/// Runs `work` here when it is about few bytes, else on a thread that may be kept busy.
pub(super) async fn run<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if bytes < SMALL {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // Such tasks are not cancelled, so this is a panic: it goes on where it would have gone on without the hand-over.
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}
