//! A body of several pieces of memory, each sent from where it lies: the JSON of an answer, and behind it tensors that
//! are as large as anything in the server and are not copied to stand in one row with it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// A smaller piece is copied behind the one before it, which costs less than being sent by itself.
const WORTH_A_PIECE: usize = 4 << 10;

/// Bytes in several pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    sent_next: VecDeque<Bytes>,
    /// Gathers what is too small.
    last: Vec<u8>,
}

impl From<Vec<u8>> for Pieces {
    fn from(bytes: Vec<u8>) -> Self {
        Self { sent_next: VecDeque::new(), last: bytes }
    }
}

impl Pieces {
    pub(super) fn push(&mut self, piece: Bytes) {
        if piece.len() < WORTH_A_PIECE {
            return self.last.extend_from_slice(&piece);
        }
        if !self.last.is_empty() {
            self.sent_next.push_back(std::mem::take(&mut self.last).into());
        }
        self.sent_next.push_back(piece);
    }

    pub(super) fn into_body(mut self) -> Body {
        if self.sent_next.is_empty() {
            return Body::from(self.last);
        }
        if !self.last.is_empty() {
            self.sent_next.push_back(self.last.into());
        }
        Body::new(Sending(self.sent_next))
    }
}

struct Sending(VecDeque<Bytes>);

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn large_pieces_are_sent_from_where_they_lie() {
        let large = Bytes::from(vec![7; WORTH_A_PIECE]);
        let mut pieces = Pieces::from(b"head".to_vec());
        pieces.push(large.clone());
        for small in ["a", "b"] {
            pieces.push(small.into());
        }
        let mut body = pieces.into_body();
        assert_eq!(body.size_hint().exact(), Some(4 + large.len() as u64 + 2));
        let mut sent = Vec::new();
        while let Some(frame) = body.frame().await {
            sent.push(frame.expect("a frame").into_data().expect("data"));
        }
        assert_eq!(sent, [Bytes::from("head"), large.clone(), "ab".into()]);
        assert_eq!(sent[1].as_ptr(), large.as_ptr());
    }
}
