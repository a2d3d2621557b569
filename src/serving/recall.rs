//! A run's outputs, from the model's cache where it has one and they are there, else from the model. Equal requests at the
//! same time are one run: whoever is first computes, the others wait for it, each until its own deadline.

use std::time::{Duration, Instant};

use crate::batching::{Computed, InferError};
use crate::registry::{Joined, Servable};
use crate::tensor::Tensor;

use super::CacheUse;

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
    let asked = cache.ask(&inputs);
    if let Some(outputs) = cache.get(&asked, begun) {
        return Ok(hit(outputs, Duration::ZERO));
    }
    let joined = tokio::time::timeout_at(deadline.into(), cache.join(&asked, begun)).await;
    match joined.map_err(|_| RecallError::ExpiredWaiting)? {
        Joined::Answer(result) => Ok(hit(result.map_err(RecallError::Infer)?, begun.elapsed())),
        Joined::Turn(turn) => {
            let result = servable.infer(inputs, rows, deadline).await;
            turn.settle(&result, Instant::now());
            Ok(Recalled { inferred: result.map_err(RecallError::Infer)?, cache: Some(CacheUse::Miss) })
        }
    }
}

fn hit(outputs: Vec<Tensor>, queued: Duration) -> Recalled {
    let inferred = Computed { outputs, queued, computed: Duration::ZERO };
    Recalled { inferred, cache: Some(CacheUse::Hit) }
}
