//! What is known of a model at one shape of its rows: what runs cost by their number, and whether rows answer the same
//! alone and in company. Only requests of one profile are merged. Models whose axes are all fixed but the batch have one
//! profile; others get one for each of the few shapes that they are asked for most, and nothing beyond that is merged.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::engine::admission::{Admission, Decision, Price, Shapes};
use crate::model::{Dim, Port, Signature};
use crate::tensor::{Shape, Tensor};

use super::curve::Curve;
use super::policy::CHEAP;

/// Shapes that have a profile of their own, which jobs keep while they need it.
const MOST_PROFILES: usize = 16;

/// What it takes to get one in place of another: timing a shape costs as much as some hundred requests.
const PRICE: Price = Price { times: 8, least: 64 };

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
    /// Shapes of the outputs without their rows, as they were when the model was tried.
    output_shapes: OnceLock<Vec<Shape>>,
    /// Bytes of the inputs for one row, the most that a run had which was cheap.
    cheap_bytes: AtomicUsize,
}

/// Outputs of rows that are computed together, and of a request that is put together again from parts. What makes more is
/// left to the engine as it came, whose limits then say what is wrong with it.
const LARGEST_OUTPUTS: usize = 64 << 20;

/// Inputs may be so many times larger than any that were cheap before they are taken for costly: with sequences, whose cost
/// may rise by the square of their length, that is four times the time.
const LARGER: usize = 2;

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

    /// Remembers what the answer to one row looks like.
    pub fn is_answered_like(&self, outputs: &[Tensor]) {
        let _ = self.output_shapes.set(outputs.iter().map(row_shape).collect());
    }

    /// Whether these outputs have rows as the model had them when it was tried. Where sizes follow from values, as the number of
    /// words in a text, rows that are computed together get the size of the largest among them; then they are not independent,
    /// though their values may be equal, and this is the last time that they were merged.
    pub fn check(&self, outputs: &[Tensor]) -> bool {
        let Some(shapes) = self.output_shapes.get() else { return true };
        let same = shapes.len() == outputs.len()
            && shapes.iter().zip(outputs).all(|(shape, output)| output.shape().get(1..) == Some(shape.as_slice()));
        if !same && self.is_independent() {
            self.refute("the sizes of its answers follow from values".into());
        }
        same
    }

    /// Learns from a run of these inputs.
    pub fn learn(&self, inputs: &[Tensor], rows: usize, took: Duration) {
        self.curve.learn(rows, took);
        if took <= CHEAP {
            self.was_cheap(inputs, rows);
        }
    }

    /// Inputs of that size are known to be cheap.
    pub fn was_cheap(&self, inputs: &[Tensor], rows: usize) {
        let bytes = bytes_per_row(inputs, rows);
        // Nearly always known: no line of memory is written for it.
        if bytes > self.cheap_bytes.load(Ordering::Relaxed) {
            self.cheap_bytes.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    /// Whether a run is cheap: by its number of rows, and by what they are. Sequences and texts of any length share a profile
    /// where they are not told apart by the shape of rows, and then one cost says nothing about much larger ones.
    pub fn is_cheap(&self, inputs: &[Tensor], rows: usize) -> bool {
        let known = self.cheap_bytes.load(Ordering::Relaxed).saturating_mul(LARGER);
        self.curve.expected(rows).is_some_and(|cost| cost <= CHEAP) && bytes_per_row(inputs, rows) <= known
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

fn row_shape(tensor: &Tensor) -> Shape {
    Shape::from_slice(tensor.shape().get(1..).unwrap_or_default())
}

fn bytes_per_row(inputs: &[Tensor], rows: usize) -> usize {
    inputs.iter().map(Tensor::size_in_bytes).sum::<usize>() / rows.max(1)
}

/// The profiles of one model.
pub struct Profiles {
    /// The only one, of a model whose rows have one shape; for others what does not have its own.
    common: Arc<Profile>,
    varied: Option<Mutex<Varied>>,
}

/// Profiles by the shape of rows.
struct Varied {
    admission: Admission,
    kept: HashMap<Shapes, Arc<Profile>>,
}

impl Profiles {
    pub fn new(signature: &Signature) -> Self {
        let is_fixed = |port: &Port| port.shape.iter().skip(1).all(|dim| matches!(dim, Dim::Fixed(_)));
        let one = !signature.is_batched() || signature.inputs.iter().all(is_fixed);
        let varied = || Mutex::new(Varied { admission: Admission::at(PRICE, MOST_PROFILES), kept: HashMap::new() });
        Self { common: Arc::default(), varied: (!one).then(varied) }
    }

    /// The profile for these inputs, and whether it was made just now.
    pub fn of(&self, inputs: &[Tensor]) -> (Arc<Profile>, bool) {
        let Some(varied) = &self.varied else { return (Arc::clone(&self.common), false) };
        let key: Shapes = inputs.iter().map(row_shape).collect();
        // Nothing that can panic runs under the lock.
        let mut varied = varied.lock().unwrap_or_else(PoisonError::into_inner);
        match varied.admission.ask(&key) {
            Decision::Kept => {}
            Decision::Keep { instead_of } => {
                instead_of.and_then(|idle| varied.kept.remove(&idle));
            }
            Decision::Pass => return (Arc::clone(&self.common), false),
        }
        let mut is_new = false;
        let make = || {
            is_new = true;
            Arc::default()
        };
        let profile = Arc::clone(varied.kept.entry(key).or_insert_with(make));
        (profile, is_new)
    }

    /// Each with the shape of its rows, where that is not the only one.
    pub fn all(&self) -> Vec<(Option<Vec<Shape>>, Arc<Profile>)> {
        let Some(varied) = &self.varied else { return vec![(None, Arc::clone(&self.common))] };
        let varied = varied.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> =
            varied.kept.iter().map(|(key, profile)| (Some(key.clone()), Arc::clone(profile))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}
