//! What happens to every request, whatever it asks for.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, start, start_impatient_with_gate, start_with, start_with_gate};

/// `{"ready":true}`, packed.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x2a, 0x4a, 0x4d, 0x4c, 0xa9, 0x54, 0xb2,
    0x2a, 0x29, 0x2a, 0x4d, 0xad, 0x05, 0x00, 0x23, 0x05, 0x2a, 0x96, 0x0e, 0x00, 0x00, 0x00,
];

/// The same as a zstd frame with one raw block.
const ZSTD: &[u8] = &[
    0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x0e, 0x71, 0x00, 0x00, b'{', b'"', b'r', b'e', b'a', b'd', b'y', b'"', b':', b't',
    b'r', b'u', b'e', b'}',
];

/// 5000 spaces in some thirty bytes.
const GZIP_SPACES: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xc2, 0xa0,
    0x2a, 0xeb, 0x9f, 0xd2, 0x14, 0x7e, 0x40, 0x01, 0x00, 0x00, 0x00, 0x00, 0x6f, 0x03, 0x60, 0x2c, 0x0b, 0x87, 0x88,
    0x13, 0x00, 0x00,
];

const INDEX: &str = "/v2/repository/index";
const ROW: &str = r#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}"#;

#[test]
fn every_answer_carries_a_request_id() {
    let server = start(&["models/iris"]);
    let kept = server.send("GET", "/models", &[("x-request-id", "my-id 7")], b"");
    assert_eq!(kept.header("x-request-id"), Some("my-id 7"));
    for path in ["/models", "/nowhere", "/v2/models/nobody", "/predict"] {
        let made = server.get(path).header("x-request-id").expect("an id").to_owned();
        assert!(made.len() == 32 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{path}: {made}");
    }
    let long = "x".repeat(129);
    assert_ne!(server.send("GET", "/", &[("x-request-id", &long)], b"").header("x-request-id"), Some(&*long));
}

#[test]
fn unknown_routes_and_wrong_methods_are_told_in_the_dialect_of_the_path() {
    let server = start(&["models/iris"]);
    let ours = server.get("/nowhere");
    assert_eq!((ours.status, ours.header("content-type")), (404, Some("application/problem+json")));
    assert_eq!(ours.json()["code"], "unknown_route");
    server.get("/v2/nowhere").error(404);

    let get = server.get("/predict");
    assert_eq!(
        (get.status, get.header("allow"), &get.json()["code"]),
        (405, Some("POST"), &"method_not_allowed".into())
    );
    let post = server.post("/health", "{}");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET,HEAD")));
    server.get("/v2/models/iris/infer").error(405);
    server.send("BREW", "/v2/repository/index", &[], b"").error(405);
}

#[test]
fn a_path_that_is_no_text_names_nothing() {
    let server = start(&["models/iris"]);
    assert_eq!(server.get("/models/%ff").status, 404);
    server.get("/v2/models/%ff/ready").error(404);
}

#[test]
fn packed_bodies_are_unpacked() {
    let server = start(&["models/iris"]);
    let plain: &[u8] = br#"{"ready":true}"#;
    let bodies =
        [("gzip", GZIP), ("GZIP", GZIP), ("zstd", ZSTD), ("Zstd", ZSTD), ("identity", plain), ("Identity", plain)];
    for (encoding, body) in bodies {
        let reply = server.send("POST", INDEX, &[("content-encoding", encoding)], body);
        assert_eq!(reply.ok().as_array().map(Vec::len), Some(2), "{encoding}");
    }
    for encoding in ["br", "gzip, zstd", "nonsense"] {
        let reply = server.send("POST", INDEX, &[("content-encoding", encoding)], GZIP);
        assert!(reply.error(415).contains(encoding));
        assert_eq!(reply.header("accept-encoding"), Some("gzip, zstd"));
    }
    for encoding in ["gzip", "zstd"] {
        let words = server.send("POST", INDEX, &[("content-encoding", encoding)], b"not packed").error(400);
        assert!(words.contains(encoding) && words.contains("content-encoding"), "{words}");
    }
    server.send("POST", INDEX, &[("content-encoding", "gzip")], &GZIP[..20]).error(400);
    // Nothing that was sent is dropped without a word.
    for more in [GZIP, b"garbage", b"\0"] {
        server.send("POST", INDEX, &[("content-encoding", "gzip")], &[GZIP, more].concat()).error(400);
    }
}

#[test]
fn the_size_limit_counts_what_is_unpacked() {
    let server = start_with(&["models/iris"], |config| config.max_body = 4096);
    assert_eq!(server.post(INDEX, " ".repeat(4096)).status, 200);
    assert!(server.post(INDEX, " ".repeat(4097)).error(413).contains("4096"));
    server.send("POST", INDEX, &[("content-encoding", "gzip")], GZIP_SPACES).error(413);
    let large = server.post("/predict", "x".repeat(1 << 20));
    assert_eq!((large.status, large.header("content-type")), (413, Some("application/problem+json")));
}

#[test]
fn only_predictions_may_be_large() {
    let server = start_with(&["models/iris"], |config| config.max_body = 1 << 20);
    assert_eq!(server.post(INDEX, " ".repeat(64 << 10)).status, 200);
    server.post(INDEX, " ".repeat((64 << 10) + 1)).error(413);
    let head = "GET /livez HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\n";
    let answer = server.connect().write(head).write(&" ".repeat(100_000)).read_answer();
    assert!(answer.starts_with("http/1.1 413"), "{answer}");
    let prediction = " ".repeat((1 << 20) - ROW.len()) + ROW;
    server.post("/v2/models/iris/infer", prediction).error(400);
}

#[test]
fn a_refusal_can_be_read_however_large_the_request() {
    let (server, gate) = start_with_gate(|config| config.max_in_flight = 1);
    let mut busy = server.connect();
    let length = ROW.len();
    busy.write(&format!("POST /v2/models/echo/infer HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n{ROW}"));
    gate.wait_until_something_computes();
    let large = "x".repeat(16 << 20);
    let shed = server.post("/predict", &large);
    assert_eq!((shed.status, &shed.json()["code"], shed.header("retry-after")), (503, &"overloaded".into(), Some("1")));
    let bad = server.send("POST", "/predict", &[("x-request-timeout-ms", "soon")], large.as_bytes());
    assert_eq!((bad.status, &bad.json()["code"]), (400, &"invalid_header".into()));
    gate.let_one_go();
    assert!(busy.read_answer().starts_with("http/1.1 200"));
}

#[test]
fn a_prediction_keeps_its_place_until_its_answer_has_left() {
    let (server, _gate) = start_with_gate(|config| {
        config.max_in_flight = 1;
        config.max_body = 64 << 20;
    });
    // Zeros, more of them than the buffers between two sockets hold.
    let length = 60 << 20;
    let types = "content-type: application/octet-stream\r\naccept: application/octet-stream";
    let mut slow = server.connect();
    slow.write(&format!("POST /predict HTTP/1.1\r\nhost: h\r\n{types}\r\ncontent-length: {length}\r\n\r\n"));
    let head = slow.write(&"\0".repeat(length)).read_head();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(server.post("/predict", "[[2, 3]]").status, 503);
    slow.pass(length);
    let again = slow.write("POST /predict HTTP/1.1\r\nhost: h\r\ncontent-length: 8\r\n\r\n[[2, 3]]").read_answer();
    assert!(again.starts_with("http/1.1 200"), "{again}");
}

#[test]
fn a_body_in_chunks_is_limited_like_any_other() {
    let server = start_with(&["models/iris"], |config| config.max_body = 10);
    let head = "POST /v2/repository/index HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
    let small = server.connect().write(head).write("1\r\n{\r\n1\r\n}\r\n0\r\n\r\n").read_answer();
    assert!(small.starts_with("http/1.1 200"), "{small}");
    let large = server.connect().write(head).write("6\r\n      \r\n6\r\n      \r\n0\r\n\r\n").read_answer();
    assert!(large.starts_with("http/1.1 413"), "{large}");
}

#[test]
fn answers_are_packed_only_when_asked_and_worth_it() {
    let server = start(&["models/iris"]);
    let encoding = |path: &str, accepted: &str| {
        let reply = server.send("GET", path, &[("accept-encoding", accepted)], b"");
        (reply.header("content-encoding").map(str::to_owned), reply.body.get(..2).map(<[u8]>::to_vec))
    };
    assert_eq!(encoding("/models", "gzip"), (Some("gzip".into()), Some(vec![0x1f, 0x8b])));
    assert_eq!(encoding("/models", "zstd"), (Some("zstd".into()), Some(vec![0x28, 0xb5])));
    assert_eq!(encoding("/models", "identity").0, None);
    assert_eq!(encoding("/models", "br").0, None);
    assert_eq!(encoding("/health/live", "gzip").0, None);
    // Who takes nothing at all gets the answer as it is.
    for nothing in ["*;q=0", "identity;q=0, gzip;q=0"] {
        assert_eq!(server.send("GET", "/models", &[("accept-encoding", nothing)], b"").status, 200);
        assert_eq!(server.send("GET", "/nowhere", &[("accept-encoding", nothing)], b"").status, 404);
    }
}

#[test]
fn browsers_of_other_origins_are_let_in_only_when_configured() {
    let origin = ("origin", "https://example.org");
    let closed = start(&["models/iris"]).send("GET", "/models", &[origin], b"");
    assert_eq!(closed.header("access-control-allow-origin"), None);

    let server = start_with(&["models/iris"], |config| config.cors_origins = vec!["https://example.org".into()]);
    let open = server.send("GET", "/models", &[origin], b"");
    assert_eq!(open.header("access-control-allow-origin"), Some("https://example.org"));
    assert!(open.header("access-control-expose-headers").expect("readable headers").contains("x-request-id"));
    let other = server.send("GET", "/models", &[("origin", "https://example.com")], b"");
    assert_eq!(other.header("access-control-allow-origin"), None);
    let asked = [origin, ("access-control-request-method", "POST"), ("access-control-request-headers", "x-request-id")];
    let preflight = server.send("OPTIONS", "/predict", &asked, b"");
    assert_eq!(preflight.status, 200);
    assert!(preflight.header("access-control-allow-methods").expect("methods").contains("POST"));
}

#[test]
fn a_deadline_may_be_shortened_and_ends_a_request() {
    let (server, gate) = start_with_gate(|_| {});
    let reply = server.send("POST", "/v2/models/echo/infer", &[("x-request-timeout-ms", "20")], ROW.as_bytes());
    assert!(reply.error(504).contains("deadline"), "{}", reply.text());
    gate.let_one_go();
    let in_message = ROW.replace("{\"inputs", "{\"parameters\":{\"timeout\":20000},\"inputs");
    server.post("/v2/models/echo/infer", in_message).error(504);
    gate.let_one_go();
    for bad in ["0", "-5", "soon", "1.5"] {
        let reply = server.send("GET", "/models", &[("x-request-timeout-ms", bad)], b"");
        assert_eq!((reply.status, &reply.json()["code"]), (400, &"invalid_header".into()), "{bad}");
    }
}

#[test]
fn a_longer_deadline_than_the_server_allows_changes_nothing() {
    let (server, gate) = start_with_gate(|config| config.request_timeout = Duration::from_millis(20));
    let reply = server.send("POST", "/v2/models/echo/infer", &[("x-request-timeout-ms", "60000")], ROW.as_bytes());
    reply.error(504);
    gate.let_one_go();
}

#[test]
fn an_upload_that_does_not_end_is_ended() {
    let server = start(&["models/iris"]);
    let head =
        "POST /v2/models/iris/infer HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\nx-request-timeout-ms: 30\r\n\r\n{";
    let answer = server.connect().write(head).read_answer();
    assert!(answer.starts_with("http/1.1 408"), "{answer}");
}

#[test]
fn connections_stay_open_until_the_server_drains() {
    let server = start(&["models/iris"]);
    let mut connection = server.connect();
    let question = "GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n";
    for _ in 0..3 {
        assert!(!connection.write(question).read_answer().contains("connection: close"));
    }
    server.serving.readiness().drain();
    assert!(connection.write(question).read_answer().contains("connection: close"));
    assert!(connection.is_closed_by_the_server());
}

#[test]
fn silent_connections_are_closed_and_busy_ones_are_not() {
    let (server, gate) = start_impatient_with_gate(Duration::from_millis(100));
    let [mut mute, mut slow, mut busy] = [(); 3].map(|()| server.connect());
    let length = ROW.len();
    busy.write(&format!("POST /v2/models/echo/infer HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n{ROW}"));
    gate.wait_until_something_computes();
    assert!(mute.is_closed_by_the_server());
    // One that never gets to the end of its question.
    slow.write("GET /health HTTP/1.1\r\nx: ");
    let begun = Instant::now();
    while slow.may_write("x") {
        assert!(begun.elapsed() < PATIENCE, "the connection should be closed by now");
        thread::sleep(Duration::from_millis(1));
    }
    gate.let_one_go();
    let answer = busy.read_answer();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(busy.is_closed_by_the_server());
}

#[test]
fn stopping_lets_requests_in_flight_finish() {
    let (server, gate) = start_with_gate(|_| {});
    let (mut idle, mut busy) = (server.connect(), server.connect());
    idle.write("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").read_answer();
    let length = ROW.len();
    busy.write(&format!("POST /v2/models/echo/infer HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n{ROW}"));
    gate.wait_until_something_computes();
    server.stop();
    assert!(idle.is_closed_by_the_server());
    gate.let_one_go();
    let answer = busy.read_answer();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert_eq!(server.cut_off(), 0);
}

#[test]
fn malformed_http_ends_the_connection_and_nothing_else() {
    let server = start(&["models/iris"]);
    for nonsense in
        ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n"]
    {
        let mut connection = server.connect();
        connection.write(nonsense);
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn what_a_client_sent_is_quoted_in_part() {
    let server = start(&["models/iris"]);
    // What is longer than any name is not quoted at all.
    for (repeated, quoted) in [(500, " ... "), (100_000, "600000 bytes")] {
        let long = "é\u{1F642}".repeat(repeated);
        let key = format!("{{\"{long}\": 1}}");
        let named = ROW.replace("\"x\"", &format!("\"{long}\""));
        let misplaced = format!("{{\"inputs\": {{\"{long}\": [1]}}}}");
        for (path, body) in [("/predict", &key), ("/predict", &misplaced), ("/v2/models/iris/infer", &named)] {
            let reply = server.post(path, body);
            assert_eq!(reply.status, 400, "{path}");
            assert!(reply.body.len() < 32 << 10, "{path}: {} bytes", reply.body.len());
            assert!(reply.json()["got"].as_str().is_some_and(|got| got.contains(quoted)), "{path}: {}", reply.text());
        }
    }
}
