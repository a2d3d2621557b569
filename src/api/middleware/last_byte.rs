//! A body whose last byte comes as a piece of its own. The gzip decoder behind it stops at the end of the first packed
//! stream and objects only to pieces that it was not given yet; what follows within the same piece (a second stream,
//! garbage) it would drop without a word. With the last byte apart there is always such a piece.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::Frame;

pub(super) struct LastByteApart {
    inner: Body,
    /// Goes out next.
    ready: Option<Frame<Bytes>>,
    /// The last byte seen, until more or nothing follows.
    held: Option<Bytes>,
}

impl LastByteApart {
    pub(super) fn new(inner: Body) -> Self {
        Self { inner, ready: None, held: None }
    }
}

impl HttpBody for LastByteApart {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if let Some(frame) = self.ready.take() {
                return Poll::Ready(Some(Ok(frame)));
            }
            let before = match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                None => return Poll::Ready(self.held.take().map(|last| Ok(Frame::data(last)))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => None,
                    Ok(mut data) => {
                        let last = data.split_off(data.len() - 1);
                        self.ready = (!data.is_empty()).then(|| Frame::data(data));
                        self.held.replace(last)
                    }
                    Err(trailers) => {
                        self.ready = Some(trailers);
                        self.held.take()
                    }
                },
            };
            if let Some(byte) = before {
                return Poll::Ready(Some(Ok(Frame::data(byte))));
            }
        }
    }
}
