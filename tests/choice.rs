//! The choice between two engines, with a scripted one in the place of ONNX Runtime: who serves, and when nobody does.

// Helpers fail a test by panicking, just as its own assertions do.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onnxd::engine::choice::Choice;
use onnxd::engine::fake::{Fake, FakeSession};
use onnxd::engine::tract::Tract;
use onnxd::engine::{Engine, LoadError, Loaded, ModelSource, RunError, Wishes};
use onnxd::model::{EngineWish, Golden, Signature};
use onnxd::tensor::Tensor;

/// A model that gives back its input `[N, 2]`, as FP32.
fn echo() -> ModelSource {
    ModelSource { bytes: Bytes::new(), directory: None }
}

fn signature() -> Signature {
    FakeSession::rows_in_rows_out(2)
}

fn same(inputs: &[Tensor]) -> Vec<Tensor> {
    inputs.to_vec()
}

/// The inputs with each number changed.
fn changed(inputs: &[Tensor], change: impl Fn(f32) -> f32) -> Vec<Tensor> {
    let values: Vec<f32> = inputs[0].values::<f32>().unwrap().iter().map(|&value| change(value)).collect();
    vec![Tensor::from_vec(inputs[0].shape(), values).unwrap()]
}

fn engine(name: &'static str, script: impl Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync + 'static) -> Fake {
    Fake::new(signature(), move |inputs| Ok(script(inputs))).called(name)
}

fn broken(name: &'static str) -> Fake {
    Fake::failing(LoadError::Interface(format!("not for {name}"))).called(name)
}

fn between(first: Fake, second: Fake, wish: EngineWish) -> Choice {
    let second: Arc<dyn Engine> = Arc::new(second);
    Choice::between(Arc::new(first), Box::new(move || Ok(Arc::clone(&second))), wish).unwrap()
}

fn chosen(first: Fake, second: Fake, wish: EngineWish) -> Loaded {
    between(first, second, wish).choose(&echo(), Wishes::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(first: Fake, second: Fake, wish: EngineWish) -> String {
    between(first, second, wish).load(&echo()).err().expect("a refusal").to_string()
}

#[test]
fn auto_takes_the_second_engine_only_where_the_first_refuses() {
    let loaded = chosen(engine("one", same), engine("two", same), EngineWish::Auto);
    assert_eq!((loaded.engine, loaded.choice.unwrap().reason.as_str()), ("one", "one covers the model"));
    let loaded = chosen(broken("one"), engine("two", same), EngineWish::Auto);
    assert_eq!(loaded.engine, "two");
    assert_eq!(loaded.choice.unwrap().reason, "one refuses the model: not for one");
    let words = refusal(broken("one"), broken("two"), EngineWish::Auto);
    assert!(words.contains("one: not for one") && words.contains("two: not for two"), "{words}");
}

#[test]
fn the_faster_of_two_that_agree_serves() {
    let slow = |inputs: &[Tensor]| {
        std::thread::sleep(Duration::from_millis(2));
        inputs.to_vec()
    };
    for (first, second, winner) in
        [(engine("one", slow), engine("two", same), "two"), (engine("one", same), engine("two", slow), "one")]
    {
        let loaded = chosen(first, second, EngineWish::Fastest);
        let choice = loaded.choice.unwrap();
        assert_eq!(loaded.engine, winner, "{choice:?}");
        let sizes: Vec<_> = choice.probes.iter().map(|probe| (probe.engine, probe.rows)).collect();
        assert_eq!(sizes, [("one", 1), ("two", 1), ("one", 3), ("two", 3), ("one", 32), ("two", 32)]);
    }
    assert_eq!(chosen(broken("one"), engine("two", same), EngineWish::Fastest).engine, "two");
    assert_eq!(chosen(engine("one", same), broken("two"), EngineWish::Fastest).engine, "one");
}

#[test]
fn engines_that_disagree_serve_nothing() {
    let off = |inputs: &[Tensor]| changed(inputs, |x| x * 1.01);
    let words = refusal(engine("one", same), engine("two", off), EngineWish::Fastest);
    assert!(words.contains("do not agree") && words.contains("\"y\" of two is not that of one"), "{words}");
    // Noise is no disagreement.
    let noisy = |inputs: &[Tensor]| changed(inputs, |x| x + 1e-6);
    chosen(engine("one", same), engine("two", noisy), EngineWish::Fastest);
    let wider = Fake::new(FakeSession::rows_in_rows_out(3), |inputs| Ok(inputs.to_vec())).called("two");
    let words = refusal(engine("one", same), wider, EngineWish::Fastest);
    assert!(words.contains("inputs") && words.contains("[-1, 3]"), "{words}");
}

#[test]
fn golden_rows_are_compared_too() {
    let subtle = |inputs: &[Tensor]| changed(inputs, |x| if x == 1234.0 { 0.0 } else { x });
    let rows = Tensor::from_vec(&[1, 2][..], vec![1234f32, 1.0]).unwrap();
    let (inputs, outputs) = (vec![("x".to_owned(), rows.clone())], vec![("y".to_owned(), rows)]);
    let golden = Golden { inputs, outputs, tolerance: 1e-5 };
    let wishes = Wishes { engine: Some(EngineWish::Fastest), golden: Some(&golden) };
    let choice = between(engine("one", same), engine("two", subtle), EngineWish::Tract);
    let words = choice.choose(&echo(), wishes).err().unwrap().to_string();
    assert!(words.contains("golden rows"), "{words}");
    let choice = between(engine("one", same), engine("two", same), EngineWish::Tract);
    assert!(choice.choose(&echo(), wishes).is_ok());
}

#[test]
fn what_only_one_engine_answers_is_no_disagreement() {
    let choosy = Fake::new(signature(), |_| Err(RunError::from("not made up".to_owned())));
    let loaded = chosen(choosy.clone().called("one"), engine("two", same), EngineWish::Fastest);
    assert_eq!(loaded.engine, "two");
    assert!(loaded.choice.unwrap().reason.contains("not compared"));
    let loaded = chosen(choosy.clone().called("one"), choosy.called("two"), EngineWish::Fastest);
    assert_eq!(loaded.engine, "one");
}

#[test]
fn a_model_has_the_last_word() {
    let choice = between(engine("one", same), engine("two", same), EngineWish::Tract);
    let by = |engine| choice.choose(&echo(), Wishes { engine, golden: None }).unwrap().engine;
    assert_eq!(by(None), "one");
    assert_eq!(by(Some(EngineWish::OnnxRuntime)), "two");
    let choice = between(engine("one", same), engine("two", same), EngineWish::OnnxRuntime);
    assert_eq!(choice.choose(&echo(), Wishes::default()).unwrap().engine, "two");
    // An engine that stands alone does not pass over a wish it cannot fulfil.
    let wishes = Wishes { engine: Some(EngineWish::OnnxRuntime), golden: None };
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/iris/1/model.onnx");
    let iris = ModelSource { bytes: std::fs::read(file).unwrap().into(), directory: None };
    assert!(Tract::default().choose(&iris, wishes).err().unwrap().to_string().contains("onnxruntime"));
    assert!(Tract::default().choose(&iris, Wishes { engine: Some(EngineWish::Tract), golden: None }).is_ok());
}

#[test]
fn a_second_engine_that_cannot_be_had_is_missed_when_it_is_needed() {
    let missing = |wish| Choice::between(Arc::new(engine("one", same)), Box::new(|| Err("there is none".into())), wish);
    for wish in [EngineWish::OnnxRuntime, EngineWish::Auto, EngineWish::Fastest] {
        assert_eq!(missing(wish).err().unwrap(), "there is none");
        let choice = missing(EngineWish::Tract).unwrap();
        assert_eq!(choice.choose(&echo(), Wishes::default()).unwrap().engine, "one");
        let error = choice.choose(&echo(), Wishes { engine: Some(wish), golden: None }).err().unwrap();
        assert_eq!(error.to_string(), "there is none");
    }
}
