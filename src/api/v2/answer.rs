//! An answer in this protocol: JSON, and after it the outputs that were wanted as raw bytes.

use super::message::Wanted;
use crate::api::pieces::Pieces;
use crate::codec::{NonFinite, raw_size, write_flat, write_raw, write_string};
use crate::serving::Response;

/// How an answer is to be written.
#[derive(Debug, Default)]
pub(super) struct Manner {
    pub id: Option<String>,
    /// In the order of the outputs; none when all outputs are answered.
    pub wanted: Vec<Wanted>,
    /// For outputs that say nothing of their own.
    pub binary: bool,
    pub non_finite: NonFinite,
}

impl Manner {
    fn is_binary(&self, output: usize) -> bool {
        self.wanted.get(output).and_then(|wanted| wanted.binary).unwrap_or(self.binary)
    }
}

/// A body, and the length of its JSON when something follows it.
#[derive(Debug)]
pub(super) struct Written {
    pub body: Pieces,
    pub json_length: Option<usize>,
}

pub(super) fn write(response: &Response, manner: &Manner) -> Written {
    let outputs = || response.outputs.iter().enumerate();
    // A number takes some ten characters.
    let text = |tensor: &crate::tensor::Tensor| 128 + tensor.len().saturating_mul(10);
    let room = outputs().map(|(n, (_, t))| if manner.is_binary(n) { 128 } else { text(t) }).sum::<usize>();
    let mut out = Vec::with_capacity(256 + room);

    let id = &response.model.id;
    out.extend_from_slice(br#"{"model_name":"#);
    write_string(id.name.as_str(), &mut out);
    out.extend_from_slice(br#","model_version":"#);
    out.push(b'"');
    write_number(id.version.0, &mut out);
    out.push(b'"');
    if let Some(id) = &manner.id {
        out.extend_from_slice(br#","id":"#);
        write_string(id, &mut out);
    }
    out.extend_from_slice(br#","outputs":["#);
    for (n, (port, tensor)) in outputs() {
        if n > 0 {
            out.push(b',');
        }
        let name = response.model.signature.outputs.get(*port).map_or("", |port| port.name.as_str());
        out.extend_from_slice(br#"{"name":"#);
        write_string(name, &mut out);
        out.extend_from_slice(br#","shape":["#);
        for (axis, size) in tensor.shape().iter().enumerate() {
            if axis > 0 {
                out.push(b',');
            }
            write_number(*size, &mut out);
        }
        out.extend_from_slice(br#"],"datatype":""#);
        out.extend_from_slice(tensor.datatype().name().as_bytes());
        out.extend_from_slice(br#"","#);
        if manner.is_binary(n) {
            out.extend_from_slice(br#""parameters":{"binary_data_size":"#);
            write_number(raw_size(tensor), &mut out);
            out.push(b'}');
        } else {
            out.extend_from_slice(br#""data":"#);
            write_flat(tensor, &mut out, manner.non_finite);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");

    let json_length = out.len();
    let mut body = Pieces::from(out);
    let mut any_binary = false;
    for (_, (_, tensor)) in outputs().filter(|(n, _)| manner.is_binary(*n)) {
        any_binary = true;
        body.push(write_raw(tensor));
    }
    Written { body, json_length: any_binary.then_some(json_length) }
}

fn write_number(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
