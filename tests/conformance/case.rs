//! One case: a model, questions, and the answers they must get.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use half::f16;
use onnxd::engine::{Engine, ModelSource, OperatorUse, Support};
use onnxd::tensor::{DataType, Tensor};
use prost::Message;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{GraphProto, TensorProto};

pub struct Case {
    path: PathBuf,
    rtol: f64,
    atol: f64,
    questions: Vec<Question>,
}

#[derive(Default)]
struct Question {
    inputs: BTreeMap<String, Result<Tensor, String>>,
    outputs: BTreeMap<String, Result<Tensor, String>>,
}

pub enum Outcome {
    Right,
    /// When it was loaded, with the reason.
    Refused(String),
    /// It was loaded and then gave no answer.
    Failed(String),
    Wrong(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Failed(reason) => write!(f, "FAILED: {reason}"),
            Self::Wrong(reason) => write!(f, "WRONG: {reason}"),
        }
    }
}

impl Case {
    /// `path` is that of its files without their endings.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path.with_extension("pb")).unwrap();
        let graph = GraphProto::decode(&*bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tolerance = |name: &str| {
            let words = graph.doc_string.split_whitespace();
            let found = words.filter_map(|word| word.split_once('=')).find(|(key, _)| *key == name);
            found.unwrap_or_else(|| panic!("{}: no {name}", path.display())).1.parse().unwrap()
        };
        let (rtol, atol) = (tolerance("rtol"), tolerance("atol"));
        let mut questions: Vec<Question> = Vec::new();
        for stored in &graph.initializer {
            let mut parts = stored.name.splitn(3, '/');
            let number: usize = parts.next().unwrap().parse().unwrap();
            questions.resize_with(questions.len().max(number + 1), Question::default);
            let question = &mut questions[number];
            let side = match parts.next().unwrap() {
                "in" => &mut question.inputs,
                _ => &mut question.outputs,
            };
            side.insert(parts.next().unwrap().to_owned(), tensor(stored));
        }
        Self { path: path.to_owned(), rtol, atol, questions }
    }

    fn source(&self) -> ModelSource {
        let bytes = Bytes::from(std::fs::read(self.path.with_extension("onnx")).unwrap());
        ModelSource { bytes, directory: self.path.parent().map(Into::into) }
    }

    pub fn tolerance(&self) -> String {
        format!("{:e} + {:e}", self.rtol, self.atol)
    }

    /// The operators of the file and how each is run: `domain.Operator=how`.
    pub fn operators(&self, engine: &dyn Engine) -> Vec<String> {
        let how = |used: &OperatorUse| match &used.support {
            Support::Engine => "engine",
            Support::Untold => "untold",
            Support::Own => "own",
            Support::Rewritten => "rewritten",
            Support::Refused(_) => "refused",
        };
        let told = engine.inspect(&self.source()).map(|told| told.operators).unwrap_or_default();
        told.iter().map(|used| format!("{}.{}={}", used.domain, used.operator, how(used))).collect()
    }

    pub fn run(&self, engine: &dyn Engine) -> Outcome {
        let session = match engine.load(&self.source()) {
            Ok(session) => session,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        for (number, question) in self.questions.iter().enumerate() {
            let mut inputs = Vec::new();
            for port in &session.signature().inputs {
                match question.inputs.get(&port.name) {
                    Some(Ok(input)) => inputs.push(input.clone()),
                    Some(Err(reason)) => return Outcome::Failed(reason.clone()),
                    None => return Outcome::Failed(format!("question {number} has no input {:?}", port.name)),
                }
            }
            let answers = match session.run(&inputs) {
                Ok(answers) => answers,
                Err(error) => return Outcome::Failed(format!("question {number}: {error}")),
            };
            for (port, got) in session.signature().outputs.iter().zip(&answers) {
                let found = match question.outputs.get(&port.name) {
                    Some(Ok(want)) => self.compare(got, want),
                    Some(Err(reason)) => return Outcome::Failed(reason.clone()),
                    None => return Outcome::Failed(format!("question {number} has no output {:?}", port.name)),
                };
                if let Err(difference) = found {
                    return Outcome::Wrong(format!("question {number}, output {:?}: {difference}", port.name));
                }
            }
        }
        Outcome::Right
    }

    fn compare(&self, got: &Tensor, want: &Tensor) -> Result<(), String> {
        let kind = |tensor: &Tensor| format!("{} {:?}", tensor.datatype(), tensor.shape());
        if (got.datatype(), got.shape()) != (want.datatype(), want.shape()) {
            return Err(format!("{} came instead of {}", kind(got), kind(want)));
        }
        if got.datatype().is_float() {
            let (got, want) = (wide(got), wide(want));
            let close = |got: f64, want: f64| {
                got == want
                    || (got.is_nan() && want.is_nan())
                    || (got - want).abs() <= self.atol + self.rtol * want.abs()
            };
            return match (0..want.len()).find(|&at| !close(got[at], want[at])) {
                Some(at) => Err(format!("value {at} of {}: {} came instead of {}", want.len(), got[at], want[at])),
                None => Ok(()),
            };
        }
        if got == want { Ok(()) } else { Err(format!("{got:?} came instead of {want:?}").chars().take(300).collect()) }
    }
}

fn wide(tensor: &Tensor) -> Vec<f64> {
    tensor.cast(DataType::Fp64).unwrap().values::<f64>().unwrap().to_vec()
}

/// A stored tensor; in words, an element type that the server does not carry.
fn tensor(stored: &TensorProto) -> Result<Tensor, String> {
    let shape: Vec<usize> = stored.dims.iter().map(|&size| size as usize).collect();
    let kind = OnnxType::try_from(stored.data_type).map_err(|error| error.to_string())?;
    let datatype = match kind {
        OnnxType::Bool => DataType::Bool,
        OnnxType::Uint8 => DataType::Uint8,
        OnnxType::Uint16 => DataType::Uint16,
        OnnxType::Uint32 => DataType::Uint32,
        OnnxType::Uint64 => DataType::Uint64,
        OnnxType::Int8 => DataType::Int8,
        OnnxType::Int16 => DataType::Int16,
        OnnxType::Int32 => DataType::Int32,
        OnnxType::Int64 => DataType::Int64,
        OnnxType::Float16 => DataType::Fp16,
        OnnxType::Float => DataType::Fp32,
        OnnxType::Double => DataType::Fp64,
        OnnxType::String => {
            let strings = stored.string_data.iter().map(|text| String::from_utf8_lossy(text).into_owned());
            let strings = strings.collect::<Vec<_>>();
            return Tensor::from_strings(shape, strings).map_err(|error| error.to_string());
        }
        other => return Err(format!("elements of {}", other.as_str_name().to_lowercase())),
    };
    if !stored.raw_data.is_empty() || shape.contains(&0) {
        let bytes = Bytes::from(stored.raw_data.to_vec());
        return Tensor::from_bytes(datatype, shape, bytes).map_err(|error| error.to_string());
    }
    match kind {
        OnnxType::Float => Tensor::from_vec(shape, stored.float_data.clone()),
        OnnxType::Double => Tensor::from_vec(shape, stored.double_data.clone()),
        OnnxType::Int64 => Tensor::from_vec(shape, stored.int64_data.clone()),
        OnnxType::Float16 => Tensor::from_vec(
            shape,
            stored.int32_data.iter().map(|&bits| f16::from_bits(bits as u16)).collect::<Vec<_>>(),
        ),
        OnnxType::Bool => Tensor::from_vec(shape, stored.int32_data.iter().map(|&bit| bit != 0).collect::<Vec<_>>()),
        _ => Tensor::from_vec(shape, stored.int32_data.clone())
            .and_then(|tensor| tensor.cast(datatype).map_err(|_| unreachable!())),
    }
    .map_err(|error| error.to_string())
}

/// Every file below a folder with this ending, in the order of their names.
pub fn files(root: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
