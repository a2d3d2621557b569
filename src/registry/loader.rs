//! Brings what the catalog lists into memory: read, prepare, verify, publish, several versions side by side. The one
//! writer of the snapshot; a version that fails stays visible with its reason and hinders no other.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

use crate::batching::Pool;
use crate::engine::{Engine, Loaded, ModelSource, Wishes, trial};
use crate::memory;
use crate::model::{Description, ModelId, ModelName, Version};
use crate::telemetry::Metrics;

use super::manifest::read_card;
use super::progress::{Progress, Standing};
use super::servable::metrics_of;
use super::verify::{reconcile, verify};
use super::{Catalog, Entry, Lifecycle, ResponseCache, Servable, Slot, Snapshot};

/// Models of so many bytes take long enough that people wonder what the server is at.
const WORTH_TELLING: u64 = 16 << 20;

/// All models of the server.
pub struct Registry {
    catalog: Catalog,
    engine: Arc<dyn Engine>,
    pool: Pool,
    metrics: Arc<Metrics>,
    snapshot: ArcSwap<Snapshot>,
    /// Held while a new snapshot is made from the current one.
    writer: Mutex<()>,
}

/// What became of one version.
#[derive(Clone, Debug)]
pub struct LoadOutcome {
    pub name: ModelName,
    pub version: Version,
    pub result: Result<Arc<Description>, String>,
    pub took: Duration,
}

impl Registry {
    /// A registry in which every version of the catalog is still to be loaded.
    pub fn new(catalog: Catalog, engine: Arc<dyn Engine>, pool: Pool, metrics: Arc<Metrics>) -> Self {
        let waiting = |version: &Version| Slot { version: *version, state: Lifecycle::Loading, servable: None };
        let models = catalog.models.iter();
        let models = models.map(|(name, versions)| (name.clone(), versions.keys().rev().map(waiting).collect()));
        let snapshot = Snapshot { models: models.collect(), default_model: catalog.default_model.clone() };
        let snapshot = ArcSwap::from_pointee(snapshot);
        Self { catalog, engine, pool, metrics, snapshot, writer: Mutex::default() }
    }

    /// The current picture; cheap, and unaffected by what is published later.
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Loads every version of the catalog, as many at a time as there are compute slots, and tells how far it is in the
    /// log. Blocking; returns when each is ready or has failed.
    pub fn load_all(&self) -> Vec<LoadOutcome> {
        let begun = Instant::now();
        let mut waiting: Vec<_> = self.catalog.entries().collect();
        // The largest first: begun last, it would keep all others waiting for it alone. Taken from the end.
        waiting.sort_by_cached_key(|entry| (trial::size(&entry.file), Reverse((&entry.name, entry.version))));
        let progress = Mutex::new(Progress::of(waiting.len()));
        let waiting = Mutex::new(waiting);
        let outcomes = Mutex::new(Vec::new());
        let next = || waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        let count = |succeeded| {
            // Under the lock, so that lines come in order.
            let mut progress = progress.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if let Some(Standing { loaded, failed, total }) = progress.count(succeeded, begun.elapsed()) {
                let duration_ms = begun.elapsed().as_millis() as u64;
                tracing::info!(loaded, failed, total, duration_ms, "loaded {loaded} of {total} models");
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.pool.slots() {
                scope.spawn(|| {
                    while let Some(entry) = next() {
                        let outcome = self.load(entry);
                        count(outcome.result.is_ok());
                        outcomes.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(outcome);
                    }
                });
            }
        });
        self.engine.rest();
        memory::give_back();
        let mut outcomes = outcomes.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        outcomes.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        outcomes
    }

    fn load(&self, entry: &Entry) -> LoadOutcome {
        let begun = Instant::now();
        let bytes = trial::size(&entry.file);
        if bytes >= WORTH_TELLING {
            tracing::info!(model = %entry.name, version = entry.version.0, bytes, "loading");
        }
        let result = self.prepare(entry);
        let took = begun.elapsed();
        let (name, version) = (entry.name.clone(), entry.version);
        let result = match result {
            Ok(servable) => {
                let description = Arc::clone(&servable.description);
                let why = description.engine_choice.as_ref().map(|choice| choice.reason.as_str());
                tracing::info!(model = %name, version = version.0, digest = %description.id.digest, engine = description.engine,
                    engine_reason = why, duration_ms = took.as_millis() as u64, "model ready");
                self.publish(entry, Lifecycle::Ready, Some(Arc::new(servable)));
                Ok(description)
            }
            Err(reason) => {
                tracing::error!(model = %name, version = version.0, file = %entry.file.display(),
                    duration_ms = took.as_millis() as u64, reason, "model failed to load");
                self.publish(entry, Lifecycle::Failed { reason: reason.clone() }, None);
                Err(reason)
            }
        };
        LoadOutcome { name, version, result, took }
    }

    fn prepare(&self, entry: &Entry) -> Result<Servable, String> {
        if let Some(problem) = &entry.problem {
            return Err(problem.clone());
        }
        let begun = Instant::now();
        let phase = |phase: &str, took: Duration| {
            self.metrics.model_phase_took(entry.name.as_str(), &entry.version.to_string(), phase, took);
        };
        // The bytes are read once, so that what is digested is what is run; weights in other files are read again for it.
        let source = ModelSource::read(&entry.file).map_err(|error| error.to_string())?;
        let card = read_card(&entry.manifests).map_err(|error| error.to_string())?;
        let read = begun.elapsed();
        phase("read", read);

        let wishes = Wishes { engine: card.engine, golden: card.golden.as_ref() };
        let loaded = self.engine.choose(&source, wishes).map_err(|error| error.to_string())?;
        let Loaded { session, engine, choice: engine_choice } = loaded;
        let mut card = card;
        if card.classes.is_none() {
            card.classes = session.classes().cloned();
        }
        let card = reconcile(card, session.signature()).map_err(|reason| format!("model.toml: {reason}"))?;
        if let (Some(_), Some(node)) = (card.cache, session.depends_on_chance()) {
            return Err(format!(
                "model.toml: cache: the answers depend on chance at node {node:?}, so none can be kept"
            ));
        }
        let digest = source.digest(&session.graph().external_data).map_err(|error| error.to_string())?;
        let prepared = begun.elapsed();
        phase("prepare", prepared - read);

        self.publish(entry, Lifecycle::Verifying, None);
        let sample = verify(&*session, &card)?;
        phase("verify", begun.elapsed() - prepared);

        let id = ModelId { name: entry.name.clone(), version: entry.version, digest };
        let (signature, graph) = (session.signature().clone(), session.graph().clone());
        let metrics = metrics_of(&self.metrics, &id);
        self.metrics.model_engine_is(&id, engine, engine_choice.as_ref().map_or(&[], |choice| &choice.probes));
        let tuning = self.pool.tuning().with(card.batching);
        let cache = card.cache.map(|limits| Arc::new(ResponseCache::new(limits, self.metrics.cache(&id))));
        let description = Description { id, signature, card, graph, sample, engine, engine_choice };
        Ok(Servable::new(description, session, tuning, self.pool.clone(), metrics, cache))
    }

    fn publish(&self, entry: &Entry, state: Lifecycle, servable: Option<Arc<Servable>>) {
        let _writing = self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut snapshot = Snapshot::clone(&self.snapshot.load());
        let slots = snapshot.models.get_mut(&entry.name);
        if let Some(slot) = slots.and_then(|slots| slots.iter_mut().find(|slot| slot.version == entry.version)) {
            *slot = Slot { version: entry.version, state, servable };
        }
        self.snapshot.store(Arc::new(snapshot));
    }
}
