//! What a request costs in memory, counted: how often it is allocated, and how much of it, from the bytes on the wire to
//! the bytes on the wire. The counts hold a margin above what was found when they were written down; what matters is
//! that they do not grow with the rows or bytes of a request. A binary of its own, since it counts for the whole process.
// The only way to count is to stand in for the allocator, whose trait is unsafe to implement.
#![allow(unsafe_code)]
// Helpers fail a test by panicking, and what was counted is worth reading.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use onnxd::api::{self, server};
use onnxd::app::App;
use onnxd::batching;
use onnxd::config::Config;
use onnxd::registry;

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: usize) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(bytes, Ordering::Relaxed);
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.saturating_sub(layout.size()));
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of a request for one row, from head to answer.
const MOST: usize = 60;
/// More of them for many rows.
const GROWTH: usize = 40;
/// More of them for four megabytes of binary data.
const PIECES: usize = 200;
/// Bytes beside a large body, its copies and its answer.
const ROOM: usize = 1 << 20;

/// Serves models until the process ends.
fn serve(models: &[&str]) -> SocketAddr {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let sources = models.iter().map(|model| root.join(model)).collect();
    let config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        models: registry::Config { sources, default_model: None, model_name: None },
        engine: Default::default(),
        trial: Default::default(),
        // What is measured in spare time would be counted along.
        compute: batching::Config { calibrate: false, ..Default::default() },
        api: Default::default(),
        shutdown: Default::default(),
        log: Default::default(),
    };
    let app = App::build(config.clone()).expect("an app");
    for outcome in app.load_models() {
        outcome.result.expect("a model that loads");
    }
    let (address, addressed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = app.listen().await.expect("a listener");
            address.send(listener.local_addr().expect("an address")).expect("somebody waits");
            let service = api::service(api::App::new(app.serving().clone(), config.api));
            server::serve(listener, service, std::future::pending(), server::Limits::default()).await;
        });
    });
    addressed.recv().expect("an address")
}

/// What one request took.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Taken {
    count: usize,
    bytes: usize,
    answer: usize,
}

/// The same request again and again on one connection, by a client that allocates nothing meanwhile: the least that one
/// took, since the first ones prepare things that stay.
fn cost(server: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Taken {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n");
    let request = [head.as_bytes(), body].concat();
    let mut answer = vec![0; 64 << 20];
    let mut stream = TcpStream::connect(server).expect("a connection");
    let taken = (0..30).map(|_| {
        let before = (COUNT.load(Ordering::SeqCst), BYTES.load(Ordering::SeqCst));
        stream.write_all(&request).expect("the server reads");
        let answer = read_answer(&mut stream, &mut answer);
        let after = (COUNT.load(Ordering::SeqCst), BYTES.load(Ordering::SeqCst));
        Taken { count: after.0 - before.0, bytes: after.1 - before.1, answer }
    });
    taken.min_by_key(|taken| taken.count).expect("thirty of them")
}

/// Reads one answer, which has to be a good one, and tells how long its body is.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    loop {
        filled += stream.read(&mut buffer[filled..]).expect("an answer");
        let Some(end) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end]).expect("text");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.lines().next()).expect("a length");
        let length: usize = length.parse().expect("a number");
        while filled < end + 4 + length {
            filled += stream.read(&mut buffer[filled..]).expect("the rest");
        }
        return length;
    }
}

fn rows(count: usize) -> String {
    let rows: Vec<String> = (0..count).map(|row| format!("[5.{},3.5,1.4,0.2]", row % 10)).collect();
    rows.join(",")
}

fn v2_json(count: usize) -> String {
    let data = rows(count).replace(['[', ']'], "");
    format!(r#"{{"inputs":[{{"name":"measurements","shape":[{count},4],"datatype":"FP32","data":[{data}]}}]}}"#)
}

/// A header and so many numbers after it, asked back as bytes. A space more or less moves the numbers.
fn v2_binary(numbers: usize, spaces: usize) -> (String, Vec<u8>) {
    let bytes = numbers * 4;
    let mut json = format!(
        r#"{{"inputs":[{{"name":"input","shape":[{numbers},1],"datatype":"FP32","parameters":{{"binary_data_size":{bytes}}}}}],"parameters":{{"binary_data_output":true}}}}"#
    );
    json.push_str(&" ".repeat(spaces));
    let headers = format!("inference-header-content-length: {}\r\n", json.len());
    (headers, [json.into_bytes(), vec![0; bytes]].concat())
}

#[test]
fn what_a_request_takes_is_bounded_and_does_not_grow_with_its_rows() {
    let server = serve(&["models/iris", "tests/fixtures/models/identity_fp32.onnx"]);
    let predict = |count: usize| format!("[{}]", rows(count));
    for (name, path, body) in [
        ("/predict", "/predict/iris", &predict as &dyn Fn(usize) -> String),
        ("V2 JSON", "/v2/models/iris/infer", &v2_json),
    ] {
        let [one, more, hundreds, many] = [1, 200, 300, 1000].map(|rows| cost(server, path, "", body(rows).as_bytes()));
        println!("{name}: one row {one:?}, 200 {more:?}, 300 {hundreds:?}, a thousand {many:?}");
        assert!(one.count <= MOST, "{name}: {one:?}");
        // Vectors that double while they grow, pieces of a body, answers that are packed in more than one buffer. So few rows
        // of a small model are computed without the engine library and so many are not, which is a difference of its own.
        assert!(more.count <= one.count + GROWTH, "{name}: {one:?} for one row, {more:?} for 200");
        assert!(many.count <= hundreds.count + GROWTH, "{name}: {hundreds:?} for 300 rows, {many:?} for a thousand");
        assert!(many.count <= MOST + GROWTH, "{name}: {many:?} for a thousand");
    }
    let path = "/v2/models/identity_fp32/infer";
    let small = {
        let (headers, body) = v2_binary(1, 0);
        cost(server, path, &headers, &body)
    };
    println!("V2 binary: one number {small:?}");
    for spaces in 0..4 {
        let (headers, body) = v2_binary(1 << 20, spaces);
        let large = cost(server, path, &headers, &body);
        println!("V2 binary: a million numbers {large:?}");
        // The pieces in which the body comes from the socket: 16 kB at first, some hundred later.
        assert!(large.count <= small.count + PIECES, "{small:?} for one number, {large:?} for a million");
        // From the socket in pieces, put together, and once more for the engine, whose memory the answer is sent from.
        assert!(large.bytes <= 3 * body.len() + ROOM, "{large:?} for {} bytes", body.len());
    }
}
