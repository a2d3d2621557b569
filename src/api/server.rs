//! The accept loop: TCP connections in, HTTP/1.1 and HTTP/2 without TLS out, and an orderly end. It knows nothing of
//! routes. When told to stop it takes what already knocked, lets requests in flight finish up to a limit, and says how
//! many connections it had to cut off. What comes before that (readiness, the lame-duck period) belongs to the caller.

mod activity;
mod leaving;
mod patient;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

use super::Front;
use activity::{Activity, Watched};
use patient::Patient;

/// Bounds of the connections, none of which a user needs to turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at the same time; more wait in the kernel's backlog.
    pub connections: usize,
    /// How long a connection may be silent: before its first request, between requests (HTTP/1), and while its client
    /// takes nothing of an answer. Above the 60 s after which common load balancers drop idle connections, so that
    /// it is they who close first and no request meets a closing door.
    pub idle: Duration,
    /// Requests of one HTTP/2 connection at the same time.
    pub streams: u32,
    /// How long requests in flight may take to finish once the server was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 8192, idle: Duration::from_secs(75), streams: 256, drain: Duration::from_secs(30) }
    }
}

/// A connection accepted around the moment of stopping gets this long to hand in the request it was opened for.
const LAST_CALL: Duration = Duration::from_millis(500);

/// Pause after an accept error that is about the process (no file descriptors left) and not about one connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A timer that is always about to ring. The runtime wakes itself by a system call whenever a timer is set that would ring
/// before all others, as the deadline of a request does on a server without other timers; with this one, none is the first.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Serves until `stop` is done and returns how many connections still had requests in flight when the time was up.
///
/// Errors of `accept` are logged and survived. Dropping the future cuts off every connection.
pub async fn serve(listener: TcpListener, service: Front, stop: impl Future<Output = ()>, limits: Limits) -> usize {
    let mut connections = JoinSet::new();
    let (stopping, stopped) = watch::channel(false);
    let mut stop = pin!(stop);
    let mut heartbeat = time::interval(HEARTBEAT);
    let start = |connections: &mut JoinSet<()>, stream: TcpStream| {
        connections.spawn(connection(stream, service.clone(), stopped.clone(), limits.clone()));
    };
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            _ = heartbeat.tick() => {}
            accepted = listener.accept(), if connections.len() < limits.connections => match accepted {
                Ok((stream, _)) => start(&mut connections, stream),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, open = connections.len(), "cannot accept connections, trying again");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // Closing the listener resets what waits in its backlog, so those connections are taken first.
    for stream in backlog(listener) {
        start(&mut connections, stream);
    }
    stopping.send_replace(true);
    let finished = time::timeout(limits.drain, async { while connections.join_next().await.is_some() {} });
    match finished.await {
        Ok(()) => 0,
        Err(_) => connections.len(),
    }
}

/// Closes the listener and returns the connections that were waiting in it.
fn backlog(listener: TcpListener) -> Vec<TcpStream> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    // Asked of the kernel directly: it knows of connections the runtime has not been told about yet.
    let waiting = std::iter::from_fn(|| listener.accept().ok());
    waiting
        .filter_map(|(stream, _)| stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)).ok())
        .collect()
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The life of one connection.
async fn connection(stream: TcpStream, service: Front, mut stopped: watch::Receiver<bool>, limits: Limits) {
    // Answers are written whole; waiting to fill a segment would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let activity = Arc::<Activity>::default();
    let mut server = auto::Builder::new(TokioExecutor::new());
    // `Activity` watches over silent connections.
    server.http1().header_read_timeout(None);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.idle)
        .max_concurrent_streams(limits.streams)
        // The default window of 64 kB makes an upload of megabytes wait for one round trip per window.
        .adaptive_window(true);
    let patient = Patient::new(stream, limits.idle, Arc::clone(&activity));
    let service = Watched { front: service, activity: Arc::clone(&activity) };
    let mut served = pin!(server.serve_connection(patient, service));
    let ended = tokio::select! {
        biased;
        result = &mut served => Some(result),
        _ = stopped.wait_for(|&stopped| stopped) => None,
        () = activity.silence(limits.idle) => return,
    };
    let result = match ended {
        Some(result) => result,
        None => {
            if !activity.spoke()
                && let Ok(result) = time::timeout(LAST_CALL, &mut served).await
            {
                return ended_with(result);
            }
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    ended_with(result);
}

/// Clients that vanish or talk something else than HTTP are no news for an operator.
fn ended_with(result: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
