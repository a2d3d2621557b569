//! A body of `POST /predict` as the neutral payload it stands for. The forms are told apart by their shape alone:
//! `{"inputs": {name: values}}`, `{"inputs": values}`, `{"instances": rows}`, bare rows, records (objects by column name,
//! alone or in rows), raw bytes, npy. What the model declares serves as a hint for reading numbers as its own type, so
//! that a value that does not fit is found where it stands; the rest of the comparison is the waist's.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::answer::Layout;
use super::media::BodyType;
use super::{raw, records};
use crate::codec::{self, DecodeError, Kind, Reader, read_nested};
use crate::model::{Description, Port};
use crate::serving::{Error, Input, Payload, Place, Problem};
use crate::tensor::Tensor;

/// A body, read.
#[derive(Debug)]
pub struct Decoded {
    pub payload: Payload,
    /// Outputs asked for in the body.
    pub outputs: Option<Vec<String>>,
    /// Sent by the client, to be sent back.
    pub id: Option<String>,
    pub layout: Layout,
    pub places: Places,
}

/// Where in the body the inputs stand, to turn the waist's places into JSON pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// `None` for bodies that are not JSON.
    pub(super) all: Option<Cow<'static, str>>,
    pub(super) each: SmallVec<[Cow<'static, str>; 1]>,
    /// Whether the wanted outputs were told outside of the body.
    pub(super) outputs_elsewhere: bool,
}

impl Places {
    /// The error with its place as a pointer into this body.
    pub fn located(&self, mut error: Error) -> Error {
        let place = match &mut error.problem {
            Problem::Invalid(invalid) => Some(&mut invalid.place),
            Problem::RejectedByModel { place, .. } => place.as_mut(),
            _ => None,
        };
        if let Some(place) = place {
            let pointer = match place {
                Place::Input { index, .. } => self.each.get(*index).or(self.all.as_ref()).cloned(),
                Place::Inputs => self.all.clone(),
                Place::Output { index } => {
                    (self.all.is_some() && !self.outputs_elsewhere).then(|| format!("/outputs/{index}").into())
                }
                Place::Whole | Place::Pointer(_) => return error,
            };
            *place = pointer.map_or(Place::Whole, |pointer| Place::Pointer(pointer.into_owned()));
        }
        error
    }
}

/// Reads a body. `shape` is what the client said of raw bytes, if anything.
pub fn decode(
    body_type: BodyType,
    body: Bytes,
    shape: Option<&[usize]>,
    model: &Description,
) -> Result<Decoded, Box<DecodeError>> {
    match body_type {
        BodyType::Json => json(&body, model),
        BodyType::Raw => Ok(bare_tensor(raw::read(body, shape, model)?, true)),
        // NumPy's own default is FP64, so its element type says little about what its owner meant.
        BodyType::Npy => Ok(bare_tensor(codec::read_npy(body)?, false)),
    }
}

fn bare_tensor(tensor: Tensor, typed: bool) -> Decoded {
    Decoded {
        payload: Payload::Sole(Input { name: String::new(), tensor, typed }),
        outputs: None,
        id: None,
        layout: Layout::Outputs,
        places: Places::default(),
    }
}

fn json(body: &[u8], model: &Description) -> codec::Result<Decoded> {
    let mut reader = Reader::new(body)?;
    let decoded = match reader.kind()? {
        Kind::Array => {
            let (payload, places) = rows(&mut reader, model, "")?;
            Decoded { payload, outputs: None, id: None, layout: Layout::Rows, places }
        }
        Kind::Object => object(&mut reader, model)?,
        _ => {
            let (payload, places) = sole(&mut reader, model, "")?;
            Decoded { payload, outputs: None, id: None, layout: Layout::Rows, places }
        }
    };
    reader.finish()?;
    Ok(decoded)
}

/// An object is an envelope when it has a key that only envelopes have; else it is one record.
fn object(reader: &mut Reader<'_>, model: &Description) -> codec::Result<Decoded> {
    let mut keys = reader.lookahead()?;
    let mut key = keys.enter_object()?;
    let mut first_unknown = None;
    let mut is_record = false;
    while let Some(found) = key {
        if matches!(&*found.text, "inputs" | "instances") {
            return envelope(reader, model);
        }
        is_record |= records::is_column(model, &found.text);
        first_unknown.get_or_insert(found);
        keys.skip()?;
        key = keys.next_key()?;
    }
    if is_record {
        let (payload, places) = records::read_one(reader, model)?;
        return Ok(Decoded { payload, outputs: None, id: None, layout: Layout::Record, places });
    }
    let what = "the body is none of the forms that are understood";
    let expected = "an object with \"inputs\" or \"instances\", an array of rows, or records by column name";
    let (offset, got) = match first_unknown {
        Some(key) => (key.offset, format!("an object with the key {:?}", key.text)),
        None => (reader.offset()?, "an empty object".into()),
    };
    Err(reader.error(offset, "unknown_body", what, expected, got))
}

/// An object with `inputs` or `instances` and what may stand beside them.
fn envelope(reader: &mut Reader<'_>, model: &Description) -> codec::Result<Decoded> {
    const ALLOWED: &str = "\"inputs\" or \"instances\", \"outputs\", \"parameters\" and \"id\"";
    let (mut question, mut outputs, mut id) = (None, None, None);
    // As few as there are keys that are understood.
    let mut seen: SmallVec<[Cow<'_, str>; 5]> = SmallVec::new();
    let mut key = reader.enter_object()?;
    while let Some(found) = key {
        if seen.contains(&found.text) {
            return Err(reader.duplicate(found.offset, &found.text));
        }
        seen.push(found.text.clone());
        match &*found.text {
            "inputs" | "instances" if question.is_some() => {
                let what = "the body has both \"inputs\" and \"instances\"";
                return Err(reader.error(found.offset, "both_forms", what, "one of them", "both"));
            }
            "inputs" => question = Some((inputs(reader, model)?, Layout::Outputs)),
            "instances" => {
                if reader.kind()? != Kind::Array {
                    let offset = reader.offset()?;
                    let got = reader.excerpt(offset);
                    let what = "\"instances\" is no list of rows";
                    return Err(reader.error(offset, "wrong_type", what, "an array of rows", got));
                }
                question = Some((rows(reader, model, "/instances")?, Layout::Predictions));
            }
            // None at all means all of them, as in the inference protocol.
            "outputs" => outputs = Some(names(reader)?).filter(|names| !names.is_empty()),
            "id" => id = Some(reader.string()?.into_owned()),
            "parameters" => drop(reader.skip()?),
            other => {
                let what = format!("the key {other:?} is not understood");
                return Err(reader.error(found.offset, "unknown_key", what, ALLOWED, format!("{other:?}")));
            }
        }
        key = reader.next_key()?;
    }
    let Some(((payload, places), layout)) = question else {
        return Err(reader.error(0, "missing_key", "there is no question", ALLOWED, "neither"));
    };
    Ok(Decoded { payload, outputs, id, layout, places })
}

/// The value of `inputs`: tensors by name, or the only one.
fn inputs(reader: &mut Reader<'_>, model: &Description) -> codec::Result<(Payload, Places)> {
    if reader.kind()? != Kind::Object {
        return match sole(reader, model, "/inputs") {
            Err(fault) if fault.code == "wrong_type" && fault.got == "an object" => {
                let elsewhere =
                    format!("objects with shape and datatype go to POST /v2/models/{}/infer", model.id.name);
                Err(fault.hint(elsewhere))
            }
            other => other,
        };
    }
    let (mut inputs, mut places, mut seen) = (Vec::new(), SmallVec::new(), HashSet::new());
    let mut key = reader.enter_object()?;
    while let Some(found) = key {
        let name = found.text.into_owned();
        if !seen.insert(name.clone()) {
            return Err(reader.duplicate(found.offset, &name));
        }
        if inputs.len() >= most_names(model) {
            let what = "there are far more tensors than the model has inputs";
            return Err(reader.error(found.offset, "unknown_key", what, "the model's inputs", format!("{name:?}")));
        }
        let port = model.signature.inputs.iter().find(|port| port.name == name);
        let tensor = read_nested(reader, port.map(|port| port.datatype))?;
        places.push(child("/inputs", &name).into());
        inputs.push(Input { name, tensor, typed: false });
        key = reader.next_key()?;
    }
    Ok((Payload::Named(inputs), Places { all: Some("/inputs".into()), each: places, ..Places::default() }))
}

/// Names that are read, whatever they are, before anybody looks which of them the model has: each takes up many times what it
/// takes in the body.
pub(super) fn most_names(model: &Description) -> usize {
    model.signature.inputs.len() + model.card.features.len() + 64
}

/// An array of rows: records when they are objects, else one tensor.
fn rows(reader: &mut Reader<'_>, model: &Description, pointer: &'static str) -> codec::Result<(Payload, Places)> {
    let mut ahead = reader.lookahead()?;
    let is_records = ahead.enter_array()? && ahead.kind()? == Kind::Object;
    if is_records { records::read_rows(reader, model, pointer) } else { sole(reader, model, pointer) }
}

fn sole(reader: &mut Reader<'_>, model: &Description, pointer: &'static str) -> codec::Result<(Payload, Places)> {
    let tensor = read_nested(reader, sole_port(model).map(|port| port.datatype))?;
    let places = Places { all: Some(pointer.into()), each: smallvec![pointer.into()], ..Places::default() };
    Ok((Payload::Sole(Input { name: String::new(), tensor, typed: false }), places))
}

fn names(reader: &mut Reader<'_>) -> codec::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut more = reader.enter_array()?;
    while more {
        names.push(reader.name()?.into_owned());
        more = reader.next_element()?;
    }
    Ok(names)
}

pub(super) fn sole_port(model: &Description) -> Option<&Port> {
    match model.signature.inputs.as_slice() {
        [port] => Some(port),
        _ => None,
    }
}

pub(super) fn child(pointer: &str, key: &str) -> String {
    let mut pointer = pointer.to_owned();
    codec::push_token(&mut pointer, key);
    pointer
}
