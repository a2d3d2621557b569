//! What is known of a model at one shape of its rows: what runs cost by their number, and whether rows answer the same
//! alone and in company. Only requests of one profile are merged. Models whose axes are all fixed but the batch have one
//! profile; others get one for each of the first few shapes they are asked for, and none is merged beyond that.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::model::{Dim, Port, Signature};
use crate::tensor::{Shape, Tensor};

use super::curve::Curve;

/// Shapes that have a profile of their own.
const MOST_PROFILES: usize = 16;

/// Whether the rows of a batch are answered as each would be alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Independence {
    Unknown,
    /// Seen by comparing the answers.
    Proven,
    /// Not so, or it could not be seen; in words.
    Refuted(String),
}

#[derive(Debug, Default)]
pub struct Profile {
    pub curve: Curve,
    independence: AtomicU8,
    why: OnceLock<String>,
    /// Bytes of the outputs for one row, the most that was seen when the model was tried.
    output_bytes: AtomicUsize,
}

/// Outputs of rows that are computed together, and of a request that is put together again from parts. What makes more is
/// left to the engine as it came, whose limits then say what is wrong with it.
const LARGEST_OUTPUTS: usize = 64 << 20;

const PROVEN: u8 = 1;
const REFUTED: u8 = 2;

impl Profile {
    pub fn is_independent(&self) -> bool {
        self.independence.load(Ordering::Relaxed) == PROVEN
    }

    pub fn independence(&self) -> Independence {
        match self.independence.load(Ordering::Acquire) {
            PROVEN => Independence::Proven,
            REFUTED => Independence::Refuted(self.why.get().cloned().unwrap_or_default()),
            _ => Independence::Unknown,
        }
    }

    pub fn prove(&self) {
        // What was once seen to differ stays refuted.
        let _ = self.independence.compare_exchange(0, PROVEN, Ordering::AcqRel, Ordering::Relaxed);
    }

    pub fn refute(&self, why: String) {
        let _ = self.why.set(why);
        self.independence.store(REFUTED, Ordering::Release);
    }

    /// Rows that may run together.
    pub fn most_rows(&self, max_batch: usize) -> usize {
        if self.is_independent() { max_batch.min(self.most_by_outputs()).max(1) } else { 1 }
    }

    /// Rows whose outputs are no larger than is good to hold in one piece.
    pub fn most_by_outputs(&self) -> usize {
        LARGEST_OUTPUTS / self.output_bytes.load(Ordering::Relaxed).max(1)
    }

    pub fn has_outputs_of(&self, bytes: usize) {
        self.output_bytes.fetch_max(bytes, Ordering::Relaxed);
    }

    /// The time that a request of so many rows adds to a long queue; zero while nothing is known.
    pub fn cost_in_queue(&self, rows: usize) -> Duration {
        let alone = self.curve.expected(rows).unwrap_or_default();
        if !self.is_independent() {
            return alone;
        }
        let cheapest = self.curve.cheapest_row();
        if cheapest.is_finite() { alone.min(Duration::from_nanos((cheapest * rows as f64) as u64)) } else { alone }
    }
}

/// The profiles of one model.
#[derive(Debug)]
pub struct Profiles {
    /// The only one, of a model whose rows have one shape; for others what does not have its own.
    common: Arc<Profile>,
    varied: Option<Mutex<HashMap<Vec<Shape>, Arc<Profile>>>>,
}

impl Profiles {
    pub fn new(signature: &Signature) -> Self {
        let is_fixed = |port: &Port| port.shape.iter().skip(1).all(|dim| matches!(dim, Dim::Fixed(_)));
        let one = !signature.is_batched() || signature.inputs.iter().all(is_fixed);
        Self { common: Arc::default(), varied: (!one).then(Mutex::default) }
    }

    /// The profile for these inputs, and whether it was made just now.
    pub fn of(&self, inputs: &[Tensor]) -> (Arc<Profile>, bool) {
        let Some(varied) = &self.varied else { return (Arc::clone(&self.common), false) };
        let row = |input: &Tensor| Shape::from_slice(input.shape().get(1..).unwrap_or_default());
        let key: Vec<Shape> = inputs.iter().map(row).collect();
        // Nothing that can panic runs under the lock.
        let mut varied = varied.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(profile) = varied.get(&key) {
            return (Arc::clone(profile), false);
        }
        if varied.len() >= MOST_PROFILES {
            return (Arc::clone(&self.common), false);
        }
        let profile = Arc::<Profile>::default();
        varied.insert(key, Arc::clone(&profile));
        (profile, true)
    }

    /// Each with the shape of its rows, where that is not the only one.
    pub fn all(&self) -> Vec<(Option<Vec<Shape>>, Arc<Profile>)> {
        let Some(varied) = &self.varied else { return vec![(None, Arc::clone(&self.common))] };
        let varied = varied.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = varied.iter().map(|(key, profile)| (Some(key.clone()), Arc::clone(profile))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}
