//! The cache by itself: what is the same question, what is kept and for how long, and who computes when many ask at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::engine::RunError;
use crate::model::{Digest, ModelId, Version};
use crate::telemetry::Metrics;
use crate::tensor::{DataType, Shape};

fn cache(max_bytes: usize, ttl: Option<Duration>) -> ResponseCache {
    let id = ModelId { name: "m".parse().unwrap(), version: Version(1), digest: Digest([0; 32]) };
    ResponseCache::new(CacheLimits { max_bytes, ttl }, Metrics::new().unwrap().cache(&id))
}

fn row(values: &[f32]) -> Vec<Tensor> {
    vec![Tensor::from_vec(Shape::from_slice(&[1, values.len()]), values.to_vec()).unwrap()]
}

fn inferred(outputs: Vec<Tensor>) -> Result<Computed, InferError> {
    Ok(Computed { outputs, queued: Duration::ZERO, computed: Duration::ZERO })
}

fn failed() -> InferError {
    InferError::Run(RunError::from("no".to_owned()))
}

/// Polls once; `None` while it waits.
async fn once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}

async fn turn<'c>(cache: &'c ResponseCache, inputs: &[Tensor], now: Instant) -> Turn<'c> {
    match cache.join(&cache.ask(inputs), now).await {
        Joined::Turn(turn) => turn,
        Joined::Answer(answer) => panic!("nothing should be there: {answer:?}"),
    }
}

/// Asks as the use case does; whether it had to compute `answer`.
async fn predict(cache: &ResponseCache, inputs: &[Tensor], answer: &[Tensor], now: Instant) -> (Vec<Tensor>, bool) {
    if let Some(outputs) = cache.get(&cache.ask(inputs), now) {
        return (outputs, false);
    }
    match cache.join(&cache.ask(inputs), now).await {
        Joined::Answer(outputs) => (outputs.unwrap(), false),
        Joined::Turn(turn) => {
            turn.settle(&inferred(answer.to_vec()), now);
            (answer.to_vec(), true)
        }
    }
}

#[tokio::test]
async fn what_was_computed_is_there_for_equal_bits_and_no_others() {
    let (cache, now) = (cache(1 << 20, None), Instant::now());
    let nan = f32::from_bits(0x7fc0_0001);
    for (values, answer) in [([0.0, 1.0], 1.0), ([-0.0, 1.0], 2.0), ([nan, 1.0], 3.0), ([f32::NAN, 1.0], 4.0)] {
        assert!(predict(&cache, &row(&values), &row(&[answer]), now).await.1, "{values:?} is new");
        assert_eq!(predict(&cache, &row(&values), &row(&[9.0]), now).await, (row(&[answer]), false));
    }
    // The same bytes in another shape, or as another type, are another question.
    let bytes = row(&[0.0, 1.0])[0].bytes().unwrap().clone();
    let column = vec![Tensor::from_bytes(DataType::Fp32, Shape::from_slice(&[2, 1]), bytes.clone()).unwrap()];
    let integers = vec![Tensor::from_bytes(DataType::Int32, Shape::from_slice(&[1, 2]), bytes).unwrap()];
    assert!(predict(&cache, &column, &row(&[5.0]), now).await.1);
    assert!(predict(&cache, &integers, &row(&[6.0]), now).await.1);
    assert_eq!((cache.entries(), cache.hits.count(), cache.misses.count()), (6, 4, 6));
}

#[tokio::test]
async fn equal_hashes_are_not_equal_inputs() {
    let (cache, now) = (cache(1 << 20, None), Instant::now());
    let (one, two) = (row(&[1.0]), row(&[2.0]));
    turn(&cache, &one, now).await.settle(&inferred(row(&[1.5])), now);
    let collision = Asked { hash: cache.ask(&one).hash, inputs: &two };
    assert_eq!(cache.get(&collision, now), None);
    assert!(matches!(cache.join(&collision, now).await, Joined::Turn(_)));
}

#[tokio::test]
async fn answers_grow_too_old() {
    let (cache, begun) = (cache(1 << 20, Some(Duration::from_secs(10))), Instant::now());
    let inputs = row(&[1.0]);
    turn(&cache, &inputs, begun).await.settle(&inferred(row(&[2.0])), begun);
    let later = |seconds| begun + Duration::from_secs(seconds);
    assert!(cache.get(&cache.ask(&inputs), later(9)).is_some());
    assert!(cache.get(&cache.ask(&inputs), later(10)).is_none());
    // Being asked for does not make it younger; computing it again does.
    turn(&cache, &inputs, later(10)).await.settle(&inferred(row(&[2.0])), later(10));
    assert!(cache.get(&cache.ask(&inputs), later(19)).is_some());
    assert_eq!(cache.entries(), 1);
}

#[tokio::test]
async fn the_budget_holds_and_what_is_large_is_not_kept() {
    let (cache, now) = (cache(16 << 10, None), Instant::now());
    for number in 0..1000u16 {
        predict(&cache, &row(&[f32::from(number)]), &row(&[1.0]), now).await;
        assert!(cache.bytes() <= 16 << 10);
    }
    let entries = cache.entries();
    assert!((10..100).contains(&entries), "{entries}");
    let wide = row(&[0.0; 1100]);
    assert!(predict(&cache, &wide, &row(&[1.0]), now).await.1);
    assert!(predict(&cache, &wide, &row(&[1.0]), now).await.1, "more than a quarter of the budget");
    assert_eq!(cache.entries(), entries, "and it drove out nothing");
}

#[tokio::test]
async fn what_is_too_old_goes_before_what_is_not() {
    let (cache, begun) = (cache(16 << 10, Some(Duration::from_secs(10))), Instant::now());
    let later = |seconds| begun + Duration::from_secs(seconds);
    let mut number = 0f32;
    let mut full = 0;
    while cache.entries() == full {
        full += 1;
        number += 1.0;
        predict(&cache, &row(&[number]), &row(&[1.0]), begun).await;
    }
    full -= 1;
    let before = number as u64;
    // So many new ones fit beside half of them, if the others are gone.
    for _ in 0..full {
        number += 1.0;
        predict(&cache, &row(&[number]), &row(&[1.0]), later(10)).await;
    }
    for fresh in before + 1..=number as u64 {
        assert!(cache.get(&cache.ask(&row(&[fresh as f32])), later(11)).is_some(), "{fresh} of {number}");
    }
    assert_eq!(cache.entries(), full);
}

#[tokio::test]
async fn what_comes_too_late_for_its_asker_is_kept() {
    let (cache, now, inputs) = (Arc::new(cache(1 << 20, None)), Instant::now(), row(&[1.0]));
    let leader = turn(&cache, &inputs, now).await;
    let late = cache.late(&leader);
    drop(leader);
    // Somebody else has the turn by then, and may settle it, too.
    let next = turn(&cache, &inputs, now).await;
    late(row(&[2.0]));
    assert_eq!(cache.get(&cache.ask(&inputs), Instant::now()), Some(row(&[2.0])));
    next.settle(&inferred(row(&[2.0])), now);
    assert_eq!((cache.get(&cache.ask(&inputs), now), cache.entries()), (Some(row(&[2.0])), 1));
}

#[tokio::test]
async fn an_entry_does_not_hold_on_to_a_larger_buffer() {
    let (cache, now) = (cache(1 << 20, None), Instant::now());
    let body = Bytes::from(vec![7u8; 1 << 16]);
    let slice =
        |at: usize| vec![Tensor::from_bytes(DataType::Uint8, Shape::from_slice(&[4]), body.slice(at..at + 4)).unwrap()];
    turn(&cache, &slice(8), now).await.settle(&inferred(slice(64)), now);
    assert!(cache.get(&cache.ask(&slice(8)), now).is_some());
    assert!(body.is_unique(), "nothing else refers to the body");
}

#[tokio::test]
async fn equal_requests_at_once_are_one_run() {
    let (cache, now, inputs) = (cache(1 << 20, None), Instant::now(), row(&[1.0]));
    let asked = cache.ask(&inputs);
    let leader = turn(&cache, &inputs, now).await;
    let mut followers: Vec<_> = (0..8).map(|_| Box::pin(cache.join(&asked, now))).collect();
    for follower in &mut followers {
        assert!(once(follower).await.is_none(), "it waits");
    }
    // Some leave early, which concerns nobody else.
    followers.truncate(5);
    leader.settle(&inferred(row(&[2.0])), now);
    for follower in followers {
        match follower.await {
            Joined::Answer(outputs) => assert_eq!(outputs.unwrap(), row(&[2.0])),
            Joined::Turn(_) => panic!("it was computed"),
        }
    }
    assert_eq!((cache.hits.count(), cache.misses.count()), (5, 1));
}

#[tokio::test]
async fn an_error_of_the_model_is_everyones_and_is_not_kept() {
    for error in [failed(), InferError::Refused(Refused::Panicked)] {
        let (cache, now, inputs) = (cache(1 << 20, None), Instant::now(), row(&[1.0]));
        let asked = cache.ask(&inputs);
        let leader = turn(&cache, &inputs, now).await;
        let mut follower = Box::pin(cache.join(&asked, now));
        assert!(once(&mut follower).await.is_none());
        leader.settle(&Err(error.clone()), now);
        assert!(matches!(follower.await, Joined::Answer(Err(told)) if told == error));
        assert!(matches!(cache.join(&asked, now).await, Joined::Turn(_)), "the next one tries again");
        assert_eq!((cache.entries(), cache.bytes(), cache.hits.count()), (0, 0, 0));
    }
}

#[tokio::test]
async fn a_leader_that_goes_away_hands_on_its_turn() {
    let gone: [fn(Turn<'_>); 4] = [
        |leader| drop(leader),
        |leader| leader.settle(&Err(InferError::Refused(Refused::ExpiredInQueue)), Instant::now()),
        |leader| {
            leader.settle(&Err(InferError::Refused(Refused::Full { retry_after: Duration::ZERO })), Instant::now())
        },
        |leader| leader.settle(&Err(InferError::Refused(Refused::Closed)), Instant::now()),
    ];
    for leave in gone {
        let (cache, now, inputs) = (cache(1 << 20, None), Instant::now(), row(&[1.0]));
        let asked = cache.ask(&inputs);
        let leader = turn(&cache, &inputs, now).await;
        let mut followers: Vec<_> = (0..3).map(|_| Box::pin(cache.join(&asked, now))).collect();
        for follower in &mut followers {
            assert!(once(follower).await.is_none());
        }
        leave(leader);
        // Exactly one has the turn; it goes away before it hears of it, or with the turn in its hands, and so on to the last.
        let mut turns = 0;
        while !followers.is_empty() {
            let mut ready = None;
            for (index, follower) in followers.iter_mut().enumerate() {
                if let Some(joined) = once(follower).await {
                    assert!(matches!(joined, Joined::Turn(_)));
                    assert!(ready.replace((index, joined)).is_none(), "two have the turn");
                }
            }
            let (index, joined) = ready.expect("somebody has the turn");
            drop(followers.swap_remove(index));
            turns += 1;
            drop(joined);
        }
        assert_eq!(turns, 3);
        turn(&cache, &inputs, now).await.settle(&inferred(row(&[2.0])), now);
        assert!(cache.get(&asked, now).is_some(), "the flight is not stuck");
    }
}

#[tokio::test]
async fn a_turn_that_reaches_somebody_who_left_goes_on() {
    let (cache, now, inputs) = (cache(1 << 20, None), Instant::now(), row(&[1.0]));
    let asked = cache.ask(&inputs);
    let leader = turn(&cache, &inputs, now).await;
    let mut followers: Vec<_> = (0..4).map(|_| Box::pin(cache.join(&asked, now))).collect();
    for follower in &mut followers {
        assert!(once(follower).await.is_none());
    }
    drop(leader);
    // One of them was woken and is dropped before it looks; the turn wanders through all of them.
    drop(followers);
    assert!(matches!(cache.join(&asked, now).await, Joined::Turn(_)));
}

#[tokio::test]
async fn another_version_starts_with_nothing() {
    let (old, new, now) = (cache(1 << 20, None), cache(1 << 20, None), Instant::now());
    turn(&old, &row(&[1.0]), now).await.settle(&inferred(row(&[2.0])), now);
    assert!(new.get(&new.ask(&row(&[1.0])), now).is_none());
    assert_eq!((new.entries(), new.hits.count(), new.misses.count()), (0, 0, 0));
}

proptest! {
    /// Whatever is asked in whatever order and however small the cache: each answer is that of its own inputs.
    #[test]
    fn cached_answers_are_the_computed_ones(
        questions in prop::collection::vec((0u8..12, 1usize..4, 0u64..30), 1..200),
        max_bytes in prop::sample::select(vec![1usize, 2000, 6000, 1 << 20]),
        ttl in prop::option::of(1u64..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let cache = cache(max_bytes, ttl.map(Duration::from_secs));
        let runs = AtomicUsize::new(0);
        let mut now = Instant::now();
        for (value, columns, seconds) in &questions {
            now += Duration::from_secs(seconds / 10);
            let inputs = row(&vec![f32::from(*value); *columns]);
            let truth = row(&[f32::from(*value) * 3.0 + *columns as f32]);
            let (answer, ran) = runtime.block_on(predict(&cache, &inputs, &truth, now));
            runs.fetch_add(usize::from(ran), Ordering::Relaxed);
            prop_assert_eq!(answer, truth);
            prop_assert!(cache.bytes() <= max_bytes as u64);
        }
        prop_assert_eq!(cache.misses.count() as usize, runs.into_inner());
        prop_assert_eq!((cache.hits.count() + cache.misses.count()) as usize, questions.len());
    }
}
