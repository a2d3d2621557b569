//! Stopping without losing a request, as a numbered sequence:
//!
//! 1. A stop signal comes: not ready from this moment, said on every probe; answers carry `connection: close`.
//! 2. The lame-duck period: everything is served as before while load balancers learn of step 1.
//! 3. No new connections; requests in flight finish, for at most the drain timeout.
//! 4. The compute threads end once their queue is empty.
//!
//! A second signal during step 2 goes on to step 3 at once.

use crate::batching::Pool;
use crate::config::ShutdownConfig;
use crate::serving::Serving;

/// Where requests to stop come from.
pub trait StopSignal: Send {
    /// Waits for the next one and names it.
    fn next(&mut self) -> impl Future<Output = &'static str> + Send;
}

/// SIGTERM, SIGINT and SIGQUIT of this process.
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on these signals no longer end the process by themselves. Needs a runtime.
    pub fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }
}

impl StopSignal for Signals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.quit.recv() => "SIGQUIT",
        }
    }
}

/// A signal from within the process, for servers that are part of a larger program or of a test.
impl StopSignal for tokio::sync::mpsc::Receiver<&'static str> {
    async fn next(&mut self) -> &'static str {
        match self.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }
}

/// Steps 1 and 2.
pub(super) async fn until_stop(signals: &mut impl StopSignal, serving: &Serving, config: &ShutdownConfig) {
    let signal = signals.next().await;
    serving.readiness().drain();
    let lame_duck = config.lame_duck;
    tracing::info!(signal, lame_duck_ms = lame_duck.as_millis() as u64, "shutdown 1/4: not ready any more, serving on");
    tokio::select! {
        () = tokio::time::sleep(lame_duck) => {}
        signal = signals.next() => tracing::info!(signal, "shutdown 2/4: lame-duck period cut short"),
    }
    tracing::info!("shutdown 3/4: no new connections, finishing requests");
}

/// What is left after step 3.
pub(super) fn finish(cut_off: usize, pool: &Pool) {
    if cut_off > 0 {
        tracing::warn!(cut_off, "requests did not finish within the drain timeout");
    }
    pool.close();
    tracing::info!("shutdown 4/4: done");
}
