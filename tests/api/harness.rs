//! A server on a free port and a client for it, so that tests read as sentences.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use onnxd::api;
use onnxd::api::server::{self, Limits};
use onnxd::app::App;
use onnxd::batching::{self, Pool};
use onnxd::config::{Config, ShutdownConfig};
use onnxd::engine::fake::{Fake, FakeSession};
use onnxd::engine::{Engine, RunError};
use onnxd::registry::{self, Catalog, Registry};
use onnxd::serving::{Latch, Serving, Unready};
use onnxd::telemetry::Metrics;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct TestServer {
    pub url: String,
    pub address: SocketAddr,
    pub serving: Arc<Serving>,
    stop: mpsc::Sender<&'static str>,
    thread: Option<JoinHandle<usize>>,
}

/// Serves models by their paths below the crate.
pub fn start(models: &[&str]) -> TestServer {
    start_with(models, |_| {})
}

/// The same with some settings changed.
pub fn start_with(models: &[&str], change: impl FnOnce(&mut api::Config)) -> TestServer {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        models: registry_config(models.iter().map(|model| root.join(model)).collect()),
        engine: Default::default(),
        trial: Default::default(),
        compute: batching::Config { threads: 1, ..Default::default() },
        api: api_config(),
        shutdown: ShutdownConfig { lame_duck: Duration::ZERO, drain_timeout: PATIENCE },
        log: Default::default(),
    };
    change(&mut config.api);
    let app = App::build(config).expect("models");
    let serving = Arc::clone(app.serving());
    let (stop, signals) = mpsc::channel(1);
    let (bound, address) = channel();
    let thread = thread::spawn(move || {
        runtime().block_on(async {
            let listener = app.listen().await.expect("a free port");
            bound.send(listener.local_addr().expect("an address")).expect("the test waits");
            app.serve(listener, signals).await
        })
    });
    let server = TestServer::at(address.recv().expect("an address"), serving, stop, thread);
    let begun = Instant::now();
    while !matches!(server.serving.readiness().started(), Ok(()) | Err(Unready::Failed(_))) {
        assert!(begun.elapsed() < PATIENCE, "the models should be loaded by now");
        thread::yield_now();
    }
    server
}

/// A model `echo` whose answer to a row that begins with 1 waits until the test lets it go.
pub fn start_with_gate(change: impl FnOnce(&mut api::Config)) -> (TestServer, Gate) {
    start_with_gate_and_manifest("", change)
}

/// The same with a `model.toml`; a row that begins with 3 is one that the model cannot compute with.
pub fn start_with_gate_and_manifest(manifest: &str, change: impl FnOnce(&mut api::Config)) -> (TestServer, Gate) {
    let (engine, gate) = gated();
    let mut config = api_config();
    change(&mut config);
    (start_engine(engine, manifest, config), gate)
}

/// The model behind a gate on a server that closes connections which are silent for so long.
pub fn start_impatient_with_gate(idle: Duration) -> (TestServer, Gate) {
    let (engine, gate) = gated();
    let limits = Limits { drain: PATIENCE, idle, ..Limits::default() };
    (start_engine_with(engine, "", api_config(), limits), gate)
}

fn gated() -> (impl Engine, Gate) {
    let (entered_sender, entered) = channel();
    let (open, opened) = channel();
    let opened = Mutex::new(opened);
    let engine = Fake::new(FakeSession::rows_in_rows_out(2), move |inputs| {
        let first = inputs[0].values::<f32>().and_then(|values| values.first().copied());
        if first == Some(1.0) {
            let _ = entered_sender.send(());
            let _ = opened.lock().expect("no test panics here").recv_timeout(PATIENCE);
        }
        match first == Some(3.0) {
            true => Err(RunError::from("three is too many".to_owned())),
            false => Ok(inputs.to_vec()),
        }
    });
    (engine, Gate { entered, open })
}

/// An engine's model under the name `echo`, with a `model.toml`.
pub fn start_engine(engine: impl Engine, manifest: &str, config: api::Config) -> TestServer {
    start_engine_with(engine, manifest, config, Limits { drain: PATIENCE, ..Limits::default() })
}

fn start_engine_with(engine: impl Engine, manifest: &str, config: api::Config, limits: Limits) -> TestServer {
    let folder = tempfile::tempdir().expect("a folder for the model");
    let file = folder.path().join("echo.onnx");
    std::fs::write(&file, "scripted").expect("a file for the model");
    std::fs::write(folder.path().join("echo.toml"), manifest).expect("a file for its manifest");
    serve_with(engine, vec![file], config, limits)
}

/// Holds back one computation at a time.
pub struct Gate {
    entered: Receiver<()>,
    open: Sender<()>,
}

impl Gate {
    pub fn wait_until_something_computes(&self) {
        self.entered.recv_timeout(PATIENCE).expect("a computation should have begun");
    }

    pub fn let_one_go(&self) {
        self.open.send(()).expect("the server is there");
    }
}

/// What [`App`] does, with another engine.
fn serve_with(engine: impl Engine, models: Vec<PathBuf>, config: api::Config, limits: Limits) -> TestServer {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    // A scripted model runs when a request says so, and at no other time.
    let compute = batching::Config { threads: 1, calibrate: false, ..Default::default() };
    let pool = Pool::start(compute, Arc::clone(&metrics)).expect("threads");
    let catalog = Catalog::scan(&registry_config(models)).expect("models");
    let registry = Arc::new(Registry::new(catalog, Arc::new(engine), pool, Arc::clone(&metrics)));
    registry.load_all();
    let serving = Arc::new(Serving::new(registry, metrics));
    serving.readiness().open(Latch::Models);
    serving.readiness().open(Latch::Listening);

    let (stop, mut signals) = mpsc::channel(1);
    let (bound, address) = channel();
    let service = api::service(api::App::new(Arc::clone(&serving), config));
    let thread = thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            bound.send(listener.local_addr().expect("an address")).expect("the test waits");
            let stopped = async { signals.recv().await.map_or((), |_| ()) };
            server::serve(listener, service, stopped, limits).await
        })
    });
    TestServer::at(address.recv().expect("an address"), serving, stop, thread)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

pub fn api_config() -> api::Config {
    api::Config { max_body: 1 << 20, request_timeout: PATIENCE, ..Default::default() }
}

fn registry_config(sources: Vec<PathBuf>) -> registry::Config {
    registry::Config { sources, default_model: None, model_name: None }
}

impl TestServer {
    fn at(
        address: SocketAddr,
        serving: Arc<Serving>,
        stop: mpsc::Sender<&'static str>,
        thread: JoinHandle<usize>,
    ) -> Self {
        Self { url: format!("http://{address}"), address, serving, stop, thread: Some(thread) }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], body.as_ref())
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(PATIENCE))
            .build();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let agent = ureq::Agent::new_with_config(config);
        let answer = match method {
            "GET" | "HEAD" | "OPTIONS" if body.is_empty() => agent.run(request.body(()).expect("a request")),
            _ => agent.run(request.body(body).expect("a request")),
        };
        let (head, mut body) = answer.expect("an answer").into_parts();
        let body = body.with_config().limit(1 << 30).read_to_vec().expect("a whole body");
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        Reply { status: head.status.as_u16(), headers: headers.collect(), body }
    }

    /// A connection to speak on by hand.
    pub fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Connection(stream)
    }

    /// Tells the server to stop, without waiting for it.
    pub fn stop(&self) {
        let _ = self.stop.try_send("the test");
    }

    /// How many connections the stopped server had to cut off.
    pub fn cut_off(mut self) -> usize {
        self.stop();
        self.thread.take().expect("stopped once").join().expect("the server ends in peace")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Bytes in, bytes out.
pub struct Connection(TcpStream);

impl Connection {
    pub fn write(&mut self, text: &str) -> &mut Self {
        self.0.write_all(text.as_bytes()).expect("the server reads");
        self
    }

    /// Writes, unless the server has closed the connection.
    pub fn may_write(&mut self, text: &str) -> bool {
        self.0.write_all(text.as_bytes()).is_ok()
    }

    /// What comes until one answer with a `content-length` is whole.
    pub fn read_answer(&mut self) -> String {
        let head = self.read_head();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").trim().parse().expect("a number")];
        self.0.read_exact(&mut body).expect("a body");
        head + &String::from_utf8_lossy(&body)
    }

    /// The lines before the body of an answer, in lower case.
    pub fn read_head(&mut self) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).expect("a head");
            text.push(byte[0]);
        }
        String::from_utf8(text).expect("text").to_ascii_lowercase()
    }

    /// Takes so many bytes and forgets them.
    pub fn pass(&mut self, bytes: usize) -> &mut Self {
        self.0.read_exact(&mut vec![0; bytes]).expect("a body");
        self
    }

    /// Whether the server has closed the connection, waiting until it has.
    pub fn is_closed_by_the_server(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0))
    }
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The answer as JSON, which has to be a good one.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The words of an error in the Open Inference Protocol, which has to be of this status.
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()["error"].as_str().expect("an error in words").to_owned()
    }
}
