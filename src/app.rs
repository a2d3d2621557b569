//! The composition root: every part is built here by hand, in order of dependence, and started afterwards. Also the
//! order of stopping, which is most of what makes a rollout lose no request.

mod shutdown;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpListener;

use crate::api::predict::fault_of_example;
use crate::api::{self, server};
use crate::batching::Pool;
use crate::config::Config;
use crate::engine::choice::Choice;
use crate::engine::guard;
use crate::registry::{Catalog, CatalogError, LoadOutcome, Registry};
use crate::serving::{Latch, Serving};
use crate::telemetry::Metrics;

pub use shutdown::{Signals, StopSignal};

/// A server with all its parts, not yet listening.
pub struct App {
    config: Config,
    pool: Pool,
    registry: Arc<Registry>,
    serving: Arc<Serving>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("metrics: {0}")]
    Metrics(String),
    #[error("{0}")]
    Engine(String),
    #[error("the compute threads could not be started: {0}")]
    Threads(std::io::Error),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

impl App {
    /// Builds every part and finds the models on disk; loads none yet.
    pub fn build(config: Config) -> Result<Self, StartError> {
        quiet_caught_panics();
        let metrics = Arc::new(Metrics::new().map_err(|error| StartError::Metrics(error.to_string()))?);
        let catalog = Catalog::scan(&config.models)?;
        let pool = Pool::start(config.compute.clone(), Arc::clone(&metrics)).map_err(StartError::Threads)?;
        let engine = Choice::new(config.engine.clone(), config.trial.clone(), pool.slots());
        let engine = Arc::new(engine.map_err(StartError::Engine)?);
        let registry = Arc::new(Registry::new(catalog, engine, pool.clone(), Arc::clone(&metrics)));
        let serving = Arc::new(Serving::new(Arc::clone(&registry), metrics));
        Ok(Self { config, pool, registry, serving })
    }

    /// The use cases, for callers without HTTP.
    pub fn serving(&self) -> &Arc<Serving> {
        &self.serving
    }

    /// Loads and verifies every model. Blocking.
    pub fn load_models(&self) -> Vec<LoadOutcome> {
        load(&self.registry, &self.serving)
    }

    /// Opens the listener. Probes are answered from the moment [`App::serve`] runs, predictions once models are ready.
    pub async fn listen(&self) -> Result<TcpListener, StartError> {
        let address = self.config.listen;
        TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
    }

    /// Serves until the first stop signal and through the shutdown sequence; loads the models meanwhile. Returns the
    /// number of connections that had to be cut off.
    pub async fn serve(self, listener: TcpListener, mut signals: impl StopSignal) -> usize {
        let begun = Instant::now();
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, slots = self.pool.slots(), version = env!("CARGO_PKG_VERSION"), "listening");
        }
        self.serving.readiness().open(Latch::Listening);
        let (registry, serving) = (Arc::clone(&self.registry), Arc::clone(&self.serving));
        let loading = tokio::task::spawn_blocking(move || {
            load(&registry, &serving);
            if serving.readiness().started().is_ok() {
                tracing::info!(duration_ms = begun.elapsed().as_millis() as u64, "ready");
            }
        });
        let serving = Arc::clone(&self.serving);
        tokio::spawn(async move {
            if let Err(error) = loading.await {
                tracing::error!(%error, "loading the models broke off");
                serving.readiness().fail("loading the models broke off; the log says why".into());
            }
        });

        let service = api::service(api::App::new(Arc::clone(&self.serving), self.config.api.clone()));
        let limits = server::Limits { drain: self.config.shutdown.drain_timeout, ..server::Limits::default() };
        let stop = shutdown::until_stop(&mut signals, &self.serving, &self.config.shutdown);
        let cut_off = server::serve(listener, service, stop, limits).await;
        shutdown::finish(cut_off, &self.pool);
        cut_off
    }
}

fn load(registry: &Registry, serving: &Serving) -> Vec<LoadOutcome> {
    let outcomes = registry.load_all();
    for outcome in &outcomes {
        // No reason not to serve the model, but everyone who trusts it would be refused.
        if let Some(reason) = outcome.result.as_ref().ok().and_then(|model| fault_of_example(model)) {
            let (model, version) = (&outcome.name, outcome.version.0);
            tracing::warn!(%model, version, reason, "the example in model.toml is refused by the model itself");
        }
    }
    let failed = outcomes.iter().find_map(|outcome| Some((outcome, outcome.result.as_ref().err()?)));
    match failed {
        // Ready means that everything configured can be served: a rollout of a broken model must not go through.
        Some((outcome, reason)) => serving
            .readiness()
            .fail(format!("model {} version {} failed to load: {reason}", outcome.name, outcome.version)),
        None => serving.readiness().open(Latch::Models),
    }
    outcomes
}

/// A panic that the engine's guard catches is an answer to a client, not a fault of the server: nothing to print.
pub fn quiet_caught_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !guard::is_quiet() {
                print(panic);
            }
        }));
    });
}
