//! One layer of settings as people write them: every field optional, the same names as flags, TOML keys and, with
//! `ONNXD_` before them, environment variables. The doc comments are the manual: they are what `--help` prints.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::model::{EngineWish, ModelName};
use crate::telemetry::{LogFormat, LogLevel};
use crate::{api, batching, engine, registry, telemetry};

use super::{ByteSize, Config, Period, ShutdownConfig, Text};

/// Settings of the server. Each is also a key of the TOML file and, as ONNXD_NAME, an environment variable; flags win
/// over the environment, the environment over the file.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Settings {
    /// Where the models are: a .onnx file, a folder of them, <version>/model.onnx, or <model>/<version>/model.onnx. May
    /// be given several times; in ONNXD_MODELS separated by ':' [default: ./models]
    #[arg(long, value_name = "PATH")]
    pub models: Option<Vec<PathBuf>>,

    /// Model that answers requests which name none [default: the one that
    /// repository.toml beside the models names, or the only one there is]
    #[arg(long, value_name = "NAME")]
    pub default_model: Option<Text<ModelName>>,

    /// Serve the one model found under this name, whatever it is called on disk
    #[arg(long, value_name = "NAME")]
    pub model_name: Option<Text<ModelName>>,

    /// Address and port to listen on; PORT and AIP_HTTP_PORT in the environment set the port alone [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<Text<SocketAddr>>,

    /// Largest request body, after decompression [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    pub max_body: Option<Text<ByteSize>>,

    /// Time a request may take; a client may ask for less with x-request-timeout-ms [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub request_timeout: Option<Text<Period>>,

    /// Predictions in flight, waiting ones included; more are answered 503 at once. Bounds memory together with
    /// --max-body [default: 512]
    #[arg(long, value_name = "COUNT")]
    pub max_in_flight: Option<Text<usize>>,

    /// Origin that browsers may call from, or '*'; may be given several times, in ONNXD_CORS_ORIGIN separated by ','
    /// [default: none]
    #[arg(long, value_name = "ORIGIN")]
    pub cors_origin: Option<Vec<String>>,

    /// Inferences that run at the same moment; 0 takes the CPU quota of the container [default: 0]
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<Text<usize>>,

    /// Rows that may wait for a compute slot; more trade latency for fewer refusals [default: 4096]
    #[arg(long, value_name = "ROWS")]
    pub queue_rows: Option<Text<usize>>,

    /// Bytes of tensors that may wait for a compute slot [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    pub queue_bytes: Option<Text<ByteSize>>,

    /// Rows that waiting requests are merged up to, where that serves them sooner; 1 turns batching off, a model may say
    /// otherwise in its model.toml [default: 64]
    #[arg(long, value_name = "ROWS")]
    pub max_batch: Option<Text<usize>>,

    /// How long a request may be held back for others to join it; not needed, and it costs latency when there is little to
    /// do [default: 0s]
    #[arg(long, value_name = "TIME")]
    pub max_delay: Option<Text<Period>>,

    /// tract, onnxruntime, auto (tract where it loads the model, else ONNX Runtime) or auto=fastest (both are compared when
    /// a model is loaded, the faster one serves); a model may choose in its model.toml. All but tract need a build with
    /// ONNX Runtime, such as the image onnxd-ort [default: tract]
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Text<EngineWish>>,

    /// ONNX Runtime's library, version 1.24 or newer [default: libonnxruntime.so where the system looks for libraries]
    #[arg(long, value_name = "FILE")]
    pub onnxruntime_lib: Option<PathBuf>,

    /// Optimised plans that tract keeps per model, one per batch size in use; more trade memory for speed [default: 8]
    #[arg(long, value_name = "COUNT")]
    pub max_plans: Option<Text<usize>>,

    /// Threads that one inference may use, with ONNX Runtime. More than 1 is for large models that are asked little: one
    /// request is answered sooner, many together are not, and --threads times this many compute at the same moment
    /// [default: 1]
    #[arg(long, value_name = "COUNT")]
    pub intra_op_threads: Option<Text<usize>>,

    /// Try each model in a process of its own before it is loaded, so that a file which crashes, never ends or takes all
    /// memory is refused and does no harm; false trusts the files and loads each of them only once [default: true]
    #[arg(long, value_name = "true|false")]
    pub trial_load: Option<Text<bool>>,

    /// Time in which a model has to be loaded and run once when it is tried; every 4 MiB of its files add a second
    /// [default: 8s]
    #[arg(long, value_name = "TIME")]
    pub load_timeout: Option<Text<Period>>,

    /// Memory in which it has to be done; its files add six times their size [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub load_memory: Option<Text<ByteSize>>,

    /// Largest number of nodes in a model; preparing takes time by the square of it [default: 20000]
    #[arg(long, value_name = "COUNT")]
    pub max_nodes: Option<Text<usize>>,

    /// Largest tensor that a model may make, when it is prepared and when it runs; a request that leads to a larger one is
    /// refused [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub max_tensor: Option<Text<ByteSize>>,

    /// After SIGTERM: how long to go on serving while being not ready, so that load balancers notice [default: 5s]
    #[arg(long, value_name = "TIME")]
    pub lame_duck: Option<Text<Period>>,

    /// After the lame-duck period: how long requests in flight may take to finish [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub drain_timeout: Option<Text<Period>>,

    /// json or text, on standard error [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<Text<LogFormat>>,

    /// off, error, warn, info (a line per prediction), debug (probes and scrapes too) or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<Text<LogLevel>>,
}

impl Settings {
    /// Every setting at its default. The log's form is the one that suits where it goes.
    pub fn defaults() -> Self {
        let (api, compute, shutdown) = (api::Config::default(), batching::Config::default(), ShutdownConfig::default());
        let (log, trial) = (telemetry::LogConfig::default(), engine::trial::Config::default());
        let limits = engine::tract::Limits::default();
        Self {
            models: Some(vec!["models".into()]),
            default_model: None,
            model_name: None,
            listen: Some(Text(SocketAddr::from(([0, 0, 0, 0], 8080)))),
            max_body: Some(Text(ByteSize(api.max_body))),
            request_timeout: Some(Text(Period(api.request_timeout))),
            max_in_flight: Some(Text(api.max_in_flight)),
            cors_origin: Some(api.cors_origins),
            threads: Some(Text(compute.threads)),
            queue_rows: Some(Text(compute.queue_rows)),
            queue_bytes: Some(Text(ByteSize(compute.queue_bytes))),
            max_batch: Some(Text(compute.tuning.max_batch)),
            max_delay: Some(Text(Period(compute.tuning.max_delay))),
            engine: Some(Text(EngineWish::default())),
            onnxruntime_lib: None,
            max_plans: Some(Text(engine::tract::Config::default().max_plans)),
            intra_op_threads: Some(Text(1)),
            max_nodes: Some(Text(limits.max_nodes)),
            max_tensor: Some(Text(ByteSize(limits.max_tensor))),
            trial_load: Some(Text(trial.enabled)),
            load_timeout: Some(Text(Period(trial.timeout))),
            load_memory: Some(Text(ByteSize(trial.memory))),
            lame_duck: Some(Text(Period(shutdown.lame_duck))),
            drain_timeout: Some(Text(Period(shutdown.drain_timeout))),
            log_format: Some(Text(log.format)),
            log_level: Some(Text(log.level)),
        }
    }

    /// These settings, with those of `upper` where it has any.
    pub fn overlaid_with(self, upper: Self) -> Self {
        Self {
            models: upper.models.or(self.models),
            default_model: upper.default_model.or(self.default_model),
            model_name: upper.model_name.or(self.model_name),
            listen: upper.listen.or(self.listen),
            max_body: upper.max_body.or(self.max_body),
            request_timeout: upper.request_timeout.or(self.request_timeout),
            max_in_flight: upper.max_in_flight.or(self.max_in_flight),
            cors_origin: upper.cors_origin.or(self.cors_origin),
            threads: upper.threads.or(self.threads),
            queue_rows: upper.queue_rows.or(self.queue_rows),
            queue_bytes: upper.queue_bytes.or(self.queue_bytes),
            max_batch: upper.max_batch.or(self.max_batch),
            max_delay: upper.max_delay.or(self.max_delay),
            engine: upper.engine.or(self.engine),
            onnxruntime_lib: upper.onnxruntime_lib.or(self.onnxruntime_lib),
            max_plans: upper.max_plans.or(self.max_plans),
            intra_op_threads: upper.intra_op_threads.or(self.intra_op_threads),
            max_nodes: upper.max_nodes.or(self.max_nodes),
            max_tensor: upper.max_tensor.or(self.max_tensor),
            trial_load: upper.trial_load.or(self.trial_load),
            load_timeout: upper.load_timeout.or(self.load_timeout),
            load_memory: upper.load_memory.or(self.load_memory),
            lame_duck: upper.lame_duck.or(self.lame_duck),
            drain_timeout: upper.drain_timeout.or(self.drain_timeout),
            log_format: upper.log_format.or(self.log_format),
            log_level: upper.log_level.or(self.log_level),
        }
    }

    /// The settings sorted to the parts that obey them; what is not set takes its default.
    ///
    /// # Errors
    /// One sentence for each value that cannot work.
    pub fn into_config(self) -> Result<Config, Vec<String>> {
        let Self {
            models: Some(sources),
            default_model,
            model_name,
            listen: Some(Text(listen)),
            max_body: Some(Text(ByteSize(max_body))),
            request_timeout: Some(Text(Period(request_timeout))),
            max_in_flight: Some(Text(max_in_flight)),
            cors_origin: Some(cors_origins),
            threads: Some(Text(threads)),
            queue_rows: Some(Text(queue_rows)),
            queue_bytes: Some(Text(ByteSize(queue_bytes))),
            max_batch: Some(Text(max_batch)),
            max_delay: Some(Text(Period(max_delay))),
            engine: Some(Text(wish)),
            onnxruntime_lib,
            max_plans: Some(Text(max_plans)),
            intra_op_threads: Some(Text(intra_op_threads)),
            max_nodes: Some(Text(max_nodes)),
            max_tensor: Some(Text(ByteSize(max_tensor))),
            trial_load: Some(Text(enabled)),
            load_timeout: Some(Text(Period(timeout))),
            load_memory: Some(Text(ByteSize(memory))),
            lame_duck: Some(Text(Period(lame_duck))),
            drain_timeout: Some(Text(Period(drain_timeout))),
            log_format: Some(Text(format)),
            log_level: Some(Text(level)),
        } = Self::defaults().overlaid_with(self)
        else {
            return Err(vec!["a setting has no default".into()]);
        };
        let [default_model, model_name] = [default_model, model_name].map(|name| name.map(|Text(name)| name));
        let config = Config {
            listen,
            models: registry::Config { sources, default_model, model_name },
            engine: engine::choice::Config {
                wish,
                onnxruntime_lib,
                intra_op_threads,
                tract: engine::tract::Config { max_plans, limits: engine::tract::Limits { max_nodes, max_tensor } },
            },
            trial: engine::trial::Config { enabled, program: None, timeout, memory },
            compute: batching::Config {
                threads,
                queue_rows,
                queue_bytes,
                tuning: batching::Tuning { max_batch, max_delay, ..batching::Tuning::default() },
                ..batching::Config::default()
            },
            api: api::Config { max_body, request_timeout, max_in_flight, cors_origins },
            shutdown: ShutdownConfig { lame_duck, drain_timeout },
            log: telemetry::LogConfig { format, level },
        };
        let mistakes = mistakes(&config);
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }
}

fn mistakes(config: &Config) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut need = |fine: bool, sentence: &str| {
        if !fine {
            mistakes.push(sentence.to_owned());
        }
    };
    need(!config.models.sources.is_empty(), "models: name at least one file or folder");
    need(config.api.max_body > 0, "max_body: must be more than 0");
    need(!config.api.request_timeout.is_zero(), "request_timeout: must be more than 0");
    need(config.api.max_in_flight > 0, "max_in_flight: must be at least 1");
    need(config.compute.threads <= 1024, "threads: must be at most 1024");
    need((1..=1024).contains(&config.engine.intra_op_threads), "intra_op_threads: must be from 1 to 1024");
    need(config.compute.queue_rows > 0, "queue_rows: must be at least 1");
    need(config.compute.queue_bytes > 0, "queue_bytes: must be more than 0");
    need(config.compute.tuning.max_batch > 0, "max_batch: must be at least 1");
    need(!config.trial.timeout.is_zero(), "load_timeout: must be more than 0");
    need(config.trial.memory > 0, "load_memory: must be more than 0");
    need(config.engine.tract.limits.max_nodes > 0, "max_nodes: must be at least 1");
    need(config.engine.tract.limits.max_tensor > 0, "max_tensor: must be more than 0");
    need(config.engine.tract.max_plans > 0, "max_plans: must be at least 1");
    let origin =
        |origin: &String| origin == "*" || (origin.contains("://") && origin.is_ascii() && !origin.contains(' '));
    need(config.api.cors_origins.iter().all(origin), "cors_origin: write '*' or origins such as https://example.org");
    mistakes
}
