//! A run's outputs, from the model's cache where it has one and they are there, else from the model. Equal requests at the
//! same time are one run: whoever is first computes, the others wait for it, each until its own deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batching::{Computed, InferError};
use crate::priority::{self, Computing};
use crate::registry::{Joined, ResponseCache, Servable};
use crate::tensor::Tensor;

use super::CacheUse;

/// Inputs of so many bytes are not hashed by the threads that serve connections; for fewer the hand-over costs as much.
const LARGE: usize = 1 << 20;

/// Outputs, where their time went, and whether a cache had them.
pub(super) struct Recalled {
    pub inferred: Computed,
    pub cache: Option<CacheUse>,
}

/// Why there are none.
pub(super) enum RecallError {
    Infer(InferError),
    /// The deadline passed while an equal request was being computed.
    ExpiredWaiting,
}

pub(super) async fn infer_or_recall(
    servable: &Servable,
    inputs: Vec<Tensor>,
    rows: usize,
    deadline: Instant,
) -> Result<Recalled, RecallError> {
    let Some(cache) = &servable.cache else {
        let inferred = servable.infer(inputs, rows, deadline).await.map_err(RecallError::Infer)?;
        return Ok(Recalled { inferred, cache: None });
    };
    let begun = Instant::now();
    let is_small = inputs.iter().map(Tensor::size_in_bytes).sum::<usize>() < LARGE;
    let mut hash = None;
    if is_small {
        let asked = cache.ask(&inputs);
        if let Some(outputs) = cache.get(&asked, begun) {
            return Ok(hit(outputs, Duration::ZERO));
        }
        hash = Some(asked.hash);
    }
    // By itself, so that the requests of the many models without a cache do not carry its size.
    Box::pin(recall(servable, cache, hash, begun, inputs, rows, deadline)).await
}

/// The rest of it, for what is not known to be in the cache.
async fn recall(
    servable: &Servable,
    cache: &Arc<ResponseCache>,
    hash: Option<u64>,
    begun: Instant,
    inputs: Vec<Tensor>,
    rows: usize,
    deadline: Instant,
) -> Result<Recalled, RecallError> {
    let asked = match hash {
        Some(hash) => cache.ask_hashed(&inputs, hash),
        None => {
            let (hasher, shared) = (cache.hasher(), inputs.clone());
            let asked = cache.ask_hashed(&inputs, elsewhere(move || hasher(&shared)).await);
            if let Some(outputs) = cache.get(&asked, begun) {
                return Ok(hit(outputs, Duration::ZERO));
            }
            asked
        }
    };
    let joined = tokio::time::timeout_at(deadline.into(), cache.join(&asked, begun)).await;
    match joined.map_err(|_| RecallError::ExpiredWaiting)? {
        Joined::Answer(result) => Ok(hit(result.map_err(RecallError::Infer)?, begun.elapsed())),
        Joined::Turn(turn) => {
            let late = Box::new(cache.late(&turn));
            let result = servable.infer_or_late(inputs, rows, deadline, late).await;
            turn.settle(&result, Instant::now());
            Ok(Recalled { inferred: result.map_err(RecallError::Infer)?, cache: Some(CacheUse::Miss) })
        }
    }
}

/// Does the work on a thread that may be kept busy.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let computing = Computing::begin();
    let done = tokio::task::spawn_blocking(move || {
        priority::give_way();
        let done = work();
        drop(computing);
        done
    });
    // Such tasks are not cancelled, so an error is a panic, which goes on here.
    done.await.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()))
}

fn hit(outputs: Vec<Tensor>, queued: Duration) -> Recalled {
    let inferred = Computed { outputs, queued, computed: Duration::ZERO };
    Recalled { inferred, cache: Some(CacheUse::Hit) }
}

#[cfg(test)]
mod tests {
    use std::thread;

    #[tokio::test]
    async fn work_for_elsewhere_is_done_by_another_thread() {
        let other = super::elsewhere(|| thread::current().id()).await;
        assert_ne!(other, thread::current().id());
    }
}
