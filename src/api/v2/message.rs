//! The JSON of an inference request, read in one pass straight into tensors. Keys may come in any order: data that
//! stands before its type and shape is passed over and read when those are known. Keys nobody knows are skipped, as
//! the protocol wants it.

use std::time::Duration;

use bytes::Bytes;

use crate::codec::{
    DecodeError, Key, Kind, NonFinite, Reader, Result, Span, Values, checked_count, push_token, read_elements, read_raw,
};
use crate::serving::Input;
use crate::tensor::{DataType, Shape};

/// What was asked.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub id: Option<String>,
    pub inputs: Vec<Input>,
    /// Empty: all of them.
    pub outputs: Vec<Wanted>,
    pub parameters: Parameters,
}

/// One output asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub name: String,
    /// `None`: as the request says for all.
    pub binary: Option<bool>,
}

/// What the request says about itself, as far as it means something here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub binary_output: bool,
    pub timeout: Option<Duration>,
    pub non_finite: NonFinite,
}

/// Reads the JSON and takes the tensors it only gives the size of from `binary`, in order; nothing may be left of it.
pub(super) fn read(json: &[u8], mut binary: Bytes) -> Result<Message> {
    let mut reader = Reader::new(json)?;
    let mut message = Message::default();
    let mut inputs = None;
    let mut key = reader.enter_object()?;
    let mut once = Once::default();
    while let Some(Key { text, offset }) = key {
        match &*text {
            "id" => {
                once.pass(&reader, offset, &text, 0)?;
                message.id = optional(&mut reader, |reader| Ok(reader.string()?.into_owned()))?;
            }
            "inputs" => {
                once.pass(&reader, offset, &text, 1)?;
                inputs = Some(read_inputs(&mut reader, &mut binary)?);
            }
            "outputs" => {
                once.pass(&reader, offset, &text, 2)?;
                message.outputs = optional(&mut reader, read_outputs)?.unwrap_or_default();
            }
            "parameters" => {
                once.pass(&reader, offset, &text, 3)?;
                message.parameters = optional(&mut reader, read_parameters)?.unwrap_or_default();
            }
            _ => drop(reader.skip()?),
        }
        key = reader.next_key()?;
    }
    reader.finish()?;
    message.inputs = inputs.ok_or_else(|| missing(&reader, 0, "the request", "inputs"))?;
    if !binary.is_empty() {
        let what = "the binary data does not add up";
        let expected = "as many bytes after the JSON as the binary_data_size of all inputs together";
        return Err(DecodeError::new("binary_size_mismatch", what, expected, format!("{} bytes more", binary.len())));
    }
    Ok(message)
}

/// Which keys of an object were there, of those that mean something: the second of two would be dropped, or the first.
#[derive(Default)]
struct Once(u8);

impl Once {
    /// Notes the key that is the n-th of those with a meaning.
    fn pass(&mut self, reader: &Reader<'_>, offset: usize, key: &str, nth: u8) -> Result<()> {
        let bit = 1 << nth;
        if self.0 & bit != 0 {
            return Err(reader.duplicate(offset, key));
        }
        self.0 |= bit;
        Ok(())
    }
}

/// `null` stands for a key that is not there: some clients write out every field they know.
fn optional<'j, T>(reader: &mut Reader<'j>, read: impl FnOnce(&mut Reader<'j>) -> Result<T>) -> Result<Option<T>> {
    match reader.kind()? {
        Kind::Null => reader.skip().map(|_| None),
        _ => read(reader).map(Some),
    }
}

fn missing(reader: &Reader<'_>, offset: usize, of: &str, key: &str) -> Box<DecodeError> {
    reader.error(offset, "missing_field", format!("{of} has no {key:?}"), format!("a key {key:?}"), "none")
}

/// Reads each element of an array with the position it has in it.
fn each(reader: &mut Reader<'_>, mut one: impl FnMut(&mut Reader<'_>, usize) -> Result<()>) -> Result<()> {
    let mut more = reader.enter_array()?;
    let mut index = 0;
    while more {
        one(reader, index)?;
        index += 1;
        more = reader.next_element()?;
    }
    Ok(())
}

fn read_inputs(reader: &mut Reader<'_>, binary: &mut Bytes) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    each(reader, |reader, index| {
        inputs.push(read_input(reader, index, binary)?);
        Ok(())
    })?;
    Ok(inputs)
}

/// An input's data, as far as it could be read yet.
enum Data {
    Read(Values),
    /// It came before its type and shape were known.
    Passed(Span),
}

fn read_input(reader: &mut Reader<'_>, index: usize, binary: &mut Bytes) -> Result<Input> {
    let start = reader.offset()?;
    let (mut name, mut datatype, mut shape, mut data, mut size) = (None, None, None, None, None);
    let mut key = reader.enter_object()?;
    let mut once = Once::default();
    while let Some(Key { text, offset }) = key {
        match &*text {
            "name" => {
                once.pass(reader, offset, &text, 0)?;
                name = Some(reader.name()?.into_owned());
            }
            "datatype" => {
                once.pass(reader, offset, &text, 1)?;
                datatype = Some(read_datatype(reader)?);
            }
            "shape" => {
                once.pass(reader, offset, &text, 2)?;
                shape = Some(read_shape(reader)?);
            }
            "data" => {
                once.pass(reader, offset, &text, 3)?;
                data = Some(match (datatype, &shape) {
                    (Some(datatype), Some(shape)) => Data::Read(read_data(reader, datatype, shape)?),
                    _ => Data::Passed(reader.skip()?),
                });
            }
            "parameters" => {
                once.pass(reader, offset, &text, 4)?;
                size = optional(reader, read_input_parameters)?.flatten();
            }
            _ => drop(reader.skip()?),
        }
        if data.is_some() && size.is_some() {
            let what = "an input has data and binary_data_size";
            let got = "both";
            return Err(reader.error(offset, "ambiguous_data", what, "one of them", got));
        }
        key = reader.next_key()?;
    }
    let absent = |key| missing(reader, start, "an input", key);
    let name = name.ok_or_else(|| absent("name"))?;
    let datatype = datatype.ok_or_else(|| absent("datatype"))?;
    let shape: Shape = shape.ok_or_else(|| absent("shape"))?;
    let tensor = match (data, size) {
        (Some(Data::Read(values)), _) => into_tensor(values, shape, index)?,
        (Some(Data::Passed(span)), _) => into_tensor(read_data(&mut reader.at(span), datatype, &shape)?, shape, index)?,
        (None, Some(size)) => {
            if size > binary.len() {
                let what = "binary_data_size goes beyond the body";
                let expected = format!("at most the {} bytes that are left after the JSON", binary.len());
                let hint =
                    "send the JSON's length in the header Inference-Header-Content-Length and the bytes after it";
                let error = DecodeError::new("binary_size_mismatch", what, expected, size.to_string()).hint(hint);
                return Err(error.at(pointer(index, "parameters/binary_data_size")));
            }
            let bytes = binary.split_to(size);
            // There is no key for the bytes themselves.
            read_raw(datatype, shape, bytes).map_err(|error| error.at(pointer(index, "parameters/binary_data_size")))?
        }
        (None, None) => return Err(absent("data").hint("or give parameters.binary_data_size and append the bytes")),
    };
    Ok(Input { name, tensor, typed: true })
}

fn pointer(index: usize, rest: &str) -> String {
    let mut pointer = String::from("/inputs");
    push_token(&mut pointer, &index.to_string());
    pointer + "/" + rest
}

fn read_data(reader: &mut Reader<'_>, datatype: DataType, shape: &[usize]) -> Result<Values> {
    let offset = reader.offset()?;
    checked_count(shape).map_err(|error| {
        let DecodeError { code, what, expected, got, .. } = *error;
        reader.error(offset, code, what, expected, got)
    })?;
    read_elements(reader, datatype, Some(shape))
}

fn into_tensor(values: Values, shape: Shape, index: usize) -> Result<crate::tensor::Tensor> {
    values.into_tensor(shape).map_err(|fault| {
        let what = format!("the elements do not make {} of shape {:?}", fault.datatype, fault.shape);
        DecodeError::new("wrong_count", what, fault.needed, fault.got.to_string()).at(pointer(index, "data"))
    })
}

fn read_datatype(reader: &mut Reader<'_>) -> Result<DataType> {
    let offset = reader.offset()?;
    let name = reader.string()?;
    name.parse().map_err(|_| {
        let names = DataType::ALL.map(DataType::name).join(", ");
        reader.error(offset, "unknown_datatype", "there is no such datatype", format!("one of {names}"), name)
    })
}

fn read_shape(reader: &mut Reader<'_>) -> Result<Shape> {
    let mut shape = Shape::new();
    each(reader, |reader, axis| {
        let offset = reader.offset()?;
        if axis == crate::codec::MAX_DEPTH {
            let expected = format!("at most {} axes", crate::codec::MAX_DEPTH);
            return Err(reader.error(offset, "wrong_shape", "the shape has too many axes", expected, "more"));
        }
        let size = usize::try_from(reader.unsigned()?).unwrap_or(usize::MAX);
        shape.push(size);
        Ok(())
    })?;
    Ok(shape)
}

/// Only `binary_data_size` means something here. Shared memory is refused and not ignored: the data would be missing.
fn read_input_parameters(reader: &mut Reader<'_>) -> Result<Option<usize>> {
    let mut size = None;
    let mut key = reader.enter_object()?;
    let mut once = Once::default();
    while let Some(Key { text, offset }) = key {
        match &*text {
            "binary_data_size" => {
                once.pass(reader, offset, &text, 0)?;
                size = Some(usize::try_from(reader.unsigned()?).unwrap_or(usize::MAX));
            }
            "shared_memory_region" => return Err(unsupported(reader, offset, "shared memory")),
            _ => drop(reader.skip()?),
        }
        key = reader.next_key()?;
    }
    Ok(size)
}

fn unsupported(reader: &Reader<'_>, offset: usize, what: &str) -> Box<DecodeError> {
    let expected = "one of the extensions that GET /v2 lists";
    reader.error(offset, "unsupported_extension", format!("{what} is not offered here"), expected, what)
}

fn read_outputs(reader: &mut Reader<'_>) -> Result<Vec<Wanted>> {
    let mut outputs = Vec::new();
    each(reader, |reader, _| {
        outputs.push(read_output(reader)?);
        Ok(())
    })?;
    Ok(outputs)
}

fn read_output(reader: &mut Reader<'_>) -> Result<Wanted> {
    let start = reader.offset()?;
    let (mut name, mut binary) = (None, None);
    let mut key = reader.enter_object()?;
    let mut once = Once::default();
    while let Some(Key { text, offset }) = key {
        match &*text {
            "name" => {
                once.pass(reader, offset, &text, 0)?;
                name = Some(reader.name()?.into_owned());
            }
            "parameters" => {
                once.pass(reader, offset, &text, 1)?;
                binary = optional(reader, read_output_parameters)?.flatten();
            }
            _ => drop(reader.skip()?),
        }
        key = reader.next_key()?;
    }
    let name = name.ok_or_else(|| missing(reader, start, "an output", "name"))?;
    Ok(Wanted { name, binary })
}

fn read_output_parameters(reader: &mut Reader<'_>) -> Result<Option<bool>> {
    let mut binary = None;
    let mut key = reader.enter_object()?;
    let mut once = Once::default();
    while let Some(Key { text, offset }) = key {
        match &*text {
            "binary_data" => {
                once.pass(reader, offset, &text, 0)?;
                binary = Some(reader.boolean()?);
            }
            "classification" if reader.unsigned()? > 0 => return Err(unsupported(reader, offset, "classification")),
            "classification" => {}
            "shared_memory_region" => return Err(unsupported(reader, offset, "shared memory")),
            _ => drop(reader.skip()?),
        }
        key = reader.next_key()?;
    }
    Ok(binary)
}

fn read_parameters(reader: &mut Reader<'_>) -> Result<Parameters> {
    let mut parameters = Parameters::default();
    let mut key = reader.enter_object()?;
    let mut once = Once::default();
    while let Some(Key { text, offset }) = key {
        match &*text {
            "binary_data_output" => {
                once.pass(reader, offset, &text, 0)?;
                parameters.binary_output = reader.boolean()?;
            }
            // In microseconds; 0 is how clients say that they set none.
            "timeout" => {
                once.pass(reader, offset, &text, 1)?;
                parameters.timeout = Some(reader.unsigned()?).filter(|&time| time > 0).map(Duration::from_micros);
            }
            "non_finite" => {
                once.pass(reader, offset, &text, 2)?;
                parameters.non_finite = read_non_finite(reader)?;
            }
            _ => drop(reader.skip()?),
        }
        key = reader.next_key()?;
    }
    Ok(parameters)
}

fn read_non_finite(reader: &mut Reader<'_>) -> Result<NonFinite> {
    let offset = reader.offset()?;
    match &*reader.string()? {
        "null" => Ok(NonFinite::Null),
        "string" => Ok(NonFinite::String),
        other => {
            let what = "there is no such way to write NaN and infinities";
            Err(reader.error(offset, "invalid_parameter", what, r#""null" or "string""#, other))
        }
    }
}
