//! An answer in this protocol: JSON, and after it the outputs that were wanted as raw bytes.

use bytes::Bytes;

use super::message::Wanted;
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
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub body: Bytes,
    pub json_length: Option<usize>,
}

pub(super) fn write(response: &Response, manner: &Manner) -> Written {
    let outputs = || response.outputs.iter().enumerate();
    // A number takes some ten characters.
    let text = |tensor: &crate::tensor::Tensor| 128 + tensor.len().saturating_mul(10);
    let room =
        outputs().map(|(n, (_, t))| if manner.is_binary(n) { 128 + raw_size(t) } else { text(t) }).sum::<usize>();
    let mut out = Vec::with_capacity(256 + room);

    let id = &response.model.id;
    out.extend_from_slice(br#"{"model_name":"#);
    write_string(id.name.as_str(), &mut out);
    out.extend_from_slice(br#","model_version":"#);
    write_string(&id.version.to_string(), &mut out);
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
        let sizes = tensor.shape().iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let datatype = tensor.datatype().name();
        out.extend_from_slice(format!(r#","shape":[{sizes}],"datatype":"{datatype}","#).as_bytes());
        if manner.is_binary(n) {
            out.extend_from_slice(format!(r#""parameters":{{"binary_data_size":{}}}"#, raw_size(tensor)).as_bytes());
        } else {
            out.extend_from_slice(br#""data":"#);
            write_flat(tensor, &mut out, manner.non_finite);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");

    let json_length = out.len();
    let mut any_binary = false;
    for (_, (_, tensor)) in outputs().filter(|(n, _)| manner.is_binary(*n)) {
        any_binary = true;
        out.extend_from_slice(&write_raw(tensor));
    }
    Written { body: out.into(), json_length: any_binary.then_some(json_length) }
}
