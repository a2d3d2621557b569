//! One connection to the server and the exchange of one request for one answer over it. The request is bytes that were made
//! beforehand; nothing is allocated per exchange, and each costs one write and, for answers that come in one piece, one
//! read.

use std::future::poll_fn;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::answer::Answer;
use super::request::Request;

/// A server that takes longer to take a connection is not there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const BUFFER: usize = 64 << 10;
/// Copying megabytes into a socket at once would keep the processor from whoever else makes load on it.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// A connection that is opened when it is needed and kept for as long as the server wants.
pub(super) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// Bytes at the start of the buffer that have come and not been used.
    filled: usize,
    /// Whether this stream has carried an answer: one that has may turn out to be closed when it is used again.
    used: bool,
}

/// What came back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchanged {
    pub(super) status: u16,
    /// Of the answer, head and framing included.
    pub(super) bytes: u64,
    /// Whether it was sent twice, because the connection was closed the first time.
    pub(super) resent: bool,
}

impl Connection {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, buffer: vec![0; BUFFER], filled: 0, used: false }
    }

    /// Opens it unless it is open.
    pub(super) async fn open(&mut self) -> Result<()> {
        if self.stream.is_none() {
            let connecting = tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect(self.address));
            let stream = connecting.await.map_err(|_| Error::new(ErrorKind::TimedOut, "no connection in 5 s"))??;
            stream.set_nodelay(true)?;
            (self.stream, self.filled, self.used) = (Some(stream), 0, false);
        }
        Ok(())
    }

    /// Leaves off in the middle of whatever it was at.
    pub(super) fn close(&mut self) {
        self.stream = None;
    }

    /// Sends the request and reads the answer to its end; `keep` gets the body. A server may close a connection after any
    /// answer: where it did so before it sent a byte of this one, the request is sent once more over a new connection.
    pub(super) async fn exchange(&mut self, request: &Request, mut keep: Option<&mut Vec<u8>>) -> Result<Exchanged> {
        let mut answer = Answer::new();
        let mut exchanged = self.attempt(request, &mut answer, &mut keep).await;
        let resent = exchanged.is_err() && self.used && answer.is_awaited() && self.filled == 0;
        if resent {
            self.close();
            answer = Answer::new();
            exchanged = self.attempt(request, &mut answer, &mut keep).await;
        }
        match exchanged {
            Ok(bytes) => {
                self.used = true;
                if !answer.keep_alive {
                    self.close();
                }
                Ok(Exchanged { status: answer.status, bytes, resent })
            }
            Err(error) => {
                self.close();
                Err(error)
            }
        }
    }

    async fn attempt(
        &mut self,
        request: &Request,
        answer: &mut Answer,
        keep: &mut Option<&mut Vec<u8>>,
    ) -> Result<u64> {
        self.open().await?;
        let Some(stream) = &mut self.stream else { return Err(ErrorKind::NotConnected.into()) };
        // A server that refuses a body may answer and close before it has read all of it.
        let sent = send(stream, &request.bytes).await;
        let mut bytes = 0;
        loop {
            if self.filled > 0 {
                let taken = answer
                    .take(&self.buffer[..self.filled], request.bodiless, keep)
                    .map_err(|malformed| Error::new(ErrorKind::InvalidData, malformed))?;
                self.buffer.copy_within(taken..self.filled, 0);
                self.filled -= taken;
                if answer.is_done() {
                    if self.filled > 0 {
                        return Err(Error::new(ErrorKind::InvalidData, "more came than the answer"));
                    }
                    answer.keep_alive &= sent.is_ok();
                    return Ok(bytes);
                }
            }
            let read = receive(stream, &mut self.buffer[self.filled..]).await;
            match read {
                Ok(0) if answer.closed() => return Ok(bytes),
                Ok(0) => {
                    sent?;
                    return Err(Error::new(
                        ErrorKind::UnexpectedEof,
                        "the server closed the connection without an answer",
                    ));
                }
                Ok(count) => {
                    self.filled += count;
                    bytes += count as u64;
                }
                Err(error) => {
                    sent?;
                    return Err(error);
                }
            }
        }
    }
}

async fn send(stream: &mut TcpStream, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let piece = &bytes[..bytes.len().min(WRITTEN_AT_ONCE)];
        let sent = poll_fn(|context| Pin::new(&mut *stream).poll_write(context, piece)).await?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

async fn receive(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    let mut buffer = ReadBuf::new(buffer);
    poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer)).await?;
    Ok(buffer.filled().len())
}
