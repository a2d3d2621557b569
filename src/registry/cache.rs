//! Answers of one model version, kept for when the same is asked again. An answer is found by its inputs, compared bit by
//! bit and not only by their hash, so that a collision costs time and never gives a wrong answer. The model's digest is
//! part of the key without being written down: the cache belongs to the loaded version and goes with it. So are the
//! outputs that were asked for: a run computes all of them, all are kept, and each request picks its own.
//!
//! Requests that are equal and come at the same time are computed once: the first has the [`Turn`], the others wait for
//! what becomes of it. Which entries stay, and who waits for whom, is the work of the library below; what is a key, what
//! an entry weighs and when it is too old is decided here. A model that draws lots gets no cache: the loader sees to it.

mod entry;

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use quick_cache::OptionsBuilder;
use quick_cache::sync::{Cache, PlaceholderGuard};

use crate::batching::{Computed, InferError, Refused};
use crate::model::CacheLimits;
use crate::telemetry::CacheMetrics;
use crate::tensor::Tensor;

use super::Stage;
use entry::{Asked, Evictions, Kept, Key, Weight};

/// An entry larger than this part of the budget is not kept: it would drive out too many others.
const LARGEST_SHARE: usize = 4;
/// What an entry is taken to weigh where only the order of magnitude counts: how many evicted keys to remember.
const TYPICAL_ENTRY: usize = 4 << 10;

pub struct ResponseCache {
    pub limits: CacheLimits,
    /// Answered without a run of their own, and in which time.
    pub hits: Stage,
    /// Found nothing, and in which time.
    pub misses: Stage,
    metrics: CacheMetrics,
    hasher: RandomState,
    /// Before then no entry that is too old is worth looking for.
    next_sweep: Mutex<Option<Instant>>,
    entries: Entries,
}

type Entries = Cache<Key, Arc<Kept>, Weight, RandomState, Evictions>;

/// What waiting for an equal request came to.
pub enum Joined<'c> {
    /// What its run gave.
    Answer(Result<Vec<Tensor>, InferError>),
    /// There is none, or it went away without a result: it is up to the caller to compute.
    Turn(Turn<'c>),
}

/// The duty to compute an answer that others may wait for. Dropping it hands it on to one of them.
pub struct Turn<'c> {
    cache: &'c ResponseCache,
    place: PlaceholderGuard<'c, Key, Arc<Kept>, Weight, RandomState, Evictions>,
    key: Key,
    inputs_weight: usize,
}

impl ResponseCache {
    pub(super) fn new(limits: CacheLimits, metrics: CacheMetrics) -> Self {
        let mut options = OptionsBuilder::new();
        // One shard: a hit takes a lock for reading, for as long as it takes to compare the inputs, and several shards
        // would each have but a part of the budget.
        options.shards(1).weight_capacity(limits.max_bytes as u64);
        options.estimated_items_capacity((limits.max_bytes / TYPICAL_ENTRY).max(64));
        // Cannot fail: both sizes that it needs are given.
        let entries = match options.build() {
            Ok(options) => Cache::with_options(options, Weight, RandomState::new(), Evictions(metrics.clone())),
            Err(_) => Cache::with(64, limits.max_bytes as u64, Weight, RandomState::new(), Evictions(metrics.clone())),
        };
        let (hits, misses, hasher, next_sweep) = Default::default();
        Self { limits, hits, misses, metrics, hasher, next_sweep, entries }
    }

    /// The key of these inputs: fitted ones, so that a row means the same however it was sent.
    pub fn ask<'i>(&self, inputs: &'i [Tensor]) -> Asked<'i> {
        Asked { hash: self.hasher.hash_one(inputs), inputs }
    }

    /// The same with their hash, which a [`ResponseCache::hasher`] gave.
    pub fn ask_hashed<'i>(&self, inputs: &'i [Tensor], hash: u64) -> Asked<'i> {
        Asked { hash, inputs }
    }

    /// Hashes inputs on whatever thread: that of large ones takes a millisecond a megabyte.
    pub fn hasher(&self) -> impl FnOnce(&[Tensor]) -> u64 + Send + 'static {
        let hasher = self.hasher.clone();
        move |inputs| hasher.hash_one(inputs)
    }

    /// The outputs kept for these inputs, unless they are too old at `now`. Never waits.
    pub fn get(&self, asked: &Asked<'_>, now: Instant) -> Option<Vec<Tensor>> {
        let kept = self.entries.get(asked).filter(|kept| kept.is_fresh(now))?;
        let outputs = kept.result.as_ref().ok()?.clone();
        self.hit(now);
        Some(outputs)
    }

    /// Waits for the answer to an equal request that is being computed, or gets the turn to compute it. May be dropped at
    /// any time: a turn that came too late goes on to the next.
    pub async fn join(&self, asked: &Asked<'_>, now: Instant) -> Joined<'_> {
        let inputs_weight = entry::weight(asked.inputs);
        // A request may be a slice of a larger body, which an entry must not hold on to.
        let key = if self.is_too_large(inputs_weight) { asked.to_key() } else { asked.to_compact_key() };
        loop {
            match self.entries.get_value_or_guard_async(&key).await {
                Ok(kept) if kept.is_fresh(now) => {
                    if kept.result.is_ok() {
                        self.hit(now);
                    }
                    return Joined::Answer(kept.result.clone());
                }
                Ok(stale) => drop(self.entries.remove_if(&key, |kept| Arc::ptr_eq(kept, &stale))),
                Err(place) => {
                    self.metrics.missed();
                    self.misses.add(now.elapsed());
                    return Joined::Turn(Turn { cache: self, place, key, inputs_weight });
                }
            }
        }
    }

    pub fn entries(&self) -> u64 {
        self.entries.len() as u64
    }

    pub fn bytes(&self) -> u64 {
        self.entries.weight()
    }

    fn hit(&self, since: Instant) {
        self.metrics.hit();
        self.hits.add(since.elapsed());
    }

    /// What keeps the outputs of a run whose turn is over before it is: its asker did not wait, others may ask again.
    pub fn late(self: &Arc<Self>, turn: &Turn<'_>) -> impl FnOnce(Vec<Tensor>) + Send + use<> {
        let (cache, key, inputs_weight) = (Arc::clone(self), turn.key.clone(), turn.inputs_weight);
        move |outputs| {
            if let Some(kept) = cache.kept(inputs_weight, &outputs, Instant::now()) {
                cache.entries.insert(key, Arc::new(kept));
            }
        }
    }

    /// An entry for these outputs, for which there is room; `None` where they are too large to be kept.
    fn kept(&self, inputs_weight: usize, outputs: &[Tensor], now: Instant) -> Option<Kept> {
        let weight = entry::PER_ENTRY + inputs_weight + entry::weight(outputs);
        if self.is_too_large(weight) {
            return None;
        }
        self.make_room(weight, now);
        let until = self.limits.ttl.and_then(|ttl| now.checked_add(ttl));
        Some(Kept::new(outputs.iter().map(Tensor::compact).collect(), until, weight))
    }

    /// Drops what is too old where the library would otherwise drop what is not, of which it knows nothing. All entries are
    /// looked at for it, so not more often than sixteen times while one grows old.
    fn make_room(&self, weight: usize, now: Instant) {
        let Some(ttl) = self.limits.ttl else { return };
        if self.bytes() + weight as u64 <= self.limits.max_bytes as u64 {
            return;
        }
        let mut next_sweep = self.next_sweep.lock().unwrap_or_else(PoisonError::into_inner);
        if next_sweep.is_some_and(|next| now < next) {
            return;
        }
        let first = Cell::new(now.checked_add(ttl));
        self.entries.retain(|_, kept| {
            let fresh = kept.is_fresh(now);
            if let (true, Some(until)) = (fresh, kept.until()) {
                first.set(first.get().map(|first| first.min(until)));
            }
            fresh
        });
        *next_sweep = first.get().max(now.checked_add(ttl / 16));
    }

    fn is_too_large(&self, weight: usize) -> bool {
        weight > self.limits.max_bytes / LARGEST_SHARE
    }
}

impl Turn<'_> {
    /// Tells those who wait, and keeps the answer from `now` on if it is one. What failed for reasons of its own, such
    /// as its deadline, says nothing about the others: one of them has the turn next.
    pub fn settle(self, result: &Result<Computed, InferError>, now: Instant) {
        let kept = match result {
            Ok(inferred) => {
                let kept = self.cache.kept(self.inputs_weight, &inferred.outputs, now);
                kept.unwrap_or_else(|| Kept::passed_on(Ok(inferred.outputs.clone())))
            }
            Err(error @ (InferError::Run(_) | InferError::Refused(Refused::Panicked))) => {
                Kept::passed_on(Err(error.clone()))
            }
            Err(InferError::Refused(_)) => return,
        };
        // An error would mean that the place is gone: then nobody waits for it.
        let _ = self.place.insert(Arc::new(kept));
    }
}

#[cfg(test)]
mod tests;
