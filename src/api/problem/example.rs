//! Bodies that work, shown where one did not: the author's own if the card has one, else made from inputs that the model
//! has answered. Small models only: nobody reads an example of a thousand zeros.

use crate::codec::{NonFinite, write_flat, write_nested, write_string};
use crate::model::{Description, Port};
use crate::tensor::Tensor;

/// Largest number of elements of a made example.
const MOST_ELEMENTS: usize = 1024;

/// A body for `POST /predict`, as JSON text.
pub(crate) fn predict_example(model: &Description) -> Option<String> {
    if let Some(example) = &model.card.example
        && serde_json::from_str::<serde::de::IgnoredAny>(example).is_ok()
    {
        return Some(example.trim().into());
    }
    object(model, |port, tensor, out| {
        write_string(&port.name, out);
        out.push(b':');
        write_nested(tensor, out, NonFinite::String);
    })
    .map(|inputs| format!("{{\"inputs\":{{{inputs}}}}}"))
}

/// A body for `POST /v2/models/{model}/infer`, as JSON text.
pub(crate) fn oip_example(model: &Description) -> Option<String> {
    object(model, |port, tensor, out| {
        out.extend_from_slice(b"{\"name\":");
        write_string(&port.name, out);
        out.extend_from_slice(format!(",\"shape\":{:?}", tensor.shape()).replace(' ', "").as_bytes());
        out.extend_from_slice(format!(",\"datatype\":\"{}\",\"data\":", tensor.datatype()).as_bytes());
        write_flat(tensor, out, NonFinite::String);
        out.push(b'}');
    })
    .map(|inputs| format!("{{\"inputs\":[{inputs}]}}"))
}

/// Each input written by `write`, with commas between; `None` when that would be too long to read.
fn object(model: &Description, write: impl Fn(&Port, &Tensor, &mut Vec<u8>)) -> Option<String> {
    let mut out = Vec::new();
    let mut elements = 0;
    for (port, tensor) in model.signature.inputs.iter().zip(&model.sample) {
        elements += tensor.len();
        if elements > MOST_ELEMENTS {
            return None;
        }
        if !out.is_empty() {
            out.push(b',');
        }
        write(port, tensor, &mut out);
    }
    String::from_utf8(out).ok()
}
