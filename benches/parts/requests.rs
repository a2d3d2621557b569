//! Whole requests through the whole stack, without a socket: from the first header to the last byte of the answer.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::body::Body;
use axum::http::{Method, Request};
use divan::Bencher;
use http_body_util::BodyExt;
use onnxd::api::{self, Front};
use onnxd::app::App;
use onnxd::config::Config;
use onnxd::registry;
use tokio::runtime::Runtime;
use tower::ServiceExt;

struct Server {
    service: Front,
    runtime: Runtime,
    /// Holds the models.
    _app: App,
}

impl Server {
    fn start() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let sources = ["models/iris", "tests/fixtures/models/identity_fp32.onnx"].map(|model| root.join(model)).into();
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            models: registry::Config { sources, default_model: None, model_name: None },
            engine: Default::default(),
            trial: Default::default(),
            compute: Default::default(),
            api: Default::default(),
            shutdown: Default::default(),
            log: Default::default(),
        };
        let app = App::build(config).expect("an app");
        for outcome in app.load_models() {
            outcome.result.expect("a model that loads");
        }
        let service = api::service(api::App::new(app.serving().clone(), api::Config::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { service, runtime, _app: app }
    }

    /// Bytes of the answer.
    fn post(&self, path: &str, headers: &[(&str, String)], body: Vec<u8>) -> usize {
        let mut request = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        self.runtime.block_on(async {
            let response = self.service.clone().oneshot(request).await.expect("an answer");
            assert_eq!(response.status(), 200);
            response.into_body().collect().await.expect("a body").to_bytes().len()
        })
    }

    fn bench(&self, bencher: Bencher, path: &str, headers: &[(&str, String)], body: &[u8]) {
        // The first ones find out what the model costs.
        (0..20).for_each(|_| assert!(self.post(path, headers, body.into()) > 0));
        bencher.with_inputs(|| body.to_vec()).bench_local_values(|body| self.post(path, headers, body));
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn json() -> [(&'static str, String); 1] {
    [(JSON.0, JSON.1.into())]
}

#[divan::bench(args = [1, 100])]
fn predict(bencher: Bencher, rows: usize) {
    let body = format!(r#"{{"inputs":[{}]}}"#, vec!["[5.1,3.5,1.4,0.2]"; rows].join(","));
    Server::start().bench(bencher, "/predict/iris", &json(), body.as_bytes());
}

#[divan::bench(args = [1, 100])]
fn v2_json(bencher: Bencher, rows: usize) {
    let data = vec!["5.1,3.5,1.4,0.2"; rows].join(",");
    let body =
        format!(r#"{{"inputs":[{{"name":"measurements","shape":[{rows},4],"datatype":"FP32","data":[{data}]}}]}}"#);
    Server::start().bench(bencher, "/v2/models/iris/infer", &json(), body.as_bytes());
}

#[divan::bench(args = [1, 150_528])]
fn v2_binary(bencher: Bencher, numbers: usize) {
    let bytes = 4 * numbers;
    let json = format!(
        r#"{{"inputs":[{{"name":"input","shape":[1,{numbers}],"datatype":"FP32","parameters":{{"binary_data_size":{bytes}}}}}],"parameters":{{"binary_data_output":true}}}}"#
    );
    let headers = [("inference-header-content-length", json.len().to_string())];
    let body = [json.into_bytes(), vec![0; bytes]].concat();
    Server::start().bench(bencher, "/v2/models/identity_fp32/infer", &headers, &body);
}
