//! What the cache keeps: keys with their hash computed once, results with their weight and age, and the hooks by which
//! the library asks for the weight and tells what it drops.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use quick_cache::{Equivalent, Lifecycle, Weighter};

use crate::batching::InferError;
use crate::telemetry::CacheMetrics;
use crate::tensor::Tensor;

/// What holds an entry together: slots in the library's tables with room to grow, two allocations with their heads.
pub const PER_ENTRY: usize = 256;
/// A tensor's allocations beside its elements, and what they are rounded up by.
const PER_TENSOR: usize = size_of::<Tensor>() + 64;
/// The least that a string takes beside its letters and its place in the tensor.
const PER_STRING: usize = 16;

/// Inputs that are looked for.
pub struct Asked<'i> {
    pub hash: u64,
    pub(super) inputs: &'i [Tensor],
}

/// Inputs that are kept. Cloning shares them.
#[derive(Clone)]
pub struct Key {
    hash: u64,
    inputs: Arc<[Tensor]>,
}

impl Asked<'_> {
    pub(super) fn to_key(&self) -> Key {
        Key { hash: self.hash, inputs: self.inputs.into() }
    }

    pub(super) fn to_compact_key(&self) -> Key {
        Key { hash: self.hash, inputs: self.inputs.iter().map(Tensor::compact).collect() }
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.hash == key.hash && *self.inputs == *key.inputs
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.inputs == other.inputs
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// What became of a run.
pub struct Kept {
    pub(super) result: Result<Vec<Tensor>, InferError>,
    until: Option<Instant>,
    weight: u64,
}

/// Heavier than any budget: the library hands it to those who wait and does not keep it.
const NOT_TO_BE_KEPT: u64 = u64::MAX;

impl Kept {
    pub(super) fn new(outputs: Vec<Tensor>, until: Option<Instant>, weight: usize) -> Self {
        Self { result: Ok(outputs), until, weight: weight as u64 }
    }

    /// For those who wait at the moment, and nobody after them.
    pub(super) fn passed_on(result: Result<Vec<Tensor>, InferError>) -> Self {
        Self { result, until: None, weight: NOT_TO_BE_KEPT }
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Memory that tensors of their own take.
pub fn weight(tensors: &[Tensor]) -> usize {
    let strings = |tensor: &Tensor| tensor.strings().map_or(0, |strings| strings.len() * PER_STRING);
    tensors.iter().map(|tensor| PER_TENSOR + tensor.size_in_bytes() + strings(tensor)).sum()
}

/// Tells the library what an entry weighs.
#[derive(Clone)]
pub struct Weight;

impl Weighter<Key, Arc<Kept>> for Weight {
    fn weight(&self, _: &Key, kept: &Arc<Kept>) -> u64 {
        kept.weight
    }
}

/// Counts what is dropped to make room, and has it freed after the lock.
#[derive(Clone)]
pub struct Evictions(pub CacheMetrics);

impl Lifecycle<Key, Arc<Kept>> for Evictions {
    type RequestState = Vec<(Key, Arc<Kept>)>;

    fn on_evict(&self, dropped: &mut Self::RequestState, key: Key, kept: Arc<Kept>) {
        if kept.weight != NOT_TO_BE_KEPT {
            self.0.evicted();
        }
        dropped.push((key, kept));
    }
}
