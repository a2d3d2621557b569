//! The second engine through its public surface: it answers the conformance corpus and the fixtures as the first one does,
//! under the same signatures, and refuses in words what it cannot serve; and the choice between the two engines.
//!
//! `ONNXRUNTIME_LIB` names the library; without it nothing here runs. `ONNXD_CONFORMANCE` and `ONNXD_NODE_TESTS` are those
//! of the conformance tests.

// Not a `[[test]]` with required features: the image is built from the manifest without the tests.
#![cfg(feature = "onnxruntime")]
// Helpers fail a test by panicking, just as its own assertions do.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

// Its tables of operators are for the other test.
#[allow(dead_code)]
#[path = "conformance/case.rs"]
mod case;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use case::{Case, Outcome, files};
use onnxd::engine::choice::Choice;
use onnxd::engine::onnxruntime::OnnxRuntime;
use onnxd::engine::samples::{Values, made_up};
use onnxd::engine::tract::{Config, Limits, Tract};
use onnxd::engine::{Engine, LoadError, Loaded, ModelSource, Session, Support, Wishes};
use onnxd::model::{Dim, EngineWish, Port, Signature};
use onnxd::tensor::{DataType, Tensor};

// --- the harness

const SLOTS: usize = 2;

/// The engine, or nothing where there is no library to test with.
fn engine() -> Option<OnnxRuntime> {
    let Some(library) = std::env::var_os("ONNXRUNTIME_LIB") else {
        println!("not run: ONNXRUNTIME_LIB names no library");
        return None;
    };
    Some(OnnxRuntime::open(Some(Path::new(&library)), SLOTS).unwrap())
}

fn choice(wish: EngineWish) -> Option<Choice> {
    beside(Tract::default(), wish)
}

fn beside(first: Tract, wish: EngineWish) -> Option<Choice> {
    let second: Arc<dyn Engine> = Arc::new(engine()?);
    Some(Choice::between(Arc::new(first), Box::new(move || Ok(Arc::clone(&second))), wish).unwrap())
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    root().join(format!("tests/fixtures/models/{name}.onnx"))
}

fn own(name: &str) -> PathBuf {
    root().join(format!("tests/engine/models/{name}.onnx"))
}

fn refused(name: &str) -> PathBuf {
    root().join(format!("tests/fixtures/refused/{name}.onnx"))
}

fn bundled(model: &str, version: u32) -> PathBuf {
    root().join(format!("models/{model}/{version}/model.onnx"))
}

fn source(file: &Path) -> ModelSource {
    let bytes = Bytes::from(std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    ModelSource { bytes, directory: file.parent().map(Into::into) }
}

fn load(engine: &dyn Engine, file: &Path) -> Box<dyn Session> {
    engine.load(&source(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn refusal(engine: &dyn Engine, file: &Path) -> LoadError {
    engine.load(&source(file)).err().unwrap_or_else(|| panic!("{} was loaded", file.display()))
}

fn integers(values: &[i64]) -> Tensor {
    Tensor::from_vec(&[values.len()][..], values.to_vec()).unwrap()
}

// --- answers

/// Runs the cases below a folder; what ONNX Runtime refuses, when it is loaded or when it is run, is counted, and what it gets
/// wrong fails. Where `ort.txt` beside
/// the cases names those that it is known to answer rightly in other hands, exactly these must be right.
/// Holds the cases below a folder to their answers. `ONNXD_CONFORMANCE_REPORT` names a folder for a table of the outcomes
/// under this name.
fn conforms(root: &Path, table: &str) {
    let Some(engine) = engine() else { return };
    let known = std::fs::read_to_string(root.join("ort.txt")).ok();
    let known: Option<Vec<&str>> = known.as_ref().map(|text| text.lines().collect());
    let only = std::env::var("ONNXD_CONFORMANCE").ok();
    let (mut counts, mut bad, mut rows) = ([0; 4], Vec::new(), String::new());
    for path in files(root, "pb") {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let is_known = known.as_ref().map(|known| known.contains(&name.trim_end_matches(".pb")));
        let case = Case::read(&path.with_extension(""));
        let outcome = case.run(&engine);
        let told = outcome.to_string().replace(['\t', '\n'], " ");
        rows += &format!("{}\t{}\t\t{told}\n", name.trim_end_matches(".pb"), case.tolerance());
        if only.is_some() {
            println!("{name}: {outcome}");
        }
        let kind = match outcome {
            Outcome::Right => 0,
            Outcome::Refused(_) => 1,
            Outcome::Failed(_) => 2,
            Outcome::Wrong(_) => 3,
        };
        counts[kind] += 1;
        if is_known.map_or(kind > 2, |known| known && kind > 0) {
            bad.push(format!("{name}: {outcome}"));
        }
    }
    if let Some(folder) = std::env::var_os("ONNXD_CONFORMANCE_REPORT") {
        std::fs::write(Path::new(&folder).join(format!("{table}.tsv")), rows).unwrap();
    }
    println!("{} right, {} refused, {} failed, {} wrong", counts[0], counts[1], counts[2], counts[3]);
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn the_corpus_is_right_or_refused() {
    conforms(&root().join("tests/conformance/corpus"), "onnxruntime-corpus");
}

#[test]
fn node_tests_are_right_or_refused() {
    if let Some(folder) = std::env::var_os("ONNXD_NODE_TESTS") {
        conforms(Path::new(&folder), "onnxruntime-node");
    }
}

/// Clients must not be able to tell the engines apart. Where the first one knows nothing of an axis of an output, the second
/// may know more.
#[test]
fn signatures_are_those_of_the_first_engine() {
    let Some(engine) = choice(EngineWish::OnnxRuntime) else { return };
    let tract = Tract::default();
    let mut compared = 0;
    let mut different = Vec::new();
    // Not the hostile files, which are for processes of their own.
    let tame = ["models", "tests/conformance/corpus", "tests/engine/models", "tests/fixtures/models"];
    let mut folders: Vec<PathBuf> = tame.iter().map(|folder| root().join(folder)).collect();
    folders.extend(std::env::var_os("ONNXD_NODE_TESTS").map(PathBuf::from));
    for file in folders.iter().flat_map(|folder| files(folder, "onnx")) {
        let (Ok(first), Ok(second)) = (tract.load(&source(&file)), engine.load(&source(&file))) else { continue };
        compared += 1;
        if !is_at_least(second.signature(), first.signature()) {
            let (file, first, second) = (file.display(), shown(first.signature()), shown(second.signature()));
            different.push(format!("{file}\n  {first}\n  {second}"));
        }
        assert_eq!(first.classes(), second.classes(), "{}", file.display());
        assert_eq!(first.graph(), second.graph(), "{}", file.display());
    }
    println!("{compared} signatures compared");
    assert!(compared > 40);
    assert!(different.is_empty(), "{} differ\n{}", different.len(), different.join("\n"));
}

fn is_at_least(second: &Signature, first: &Signature) -> bool {
    let names: Vec<&Dim> = first.inputs.iter().flat_map(|port| &port.shape).collect();
    let alike = |(one, other): (&Port, &Port)| {
        let axis = |(one, other): (&Dim, &Dim)| one == other || (one.fixed().is_none() && !names.contains(&one));
        (&one.name, one.datatype, &one.description) == (&other.name, other.datatype, &other.description)
            && one.shape.len() == other.shape.len()
            && one.shape.iter().zip(&other.shape).all(axis)
    };
    first.inputs == second.inputs
        && first.outputs.len() == second.outputs.len()
        && first.outputs.iter().zip(&second.outputs).all(alike)
}

fn shown(signature: &Signature) -> String {
    let port = |port: &Port| {
        let dims: Vec<_> = port.shape.iter().map(Dim::to_string).collect();
        format!("{} {} [{}]", port.name, port.datatype, dims.join(","))
    };
    signature.inputs.iter().chain(&signature.outputs).map(port).collect::<Vec<_>>().join("; ")
}

#[test]
fn every_element_type_goes_in_and_comes_out() {
    let Some(engine) = engine() else { return };
    for file in files(&root().join("tests/fixtures/models"), "onnx") {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("identity_") {
            continue;
        }
        let session = load(&engine, &file);
        let port = &session.signature().inputs[0];
        let shape: Vec<usize> = port.shape.iter().map(|dim| dim.fixed().unwrap_or(3)).collect();
        let count = shape.iter().product::<usize>();
        let input = match port.datatype {
            DataType::Bytes => Tensor::from_strings(shape, vec!["é".to_owned(); count]).unwrap(),
            DataType::Bool => Tensor::from_vec(shape, vec![true; count]).unwrap(),
            datatype => Tensor::from_vec(shape, vec![7.0; count]).unwrap().cast(datatype).unwrap(),
        };
        assert_eq!(session.run(std::slice::from_ref(&input)).unwrap(), [input], "{name}");
    }
}

#[test]
fn an_empty_batch_and_unaligned_bytes_are_answered() {
    let Some(engine) = engine() else { return };
    let session = load(&engine, &fixture("identity_fp32"));
    let columns = 3;
    let empty = Tensor::from_vec(&[0, columns][..], Vec::<f32>::new()).unwrap();
    assert_eq!(session.run(std::slice::from_ref(&empty)).unwrap(), [empty]);
    let bytes: Vec<u8> = (0..=4 * columns as u8).collect();
    let unaligned = Tensor::from_bytes(DataType::Fp32, &[1, columns][..], Bytes::from(bytes).slice(1..)).unwrap();
    assert_eq!(session.run(std::slice::from_ref(&unaligned)).unwrap(), [unaligned]);
}

#[test]
fn a_text_that_c_cannot_hold_is_refused() {
    let Some(engine) = engine() else { return };
    let session = load(&engine, &fixture("identity_string"));
    let shape: Vec<usize> = session.signature().inputs[0].shape.iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
    let text = Tensor::from_strings(shape.clone(), vec!["a\0b".to_owned(); shape.iter().product()]).unwrap();
    assert!(session.run(&[text]).unwrap_err().message.contains("U+0000"));
}

#[test]
fn nan_is_refused_where_it_would_vanish() {
    let Some(engine) = engine() else { return };
    let rows = |value: f32, shape: &[usize]| Tensor::from_vec(shape, vec![value; shape.iter().product()]).unwrap();
    let lstm = load(&engine, &own("lstm"));
    assert!(lstm.run(&[rows(0.5, &[2, 6, 3])]).is_ok());
    assert!(lstm.run(&[rows(f32::NAN, &[2, 6, 3])]).unwrap_err().message.contains("NaN"));
    let identity = load(&engine, &fixture("identity_fp32"));
    let answer = identity.run(&[rows(f32::NAN, &[1, 3])]).unwrap();
    assert!(answer[0].values::<f32>().unwrap().iter().all(|value| value.is_nan()));
}

#[test]
fn runs_side_by_side_give_their_own_answers() {
    let Some(engine) = engine() else { return };
    let session = load(&engine, &fixture("identity_fp32"));
    let columns = 3;
    std::thread::scope(|scope| {
        for thread in 0..2 * SLOTS {
            let session = &session;
            scope.spawn(move || {
                for run in 0..200 {
                    let value = (thread * 1000 + run) as f32;
                    let input = Tensor::from_vec(&[1, columns][..], vec![value; columns]).unwrap();
                    assert_eq!(session.run(std::slice::from_ref(&input)).unwrap(), [input]);
                }
            });
        }
    });
    assert!(session.is_prepared(&[]));
}

// --- refusals

#[test]
fn values_that_do_not_suit_the_model_are_refused_in_words() {
    let Some(engine) = engine() else { return };
    let gather = load(&engine, &fixture("gather"));
    let mut inputs: Vec<Tensor> = gather
        .signature()
        .inputs
        .iter()
        .map(|port| {
            let shape: Vec<usize> = port.shape.iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
            let count = shape.iter().product();
            Tensor::from_vec(shape, vec![99.0; count]).unwrap().cast(port.datatype).unwrap()
        })
        .collect();
    let error = gather.run(&inputs).unwrap_err().message;
    assert!(error.contains("Gather") && error.contains("99") && !error.contains('\n'), "{error}");
    inputs.pop();
    assert!(gather.run(&inputs).is_err());

    let divide = load(&engine, &fixture("divide_int64"));
    let answers = divide.run(&[integers(&[7, 9]), integers(&[2, 3])]).unwrap();
    assert_eq!(answers, [integers(&[3, 3])]);
    let error = divide.run(&[integers(&[1]), integers(&[0])]).unwrap_err().message;
    assert!(error.contains("division by zero"), "{error}");
    // The processor would stop the whole program here.
    let error = divide.run(&[integers(&[i64::MIN]), integers(&[-1])]).unwrap_err().message;
    assert!(error.contains("smallest"), "{error}");
}

#[test]
fn divisions_that_might_end_the_process_are_refused_when_the_model_is_loaded() {
    let Some(engine) = engine() else { return };
    for file in [own("divide_computed"), own("divide_in_function")] {
        let words = refusal(&engine, &file).to_string();
        assert!(words.contains("(Div)") && words.contains("Serve it on tract"), "{words}");
        load(&Tract::default(), &file);
    }
    // A size is never -1, and floats may be divided by anything.
    let session = load(&engine, &own("divide_by_size"));
    let answers = session.run(&[Tensor::from_vec(&[2][..], vec![7.0f32, 9.0]).unwrap()]).unwrap();
    assert_eq!(answers, [integers(&[3, 4]), Tensor::from_vec(&[2][..], vec![0.4375f32, 0.5625]).unwrap()]);
}

#[test]
fn files_that_cannot_be_served_are_refused_in_words() {
    let Some(engine) = engine() else { return };
    for file in [refused("garbage"), refused("unknown_operator"), own("wrong_output_type"), own("no_rank")] {
        let words = refusal(&engine, &file).to_string();
        assert!(words.len() > 20 && words.len() < 500 && !words.contains('\n'), "{}: {words}", file.display());
        assert!(!words.contains("onnxruntime_src"), "{words}");
    }
}

#[test]
fn external_data_is_read_from_the_models_folder_and_nowhere_else() {
    let Some(engine) = engine() else { return };
    let folder = root().join("tests/fixtures/models/external_data/1");
    let session = load(&engine, &folder.join("model.onnx"));
    let first = load(&Tract::default(), &folder.join("model.onnx"));
    let shapes = session.sample_shapes();
    let inputs = made_up(&session.signature().inputs, &shapes, Values::Varied).unwrap();
    assert_eq!(session.run(&inputs).unwrap()[0].shape(), first.run(&inputs).unwrap()[0].shape());
    for (one, other) in session.run(&inputs).unwrap().iter().zip(&first.run(&inputs).unwrap()) {
        onnxd::engine::answers::compare(one, other, 1e-5).unwrap();
    }
    let without = ModelSource { directory: None, ..source(&folder.join("model.onnx")) };
    assert!(engine.load(&without).is_err());
    let words = refusal(&engine, &own("data_outside")).to_string();
    assert!(words.contains("folder"), "{words}");
}

#[test]
fn a_library_that_is_not_there_is_named() {
    let Some(_) = engine() else { return };
    let error = OnnxRuntime::open(Some(Path::new("/nowhere/libonnxruntime.so")), 1).err().unwrap();
    assert!(error.contains("/nowhere"), "{error}");
}

#[test]
fn a_file_is_described_whether_or_not_it_loads() {
    let Some(engine) = engine() else { return };
    let told = engine.inspect(&source(&bundled("iris", 1))).unwrap();
    assert!(told.operators.iter().all(|used| used.support == Support::Untold));
    assert!(told.signature.is_ok());
    assert!(engine.inspect(&source(&refused("unknown_operator"))).is_ok());
}

// --- the choice

fn choose(choice: &Choice, file: &Path) -> Loaded {
    choice.choose(&source(file), Wishes::default()).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn the_second_engine_serves_what_the_first_refuses() {
    let Some(choice) = choice(EngineWish::Auto) else { return };
    assert_eq!(choose(&choice, &bundled("iris", 1)).engine, "tract");
    // What the first one refuses changes from version to version; this it always does.
    let limits = Limits { max_nodes: 1, ..Limits::default() };
    let strict = beside(Tract::new(Config { limits, ..Config::default() }), EngineWish::Auto).unwrap();
    let loaded = choose(&strict, &bundled("iris", 1));
    assert_eq!(loaded.engine, "onnxruntime");
    let reason = loaded.choice.unwrap().reason;
    assert!(reason.starts_with("tract refuses the model: "), "{reason}");
    let error = choice.load(&source(&refused("unknown_operator"))).err().unwrap().to_string();
    assert!(error.contains("tract: ") && error.contains("onnxruntime: "), "{error}");
    assert!(matches!(choice.load(&source(&refused("garbage"))), Err(LoadError::Malformed(_))));
}

#[test]
fn a_model_may_choose_for_itself() {
    let Some(choice) = choice(EngineWish::Tract) else { return };
    let wishes = Wishes { engine: Some(EngineWish::OnnxRuntime), golden: None };
    assert_eq!(choice.choose(&source(&bundled("iris", 1)), wishes).unwrap().engine, "onnxruntime");
    assert_eq!(choose(&choice, &bundled("iris", 1)).engine, "tract");
}

#[test]
fn runs_that_use_several_threads_answer_the_same() {
    let (Some(one), Some(three)) = (engine(), engine()) else { return };
    let three = three.with_threads(3);
    for file in [fixture("slow"), bundled("digits", 1)] {
        let [one, three] = [load(&one, &file), load(&three, &file)];
        let inputs = one.sample(1.0).unwrap();
        for (alone, shared) in one.run(&inputs).unwrap().iter().zip(&three.run(&inputs).unwrap()) {
            let wide = |tensor: &Tensor| tensor.cast(DataType::Fp64).unwrap().values::<f64>().unwrap().to_vec();
            for (alone, shared) in wide(alone).iter().zip(wide(shared)) {
                assert!((alone - shared).abs() <= 1e-5 * alone.abs().max(1.0), "{}", file.display());
            }
        }
    }
}

#[test]
fn the_faster_engine_serves_under_the_same_signature() {
    let Some(choice) = choice(EngineWish::Fastest) else { return };
    for file in [bundled("iris", 1), bundled("digits", 1), bundled("diabetes", 1), fixture("slow")] {
        let loaded = choose(&choice, &file);
        let told = loaded.choice.unwrap();
        println!("{}: {} because {}", file.display(), loaded.engine, told.reason);
        assert!(told.probes.len() >= 2 && told.probes.iter().all(|probe| probe.seconds > 0.0), "{told:?}");
        assert_eq!(loaded.session.signature(), load(&Tract::default(), &file).signature());
    }
}
