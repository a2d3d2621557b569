//! The use cases. `predict`, on a version checked out, is the paragraph a newcomer can read aloud; the others tell what
//! there is. Shared by all protocols and by every connection: nothing here takes a lock, but for a glance into the cache of
//! a model that has one.

use std::sync::Arc;
use std::time::Instant;

use crate::batching::{InferError, Refused};
use crate::model::{Description, ModelName, Port, Selector};
use crate::registry::{FindError, Lifecycle, Registry, ResponseCache, Servable, Slot, Stage};
use crate::telemetry::{Metrics, Outcome};
use crate::tensor::{Shape, Tensor};

use super::fit::fit;
use super::recall::{RecallError, Recalled, infer_or_recall};
use super::{
    Aspect, CacheStatus, Error, Form, Invalid, ModelStatus, Payload, Place, Problem, Readiness, Request, Response,
    SchedulingStatus, StageStatistics, Statistics, Timings, VersionStatus,
};

/// A version checked out for one request: whatever becomes of it in the registry meanwhile, it stays until that is done.
pub struct Checkout {
    servable: Arc<Servable>,
}

/// Every use case of the server.
pub struct Serving {
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

impl Serving {
    pub fn new(registry: Arc<Registry>, metrics: Arc<Metrics>) -> Self {
        Self { registry, metrics, readiness: Readiness::default() }
    }

    /// Checks out the ready version that a request with this selector is answered by.
    pub fn checkout(&self, selector: &Selector) -> Result<Checkout, Error> {
        let snapshot = self.registry.snapshot();
        let servable = snapshot.find(selector).map_err(problem_of_find)?;
        Ok(Checkout { servable: Arc::clone(servable) })
    }

    /// All models by name, versions newest first.
    pub fn models(&self) -> Vec<ModelStatus> {
        let snapshot = self.registry.snapshot();
        let status = |(name, slots): (&ModelName, &Vec<Slot>)| ModelStatus {
            name: name.clone(),
            is_default: snapshot.default_model.as_ref() == Some(name),
            versions: slots.iter().map(version_status).collect(),
        };
        snapshot.models.iter().map(status).collect()
    }

    /// Counts of the ready versions the selector names: of every model when it names none, of every version of the model
    /// when it names no version.
    pub fn statistics(&self, selector: &Selector) -> Result<Vec<Statistics>, Error> {
        let snapshot = self.registry.snapshot();
        let slots: Vec<&Slot> = match selector {
            Selector { name: None, .. } => snapshot.slots().map(|(_, slot)| slot).collect(),
            Selector { version: None, .. } => snapshot.model(selector).map_err(problem_of_find)?.1.iter().collect(),
            _ => return Ok(vec![statistics_of(snapshot.find(selector).map_err(problem_of_find)?)]),
        };
        Ok(slots.into_iter().filter_map(|slot| slot.servable.as_deref()).map(statistics_of).collect())
    }

    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// All metrics in Prometheus' text format, gauges brought up to date.
    pub fn render_metrics(&self) -> String {
        let snapshot = self.registry.snapshot();
        for state in Lifecycle::WORDS {
            let count = snapshot.slots().filter(|(_, slot)| slot.state.word() == state).count();
            self.metrics.versions_in_state(state, count);
        }
        for servable in snapshot.slots().filter_map(|(_, slot)| slot.servable.as_ref()) {
            let id = &servable.description.id;
            self.metrics.model_memory_is(id, servable.memory_bytes());
            // Models of many shapes have a curve for each; the metric shows those that have one.
            if let [profile] = servable.scheduling().profiles.as_slice() {
                profile.curve.iter().for_each(|point| self.metrics.run_cost_is(id, point.rows, point.took));
            }
            if let Some(cache) = &servable.cache {
                self.metrics.cache_holds(id, cache.entries(), cache.bytes());
            }
        }
        self.metrics.readiness_is(self.readiness.ready().is_ok(), self.readiness.is_draining());
        self.metrics.render()
    }
}

impl Checkout {
    pub fn description(&self) -> &Arc<Description> {
        &self.servable.description
    }

    /// Answers one request: fit the inputs, infer, hand back the outputs that were asked for.
    pub async fn predict(&self, request: Request) -> Result<Response, Error> {
        let mut account = Account::open(&self.servable);
        let result = answer(&self.servable, request, account.since).await;
        match &result {
            Ok((_, at)) => account.close(Outcome::Success, *at),
            Err(problem) => account.close(outcome_of(problem), Instant::now()),
        }
        result.map(|(response, _)| response).map_err(|problem| Error::of(&self.servable.description, problem))
    }

    /// The error of a request that was meant for the model and could not be read, which is booked as an invalid one that
    /// began at `since`.
    pub fn unreadable(&self, since: Instant, fault: impl Into<Problem>) -> Error {
        let took = since.elapsed();
        self.servable.counters.fail.add(took);
        self.servable.metrics.request_finished(Outcome::Invalid, took);
        Error::of(&self.servable.description, fault)
    }
}

/// The answer, and when it was there. A clock costs as much as the smallest models do, so it is asked where one stage ends
/// and the next begins, once for both.
async fn answer(servable: &Servable, request: Request, begun: Instant) -> Result<(Response, Instant), Problem> {
    let model = &servable.description;
    let wanted = select_outputs(&model.signature.outputs, request.outputs.as_deref())?;
    let is_records = matches!(request.payload, Payload::Records { .. });
    let fitted = fit(model, request.payload)?;
    servable.counters.compute_input.add(begun.elapsed());

    let recalled = infer_or_recall(servable, fitted.inputs, fitted.rows.unwrap_or(1), request.deadline).await;
    let Recalled { inferred, cache } = recalled.map_err(|error| {
        let not_finite = match &error {
            RecallError::Infer(InferError::Run(error)) => error.not_finite,
            _ => None,
        };
        let place = not_finite.and_then(|port| fitted.sent.get(port)).map(|&index| match is_records {
            true => Place::Inputs,
            false => Place::Input { index, aspect: Aspect::Data },
        });
        problem_of_recall(error, begun, place)
    })?;

    let giving = Instant::now();
    let pick = |index: usize| {
        let tensor = inferred.outputs.get(index)?;
        Some((index, if fitted.form == Form::SingleRow { without_batch_axis(tensor) } else { tensor.clone() }))
    };
    let outputs = wanted.into_iter().filter_map(pick).collect();
    let timings = Timings { queue: inferred.queued, compute: inferred.computed };
    let response = Response { model: Arc::clone(model), outputs, rows: fitted.rows, form: fitted.form, timings, cache };
    let given = Instant::now();
    servable.counters.compute_output.add(given - giving);
    Ok((response, given))
}

/// Whether a request fits a model, as far as can be told without running it.
pub fn suits(model: &Description, payload: Payload, outputs: Option<&[String]>) -> Result<(), Invalid> {
    select_outputs(&model.signature.outputs, outputs)?;
    fit(model, payload).map(drop)
}

/// Indices of the outputs asked for, in the order asked; all when none is named.
fn select_outputs(ports: &[Port], wanted: Option<&[String]>) -> Result<Vec<usize>, Invalid> {
    let Some(wanted) = wanted else { return Ok((0..ports.len()).collect()) };
    let find = |(index, name): (usize, &String)| {
        if wanted[..index].contains(name) {
            return Err(Invalid {
                code: "duplicate_output",
                what: format!("output {name:?} is asked for twice"),
                place: Place::Output { index },
                expected: "each output once".into(),
                got: format!("{name:?} again"),
                hint: None,
            });
        }
        ports.iter().position(|port| port.name == *name).ok_or_else(|| Invalid {
            code: "unknown_output",
            what: format!("the model has no output {name:?}"),
            place: Place::Output { index },
            expected: ports.iter().map(|port| format!("{:?}", port.name)).collect::<Vec<_>>().join(", "),
            got: format!("{name:?}"),
            hint: None,
        })
    };
    wanted.iter().enumerate().map(find).collect()
}

/// A single row's answer, shaped like the row it answers.
fn without_batch_axis(tensor: &Tensor) -> Tensor {
    match tensor.shape() {
        [1, inner @ ..] => tensor.reshaped(Shape::from_slice(inner)).unwrap_or_else(|_| tensor.clone()),
        _ => tensor.clone(),
    }
}

/// Books one request on its model whatever becomes of it, also when its future is dropped half way.
struct Account<'s> {
    servable: &'s Servable,
    since: Instant,
    closed: Option<(Outcome, Instant)>,
}

impl<'s> Account<'s> {
    fn open(servable: &'s Servable) -> Self {
        Self { servable, since: Instant::now(), closed: None }
    }

    fn close(&mut self, outcome: Outcome, at: Instant) {
        self.closed = Some((outcome, at));
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let (outcome, at) = self.closed.unwrap_or_else(|| (Outcome::Abandoned, Instant::now()));
        let took = at - self.since;
        let counters = &self.servable.counters;
        let stage = if outcome == Outcome::Success { &counters.success } else { &counters.fail };
        stage.add(took);
        self.servable.metrics.request_finished(outcome, took);
    }
}

fn outcome_of(problem: &Problem) -> Outcome {
    match problem {
        Problem::Invalid(_)
        | Problem::UnknownModel { .. }
        | Problem::UnknownVersion { .. }
        | Problem::NoDefaultModel { .. } => Outcome::Invalid,
        Problem::RejectedByModel { .. } => Outcome::Rejected,
        Problem::Overloaded { .. } | Problem::ShuttingDown | Problem::NotReady { .. } => Outcome::Shed,
        Problem::DeadlineExceeded { .. } => Outcome::Expired,
    }
}

fn problem_of_find(error: FindError) -> Problem {
    match error {
        FindError::UnknownModel { name, known } => Problem::UnknownModel { name, known },
        FindError::UnknownVersion { name, version, known } => Problem::UnknownVersion { name, version, known },
        FindError::NoDefault { known } => Problem::NoDefaultModel { known },
        FindError::NotReady { name, version, reason } => Problem::NotReady { name, version, reason },
    }
}

fn problem_of_recall(error: RecallError, since: Instant, place: Option<Place>) -> Problem {
    match error {
        RecallError::Infer(error) => problem_of_infer(error, since, place),
        RecallError::ExpiredWaiting => {
            Problem::DeadlineExceeded { waited: since.elapsed(), stage: "waiting for the answer to an equal request" }
        }
    }
}

fn problem_of_infer(error: InferError, since: Instant, place: Option<Place>) -> Problem {
    let expired = |stage| Problem::DeadlineExceeded { waited: since.elapsed(), stage };
    match error {
        InferError::Run(error) => Problem::RejectedByModel { message: error.message, place },
        InferError::Refused(Refused::Full { retry_after }) => {
            Problem::Overloaded { reason: "the queue before the compute slots is full", retry_after }
        }
        InferError::Refused(Refused::TooLate { retry_after }) => Problem::Overloaded {
            reason: "what waits before the compute slots takes longer than the time this request has",
            retry_after,
        },
        InferError::Refused(Refused::ExpiredInQueue) => expired("waiting for a compute slot"),
        InferError::Refused(Refused::ExpiredWhileComputing) => expired("waiting and computing"),
        InferError::Refused(Refused::Closed) => Problem::ShuttingDown,
        InferError::Refused(Refused::Panicked) => {
            Problem::RejectedByModel { message: "the computation broke off".into(), place: None }
        }
    }
}

fn version_status(slot: &Slot) -> VersionStatus {
    VersionStatus {
        version: slot.version,
        state: slot.state.clone(),
        description: slot.servable.as_ref().map(|servable| Arc::clone(&servable.description)),
        memory_bytes: slot.servable.as_ref().map_or(0, |servable| servable.memory_bytes()),
        scheduling: slot.servable.as_deref().map(scheduling_status),
        cache: slot.servable.as_ref().and_then(|servable| servable.cache.as_deref()).map(cache_status),
    }
}

fn scheduling_status(servable: &Servable) -> SchedulingStatus {
    let runs = servable.counters.sizes().map(|(rows, stage)| (rows, stage.count())).collect();
    SchedulingStatus { lane: servable.scheduling(), runs, larger_runs: servable.counters.larger_runs() }
}

fn cache_status(cache: &ResponseCache) -> CacheStatus {
    CacheStatus {
        max_bytes: cache.limits.max_bytes,
        ttl: cache.limits.ttl,
        entries: cache.entries(),
        bytes: cache.bytes(),
        hits: cache.hits.count(),
        misses: cache.misses.count(),
    }
}

fn statistics_of(servable: &Servable) -> Statistics {
    let counters = &servable.counters;
    let cached = servable.cache.as_ref();
    let stage = |stage: &Stage| StageStatistics { count: stage.count(), nanoseconds: stage.nanoseconds() };
    Statistics {
        name: servable.description.id.name.clone(),
        version: servable.description.id.version,
        last_inference: counters.last_inference(),
        inference_count: counters.rows(),
        execution_count: counters.runs(),
        success: stage(&counters.success),
        fail: stage(&counters.fail),
        queue: stage(&counters.queue),
        compute_input: stage(&counters.compute_input),
        compute_infer: stage(&counters.compute_infer),
        compute_output: stage(&counters.compute_output),
        cache_hit: cached.map(|cache| stage(&cache.hits)).unwrap_or_default(),
        cache_miss: cached.map(|cache| stage(&cache.misses)).unwrap_or_default(),
        batches: counters.sizes().map(|(rows, size)| (rows, stage(size))).collect(),
        memory_bytes: servable.memory_bytes(),
    }
}
