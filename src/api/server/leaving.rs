//! Answers that an HTTP/2 client has not taken yet. Each stream has a window that the client opens, so an answer may stay for
//! as long as the client likes while its connection is alive; whoever waits for it to leave sees here whether it does.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// An answer is handed over in pieces of this size, each when there is room for some of it.
const PIECE: usize = 64 << 10;

/// Counts of one connection.
#[derive(Clone, Default)]
pub(super) struct Leaving {
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    answers: AtomicUsize,
    taken: AtomicU64,
}

impl Leaving {
    /// Whether nothing waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.counts.answers.load(Ordering::Relaxed) == 0
    }

    /// How many pieces were taken so far.
    pub fn taken(&self) -> u64 {
        self.counts.taken.load(Ordering::Relaxed)
    }

    /// Counts the answer's pieces if there may be several; what is smaller takes up next to nothing.
    pub fn watch(&self, response: Response) -> Response {
        match response.body().size_hint().exact() {
            Some(size) if size < PIECE as u64 => response,
            _ => response.map(|body| Body::new(Watched { body, rest: Bytes::new(), answer: Answer::of(self) })),
        }
    }
}

/// One answer, counted as long as any of it is here.
struct Answer(Arc<Counts>);

impl Answer {
    fn of(leaving: &Leaving) -> Arc<Self> {
        leaving.counts.answers.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self(Arc::clone(&leaving.counts)))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.answers.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Watched {
    body: Body,
    rest: Bytes,
    answer: Arc<Answer>,
}

/// Bytes that were handed over and may not have left.
struct Piece {
    bytes: Bytes,
    _answer: Arc<Answer>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        self.answer.0.taken.fetch_add(1, Ordering::Relaxed);
        let length = self.rest.len().min(PIECE);
        let piece = Piece { bytes: self.rest.split_to(length), _answer: Arc::clone(&self.answer) };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}
