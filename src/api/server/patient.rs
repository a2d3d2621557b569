//! A connection that gives up on a client which takes nothing of its answer. HTTP libraries bound how long they wait for
//! a request but not how long for its answer to leave, so one client that never reads would hold its answer for ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;

/// Up to here it costs less to copy an answer's head and body together than to have the system do it.
const SMALL: usize = 1024;

/// A stream whose writing fails once it has made no progress for `patience`.
pub(super) struct Patient {
    stream: TokioIo<TcpStream>,
    patience: Duration,
    alarm: Pin<Box<Sleep>>,
    stalled: bool,
    activity: Arc<Activity>,
}

impl Patient {
    pub(super) fn new(stream: TcpStream, patience: Duration, activity: Arc<Activity>) -> Self {
        Self { stream: TokioIo::new(stream), patience, alarm: Box::pin(sleep(patience)), stalled: false, activity }
    }

    /// Does one step of writing. The alarm is set when the stream begins to refuse and forgotten when it takes again.
    fn step<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnOnce(Pin<&mut TokioIo<TcpStream>>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(result) = step(Pin::new(&mut self.stream), cx) {
            self.stalled = false;
            return Poll::Ready(result);
        }
        if !self.stalled {
            self.stalled = true;
            self.alarm.as_mut().reset(Instant::now() + self.patience);
        }
        ready!(self.alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of its answer")))
    }
}

/// Copies the slices one after the other and returns how long they are, if they fit.
fn gather(slices: &[IoSlice<'_>], into: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    for slice in slices {
        into.get_mut(length..length + slice.len())?.copy_from_slice(slice);
        length += slice.len();
    }
    Some(length)
}

impl Read for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.activity.note_write();
        self.step(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.step(cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.step(cx, |stream, cx| stream.poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.activity.note_write();
        let mut small = [0; SMALL];
        let Some(length) = gather(slices, &mut small) else {
            return self.step(cx, |stream, cx| stream.poll_write_vectored(cx, slices));
        };
        self.step(cx, |stream, cx| stream.poll_write(cx, &small[..length]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut patient = Patient::new(stream, Duration::from_millis(20), Arc::default());
        let kilobyte = [0; 1024];
        let error = loop {
            let write = std::future::poll_fn(|cx| Pin::new(&mut patient).poll_write(cx, &kilobyte));
            if let Err(error) = write.await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }
}
