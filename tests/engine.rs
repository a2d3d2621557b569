//! The default engine through its public surface: bundled models and fixtures give the answers that ONNX Runtime gave,
//! what cannot be served is refused in words, and nothing a file or a request contains brings the process down.

// Helpers fail a test by panicking, just as its own assertions do.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bytes::Bytes;
use half::f16;
use onnxd::engine::fake::{Fake, FakeSession};
use onnxd::engine::tract::{Config, Tract};
use onnxd::engine::{Engine, LoadError, ModelSource, RunError, Session, Support};
use onnxd::model::{Dim, Signature};
use onnxd::tensor::{DataType, Tensor};
use serde_json::Value;

// --- the harness -----------------------------------------------------------------------------------------------------

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn bundled(model: &str, version: u32) -> PathBuf {
    root().join(format!("models/{model}/{version}/model.onnx"))
}

fn fixture(name: &str) -> PathBuf {
    root().join(format!("tests/fixtures/models/{name}.onnx"))
}

fn refused(name: &str) -> PathBuf {
    root().join(format!("tests/fixtures/refused/{name}.onnx"))
}

fn own(name: &str) -> PathBuf {
    root().join(format!("tests/engine/models/{name}.onnx"))
}

fn source(file: &Path) -> ModelSource {
    let bytes = Bytes::from(std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    ModelSource { bytes, directory: file.parent().map(Into::into) }
}

fn load(file: &Path) -> Box<dyn Session> {
    load_with(file, Config::default())
}

fn load_with(file: &Path, config: Config) -> Box<dyn Session> {
    Tract::new(config).load(&source(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn refusal(file: &Path) -> LoadError {
    Tract::default().load(&source(file)).err().unwrap_or_else(|| panic!("{} was loaded", file.display()))
}

fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_vec(shape, values.to_vec()).unwrap()
}

fn integers(values: &[i64]) -> Tensor {
    Tensor::from_vec(&[values.len()][..], values.to_vec()).unwrap()
}

fn tensor(described: &Value) -> Tensor {
    let shape: Vec<usize> =
        described["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect();
    let data = described["data"].as_array().unwrap();
    match described["datatype"].as_str().unwrap() {
        "FP32" => Tensor::from_vec(shape, data.iter().map(|x| x.as_f64().unwrap() as f32).collect::<Vec<_>>()),
        "INT64" => Tensor::from_vec(shape, data.iter().map(|x| x.as_i64().unwrap()).collect::<Vec<_>>()),
        other => panic!("no {other} in the expected answers yet"),
    }
    .unwrap()
}

/// Inputs in the signature's order and the outputs they must give.
fn expected(file: &Path, signature: &Signature) -> (Vec<Tensor>, BTreeMap<String, Tensor>) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let value: Value = serde_json::from_str(&text).unwrap();
    let inputs = signature.inputs.iter().map(|port| tensor(&value["inputs"][&port.name])).collect();
    let outputs = value["outputs"].as_object().unwrap().iter().map(|(name, t)| (name.clone(), tensor(t))).collect();
    (inputs, outputs)
}

#[track_caller]
fn assert_close(got: &Tensor, want: &Tensor) {
    assert_eq!((got.datatype(), got.shape()), (want.datatype(), want.shape()));
    match (got.values::<f32>(), want.values::<f32>()) {
        (Some(got), Some(want)) => {
            for (got, want) in got.iter().zip(want.iter()) {
                assert!((got - want).abs() <= 1e-5 * want.abs().max(1.0), "{got} is not {want}");
            }
        }
        _ => assert_eq!(got, want),
    }
}

#[track_caller]
fn assert_answers(session: &dyn Session, inputs: &[Tensor], outputs: &BTreeMap<String, Tensor>) {
    let got = session.run(inputs).unwrap();
    assert_eq!(got.len(), session.signature().outputs.len());
    assert_eq!(got.len(), outputs.len());
    for (port, got) in session.signature().outputs.iter().zip(&got) {
        assert_close(got, &outputs[&port.name]);
    }
}

fn shapes(ports: &[onnxd::model::Port]) -> Vec<String> {
    let shape = |port: &onnxd::model::Port| port.shape.iter().map(Dim::to_string).collect::<Vec<_>>().join(",");
    ports.iter().map(|port| format!("{} {} [{}]", port.name, port.datatype, shape(port))).collect()
}

// --- right answers ---------------------------------------------------------------------------------------------------

#[test]
fn bundled_models_answer_as_onnx_runtime_does() {
    for (model, version) in [("iris", 1), ("iris", 2), ("digits", 1), ("diabetes", 1)] {
        let session = load(&bundled(model, version));
        assert!(session.signature().is_batched(), "{model}: {:?}", session.signature());
        for batch in [1, 3, 32] {
            let file = root().join(format!("tests/fixtures/expected/{model}-{version}-{batch}.json"));
            let (inputs, outputs) = expected(&file, session.signature());
            assert_answers(&*session, &inputs, &outputs);
        }
    }
}

#[test]
fn signatures_are_those_of_the_files() {
    let iris = load(&bundled("iris", 1));
    assert_eq!(shapes(&iris.signature().inputs), ["measurements FP32 [batch,4]"]);
    assert_eq!(shapes(&iris.signature().outputs), ["label INT64 [batch]", "probabilities FP32 [batch,3]"]);
    let two = load(&fixture("two_inputs"));
    assert_eq!(shapes(&two.signature().inputs), ["a FP32 [rows,2]", "b FP32 [rows,1]"]);
    assert_eq!(shapes(&two.signature().outputs), ["sum FP32 [rows,2]", "product FP32 [rows,2]"]);
    assert!(two.signature().is_batched());
    let scalar = load(&fixture("scalar_output"));
    assert_eq!(shapes(&scalar.signature().outputs), ["total FP32 []"]);
    assert_eq!(shapes(&load(&fixture("fixed_batch")).signature().inputs), ["input FP32 [1,3]"]);
    assert_eq!(shapes(&load(&fixture("unset_dims")).signature().outputs), ["output FP32 [N,input_1]"]);
}

#[test]
fn what_a_file_declares_wrongly_or_not_at_all_is_corrected() {
    let one_row = load(&own("one_row_declared"));
    assert_eq!(shapes(&one_row.signature().outputs), ["y FP32 [N,2]"]);
    let by_value = load(&own("rows_by_value"));
    assert!(!matches!(&by_value.signature().outputs[0].shape[0], Dim::Symbol(name) if name == "N"));
    assert!(!by_value.signature().is_batched());
    assert_eq!(
        by_value.run(&[floats(&[4], &[0.0, 1.0, 0.0, 2.0])]).unwrap(),
        [Tensor::from_vec(&[2, 1][..], vec![1i64, 3]).unwrap()]
    );
    let weight = load(&own("weight_as_input"));
    assert_eq!(shapes(&weight.signature().inputs), ["x FP32 [N,2]"]);
    assert_eq!(weight.run(&[floats(&[1, 2], &[1.0, 1.0])]).unwrap(), [floats(&[1, 2], &[2.0, 3.0])]);
    let nothing = load(&own("nothing_to_do"));
    assert_eq!(nothing.run(&[floats(&[1], &[7.0])]).unwrap(), [floats(&[1], &[7.0]), floats(&[2], &[1.0, 2.0])]);
    let shape = load(&own("shape"));
    assert_eq!(shape.run(&[floats(&[1, 3], &[0.0; 3])]).unwrap(), [integers(&[1, 3])]);
}

#[test]
fn every_element_type_passes_through() {
    let shape = &[3][..];
    let tensors = [
        ("fp64", Tensor::from_vec(shape, vec![0.1f64, -1e300, 3.0])),
        ("fp16", Tensor::from_vec(shape, vec![f16::from_f32(0.5), f16::MAX, f16::NEG_INFINITY])),
        ("bool", Tensor::from_vec(shape, vec![true, false, true])),
        ("uint8", Tensor::from_vec(shape, vec![0u8, 1, u8::MAX])),
        ("uint16", Tensor::from_vec(shape, vec![0u16, 1, u16::MAX])),
        ("uint32", Tensor::from_vec(shape, vec![0u32, 1, u32::MAX])),
        ("uint64", Tensor::from_vec(shape, vec![0u64, 1, u64::MAX])),
        ("int8", Tensor::from_vec(shape, vec![i8::MIN, 1, i8::MAX])),
        ("int16", Tensor::from_vec(shape, vec![i16::MIN, 1, i16::MAX])),
        ("int32", Tensor::from_vec(shape, vec![i32::MIN, 1, i32::MAX])),
        ("int64", Tensor::from_vec(shape, vec![i64::MIN, 1, i64::MAX])),
        ("string", Tensor::from_strings(shape, ["", "plain", "é漢字🙂"].map(String::from).to_vec())),
        ("fp32", Tensor::from_vec(&[1, 3][..], vec![f32::INFINITY, -0.0, 1e-40])),
    ];
    for (name, tensor) in tensors {
        let tensor = tensor.unwrap();
        let session = load(&fixture(&format!("identity_{name}")));
        assert_eq!(session.signature().inputs[0].datatype, tensor.datatype());
        assert_eq!(session.run(std::slice::from_ref(&tensor)).unwrap(), [tensor], "{name}");
    }
}

#[test]
fn an_empty_batch_is_answered_by_an_empty_one() {
    let session = load(&bundled("iris", 2));
    let answer = session.run(&[floats(&[0, 4], &[])]).unwrap();
    assert_eq!((answer[0].shape(), answer[1].shape()), (&[0][..], &[0, 3][..]));
}

#[test]
fn external_data_is_read_from_the_models_folder_and_nowhere_else() {
    let file = fixture("external_data/1/model");
    let row = floats(&[1, 3], &[1.0, 2.0, 3.0]);
    assert_eq!(load(&file).run(&[row]).unwrap(), [floats(&[1, 3], &[1.0, 20.0, 300.0])]);
    let homeless = ModelSource { directory: None, ..source(&file) };
    assert!(matches!(Tract::default().load(&homeless), Err(LoadError::Interface(_))));
    let error = refusal(&own("data_outside")).to_string();
    assert!(error.contains("inside the model directory"), "{error}");
    let elsewhere = tempfile::tempdir().unwrap();
    let lonely = ModelSource { directory: Some(elsewhere.path().into()), ..source(&file) };
    let error = Tract::default().load(&lonely).err().unwrap().to_string();
    assert!(error.contains("\"weights.bin\": it is not in the model's folder"), "{error}");
}

// --- recurrent models ------------------------------------------------------------------------------------------------

const RECURRENT: [&str; 4] = ["lstm", "lstm_bidirectional", "gru", "gru_bidirectional"];

#[test]
fn logarithms_of_what_is_nearly_zero_are_exact() {
    let session = load(&own("far_out"));
    let (inputs, outputs) = expected(&own("far_out").with_extension("json"), session.signature());
    assert_answers(&*session, &inputs, &outputs);
}

#[test]
fn recurrent_models_run_at_any_batch_and_remember_nothing() {
    for name in RECURRENT {
        let session = load(&own(name));
        assert!(session.signature().is_batched(), "{name}: {:?}", session.signature());
        let (inputs, outputs) = expected(&own(name).with_extension("json"), session.signature());
        for _ in 0..2 {
            assert_answers(&*session, &inputs, &outputs);
        }
        for row in 0..5 {
            let input = inputs[0].values::<f32>().unwrap()[row * 18..][..18].to_vec();
            let want = outputs["y"].values::<f32>().unwrap()[row * 2..][..2].to_vec();
            for _ in 0..2 {
                assert_close(&session.run(&[floats(&[1, 6, 3], &input)]).unwrap()[0], &floats(&[1, 2], &want));
            }
        }
    }
}

#[test]
fn a_batch_that_inference_cannot_follow_is_found_by_trial() {
    let session = load(&own("lstm_stateless_batch_first"));
    assert_eq!(shapes(&session.signature().outputs), ["y FP32 [N,2]"]);
    assert!(session.signature().is_batched());
    let rows =
        |count: usize| floats(&[count, 5, 3], &(0..count * 15).map(|at| (at % 15) as f32 / 8.0).collect::<Vec<_>>());
    let one = session.run(&[rows(1)]).unwrap();
    let four = session.run(&[rows(4)]).unwrap();
    for row in 0..4 {
        let got = four[0].values::<f32>().unwrap()[row * 2..][..2].to_vec();
        assert_close(&floats(&[1, 2], &got), &one[0]);
    }
    let second = load(&own("lstm_stateless"));
    assert!(!second.signature().is_batched());
    assert!(second.run(&[floats(&[5, 7, 3], &[0.5; 105])]).is_ok());
}

// --- plans -----------------------------------------------------------------------------------------------------------

#[test]
fn many_batch_sizes_give_right_answers_within_a_bound_of_memory() {
    for (file, width, max_plans) in [(bundled("iris", 2), 4, 1), (bundled("digits", 1), 64, 3), (own("gru"), 18, 2)] {
        let session = load_with(&file, Config { max_plans, ..Config::default() });
        let sample: Vec<usize> =
            session.signature().inputs[0].shape.iter().map(|dim| dim.fixed().unwrap_or(0)).collect();
        // What was read, and the one plan there is; tensors too small to be counted there may be larger in other plans.
        let first = session.memory_bytes() + (16 << 10);
        let input = |rows: usize| {
            let mut shape = sample.clone();
            shape[0] = rows;
            floats(&shape, &(0..rows * width).map(|at| (at % 17) as f32 / 4.0).collect::<Vec<_>>())
        };
        let alone = session.run(&[input(1)]).unwrap();
        for rows in (1..=12).chain((1..=12).rev()).chain([5; 12]) {
            let answers = session.run(&[input(rows)]).unwrap();
            for (answer, alone) in answers.iter().zip(&alone) {
                assert_eq!(answer.shape()[0], rows);
                if let (Some(answer), Some(alone)) = (answer.values::<f32>(), alone.values::<f32>()) {
                    assert_close(&floats(&[alone.len()], &answer[..alone.len()]), &floats(&[alone.len()], &alone));
                }
            }
            assert!(session.memory_bytes() <= first * (max_plans as u64 + 2), "{} at {rows}", session.memory_bytes());
        }
    }
}

#[test]
fn threads_share_a_session() {
    let session = load_with(&bundled("digits", 1), Config { max_plans: 2, ..Config::default() });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let session = &session;
            scope.spawn(move || {
                for batch in [1, 3, 32, 3, 1] {
                    let file = root().join(format!("tests/fixtures/expected/digits-1-{batch}.json"));
                    let (inputs, outputs) = expected(&file, session.signature());
                    assert_answers(&**session, &inputs, &outputs);
                    // Other sizes in between, so that plans come and go.
                    let rows = 4 + thread;
                    session.run(&[floats(&[rows, 1, 8, 8], &vec![0.0; rows * 64])]).unwrap();
                }
            });
        }
    });
}

// --- values that a model cannot compute with -------------------------------------------------------------------------

#[test]
fn not_a_number_spreads_or_is_refused() {
    let identity = load(&fixture("identity_fp32"));
    let answer = identity.run(&[floats(&[1, 2], &[f32::NAN, 1.0])]).unwrap();
    assert!(answer[0].values::<f32>().unwrap()[0].is_nan());
    let digits = load(&root().join("models/digits/1/model.onnx"));
    let error = digits.run(&[floats(&[1, 1, 8, 8], &[f32::NAN; 64])]).unwrap_err();
    assert!(error.message.contains("NaN") && error.message.contains("image"), "{error}");
    // Infinity times a weight less infinity times another is no number either.
    let error = digits.run(&[floats(&[1, 1, 8, 8], &[f32::INFINITY; 64])]).unwrap_err();
    assert!(error.message.contains("Infinity") && error.message.contains("Relu"), "{error}");
    let answer = identity.run(&[floats(&[1, 2], &[f32::INFINITY, 1.0])]).unwrap();
    assert_eq!(answer[0].values::<f32>().unwrap()[0], f32::INFINITY);
}

#[test]
fn values_that_do_not_fit_are_errors_that_name_the_node_and_leave_no_trace() {
    let gather = load(&fixture("gather"));
    for bad in [10, -11, i64::MAX] {
        let error = gather.run(&[integers(&[bad])]).unwrap_err();
        assert!(error.message.contains("(Gather)"), "{error}");
        assert!(!error.message.contains(".rs") && !error.message.contains('\n'), "{error}");
        assert_eq!(gather.run(&[integers(&[9])]).unwrap(), [floats(&[1], &[90.0])]);
    }
    let divide = load(&fixture("divide_int64"));
    let error = divide.run(&[integers(&[7]), integers(&[0])]).unwrap_err();
    assert!(error.message.contains("(Div)"), "{error}");
    assert_eq!(divide.run(&[integers(&[7]), integers(&[2])]).unwrap(), [integers(&[3])]);
    let tokens = load(&fixture("wide_symbols"));
    let bad = Tensor::from_vec(&[1, 2][..], vec![3i64, 16]).unwrap();
    assert!(tokens.run(&[bad]).is_err());
    assert!(tokens.run(&[Tensor::from_vec(&[1, 2][..], vec![3i64, 15]).unwrap()]).is_ok());
}

#[test]
fn tensors_that_are_not_the_signatures_are_errors() {
    let session = load(&fixture("two_inputs"));
    let (a, b) = (floats(&[2, 2], &[0.0; 4]), floats(&[2, 1], &[0.0; 2]));
    for inputs in [
        vec![],
        vec![a.clone()],
        vec![a.clone(), integers(&[1, 2])],
        vec![a.clone(), floats(&[2], &[0.0; 2])],
        vec![a.clone(), floats(&[2, 2], &[0.0; 4])],
        vec![a.clone(), floats(&[1, 1], &[0.0])],
    ] {
        assert!(session.run(&inputs).is_err());
    }
    assert!(session.run(&[a, b]).is_ok());
    let huge = Tensor::from_vec(&[0, 1 << 50][..], Vec::<i64>::new()).unwrap();
    assert!(load(&fixture("wide_symbols")).run(&[huge]).is_err());
}

// --- files that are not served ---------------------------------------------------------------------------------------

#[test]
fn what_the_engine_gets_wrong_or_lacks_is_refused_with_a_hint() {
    for (name, operator, words) in [
        ("unknown_operator", "Frobnicate", "standard operators"),
        ("noise", "RandomNormalLike", "random numbers outside"),
    ] {
        let error = refusal(&refused(name));
        assert!(matches!(&error, LoadError::Unsupported { operator: got, .. } if got == operator), "{name}: {error}");
        assert!(error.to_string().contains(words), "{name}: {error}");
    }
}

#[test]
fn broken_files_are_refused_and_nothing_panics() {
    for name in [
        "bad_permutation",
        "data_outside",
        "huge_input",
        "input_from_nowhere",
        "no_rank",
        "output_from_nowhere",
        "wrong_output_type",
        "zero_stride",
    ] {
        let error = refusal(&own(name)).to_string();
        assert!(!error.contains(".rs:") && error.len() < 500, "{name}: {error}");
    }
    assert!(matches!(refusal(&refused("garbage")), LoadError::Malformed(_)));
    for bytes in [&b""[..], b"hello", &[0; 100], &[255; 100]] {
        let source = ModelSource { bytes: Bytes::copy_from_slice(bytes), directory: None };
        assert!(matches!(Tract::default().load(&source), Err(LoadError::Malformed(_))));
        assert!(Tract::default().inspect(&source).is_err());
    }
}

#[test]
fn what_functions_are_given_is_held_against_the_limits() {
    let error = refusal(&own("tiled_in_function"));
    assert!(matches!(&error, LoadError::Unsupported { operator, .. } if operator == "Tile"), "{error}");
    assert!(error.to_string().contains("--max-tensor"), "{error}");
}

#[test]
fn every_beginning_of_a_file_is_refused_or_loads_without_a_panic() {
    let whole = source(&bundled("iris", 2));
    for end in (0..whole.bytes.len()).step_by(97) {
        let part = ModelSource { bytes: whole.bytes.slice(..end), directory: None };
        let _ = Tract::default().load(&part);
        let _ = Tract::default().inspect(&part);
    }
}

#[test]
fn branches_within_branches_do_not_exhaust_the_stack() {
    let session = load(&own("nested_branches"));
    let told = Tract::default().inspect(&source(&own("nested_branches"))).unwrap();
    assert!(told.operators.iter().any(|used| used.operator == "If" && used.count == 29));
    for (branch, want) in [(true, 0.0), (false, 1.0)] {
        let yes = Tensor::from_vec(&[][..], vec![branch]).unwrap();
        assert_eq!(session.run(&[yes, floats(&[1], &[-1.0])]).unwrap(), [floats(&[1], &[want])]);
    }
}

#[test]
fn hostile_axis_names_load_under_plain_ones() {
    let session = load(&own("nested_dims"));
    assert_eq!(shapes(&session.signature().inputs), ["x FP32 [axis_0,2]"]);
    assert_eq!(shapes(&session.signature().outputs), ["y FP32 [axis_0,2]"]);
    assert_eq!(session.run(&[floats(&[1, 2], &[-1.0, 1.0])]).unwrap(), [floats(&[1, 2], &[0.0, 1.0])]);
    let odd = load(&fixture("odd_dim_param"));
    assert_eq!(shapes(&odd.signature().inputs), ["input FP32 [axis_0,3]"]);
    assert!(odd.signature().is_batched());
}

#[test]
fn free_axes_that_have_a_least_size_are_sampled_large_enough() {
    let session = load(&own("free_sides"));
    let shape = &session.sample_shapes()[0];
    assert_eq!((shape[0], shape[1]), (1, 1));
    let input = floats(shape, &vec![1.0; shape.iter().product()]);
    assert!(session.run(&[input]).is_ok());
    assert!(session.run(&[floats(&[1, 1, 3, 3], &[0.0; 9])]).is_err());
}

#[test]
fn a_window_larger_than_its_input_is_an_error_whatever_came_before() {
    for (model, least) in [
        ("free_sides", 12),
        ("free_sides_padded", 3),
        ("free_sides_pooled", 2),
        ("free_sides_averaged", 5),
        ("free_sides_transposed", 5),
    ] {
        let session = load_with(&own(model), Config { max_plans: 2, ..Config::default() });
        let image = |n: usize, h: usize, w: usize| floats(&[n, 1, h, w], &vec![1.0; n * h * w]);
        for side in least..least + 8 {
            assert!(session.run(&[image(1, side, side)]).is_ok(), "{model} {side}");
            for small in 0..least {
                for (h, w) in [(small, small), (side, small), (small, side)] {
                    let answer = session.run(&[image(1, h, w)]);
                    // Of nothing at all, any answer will do.
                    if h * w > 0 {
                        let error = answer.expect_err(model);
                        let told = model == "free_sides_transposed" || error.message.contains("smaller than");
                        assert!(told, "{model} {h} {w}: {error}");
                    }
                }
            }
        }
        for side in [least, least - 1, 0] {
            // Nothing is asked: an empty answer or an error, as the operator has it.
            let answer = session.run(&[image(0, side, least)]);
            assert!(answer.is_err() || answer.is_ok_and(|answer| answer[0].is_empty()), "{model} {side}");
        }
    }
}

#[test]
fn windows_are_checked_inside_branches_and_beside_empty_inputs() {
    let branch = load_with(&own("free_sides_in_branch"), Config { max_plans: 1, ..Config::default() });
    let beside = load_with(&own("image_beside_rows"), Config { max_plans: 1, ..Config::default() });
    let yes = Tensor::from_vec(&[][..], vec![true]).unwrap();
    for side in [12, 5, 13, 1, 14] {
        let image = floats(&[1, 1, side, side], &vec![1.0; side * side]);
        assert_eq!(branch.run(&[yes.clone(), image.clone()]).is_ok(), side >= 5, "{side}");
        assert_eq!(beside.run(&[floats(&[0, 2], &[]), image]).is_ok(), side >= 12, "{side}");
    }
}

#[test]
fn a_window_over_a_size_that_values_decide_is_refused() {
    let error = refusal(&own("sides_by_value")).to_string();
    assert!(error.contains("(Conv)") && error.contains("depends on values"), "{error}");
}

#[test]
fn a_session_tells_whether_shapes_are_prepared() {
    let session = load(&bundled("iris", 2));
    let rows = |rows: usize| [floats(&[rows, 4], &vec![1.0; rows * 4])];
    assert!(session.is_prepared(&rows(1)) && !session.is_prepared(&rows(5)));
    session.run(&rows(5)).unwrap();
    assert!(session.is_prepared(&rows(5)));
}

// --- inspection ------------------------------------------------------------------------------------------------------

#[test]
fn inspection_tells_what_a_file_holds() {
    let told = Tract::default().inspect(&source(&bundled("digits", 1))).unwrap();
    assert!(told.operators.iter().all(|operator| operator.support == Support::Engine));
    assert!(told.operators.iter().any(|operator| operator.operator == "Conv"));
    assert_eq!(told.operators.iter().map(|operator| operator.count).sum::<usize>(), told.graph.nodes);
    assert!(told.graph.opsets.contains_key("ai.onnx") && told.graph.weight_bytes > 0);
    assert_eq!(shapes(&told.signature.unwrap().inputs).len(), 1);
}

#[test]
fn inspection_works_on_files_that_cannot_be_loaded() {
    let parts = Tract::default().inspect(&source(&refused("parts"))).unwrap();
    assert!(parts.signature.unwrap_err().to_string().contains("sequence"));
    let refused_ones: Vec<_> = parts.operators.iter().filter(|o| matches!(o.support, Support::Refused(_))).collect();
    assert!(matches!(refused_ones[..], [one] if one.operator == "SplitToSequence" && one.domain == "ai.onnx"));
    for name in ["unknown_operator", "noise"] {
        let told = Tract::default().inspect(&source(&refused(name))).unwrap();
        assert!(told.operators.iter().any(|o| matches!(o.support, Support::Refused(_))), "{name}");
        assert!(told.signature.is_ok());
    }
    for file in std::fs::read_dir(root().join("tests/engine/models")).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "onnx") {
            assert!(Tract::default().inspect(&source(&file)).is_ok(), "{}", file.display());
        }
    }
}

// --- the scripted engine ---------------------------------------------------------------------------------------------

#[test]
fn the_fake_engine_does_what_its_script_says() {
    let source = ModelSource { bytes: Bytes::new(), directory: None };
    let echo = Fake::echo(2).load(&source).unwrap();
    let row = floats(&[1, 2], &[1.0, 2.0]);
    assert_eq!(echo.run(std::slice::from_ref(&row)).unwrap(), std::slice::from_ref(&row));
    assert!(echo.signature().is_batched() && echo.signature().inputs[0].datatype == DataType::Fp32);

    let (release, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let slow = Fake::new(FakeSession::rows_in_rows_out(2), move |_| {
        gate.lock().unwrap().recv().map_err(|_| RunError::from("the test went away".to_owned()))?;
        Err(RunError::from("no".to_owned()))
    });
    let session = slow.load(&source).unwrap();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| session.run(&[]));
        release.send(()).unwrap();
        assert_eq!(run.join().unwrap().unwrap_err().message, "no");
    });

    let broken = LoadError::Malformed("x".into());
    assert_eq!(Fake::failing(broken.clone()).load(&source).err(), Some(broken));
}
