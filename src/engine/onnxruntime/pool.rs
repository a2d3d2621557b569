//! Sessions of one model. The bindings let one run at a time use a session, so that runs side by side need one each, with
//! its own copy of the weights. The first is made when the model is loaded, others when a run finds none free, up to as
//! many as there are compute slots and fit a fixed share of memory; beyond that, runs wait for each other.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ort::environment::Environment;
use ort::ep;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::files::External;
use super::words;

/// Further sessions of one model are not to hold more than this.
const MOST_COPIES: u64 = 1 << 30;

pub struct Pool {
    recipe: Recipe,
    most: usize,
    state: Mutex<State>,
    freed: Condvar,
}

/// What a session is made from.
pub struct Recipe {
    pub environment: Environment,
    pub bytes: Bytes,
    pub external: Vec<External>,
    /// Threads that one run may use.
    pub threads: usize,
}

struct State {
    free: Vec<Session>,
    made: usize,
}

/// A session for one run; goes back when dropped, unless the run unwound.
pub struct Turn<'p> {
    pool: &'p Pool,
    session: Option<Session>,
}

impl Pool {
    /// Makes the first session of a model whose weights take so many bytes.
    pub fn new(recipe: Recipe, slots: usize, weights: u64) -> Result<Self, String> {
        let copies = usize::try_from(MOST_COPIES / weights.max(1)).unwrap_or(usize::MAX);
        let most = slots.min(copies.saturating_add(1)).max(1);
        let state = Mutex::new(State { free: vec![recipe.make()?], made: 1 });
        Ok(Self { recipe, most, state, freed: Condvar::new() })
    }

    /// A session that nobody else uses: a free one, a new one, or the next one that is given back.
    pub fn turn(&self) -> Result<Turn<'_>, String> {
        let mut state = self.state();
        loop {
            if let Some(session) = state.free.pop() {
                return Ok(Turn { pool: self, session: Some(session) });
            }
            if state.made < self.most {
                break;
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // Others neither wait for this one nor make more than there may be.
        state.made += 1;
        drop(state);
        let mut turn = Turn { pool: self, session: None };
        turn.session = Some(self.recipe.make()?);
        Ok(turn)
    }

    /// Whether a run would find a session without making one, as things stand.
    pub fn is_prepared(&self) -> bool {
        let state = self.state();
        !state.free.is_empty() || state.made >= self.most
    }

    pub fn count(&self) -> usize {
        self.state().made
    }

    /// Nothing that can panic runs under the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    pub fn session(&mut self) -> Result<&mut Session, String> {
        self.session.as_mut().ok_or_else(|| "there is no session".into())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        match self.session.take() {
            Some(session) if !std::thread::panicking() => state.free.push(session),
            _ => state.made -= 1,
        }
        drop(state);
        self.pool.freed.notify_one();
    }
}

impl Recipe {
    fn make(&self) -> Result<Session, String> {
        let built = self.builder().and_then(|mut builder| builder.commit_from_memory(&self.bytes));
        built.map_err(|error| words::explain(error.message()))
    }

    /// One thread per run, unless it is wanted otherwise: side by side run requests, not pieces of one. Memory is given back
    /// after each run instead of being kept for the largest request there ever was: no arena, no plans per shape, of which
    /// there would be one for every shape that clients think of. Measured on a transformer and a convolutional network, that
    /// costs less than a tenth.
    fn builder(&self) -> Result<SessionBuilder, ort::Error> {
        let plain = |error: ort::Error<SessionBuilder>| ort::Error::new(error.message());
        let mut builder = Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)
            .and_then(|builder| builder.with_intra_threads(self.threads))
            .and_then(|builder| builder.with_inter_threads(1))
            .and_then(|builder| builder.with_intra_op_spinning(false))
            .and_then(|builder| builder.with_inter_op_spinning(false))
            .and_then(|builder| builder.with_memory_pattern(false))
            // On processors without VNNI the sums of quantised products would overflow unseen. No loss on the others.
            .and_then(SessionBuilder::with_precise_qmm)
            .and_then(|builder| {
                builder.with_execution_providers([ep::CPU::default().with_arena_allocator(false).build()])
            })
            .map_err(plain)?;
        for (name, bytes) in &self.external {
            builder = builder.with_external_initializer_file_in_memory(name, Arc::clone(bytes)).map_err(plain)?;
        }
        Ok(builder)
    }
}
