//! The answer of `POST /predict`, written straight into one buffer: tensor by tensor for tensors, row by row for rows.
//! Where the model's card says so, a class index is written as its label and scores as `{label: score}`.

use smallvec::SmallVec;

use crate::api::pieces::Pieces;
use crate::codec::{NonFinite, with_elements, write_nesting, write_npy, write_part, write_raw, write_string};
use crate::model::OutputRole;
use crate::serving::{Form, Response};
use crate::tensor::{Tensor, element_count};

/// How the question was put, which decides how the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As tensors: `"outputs": {name: nested}`.
    Outputs,
    /// As rows in an envelope: `"predictions": [...]`, one entry per row.
    Predictions,
    /// As bare rows or records: `"predictions": [...]`, or `"prediction": ...` for one row without its batch axis.
    Rows,
    /// As one record by itself: `"prediction": ...`.
    Record,
}

/// The answer as JSON.
pub fn encode(answer: &Response, layout: Layout, id: Option<&str>, non_finite: NonFinite) -> Vec<u8> {
    let elements: usize = answer.outputs.iter().map(|(_, tensor)| tensor.len()).sum();
    let mut out = Vec::with_capacity(256 + elements.min(1 << 20) * 12);
    out.extend_from_slice(b"{\"model\":");
    write_string(answer.model.id.name.as_str(), &mut out);
    out.extend_from_slice(b",\"version\":");
    out.push(b'"');
    out.extend_from_slice(itoa::Buffer::new().format(answer.model.id.version.0).as_bytes());
    out.push(b'"');
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        write_string(id, &mut out);
    }
    let outputs: SmallVec<[Output<'_>; 2]> =
        answer.outputs.iter().map(|(index, tensor)| Output::new(answer, *index, tensor, non_finite)).collect();
    let rows = answer.rows.filter(|&rows| outputs.iter().all(|output| output.has(rows)));
    match (layout, answer.form, rows) {
        (Layout::Rows | Layout::Record, Form::SingleRow, _) => {
            out.extend_from_slice(b",\"prediction\":");
            write_row(&outputs, |output, out| output.write_all(out), &mut out);
        }
        (Layout::Predictions, Form::SingleRow, _) => {
            out.extend_from_slice(b",\"predictions\":[");
            write_row(&outputs, |output, out| output.write_all(out), &mut out);
            out.push(b']');
        }
        (Layout::Record, Form::Batched, Some(1)) => {
            out.extend_from_slice(b",\"prediction\":");
            write_row(&outputs, |output, out| output.write_nth(0, out), &mut out);
        }
        (Layout::Rows | Layout::Predictions | Layout::Record, Form::Batched, Some(rows)) => {
            out.extend_from_slice(b",\"predictions\":[");
            for row in 0..rows {
                if row > 0 {
                    out.push(b',');
                }
                write_row(&outputs, |output, out| output.write_nth(row, out), &mut out);
            }
            out.push(b']');
        }
        // Without rows there is nothing to answer row by row.
        (Layout::Outputs, _, _) | (_, Form::Batched, None) => write_outputs(&outputs, &mut out),
    }
    out.push(b'}');
    out
}

/// The only output as an `.npy` file; `None` when it is strings too different in length for one.
pub(super) fn npy(answer: &Response) -> Option<Pieces> {
    let Some((_, tensor)) = answer.outputs.first() else { return Some(Pieces::default()) };
    let (head, elements) = write_npy(tensor)?;
    let mut pieces = Pieces::from(head);
    pieces.push(elements);
    Some(pieces)
}

/// The only output as little-endian bytes.
pub(super) fn raw(answer: &Response) -> Pieces {
    let mut pieces = Pieces::default();
    if let Some((_, tensor)) = answer.outputs.first() {
        pieces.push(write_raw(tensor));
    }
    pieces
}

fn write_outputs(outputs: &[Output<'_>], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"outputs\":");
    write_by_name(outputs, |output, out| output.write_whole(output.tensor.shape(), 0, out), out);
}

/// A bare value for one output, an object by name for several.
fn write_row(outputs: &[Output<'_>], write: impl Fn(&Output<'_>, &mut Vec<u8>), out: &mut Vec<u8>) {
    if let [output] = outputs {
        return write(output, out);
    }
    write_by_name(outputs, write, out);
}

fn write_by_name(outputs: &[Output<'_>], write: impl Fn(&Output<'_>, &mut Vec<u8>), out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, output) in outputs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(output.name, out);
        out.push(b':');
        write(output, out);
    }
    out.push(b'}');
}

/// One output and how its values are to be read.
struct Output<'a> {
    name: &'a str,
    tensor: &'a Tensor,
    role: Option<OutputRole>,
    labels: &'a [String],
    non_finite: NonFinite,
}

impl<'a> Output<'a> {
    fn new(answer: &'a Response, index: usize, tensor: &'a Tensor, non_finite: NonFinite) -> Self {
        let name = answer.model.signature.outputs.get(index).map_or("", |port| port.name.as_str());
        let classes = answer.model.card.classes.as_ref().filter(|classes| !classes.labels.is_empty());
        let labels = classes.map(|classes| classes.labels.as_slice()).unwrap_or_default();
        let role = classes.and_then(|classes| classes.outputs.get(name)).copied();
        let role = role.filter(|role| match role {
            OutputRole::Class => tensor.datatype().is_integer(),
            OutputRole::Scores => tensor.shape().last() == Some(&labels.len()),
        });
        Self { name, tensor, role, labels, non_finite }
    }

    fn has(&self, rows: usize) -> bool {
        self.tensor.rows() == Some(rows)
    }

    /// One row's part of a batch.
    fn write_nth(&self, row: usize, out: &mut Vec<u8>) {
        let shape = self.tensor.shape().get(1..).unwrap_or_default();
        self.write_squeezed(shape, row * element_count(shape).unwrap_or(0), out);
    }

    /// The whole tensor, which is one row.
    fn write_all(&self, out: &mut Vec<u8>) {
        self.write_squeezed(self.tensor.shape(), 0, out);
    }

    /// A single value in an axis of its own comes without the axis.
    fn write_squeezed(&self, shape: &[usize], start: usize, out: &mut Vec<u8>) {
        let squeezed = matches!(shape, [1]) && self.role != Some(OutputRole::Scores);
        self.write_whole(if squeezed { &[] } else { shape }, start, out);
    }

    fn write_whole(&self, shape: &[usize], start: usize, out: &mut Vec<u8>) {
        match (self.role, shape.split_last()) {
            (Some(OutputRole::Class), _) => self.write_labels(shape, start, out),
            (Some(OutputRole::Scores), Some((_, outer))) => self.write_scores(outer, start, out),
            _ => write_part(self.tensor, shape, start, out, self.non_finite),
        }
    }

    /// An index without a label is written as the number it is.
    fn write_labels(&self, shape: &[usize], start: usize, out: &mut Vec<u8>) {
        with_elements(self.tensor, start, element_count(shape).unwrap_or(0), |elements| {
            write_nesting(shape, out, |at, out| match elements.index(at).and_then(|index| self.labels.get(index)) {
                Some(label) => write_string(label, out),
                None => elements.write(at, out, self.non_finite),
            });
        });
    }

    fn write_scores(&self, outer: &[usize], start: usize, out: &mut Vec<u8>) {
        let count = element_count(outer).unwrap_or(0) * self.labels.len();
        with_elements(self.tensor, start, count, |elements| {
            write_nesting(outer, out, |at, out| {
                for (index, label) in self.labels.iter().enumerate() {
                    out.push(if index == 0 { b'{' } else { b',' });
                    write_string(label, out);
                    out.push(b':');
                    elements.write(at * self.labels.len() + index, out, self.non_finite);
                }
                out.push(b'}');
            });
        });
    }
}
