//! Reading an HTTP/1.1 answer as its bytes come in: the head whole, the body only as far as it takes to know where it
//! ends. Bodies by length, in chunks, and up to the end of the connection. No sockets here and no copies: the caller holds
//! the bytes and offers them until the answer is complete.

use std::mem::MaybeUninit;

/// Headers of one answer; a server that sends more is not measured.
const MOST_HEADERS: usize = 96;
/// Longest head, and longest line before a chunk.
pub(super) const LONGEST_HEAD: usize = 64 << 10;

/// One answer, as far as it has been read.
#[derive(Debug)]
pub(super) struct Answer {
    state: State,
    pub(super) status: u16,
    /// Whether the connection may be used again afterwards.
    pub(super) keep_alive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes are left of the body.
    Length(u64),
    ChunkSize,
    /// So many bytes are left of the chunk and the line end behind it.
    Chunk(u64),
    Trailers,
    UntilClose,
    Done,
}

/// What a server sent is no HTTP.
#[derive(Debug, thiserror::Error)]
#[error("not an HTTP/1.1 answer: {0}")]
pub(super) struct Malformed(String);

impl Answer {
    /// The answer to the request that has just been sent.
    pub(super) fn new() -> Self {
        Self { state: State::Head, status: 0, keep_alive: true }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether nothing of it has come yet.
    pub(super) fn is_awaited(&self) -> bool {
        self.state == State::Head
    }

    /// Takes what it can of the bytes and says how many that were; the rest is to be offered again with what follows.
    /// `bodiless`: the request was one whose answer has no body whatever its head says. `keep` gets the body.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        bodiless: bool,
        keep: &mut Option<&mut Vec<u8>>,
    ) -> Result<usize, Malformed> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let taken = match self.state {
                State::Head => self.head(rest, bodiless)?,
                State::Length(left) => {
                    let taken = body(rest, left, keep);
                    self.state = if left == taken as u64 { State::Done } else { State::Length(left - taken as u64) };
                    taken
                }
                State::ChunkSize => match line(rest)? {
                    None => 0,
                    Some((text, length)) => {
                        let size = text.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
                        let size = std::str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size, 16).ok());
                        let size = size.filter(|size| *size < u64::MAX / 2);
                        let size = size.ok_or_else(|| Malformed("a chunk without a size".into()))?;
                        self.state = if size == 0 { State::Trailers } else { State::Chunk(size + 2) };
                        length
                    }
                },
                State::Chunk(left) => {
                    // The line end is no part of the body.
                    let data = left.saturating_sub(2);
                    let taken = if data > 0 { body(rest, data, keep) } else { rest.len().min(left as usize) };
                    self.state =
                        if left == taken as u64 { State::ChunkSize } else { State::Chunk(left - taken as u64) };
                    taken
                }
                State::Trailers => match line(rest)? {
                    None => 0,
                    Some((text, length)) => {
                        if text.is_empty() {
                            self.state = State::Done;
                        }
                        length
                    }
                },
                State::UntilClose => body(rest, u64::MAX, keep),
                State::Done => 0,
            };
            at += taken;
            if taken == 0 || self.is_done() {
                return Ok(at);
            }
        }
    }

    /// The server has closed the connection: an answer only where that is how its body ends.
    pub(super) fn closed(&mut self) -> bool {
        if self.state == State::UntilClose {
            self.state = State::Done;
        }
        self.is_done()
    }

    fn head(&mut self, bytes: &[u8], bodiless: bool) -> Result<usize, Malformed> {
        let mut headers = [MaybeUninit::uninit(); MOST_HEADERS];
        let mut head = httparse::Response::new(&mut []);
        let parsed =
            httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut head, bytes, &mut headers);
        let length = match parsed.map_err(|error| Malformed(error.to_string()))? {
            httparse::Status::Complete(length) => length,
            httparse::Status::Partial if bytes.len() >= LONGEST_HEAD => {
                return Err(Malformed("an endless head".into()));
            }
            httparse::Status::Partial => return Ok(0),
        };
        self.status = head.code.unwrap_or(0);
        // `100 Continue` and its like come before the answer.
        if (100..200).contains(&self.status) {
            return Ok(length);
        }
        self.keep_alive = head.version == Some(1);
        let (mut size, mut chunked) = (None, false);
        for header in head.headers.iter() {
            let (name, value) = (header.name, header.value);
            if name.eq_ignore_ascii_case("content-length") {
                let value = std::str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok());
                size = Some(value.ok_or_else(|| Malformed("a content-length that is no number".into()))?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = has_word(value, b"chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                self.keep_alive = has_word(value, b"keep-alive") || self.keep_alive && !has_word(value, b"close");
            }
        }
        self.state = match size {
            _ if bodiless || matches!(self.status, 204 | 304) => State::Done,
            _ if chunked => State::ChunkSize,
            Some(0) => State::Done,
            Some(size) => State::Length(size),
            None => {
                self.keep_alive = false;
                State::UntilClose
            }
        };
        Ok(length)
    }
}

/// The part of the bytes that is body.
fn body(bytes: &[u8], left: u64, keep: &mut Option<&mut Vec<u8>>) -> usize {
    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    if let Some(keep) = keep {
        keep.extend_from_slice(&bytes[..taken]);
    }
    taken
}

/// The first line and its length with its end; `None` while the end is still to come.
fn line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, Malformed> {
    match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => Ok(Some((bytes[..end].trim_ascii_end(), end + 1))),
        None if bytes.len() >= LONGEST_HEAD => Err(Malformed("an endless line".into())),
        None => Ok(None),
    }
}

/// Whether a list with commas has the word, in whatever case.
fn has_word(list: &[u8], word: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|each| each.trim_ascii().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers the text in pieces of this size, as a socket might.
    fn read(text: &str, size: usize, bodiless: bool) -> Result<(Answer, String, usize), Malformed> {
        let (mut answer, mut body, mut waiting, mut used) = (Answer::new(), Vec::new(), Vec::new(), 0);
        for piece in text.as_bytes().chunks(size) {
            waiting.extend_from_slice(piece);
            let taken = answer.take(&waiting, bodiless, &mut Some(&mut body))?;
            waiting.drain(..taken);
            used += taken;
            if answer.is_done() {
                break;
            }
        }
        Ok((answer, String::from_utf8(body).unwrap(), used))
    }

    #[test]
    fn an_answer_is_the_same_however_it_is_cut() {
        for (text, status, body, keep_alive) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, "hello", true),
            ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 503, "", true),
            ("HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 1\r\n\r\nx", 200, "x", false),
            ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", 200, "x", false),
            ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx", 200, "x", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, "ok", true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\ntrailer: x\r\n\r\n",
                200,
                "hello!",
                true,
            ),
        ] {
            for size in [1, 2, 3, 7, 1000] {
                let (answer, got, used) = read(text, size, false).unwrap();
                assert!(answer.is_done(), "{text}");
                assert_eq!((answer.status, got.as_str(), answer.keep_alive), (status, body, keep_alive), "{text}");
                assert_eq!(used, text.len());
            }
        }
    }

    #[test]
    fn without_a_length_the_body_ends_with_the_connection() {
        let (mut answer, body, _) = read("HTTP/1.1 200 OK\r\n\r\nall of it", 4, false).unwrap();
        assert!(!answer.is_done() && answer.closed() && !answer.keep_alive);
        assert_eq!(body, "all of it");
        let (mut answer, _, _) = read("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", 4, false).unwrap();
        assert!(!answer.closed());
    }

    #[test]
    fn what_follows_is_left_and_a_head_alone_is_an_answer_to_head() {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n";
        assert_eq!(read(text, 1000, false).unwrap().2, text.len() - 17);
        assert!(read("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", 1000, true).unwrap().0.is_done());
    }

    #[test]
    fn what_is_no_http_is_said_to_be_none() {
        for bad in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert!(read(bad, 1000, false).is_err(), "{bad}");
        }
    }
}
