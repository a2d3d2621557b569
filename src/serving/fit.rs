//! A request's tensors against a model's signature: names, element types, ranks, sizes, rows. What comes out can be
//! handed to the engine as it is; what does not fit is told with the place, what was expected and what came. Pure.

mod records;

use smallvec::{SmallVec, smallvec};

use crate::model::{Description, Dim, Port};
use crate::tensor::{CastError, Shape, Tensor};

use super::{Aspect, Form, Input, Invalid, Payload, Place};

/// Inputs in the signature's order and what is known of the request as a whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitted {
    pub inputs: Vec<Tensor>,
    /// Where in the request each of them stood.
    pub sent: SmallVec<[usize; 2]>,
    /// Size of axis 0, when the model has a batch axis.
    pub rows: Option<usize>,
    pub form: Form,
}

pub(super) fn fit(model: &Description, payload: Payload) -> Result<Fitted, Invalid> {
    match payload {
        Payload::Named(inputs) => {
            let given = by_port(model, inputs)?;
            let layout = if are_columns(model, &given) { Layout::Columns } else { Layout::Free };
            fit_given(model, given, layout)
        }
        Payload::Sole(input) => fit_given(model, sole(model, input)?, Layout::Free),
        Payload::Records { columns, rows } => {
            let inputs = records::columns_to_inputs(model, columns, rows)?;
            fit_given(model, by_port(model, inputs)?, Layout::Rows)
        }
    }
}

/// What is known of the tensors' first axis before looking at them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// It may be missing: one row may come without it.
    Free,
    /// It is the only one: each tensor is a column, whose number of rows may be one.
    Columns,
    /// It is there: one entry per record.
    Rows,
}

/// What came for each input of the model, in the signature's order, with its place in the request.
type Given = SmallVec<[(usize, Input); 2]>;

/// The only tensor of a request, for the model's only input.
fn sole(model: &Description, input: Input) -> Result<Given, Invalid> {
    match model.signature.inputs.as_slice() {
        [_] if input.name.is_empty() => Ok(smallvec![(0, input)]),
        [_] => by_port(model, vec![input]),
        ports => Err(Invalid {
            code: "inputs_not_named",
            what: format!("the model has {} inputs, so each tensor needs its name", ports.len()),
            place: Place::Inputs,
            expected: format!("an object with the keys {}", names(ports)),
            got: "one tensor without a name".into(),
            hint: Some("send {\"inputs\": {\"name\": values, ...}}".into()),
        }),
    }
}

fn by_port(model: &Description, inputs: Vec<Input>) -> Result<Given, Invalid> {
    let ports = &model.signature.inputs;
    // The one right tensor, or all in the right order.
    if inputs.len() == ports.len() && inputs.iter().zip(ports).all(|(input, port)| input.name == port.name) {
        return Ok(inputs.into_iter().enumerate().collect());
    }
    let mut slots: SmallVec<[Option<(usize, Input)>; 2]> = ports.iter().map(|_| None).collect();
    for (index, input) in inputs.into_iter().enumerate() {
        let Some(port) = ports.iter().position(|port| port.name == input.name) else {
            return Err(Invalid {
                code: "unknown_input",
                what: format!("the model has no input {:?}", input.name),
                place: Place::Input { index, aspect: Aspect::Name },
                expected: names(ports),
                got: format!("{:?}", input.name),
                hint: None,
            });
        };
        if slots[port].is_some() {
            return Err(Invalid {
                code: "duplicate_input",
                what: format!("input {:?} is there twice", input.name),
                place: Place::Input { index, aspect: Aspect::Name },
                expected: "each input once".into(),
                got: format!("{:?} again", input.name),
                hint: None,
            });
        }
        slots[port] = Some((index, input));
    }

    let missing: Vec<&Port> =
        ports.iter().zip(&slots).filter(|(_, slot)| slot.is_none()).map(|(port, _)| port).collect();
    if !missing.is_empty() {
        return Err(Invalid {
            code: "missing_input",
            what: format!("the request lacks {}", listed(missing.iter().map(|port| &port.name))),
            place: Place::Inputs,
            expected: names(ports),
            got: match slots.iter().flatten().count() {
                0 => "none of them".into(),
                _ => listed(slots.iter().flatten().map(|(_, input)| &input.name)),
            },
            hint: None,
        });
    }
    Ok(slots.into_iter().flatten().collect())
}

fn fit_given(model: &Description, given: Given, layout: Layout) -> Result<Fitted, Invalid> {
    let ports = &model.signature.inputs;
    let is_single_row = layout == Layout::Free && is_single_row(model, &given);
    let form = if is_single_row { Form::SingleRow } else { Form::Batched };
    let mut symbols = Symbols::default();
    let mut tensors = Vec::with_capacity(given.len());
    let sent: SmallVec<[usize; 2]> = given.iter().map(|(index, _)| *index).collect();
    for (port, (index, input)) in ports.iter().zip(given) {
        let typed = input.typed;
        let tensor = fit_shape(port, input, index, form, layout)?;
        let tensor = fit_datatype(port, tensor, typed, index)?;
        symbols.bind(port, tensor.shape(), index)?;
        tensors.push(tensor);
    }
    let rows = model.signature.is_batched().then(|| tensors.first().and_then(Tensor::rows)).flatten();
    if rows == Some(0) {
        return Err(Invalid {
            code: "empty_batch",
            what: "the request has no rows".into(),
            place: Place::Input { index: sent.first().copied().unwrap_or(0), aspect: Aspect::Shape },
            expected: "at least one row".into(),
            got: "0 rows".into(),
            hint: None,
        });
    }
    Ok(Fitted { inputs: tensors, sent, rows, form })
}

/// Whether every tensor lacks just the axis of its one column. Those of one row are read like those of several, or clients
/// that send columns would be answered in another rank on the day when they have one row.
fn are_columns(model: &Description, given: &[(usize, Input)]) -> bool {
    let is_column = |(port, (_, input)): (&Port, &(usize, Input))| {
        !input.typed && is_column_of(&port.shape, input.tensor.shape(), Layout::Columns)
    };
    model.signature.is_batched() && model.signature.inputs.iter().zip(given).all(is_column)
}

/// Whether every tensor lacks just the batch axis. Protocols that state shapes state them in full, so only untyped
/// tensors count.
fn is_single_row(model: &Description, given: &[(usize, Input)]) -> bool {
    let lacks_batch = |(port, (_, input)): (&Port, &(usize, Input))| {
        let shape = input.tensor.shape();
        !input.typed && !input.tensor.is_empty() && shape.len() + 1 == port.shape.len() && fits(&port.shape[1..], shape)
    };
    model.signature.is_batched() && model.signature.inputs.iter().zip(given).all(lacks_batch)
}

/// The tensor with the declared rank: as sent, with a batch axis put before a single row, or with an axis of 1 put
/// behind a plain column.
fn fit_shape(port: &Port, input: Input, index: usize, form: Form, layout: Layout) -> Result<Tensor, Invalid> {
    let shape = input.tensor.shape();
    let reshaped = if fits(&port.shape, shape) {
        return Ok(input.tensor);
    } else if form == Form::SingleRow {
        std::iter::once(1).chain(shape.iter().copied()).collect::<Shape>()
    } else if !input.typed && is_column_of(&port.shape, shape, layout) {
        shape.iter().copied().chain([1]).collect()
    } else {
        return Err(wrong_shape(port, shape, index, input.typed));
    };
    input.tensor.reshaped(reshaped).map_err(|_| wrong_shape(port, shape, index, input.typed))
}

fn fits(declared: &[Dim], shape: &[usize]) -> bool {
    declared.len() == shape.len()
        && declared.iter().zip(shape).all(|(dim, &size)| dim.fixed().is_none_or(|d| d == size))
}

/// `[N]` for a declared `[N, 1]`; for records, where each entry is known to be a row, also for an axis of any size.
fn is_column_of(declared: &[Dim], shape: &[usize], layout: Layout) -> bool {
    let takes_one = |dim: &Dim| *dim == Dim::Fixed(1) || (layout == Layout::Rows && dim.fixed().is_none());
    declared.len() == shape.len() + 1 && declared.last().is_some_and(takes_one) && fits(&declared[..shape.len()], shape)
}

fn wrong_shape(port: &Port, shape: &[usize], index: usize, typed: bool) -> Invalid {
    let axis = port.shape.iter().zip(shape).position(|(dim, &size)| dim.fixed().is_some_and(|fixed| fixed != size));
    let row_is_missing = !typed && port.is_batched() && shape == [0];
    let row = (!typed && port.is_batched()).then(|| &port.shape[1..]).filter(|row| row.len() == shape.len());
    let what = match axis {
        _ if row_is_missing => "the request has no rows".into(),
        _ if let Some([Dim::Fixed(values)]) = row
            && *values != shape[0] =>
        {
            format!("a row of input {:?} has {} values instead of {values}", port.name, shape[0])
        }
        Some(axis) if port.shape.len() == shape.len() => {
            format!("axis {axis} of input {:?} has the wrong size", port.name)
        }
        _ => {
            let axes = if shape.len() == 1 { "1 axis".into() } else { format!("{} axes", shape.len()) };
            format!("input {:?} has {axes} instead of {}", port.name, port.shape.len())
        }
    };
    let single_row = !typed && port.is_batched() && port.shape.len() > 1;
    Invalid {
        code: "wrong_shape",
        what,
        place: Place::Input { index, aspect: Aspect::Shape },
        expected: format!("shape {:?}", port.wire_shape()),
        got: format!("shape {shape:?}"),
        hint: single_row.then(|| "-1 stands for any size; one row may be sent without its batch axis".into()),
    }
}

fn fit_datatype(port: &Port, tensor: Tensor, typed: bool, index: usize) -> Result<Tensor, Invalid> {
    let got = tensor.datatype();
    if got == port.datatype {
        return Ok(tensor);
    }
    let wrong = |code, what: String, got: String, aspect| Invalid {
        code,
        what,
        place: Place::Input { index, aspect },
        expected: port.datatype.to_string(),
        got,
        hint: None,
    };
    if typed {
        let what = format!("input {:?} has another datatype", port.name);
        return Err(wrong("wrong_datatype", what, got.to_string(), Aspect::DataType));
    }
    // An empty JSON array has no type of its own.
    if tensor.is_empty()
        && let Ok(empty) = Tensor::empty(port.datatype, tensor.shape())
    {
        return Ok(empty);
    }
    tensor.cast(port.datatype).map_err(|error| match error {
        CastError::Kind { from, .. } => {
            let what = format!("input {:?} takes other values", port.name);
            wrong("wrong_datatype", what, format!("{from} values"), Aspect::Data)
        }
        CastError::Value { index: element, value, .. } => {
            let what = format!("element {element} of input {:?} does not fit its datatype", port.name);
            wrong("out_of_range", what, value, Aspect::Data)
        }
    })
}

/// Sizes that symbols have taken in this request, and which input bound them.
#[derive(Default)]
struct Symbols<'m> {
    /// Symbol, size, input. A model has a handful.
    bound: SmallVec<[(&'m str, usize, &'m str); 8]>,
}

impl<'m> Symbols<'m> {
    fn bind(&mut self, port: &'m Port, shape: &[usize], index: usize) -> Result<(), Invalid> {
        for (axis, (dim, &size)) in port.shape.iter().zip(shape).enumerate() {
            let Dim::Symbol(symbol) = dim else { continue };
            match self.bound.iter().find(|(known, ..)| known == symbol) {
                Some((_, bound, _)) if *bound == size => {}
                Some((_, bound, by)) => {
                    return Err(Invalid {
                        code: "sizes_differ",
                        what: format!(
                            "axis {axis} of input {:?} and of input {by:?} must have the same size",
                            port.name
                        ),
                        place: Place::Input { index, aspect: Aspect::Shape },
                        expected: bound.to_string(),
                        got: size.to_string(),
                        hint: None,
                    });
                }
                None => {
                    self.bound.push((symbol, size, &port.name));
                }
            }
        }
        Ok(())
    }
}

fn names(ports: &[Port]) -> String {
    listed(ports.iter().map(|port| &port.name))
}

fn listed<'n>(names: impl Iterator<Item = &'n String>) -> String {
    names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
