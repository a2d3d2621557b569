//! The scheduler as its users meet it, over a scripted engine: threads, queues and answers are real, costs are given.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::calibration::Calibration;
use super::*;
use crate::engine::fake::FakeSession;
use crate::engine::{RunError, Session};
use crate::model::{Dim, Signature};
use crate::telemetry::Metrics;
use crate::tensor::Tensor;

/// The runs that were made: rows asked for, and how.
#[derive(Clone, Default)]
struct Runs(Arc<Mutex<Vec<(usize, How)>>>);

impl Observer for Runs {
    fn ran(&self, run: &Ran<'_>) {
        self.0.lock().unwrap().push((run.rows, run.how));
    }
}

impl Runs {
    fn all(&self) -> Vec<(usize, How)> {
        self.0.lock().unwrap().clone()
    }
}

fn pool(config: Config) -> Pool {
    Pool::start(config, Arc::new(Metrics::new().unwrap())).unwrap()
}

fn one_slot() -> Config {
    Config { threads: 1, calibrate: false, ..Config::default() }
}

type Outcome = Result<Vec<Tensor>, RunError>;

fn batcher(pool: &Pool, script: impl Fn(&[Tensor]) -> Outcome + Send + Sync + 'static) -> (Batcher, Runs) {
    tuned(pool, Tuning::default(), script)
}

fn tuned(
    pool: &Pool,
    tuning: Tuning,
    script: impl Fn(&[Tensor]) -> Outcome + Send + Sync + 'static,
) -> (Batcher, Runs) {
    let session = FakeSession::new(FakeSession::rows_in_rows_out(1), script);
    let runs = Runs::default();
    (Batcher::new(Arc::new(session), tuning, pool.clone(), runs.clone()), runs)
}

/// A column of numbers.
fn rows(values: &[f32]) -> Vec<Tensor> {
    vec![Tensor::from_vec(&[values.len(), 1][..], values.to_vec()).unwrap()]
}

fn values(computed: &Computed) -> Vec<f32> {
    computed.outputs[0].values::<f32>().unwrap().to_vec()
}

fn doubled(inputs: &[Tensor]) -> Outcome {
    let doubled: Vec<f32> = inputs[0].values::<f32>().unwrap().iter().map(|value| value * 2.0).collect();
    Ok(rows(&doubled))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Tells the scheduler what runs cost, in microseconds, and that rows are independent.
fn teach(batcher: &Batcher, points: &[(usize, u64)]) {
    let (profile, _) = batcher.lane().profiles.of(&rows(&[0.0]));
    points.iter().for_each(|&(rows, us)| profile.curve.set(rows, Duration::from_micros(us), 1));
    profile.was_cheap(&rows(&[0.0]), 1);
    profile.prove();
}

/// Eight rows for less than the price of two.
const BATCHES_PAY: [(usize, u64); 4] = [(1, 1000), (2, 1100), (4, 1200), (8, 1400)];

/// Blocks the first run until it is released, and counts none of the others.
struct Gate {
    release: mpsc::Sender<()>,
    begun: mpsc::Receiver<()>,
}

fn gate(
    script: impl Fn(&[Tensor]) -> Outcome + Send + Sync + 'static,
) -> (Gate, impl Fn(&[Tensor]) -> Outcome + Send + Sync + 'static) {
    let (release, released) = mpsc::channel();
    let (begin, begun) = mpsc::channel();
    let first = Mutex::new(Some((begin, released)));
    let gated = move |inputs: &[Tensor]| {
        if let Some((begin, released)) = first.lock().unwrap().take() {
            begin.send(()).unwrap();
            let _ = released.recv();
        }
        script(inputs)
    };
    (Gate { release, begun }, gated)
}

/// Polls once.
async fn poll<F: Future + ?Sized>(future: &mut std::pin::Pin<Box<F>>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// Hands a request in; it waits.
async fn waits<'b>(
    batcher: &'b Batcher,
    values: &[f32],
) -> std::pin::Pin<Box<dyn Future<Output = Result<Computed, InferError>> + 'b>> {
    let mut infer: std::pin::Pin<Box<dyn Future<Output = _>>> =
        Box::pin(batcher.infer(rows(values), values.len(), soon()));
    assert!(poll(&mut infer).await.is_none());
    infer
}

#[tokio::test]
async fn cheap_work_runs_on_the_callers_thread_and_costly_work_does_not() {
    let threads = Arc::new(Mutex::new(Vec::<ThreadId>::new()));
    let seen = Arc::clone(&threads);
    let (batcher, runs) = batcher(&pool(one_slot()), move |inputs| {
        seen.lock().unwrap().push(thread::current().id());
        doubled(inputs)
    });
    // Nothing is known yet.
    assert_eq!(values(&batcher.infer(rows(&[1.0]), 1, soon()).await.unwrap()), [2.0]);
    teach(&batcher, &[(1, 10)]);
    assert_eq!(values(&batcher.infer(rows(&[2.0]), 1, soon()).await.unwrap()), [4.0]);
    let threads = threads.lock().unwrap();
    assert_ne!(threads[0], thread::current().id());
    assert_eq!(threads[1], thread::current().id());
    assert_eq!(runs.all(), [(1, How::Queued), (1, How::Inline)]);
}

#[tokio::test]
async fn what_is_much_larger_than_what_was_cheap_is_costly() {
    let pool = pool(one_slot());
    let mut signature = FakeSession::rows_in_rows_out(1);
    signature.inputs[0].shape = vec![Dim::Fixed(1), Dim::Symbol("T".into())];
    let session = FakeSession::new(signature, doubled);
    let runs = Runs::default();
    let batcher = Batcher::new(Arc::new(session), Tuning::default(), pool, runs.clone());
    let sequence = |length: usize| vec![Tensor::from_vec(&[1, length][..], vec![1f32; length]).unwrap()];
    let (profile, _) = batcher.lane().profiles.of(&sequence(4));
    profile.curve.set(1, Duration::from_micros(10), 1);
    profile.was_cheap(&sequence(4), 1);
    for length in [8, 17, 4096, 4] {
        batcher.infer(sequence(length), 1, soon()).await.unwrap();
    }
    assert_eq!(runs.all()[..2], [(1, How::Inline), (1, How::Queued)]);
    assert_eq!(runs.all()[2..], [(1, How::Queued), (1, How::Inline)]);
}

#[test]
fn shapes_in_use_are_known_in_place_of_those_that_are_not() {
    let mut signature = FakeSession::rows_in_rows_out(1);
    signature.inputs[0].shape[1] = Dim::Symbol("T".into());
    let profiles = profile::Profiles::new(&signature);
    let sequence = |length: usize| vec![Tensor::from_vec(&[1, length][..], vec![1f32; length]).unwrap()];
    let is_new = |length: usize| profiles.of(&sequence(length)).1;
    assert!((1..=16).all(is_new));
    assert!(!is_new(3) && !is_new(17));
    assert!((0..200).any(|_| is_new(17)), "it is what everybody asks for now");
    assert!(!(100..200).any(is_new), "and nobody asks for these");
    assert_eq!(profiles.all().len(), 16);
}

#[tokio::test]
async fn requests_that_wait_are_merged_and_each_gets_its_own_rows() {
    let (gate, script) = gate(doubled);
    let (batcher, runs) = batcher(&pool(one_slot()), script);
    teach(&batcher, &BATCHES_PAY);
    let first = waits(&batcher, &[0.0]).await;
    gate.begun.recv().unwrap();
    let requests: Vec<Vec<f32>> = vec![vec![1.0], vec![2.0, 3.0], vec![4.0], vec![5.0, 6.0, 7.0], vec![8.0]];
    let mut waiting = Vec::new();
    for request in &requests {
        let mut infer = Box::pin(batcher.infer(rows(request), request.len(), soon()));
        assert!(poll(&mut infer).await.is_none());
        waiting.push(infer);
    }
    assert_eq!(batcher.status().waiting_rows, 8);
    gate.release.send(()).unwrap();
    for (infer, request) in waiting.into_iter().zip(&requests) {
        let expected: Vec<f32> = request.iter().map(|value| value * 2.0).collect();
        assert_eq!(values(&infer.await.unwrap()), expected);
    }
    first.await.unwrap();
    assert_eq!(runs.all(), [(1, How::Queued), (8, How::Queued)]);
}

/// An answer is as wide as the largest number of its run, as words are by the text that has most.
#[tokio::test]
async fn answers_whose_size_follows_from_values_are_not_shared() {
    let (gate, script) = gate(|inputs: &[Tensor]| {
        let values = inputs[0].values::<f32>().unwrap();
        let width = values.iter().fold(1f32, |most, value| most.max(*value)) as usize;
        let wide = values.iter().flat_map(|value| vec![*value; width]).collect();
        Ok(vec![Tensor::from_vec(&[values.len(), width][..], wide).unwrap()])
    });
    let (batcher, runs) = batcher(&pool(one_slot()), script);
    teach(&batcher, &BATCHES_PAY);
    batcher.lane().profiles.of(&rows(&[0.0])).0.is_answered_like(&rows(&[1.0]));
    let first = waits(&batcher, &[0.0]).await;
    gate.begun.recv().unwrap();
    let (one, three) = (waits(&batcher, &[1.0]).await, waits(&batcher, &[3.0]).await);
    gate.release.send(()).unwrap();
    assert_eq!(values(&one.await.unwrap()), [1.0]);
    assert_eq!(values(&three.await.unwrap()), [3.0; 3]);
    first.await.unwrap();
    assert_eq!(runs.all()[1..], [(2, How::Queued), (1, How::Again), (1, How::Again)]);
    assert!(matches!(batcher.status().profiles[0].independence, Independence::Refuted(_)));
}

#[tokio::test]
async fn requests_that_are_ready_together_are_gathered_without_a_thread() {
    let (batcher, runs) = batcher(&pool(one_slot()), doubled);
    teach(&batcher, &[(1, 240), (2, 241), (4, 242), (8, 243)]);
    let batcher = Arc::new(batcher);
    let ask = |value: f32| {
        let batcher = Arc::clone(&batcher);
        tokio::spawn(async move { values(&batcher.infer(rows(&[value]), 1, soon()).await.unwrap()) })
    };
    let asked: Vec<_> = (0..8u8).map(|value| ask(value.into())).collect();
    for (value, answer) in asked.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap(), [value as f32 * 2.0]);
    }
    assert_eq!(runs.all(), [(8, How::Gathered)]);
    // Alone, it soon no longer looks for others, and finds them all the same when they are back.
    for _ in 0..24 {
        ask(1.0).await.unwrap();
    }
    assert_eq!((runs.all()[1], runs.all()[24]), ((1, How::Gathered), (1, How::Inline)));
    // What these runs really take is too little to share.
    let costs = [(1, 240), (2, 241), (4, 242), (8, 243)];
    for _ in 0..32 {
        teach(&batcher, &costs);
        let asked: Vec<_> = (0..8u8).map(|value| ask(value.into())).collect();
        for answer in asked {
            answer.await.unwrap();
        }
    }
    assert_eq!(runs.all().last(), Some(&(8, How::Gathered)));
}

/// Wherever the first run is made, the second waits for it and other models do not.
#[tokio::test]
async fn no_more_runs_of_a_model_are_made_at_the_same_moment_than_its_owner_wants() {
    for is_cheap in [true, false] {
        let pool = pool(one_slot());
        let (gate, gated) = gate(doubled);
        let (bounded, runs) = tuned(&pool, Tuning { instances: 1, ..Tuning::default() }, gated);
        let bounded = Arc::new(bounded);
        if is_cheap {
            teach(&bounded, &[(1, 10)]);
        }
        let first = {
            let (bounded, runtime) = (Arc::clone(&bounded), tokio::runtime::Handle::current());
            thread::spawn(move || runtime.block_on(bounded.infer(rows(&[1.0]), 1, soon())))
        };
        gate.begun.recv().unwrap();
        teach(&bounded, &[(1, 10)]);
        let second = waits(&bounded, &[2.0]).await;
        if is_cheap {
            // The only compute thread passes by the one that waits.
            let (other, _) = batcher(&pool, doubled);
            assert_eq!(values(&other.infer(rows(&[3.0]), 1, soon()).await.unwrap()), [6.0]);
        }
        assert_eq!(runs.all(), []);
        gate.release.send(()).unwrap();
        assert_eq!(values(&second.await.unwrap()), [4.0]);
        assert_eq!(values(&first.join().unwrap().unwrap()), [2.0]);
        let how = if is_cheap { How::Inline } else { How::Queued };
        assert_eq!(runs.all(), [(1, how), (1, How::Queued)]);
    }
}

#[tokio::test]
async fn who_waits_for_one_of_a_few_places_is_not_overtaken() {
    let pool = pool(one_slot());
    let (gate, gated) = gate(doubled);
    let (other, _) = batcher(&pool, gated);
    let busy = waits(&other, &[0.0]).await;
    gate.begun.recv().unwrap();
    let (bounded, runs) = tuned(&pool, Tuning { instances: 1, ..Tuning::default() }, doubled);
    let first = waits(&bounded, &[1.0]).await;
    // It would be cheap by now, and the place is free.
    teach(&bounded, &[(1, 10)]);
    let second = waits(&bounded, &[2.0]).await;
    gate.release.send(()).unwrap();
    busy.await.unwrap();
    assert_eq!(values(&first.await.unwrap()), [2.0]);
    assert_eq!(values(&second.await.unwrap()), [4.0]);
    assert!(runs.all().iter().all(|(_, how)| *how == How::Queued), "{:?}", runs.all());
}

#[tokio::test]
async fn a_failing_batch_is_run_again_so_that_only_the_guilty_request_fails() {
    let (gate, script) = gate(|inputs: &[Tensor]| {
        let bad = inputs[0].values::<f32>().unwrap().contains(&13.0);
        if bad { Err(RunError::from("thirteen".to_owned())) } else { doubled(inputs) }
    });
    let (batcher, runs) = batcher(&pool(one_slot()), script);
    teach(&batcher, &BATCHES_PAY);
    let _first = waits(&batcher, &[0.0]).await;
    gate.begun.recv().unwrap();
    let mut waiting = Vec::new();
    for value in [1.0, 13.0, 3.0, 4.0] {
        let mut infer = Box::pin(batcher.infer(rows(&[value]), 1, soon()));
        assert!(poll(&mut infer).await.is_none());
        waiting.push(infer);
    }
    gate.release.send(()).unwrap();
    let mut answers = Vec::new();
    for infer in waiting {
        answers.push(infer.await.map(|computed| values(&computed)));
    }
    assert_eq!(answers[1], Err(InferError::Run(RunError::from("thirteen".to_owned()))));
    assert_eq!([&answers[0], &answers[2], &answers[3]].map(|answer| answer.clone().unwrap()), [[2.0], [6.0], [8.0]]);
    assert_eq!(runs.all()[1..], [(4, How::Queued), (1, How::Again), (1, How::Again), (1, How::Again), (1, How::Again)]);
}

#[tokio::test]
async fn answers_that_do_not_have_the_batch_s_rows_are_computed_one_by_one() {
    let (gate, script) = gate(|inputs: &[Tensor]| {
        // The sum of all rows: one number, however many there are.
        let sum = inputs[0].values::<f32>().unwrap().iter().sum();
        Ok(rows(&[sum]))
    });
    let (batcher, _) = batcher(&pool(one_slot()), script);
    teach(&batcher, &BATCHES_PAY);
    let _first = waits(&batcher, &[0.0]).await;
    gate.begun.recv().unwrap();
    let (second, third) = (waits(&batcher, &[1.0]).await, waits(&batcher, &[2.0]).await);
    gate.release.send(()).unwrap();
    assert_eq!(values(&second.await.unwrap()), [1.0]);
    assert_eq!(values(&third.await.unwrap()), [2.0]);
}

#[tokio::test]
async fn what_is_never_merged_is_not_held_back_for_others() {
    let tuning = Tuning { max_delay: Duration::from_secs(3600), ..Tuning::default() };
    let (batcher, runs) = tuned(&pool(one_slot()), tuning, doubled);
    batcher.lane().profiles.of(&rows(&[0.0])).0.refute("rows bear on each other".into());
    for how in [How::Queued, How::Inline] {
        let answer = batcher.infer(rows(&[1.0]), 1, soon()).await.unwrap();
        assert!(answer.queued < Duration::from_secs(30), "{answer:?}");
        assert_eq!(runs.all().last(), Some(&(1, how)));
        let (profile, _) = batcher.lane().profiles.of(&rows(&[0.0]));
        profile.curve.set(1, Duration::from_micros(10), 1);
        profile.was_cheap(&rows(&[0.0]), 1);
    }
}

#[tokio::test]
async fn a_large_request_is_cut_and_put_together_again() {
    let (batcher, runs) = batcher(&pool(Config { threads: 2, ..one_slot() }), doubled);
    // Rows get dearer together.
    teach(&batcher, &[(1, 300), (2, 700), (4, 1500), (8, 3000)]);
    let numbers: Vec<f32> = (0..9u8).map(f32::from).collect();
    let answer = batcher.infer(rows(&numbers), 9, soon()).await.unwrap();
    assert_eq!(values(&answer), numbers.iter().map(|value| value * 2.0).collect::<Vec<_>>());
    assert_eq!(runs.all(), [(1, How::Queued); 9]);
    assert_eq!(batcher.status().split, 1);
}

#[tokio::test]
async fn a_large_request_of_an_unknown_size_is_left_whole_until_its_cost_is_known() {
    let (batcher, runs) = batcher(&pool(one_slot()), doubled);
    // By what is known it would be cut, wrongly: its rows cost next to nothing together.
    teach(&batcher, &[(1, 300), (2, 700), (4, 1500)]);
    for _ in 0..40 {
        batcher.infer(rows(&[1.0; 32]), 32, soon()).await.unwrap();
    }
    assert_eq!(runs.all()[..3], [(32, How::Queued); 3]);
    assert_eq!(runs.all().iter().map(|(rows, _)| *rows).collect::<Vec<_>>(), [32; 40]);
}

#[tokio::test]
async fn a_large_request_of_an_unknown_size_that_would_keep_others_waiting_is_cut() {
    let (batcher, runs) = batcher(&pool(one_slot()), doubled);
    teach(&batcher, &[(1, 10_000), (2, 30_000), (4, 60_000)]);
    batcher.infer(rows(&[1.0; 16]), 16, soon()).await.unwrap();
    assert_eq!(runs.all(), [(1, How::Queued); 16]);
}

#[tokio::test]
async fn a_request_that_makes_more_than_fits_is_left_to_the_engine() {
    let (batcher, runs) = batcher(&pool(one_slot()), doubled);
    teach(&batcher, &[(1, 300), (2, 700), (4, 1500)]);
    let (profile, _) = batcher.lane().profiles.of(&rows(&[0.0]));
    // Sixteen megabytes a row, so four rows at a time.
    profile.has_outputs_of(16 << 20);
    batcher.infer(rows(&[1.0; 4]), 4, soon()).await.unwrap();
    batcher.infer(rows(&[1.0; 5]), 5, soon()).await.unwrap();
    assert_eq!(runs.all(), [vec![(1, How::Queued); 4], vec![(5, How::Queued)]].concat());
}

#[tokio::test]
async fn batching_that_is_off_leaves_every_request_as_it_came() {
    let (gate, script) = gate(doubled);
    let (batcher, runs) = tuned(&pool(one_slot()), Tuning { max_batch: 1, ..Tuning::default() }, script);
    teach(&batcher, &[(1, 300), (2, 700), (4, 1500)]);
    let _first = waits(&batcher, &[0.0; 9]).await;
    gate.begun.recv().unwrap();
    let (second, third) = (waits(&batcher, &[1.0]).await, waits(&batcher, &[2.0]).await);
    gate.release.send(()).unwrap();
    second.await.unwrap();
    third.await.unwrap();
    assert_eq!(runs.all(), [(9, How::Queued), (1, How::Queued), (1, How::Queued)]);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_whoever_leaves_makes_room() {
    let (gate, script) = gate(doubled);
    let (batcher, _) = batcher(&pool(Config { queue_rows: 1, ..one_slot() }), script);
    let first = waits(&batcher, &[0.0]).await;
    gate.begun.recv().unwrap();
    let mut second = Box::pin(batcher.infer(rows(&[1.0]), 1, soon()));
    assert!(poll(&mut second).await.is_none(), "queued behind the busy slot");
    let third = batcher.infer(rows(&[2.0]), 1, soon()).await;
    assert!(matches!(third, Err(InferError::Refused(Refused::Full { .. }))), "{third:?}");
    drop(second);
    let mut fourth = Box::pin(batcher.infer(rows(&[3.0]), 1, soon()));
    assert!(poll(&mut fourth).await.is_none(), "waiting, not refused");
    gate.release.send(()).unwrap();
    assert_eq!(values(&fourth.await.unwrap()), [6.0]);
    first.await.unwrap();
}

#[tokio::test]
async fn what_would_come_too_late_is_refused_at_once_or_skipped_before_it_runs() {
    let (gate, script) = gate(doubled);
    let (batcher, runs) = batcher(&pool(one_slot()), script);
    let first = waits(&batcher, &[0.0]).await;
    gate.begun.recv().unwrap();
    let short = Instant::now() + Duration::from_millis(1);
    assert_eq!(batcher.infer(rows(&[1.0]), 1, short).await, Err(Refused::ExpiredInQueue.into()));
    // A row takes an hour.
    teach(&batcher, &[(1, 3_600_000_000)]);
    let later = Instant::now() + Duration::from_secs(3 * 3600);
    let mut second = Box::pin(batcher.infer(rows(&[2.0]), 1, later));
    assert!(poll(&mut second).await.is_none());
    let third = batcher.infer(rows(&[3.0]), 1, soon()).await;
    assert!(matches!(third, Err(InferError::Refused(Refused::TooLate { .. }))), "{third:?}");
    let mut abandoned = Box::pin(batcher.infer(rows(&[4.0]), 1, later));
    assert!(poll(&mut abandoned).await.is_none());
    drop(abandoned);
    gate.release.send(()).unwrap();
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(runs.all().len(), 2, "neither the expired nor the abandoned one ran");
}

#[tokio::test]
async fn what_is_believed_to_take_too_long_is_tried_on_an_idle_server() {
    let (batcher, runs) = batcher(&pool(one_slot()), doubled);
    // A row takes an hour; it once did.
    teach(&batcher, &[(1, 3_600_000_000)]);
    for _ in 0..100 {
        assert_eq!(values(&batcher.infer(rows(&[1.0]), 1, soon()).await.unwrap()), [2.0]);
    }
    assert_eq!(runs.all().len(), 100);
    let learned = batcher.status().profiles[0].curve[0].took;
    assert!(learned < Duration::from_secs(60), "{learned:?}");
}

#[tokio::test]
async fn who_has_left_is_not_part_of_a_batch() {
    let (gate, script) = gate(doubled);
    let (batcher, runs) = batcher(&pool(one_slot()), script);
    teach(&batcher, &BATCHES_PAY);
    let _first = waits(&batcher, &[0.0]).await;
    gate.begun.recv().unwrap();
    let (second, third, fourth) =
        (waits(&batcher, &[1.0]).await, waits(&batcher, &[2.0; 6]).await, waits(&batcher, &[3.0]).await);
    drop(third);
    gate.release.send(()).unwrap();
    assert_eq!((values(&second.await.unwrap()), values(&fourth.await.unwrap())), (vec![2.0], vec![6.0]));
    assert_eq!(runs.all()[1..], [(2, How::Queued)]);
}

#[tokio::test]
async fn a_full_queue_has_room_for_what_is_more_urgent() {
    let pool = pool(Config { queue_rows: 2, ..one_slot() });
    let (gate, script) = gate(doubled);
    let (blocker, _) = batcher(&pool, script);
    let (usual, _) = batcher(&pool, doubled);
    let (urgent, _) = tuned(&pool, Tuning { priority: 1, ..Tuning::default() }, doubled);
    let _first = waits(&blocker, &[0.0]).await;
    gate.begun.recv().unwrap();
    let (earlier, later) = (waits(&usual, &[1.0]).await, waits(&usual, &[2.0]).await);
    let preferred = waits(&urgent, &[3.0]).await;
    let displaced = later.await;
    assert!(matches!(displaced, Err(InferError::Refused(Refused::Full { .. }))), "{displaced:?}");
    // Not for its equals, and not for more than there can be room for.
    for batcher in [&usual, &blocker] {
        let refused = batcher.infer(rows(&[4.0]), 1, soon()).await;
        assert!(matches!(refused, Err(InferError::Refused(Refused::Full { .. }))), "{refused:?}");
    }
    let refused = urgent.infer(rows(&[5.0; 2]), 2, soon()).await;
    assert!(matches!(refused, Err(InferError::Refused(Refused::Full { .. }))), "{refused:?}");
    gate.release.send(()).unwrap();
    assert_eq!((values(&preferred.await.unwrap()), values(&earlier.await.unwrap())), (vec![6.0], vec![2.0]));
}

#[tokio::test]
async fn a_model_whose_callers_have_left_is_given_back_at_once() {
    let pool = pool(one_slot());
    let (gate, script) = gate(doubled);
    let (blocker, _) = batcher(&pool, script);
    let (other, _) = batcher(&pool, doubled);
    let first = waits(&blocker, &[0.0]).await;
    gate.begun.recv().unwrap();
    drop(waits(&other, &[1.0]).await);
    let session = Arc::downgrade(&other.lane().session);
    drop(other);
    assert!(session.upgrade().is_none());
    assert_eq!(blocker.status().waiting_rows, 0);
    gate.release.send(()).unwrap();
    first.await.unwrap();
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let (batcher, _) = batcher(&pool(one_slot()), |inputs| {
        assert!(inputs[0].values::<f32>().unwrap()[0] < 10.0, "boom");
        doubled(inputs)
    });
    for _ in 0..2 {
        let crashed = batcher.infer(rows(&[99.0]), 1, soon()).await;
        assert_eq!(crashed, Err(Refused::Panicked.into()));
        teach(&batcher, &[(1, 10)]);
    }
    assert_eq!(values(&batcher.infer(rows(&[1.0]), 1, soon()).await.unwrap()), [2.0]);
}

#[tokio::test]
async fn a_closed_pool_refuses_and_finishes_what_it_took() {
    let pool = pool(one_slot());
    let (gate, script) = gate(doubled);
    let (batcher, _) = batcher(&pool, script);
    let _first = waits(&batcher, &[0.0]).await;
    gate.begun.recv().unwrap();
    let mut second = Box::pin(batcher.infer(rows(&[1.0]), 1, soon()));
    assert!(poll(&mut second).await.is_none());
    pool.close();
    assert_eq!(batcher.infer(rows(&[2.0]), 1, soon()).await, Err(Refused::Closed.into()));
    gate.release.send(()).unwrap();
    assert_eq!(values(&second.await.unwrap()), [2.0]);
}

#[tokio::test]
async fn models_of_higher_priority_go_first_and_a_model_is_dropped_with_its_handle() {
    let pool = pool(one_slot());
    let order = Arc::new(Mutex::new(Vec::new()));
    let logged = |name: char| {
        let order = Arc::clone(&order);
        move |inputs: &[Tensor]| {
            order.lock().unwrap().push(name);
            doubled(inputs)
        }
    };
    let (gate, script) = gate(doubled);
    let (blocker, _) = batcher(&pool, script);
    let (usual, _) = batcher(&pool, logged('n'));
    let (urgent, _) = tuned(&pool, Tuning { priority: 1, ..Tuning::default() }, logged('u'));
    let _first = waits(&blocker, &[0.0]).await;
    gate.begun.recv().unwrap();
    let mut waiting = Vec::new();
    for batcher in [&usual, &usual, &urgent, &urgent] {
        let mut infer = Box::pin(batcher.infer(rows(&[1.0]), 1, soon()));
        assert!(poll(&mut infer).await.is_none());
        waiting.push(infer);
    }
    gate.release.send(()).unwrap();
    for infer in waiting {
        infer.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), ['u', 'u', 'n', 'n']);

    let session = Arc::downgrade(&usual.lane().session);
    drop(usual);
    // The compute thread may still be about to let go of the last run.
    let begun = Instant::now();
    while session.upgrade().is_some() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the model should be gone by now");
        thread::yield_now();
    }
}

fn calibrated(script: impl Fn(&[Tensor]) -> Outcome + Send + Sync + 'static) -> Status {
    let (batcher, _) = batcher(&pool(one_slot()), script);
    let sample = rows(&[0.0]);
    let (profile, _) = batcher.lane().profiles.of(&sample);
    let mut calibration = Calibration::of(batcher.lane(), &profile, None);
    while let Some(left) = calibration {
        calibration = left.step();
    }
    batcher.status()
}

#[test]
fn rows_that_do_not_mind_company_are_found_out_and_timed() {
    let status = calibrated(doubled);
    assert_eq!(status.profiles[0].independence, Independence::Proven);
    assert!(status.profiles[0].curve.len() >= 2, "{status:?}");
}

#[test]
fn rows_that_change_in_company_are_never_merged() {
    let scripts: [fn(&[Tensor]) -> Outcome; 3] = [
        // Scaled by the largest of all rows.
        |inputs| {
            let values = inputs[0].values::<f32>().unwrap();
            let most = values.iter().fold(0f32, |most, value| most.max(value.abs()));
            Ok(rows(&values.iter().map(|value| value / most).collect::<Vec<_>>()))
        },
        // Each on top of the one before.
        |inputs| {
            let mut sum = 0.0;
            let values = inputs[0].values::<f32>().unwrap();
            Ok(rows(
                &values
                    .iter()
                    .map(|value| {
                        sum += value;
                        sum
                    })
                    .collect::<Vec<_>>(),
            ))
        },
        // One answer for all.
        |inputs| Ok(rows(&[inputs[0].values::<f32>().unwrap().iter().sum()])),
    ];
    for (at, script) in scripts.into_iter().enumerate() {
        let status = calibrated(script);
        assert!(matches!(status.profiles[0].independence, Independence::Refuted(_)), "{at}: {status:?}");
    }
    let failing = calibrated(|inputs| match inputs[0].rows() {
        Some(1) => doubled(inputs),
        _ => Err(RunError::from("one at a time".to_owned())),
    });
    assert!(matches!(&failing.profiles[0].independence, Independence::Refuted(why) if why.contains("one at a time")));
}

#[test]
fn rows_of_a_client_s_shape_are_not_made_up_where_they_are_huge() {
    let mut signature = FakeSession::rows_in_rows_out(1);
    signature.inputs[0].shape[1] = Dim::Symbol("T".into());
    let session = FakeSession::new(signature, doubled);
    let batcher = Batcher::new(Arc::new(session), Tuning::default(), pool(one_slot()), Runs::default());
    let calibrates = |length: usize| {
        let row = vec![Tensor::from_vec(&[1, length][..], vec![0f32; length]).unwrap()];
        let (profile, _) = batcher.lane().profiles.of(&row);
        (Calibration::of(batcher.lane(), &profile, Some(&row)).is_some(), profile.independence())
    };
    assert_eq!(calibrates(1000), (true, Independence::Unknown));
    let (does, why) = calibrates(2 << 20);
    assert!(!does && matches!(why, Independence::Refuted(_)), "{why:?}");
}

#[test]
fn a_model_without_rows_is_not_calibrated() {
    let mut signature: Signature = FakeSession::rows_in_rows_out(1);
    signature.inputs[0].shape[0] = Dim::Fixed(1);
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let session: Arc<dyn Session> = Arc::new(FakeSession::new(signature, move |inputs| {
        counted.fetch_add(1, Ordering::SeqCst);
        doubled(inputs)
    }));
    let batcher =
        Batcher::new(session, Tuning::default(), pool(Config { calibrate: true, ..one_slot() }), Runs::default());
    assert!(Calibration::of(batcher.lane(), &batcher.lane().profiles.of(&rows(&[0.0])).0, None).is_none());
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}
