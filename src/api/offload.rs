//! Where long decoding and encoding run. A body of megabytes takes long enough to read that the threads which serve
//! connections, health probes among them, should not be the ones to do it; a small one is done before a hand-over is.

use super::admission::Place;
use crate::priority::{self, Computing};

/// Below this a hand-over costs more than it spares others.
const SMALL: usize = 256 << 10;

/// Runs `work` here when it is about few bytes, else on a thread that may be kept busy. Work that was handed over goes
/// on when nobody waits for it any more; the request's place is taken until it is done.
pub(super) async fn run<T: Send + 'static>(
    place: &Option<Place>,
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if bytes < SMALL {
        return work();
    }
    let place = place.clone();
    let computing = Computing::begin();
    let placed = move || {
        priority::give_way();
        let done = work();
        drop((place, computing));
        done
    };
    match tokio::task::spawn_blocking(placed).await {
        Ok(done) => done,
        // Such tasks are not cancelled, so this is a panic: it goes on where it would have gone on without the hand-over.
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::api::admission::places;

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_place_until_it_is_done() {
        let places = places(1);
        let place = Some(Place::take(&places).expect("a place"));
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (finish, may_finish) = channel::<()>();
        let request = tokio::spawn(async move {
            let work = move || {
                let _ = begun.send(());
                let _ = may_finish.recv();
            };
            run(&place, SMALL, work).await;
        });
        has_begun.await.expect("the work begins");
        request.abort();
        assert!(request.await.expect_err("the request was cancelled").is_cancelled());
        assert!(Place::take(&places).is_none(), "the work goes on");
        finish.send(()).expect("the work waits");
        assert!(Arc::clone(&places).acquire_owned().await.is_ok());
    }
}
