//! Bodies that work, shown where one did not: the author's own if the card has one, else made from the first golden row,
//! else zeros of the declared shape. Small models only: nobody reads an example of a thousand zeros.

use crate::codec::{NonFinite, write_flat, write_nested, write_string};
use crate::model::{Description, Port};
use crate::tensor::{Shape, Tensor, element_count};

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
    for port in &model.signature.inputs {
        let tensor = worked(model, port)?;
        elements += tensor.len();
        if elements > MOST_ELEMENTS {
            return None;
        }
        if !out.is_empty() {
            out.push(b',');
        }
        write(port, &tensor, &mut out);
    }
    String::from_utf8(out).ok()
}

/// One row of values that the model takes.
fn worked(model: &Description, port: &Port) -> Option<Tensor> {
    let golden = model.card.golden.as_ref().filter(|_| model.signature.is_batched());
    let inputs = golden.map(|golden| golden.inputs.as_slice()).unwrap_or_default();
    let row = inputs.iter().find(|(name, _)| *name == port.name).and_then(|(_, tensor)| tensor.slice_rows(0, 1).ok());
    if let Some(row) =
        row.and_then(|row| row.cast(port.datatype).ok()).filter(|row| row.shape().len() == port.shape.len())
    {
        return Some(row);
    }
    let shape: Shape = port.shape.iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
    let count = element_count(&shape).filter(|&count| count <= MOST_ELEMENTS)?;
    match port.datatype.width() {
        Some(width) => Tensor::from_bytes(port.datatype, shape, vec![0; count * width].into()).ok(),
        None => Tensor::from_strings(shape, vec!["text".to_owned(); count]).ok(),
    }
}
