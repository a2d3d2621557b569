//! Bodies that ask for a prediction, in each of the forms that are measured.

use clap::ValueEnum;

use super::request::Message;
use crate::api::v2::INFERENCE_HEADER;
use crate::codec::{NonFinite, raw_size, write_flat, write_nested, write_part, write_raw, write_string};
use crate::tensor::Tensor;

/// How tensors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The Open Inference Protocol with numbers as JSON
    V2Json,
    /// The same with tensors as bytes, both ways
    V2Binary,
    /// POST /predict, as rows where the model takes rows
    Predict,
}

/// One model and what to ask it.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) model: String,
    /// `None`: whichever the server takes.
    pub(super) version: Option<String>,
    /// By name, in the model's order.
    pub(super) inputs: Vec<(String, Tensor)>,
    /// Whether axis 0 of every input is rows.
    pub(super) batched: bool,
}

impl Question {
    pub(super) fn message(&self, format: Format) -> Message {
        let mut headers = vec![("content-type".into(), "application/json".into())];
        let body = match format {
            Format::V2Json => self.v2(false),
            Format::Predict => self.predict(),
            Format::V2Binary => {
                let mut body = self.v2(true);
                headers = vec![
                    ("content-type".into(), "application/octet-stream".into()),
                    (INFERENCE_HEADER.as_str().into(), body.len().to_string()),
                ];
                self.inputs.iter().for_each(|(_, tensor)| body.extend_from_slice(&write_raw(tensor)));
                body
            }
        };
        Message { method: "POST".into(), path: self.path(format), headers, body }
    }

    fn path(&self, format: Format) -> String {
        let model = &self.model;
        match (format, &self.version) {
            (Format::Predict, None) => format!("/predict/{model}"),
            (Format::Predict, Some(version)) => format!("/predict/{model}/{version}"),
            (_, None) => format!("/v2/models/{model}/infer"),
            (_, Some(version)) => format!("/v2/models/{model}/versions/{version}/infer"),
        }
    }

    fn v2(&self, binary: bool) -> Vec<u8> {
        let mut out = b"{\"inputs\":[".to_vec();
        for (index, (name, tensor)) in self.inputs.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"{\"name\":" } else { b",{\"name\":" });
            write_string(name, &mut out);
            let shape = format!("{:?}", tensor.shape()).replace(' ', "");
            out.extend_from_slice(format!(",\"shape\":{shape},\"datatype\":\"{}\"", tensor.datatype()).as_bytes());
            if binary {
                let size = raw_size(tensor);
                out.extend_from_slice(format!(",\"parameters\":{{\"binary_data_size\":{size}}}").as_bytes());
            } else {
                out.extend_from_slice(b",\"data\":");
                write_flat(tensor, &mut out, NonFinite::String);
            }
            out.push(b'}');
        }
        out.extend_from_slice(if binary { b"],\"parameters\":{\"binary_data_output\":true}}" } else { b"]}" });
        out
    }

    fn predict(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.inputs.as_slice() {
            [(_, tensor)] if self.batched => {
                out.extend_from_slice(b"{\"instances\":");
                write_nested(tensor, &mut out, NonFinite::String);
            }
            inputs if self.batched => {
                out.extend_from_slice(b"{\"instances\":[");
                for row in 0..inputs.first().and_then(|(_, tensor)| tensor.rows()).unwrap_or(0) {
                    if row > 0 {
                        out.push(b',');
                    }
                    object(inputs, &mut out, |tensor, out| {
                        let shape = tensor.shape().get(1..).unwrap_or_default();
                        write_part(tensor, shape, row * shape.iter().product::<usize>(), out, NonFinite::String);
                    });
                }
                out.push(b']');
            }
            inputs => {
                out.extend_from_slice(b"{\"inputs\":");
                object(inputs, &mut out, |tensor, out| write_nested(tensor, out, NonFinite::String));
            }
        }
        out.push(b'}');
        out
    }
}

fn object(inputs: &[(String, Tensor)], out: &mut Vec<u8>, write: impl Fn(&Tensor, &mut Vec<u8>)) {
    out.push(b'{');
    for (index, (name, tensor)) in inputs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write(tensor, out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(batched: bool, names: &[&str]) -> Question {
        let tensor = Tensor::from_vec(&[2, 2][..], vec![0.5f32, 1.0, 2.0, 3.0]).unwrap();
        let inputs = names.iter().map(|name| ((*name).into(), tensor.clone())).collect();
        Question { model: "m".into(), version: None, inputs, batched }
    }

    #[test]
    fn each_form_says_the_same() {
        let text = |question: &Question, format| String::from_utf8(question.message(format).body).unwrap();
        let (one, two) = (question(true, &["x"]), question(true, &["x", "y"]));
        let v2 = r#"{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[0.5,1.0,2.0,3.0]}]}"#;
        assert_eq!(text(&one, Format::V2Json), v2);
        assert_eq!(text(&one, Format::Predict), r#"{"instances":[[0.5,1.0],[2.0,3.0]]}"#);
        let rows = r#"{"instances":[{"x":[0.5,1.0],"y":[0.5,1.0]},{"x":[2.0,3.0],"y":[2.0,3.0]}]}"#;
        assert_eq!(text(&two, Format::Predict), rows);
        let whole = r#"{"inputs":{"x":[[0.5,1.0],[2.0,3.0]]}}"#;
        assert_eq!(text(&question(false, &["x"]), Format::Predict), whole);
    }

    #[test]
    fn bytes_follow_the_json_whose_length_the_header_says() {
        let message = question(true, &["x", "y"]).message(Format::V2Binary);
        let length: usize = message.headers[1].1.parse().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&message.body[..length]).unwrap();
        assert_eq!(json["inputs"][1]["parameters"]["binary_data_size"], 16);
        assert_eq!(message.body.len(), length + 32);
        assert_eq!(message.path, "/v2/models/m/infer");
    }
}
