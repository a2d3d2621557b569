//! HTTP/2 with prior knowledge, spoken by hand: frames of RFC 9113 and header fields that RFC 7541 lets stand as they are.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, TestServer, start, start_impatient_with_gate};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

const INITIAL_WINDOW_SIZE: u16 = 4;
const DEFAULT_WINDOW: i64 = 65_535;

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    /// What may be sent, on the connection and on its latest stream.
    credit: [i64; 2],
}

impl Client {
    /// With so large a window for each answer.
    fn connect(server: &TestServer, window: u32) -> Self {
        let stream = TcpStream::connect(server.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut client = Self { stream, credit: [DEFAULT_WINDOW; 2] };
        client.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("the server reads");
        let setting = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &window.to_be_bytes()].concat();
        client.write(SETTINGS, 0, 0, &setting);
        client.write(WINDOW_UPDATE, 0, 0, &(1u32 << 30).to_be_bytes());
        client
    }

    fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.stream.write_all(&[&head, payload].concat()).expect("the server reads");
    }

    fn post(&mut self, stream: u32, path: &str, body: &[u8]) {
        let field = |(name, value): (&str, &str)| {
            let text = |text: &str| [vec![u8::try_from(text.len()).expect("short")], text.into()].concat();
            [vec![0], text(name), text(value)].concat()
        };
        let fields = [(":method", "POST"), (":scheme", "http"), (":authority", "h"), (":path", path)];
        let fields = fields.into_iter().chain([("content-type", "application/json")]);
        self.write(HEADERS, END_HEADERS, stream, &fields.flat_map(field).collect::<Vec<_>>());
        for chunk in body.chunks(16 << 10) {
            while self.credit.iter().any(|&credit| credit < chunk.len() as i64) {
                let early = self.read_any().expect("the server is there");
                assert!(!is_of_an_answer(&early), "an answer before the end of the question");
            }
            self.write(DATA, 0, stream, chunk);
            self.credit = self.credit.map(|credit| credit - chunk.len() as i64);
        }
        self.write(DATA, END_STREAM, stream, b"");
    }

    /// The next frame of an answer. `None` once the server is gone.
    fn read(&mut self) -> Option<Frame> {
        loop {
            let frame = self.read_any()?;
            if is_of_an_answer(&frame) {
                return Some(frame);
            }
        }
    }

    /// The next frame. What is about the connection is answered as it should be.
    fn read_any(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = number(&head[5..9]);
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).ok()?;
        match kind {
            WINDOW_UPDATE => self.credit[usize::from(stream > 0)] += i64::from(number(&payload)),
            SETTINGS if flags & ACK == 0 => {
                let windows = payload.chunks(6).filter(|setting| setting[..2] == INITIAL_WINDOW_SIZE.to_be_bytes());
                self.credit[1] += windows.map(|setting| i64::from(number(&setting[2..])) - DEFAULT_WINDOW).sum::<i64>();
                self.write(SETTINGS, ACK, 0, b"");
            }
            PING if flags & ACK == 0 => self.write(PING, ACK, 0, &payload),
            _ => {}
        }
        Some(Frame { kind, flags, stream, payload })
    }

    /// The body of an answer, whose window is opened a little at a time.
    fn body(&mut self, stream: u32, step: u32) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let frame = self.read().expect("the server is there");
            assert!(frame.stream == stream && frame.kind != RST_STREAM, "frame {} of {}", frame.kind, frame.stream);
            if frame.kind == DATA {
                body.extend(frame.payload);
            }
            if frame.flags & END_STREAM != 0 {
                return body;
            }
            self.write(WINDOW_UPDATE, 0, stream, &step.to_be_bytes());
        }
    }
}

fn is_of_an_answer(frame: &Frame) -> bool {
    [DATA, HEADERS, RST_STREAM].contains(&frame.kind)
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().expect("four bytes"))
}

/// So many rows that their answer takes several pieces.
fn many_rows() -> String {
    format!("[{}[0.5,2]]", "[0.5,2],".repeat(40_000))
}

#[test]
fn a_large_answer_arrives_whole_however_small_the_window() {
    let server = start(&["models/iris"]);
    let rows = format!("[{}[6.3,3.3,6.0,2.5]]", "[5.1,3.5,1.4,0.2],".repeat(20_000));
    let expected = server.post("/predict/iris", &rows);
    for window in [1, 10_000, 1 << 20] {
        let mut client = Client::connect(&server, window);
        client.post(1, "/predict/iris", rows.as_bytes());
        let body = client.body(1, 50_000);
        assert!(body.len() > 200_000 && body == expected.body, "{} bytes with a window of {window}", body.len());
    }
}

#[test]
fn a_client_that_does_not_open_its_window_is_given_up() {
    let idle = Duration::from_millis(200);
    let (server, _gate) = start_impatient_with_gate(idle);
    let length = u32::try_from(server.post("/predict/echo", many_rows()).body.len()).expect("not that long");
    for window in [0, length / 2, length - 1] {
        let mut client = Client::connect(&server, window);
        client.post(1, "/predict/echo", many_rows().as_bytes());
        let begun = Instant::now();
        while client.read().is_some() {
            assert!(begun.elapsed() < PATIENCE, "the connection should be closed by now");
        }
    }
    // One that owes nothing is kept for as long as it answers pings.
    let mut client = Client::connect(&server, 1 << 20);
    client.post(1, "/predict/echo", b"[[0.5,2]]");
    client.body(1, 1000);
    let begun = Instant::now();
    while begun.elapsed() < idle * 6 {
        assert!(client.read_any().is_some(), "closed after {:?}", begun.elapsed());
    }
    client.post(3, "/predict/echo", b"[[0.5,2]]");
    assert!(!client.body(3, 1000).is_empty());
}
