//! Records, that is one value per row under a name, as model inputs. The names are either the model's inputs or the
//! features that its card lists; features become the columns of the single two-dimensional input.

use bytes::BytesMut;

use crate::model::{Description, Port};
use crate::tensor::{CastError, Shape, Tensor};

use super::super::{Aspect, Input, Invalid, Place};
use super::listed;

pub(super) fn columns_to_inputs(model: &Description, columns: Vec<Input>, rows: usize) -> Result<Vec<Input>, Invalid> {
    let features = &model.card.features;
    let names_input = |column: &Input| model.signature.inputs.iter().any(|port| port.name == column.name);
    if features.is_empty() || columns.iter().any(names_input) {
        return Ok(columns);
    }
    let [port] = model.signature.inputs.as_slice() else { return Ok(columns) };
    assemble(port, features, columns, rows).map(|input| vec![input])
}

/// One `[rows, features]` tensor from columns in any order.
fn assemble(port: &Port, features: &[String], columns: Vec<Input>, rows: usize) -> Result<Input, Invalid> {
    let mut ordered: Vec<Option<Tensor>> = vec![None; features.len()];
    for (index, column) in columns.into_iter().enumerate() {
        let Some(at) = features.iter().position(|feature| *feature == column.name) else {
            return Err(Invalid {
                code: "unknown_feature",
                what: format!("the model has no feature {:?}", column.name),
                place: Place::Input { index, aspect: Aspect::Name },
                expected: listed(features.iter()),
                got: format!("{:?}", column.name),
                hint: None,
            });
        };
        ordered[at] = Some(fit_column(port, &column, rows, index)?);
    }
    let missing: Vec<&String> = features.iter().zip(&ordered).filter(|(_, c)| c.is_none()).map(|(f, _)| f).collect();
    if !missing.is_empty() {
        return Err(Invalid {
            code: "missing_feature",
            what: format!("the records lack {}", listed(missing.into_iter())),
            place: Place::Inputs,
            expected: listed(features.iter()),
            got: "fewer features".into(),
            hint: None,
        });
    }
    let columns: Vec<Tensor> = ordered.into_iter().flatten().collect();
    let shape = Shape::from_slice(&[rows, features.len()]);
    let tensor = interleave(&columns, rows, shape.clone()).ok_or_else(|| super::wrong_shape(port, &shape, 0, false))?;
    Ok(Input { name: port.name.clone(), tensor, typed: true })
}

/// A column of exactly one value per row, in the input's datatype.
fn fit_column(port: &Port, column: &Input, rows: usize, index: usize) -> Result<Tensor, Invalid> {
    let shape = column.tensor.shape();
    let wrong = |code, what, expected: String, got: String| Invalid {
        code,
        what,
        place: Place::Input { index, aspect: Aspect::Data },
        expected,
        got,
        hint: None,
    };
    if shape != [rows] && shape != [rows, 1] {
        let what = format!("feature {:?} is not one value per record", column.name);
        return Err(wrong(
            "wrong_shape",
            what,
            "a single value".into(),
            format!("an array of shape {:?}", &shape[1..]),
        ));
    }
    column.tensor.cast(port.datatype).map_err(|error| {
        let what = format!("feature {:?} does not fit its datatype", column.name);
        match error {
            CastError::Kind { from, .. } => {
                wrong("wrong_datatype", what, port.datatype.to_string(), format!("{from} values"))
            }
            CastError::Value { index: row, value, .. } => {
                wrong("out_of_range", what, port.datatype.to_string(), format!("{value} in record {row}"))
            }
        }
    })
}

/// Columns side by side as rows. `None` only if the columns are not of one kind, which the casts before rule out.
fn interleave(columns: &[Tensor], rows: usize, shape: Shape) -> Option<Tensor> {
    let first = columns.first()?;
    let Some(width) = first.datatype().width() else {
        let columns = columns.iter().map(Tensor::strings).collect::<Option<Vec<_>>>()?;
        let strings = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row].clone()));
        return Tensor::from_strings(shape, strings.collect::<Vec<_>>()).ok();
    };
    let columns_bytes = columns.iter().map(Tensor::bytes).collect::<Option<Vec<_>>>()?;
    let mut joined = BytesMut::with_capacity(rows * columns.len() * width);
    for row in 0..rows {
        columns_bytes.iter().for_each(|column| joined.extend_from_slice(&column[row * width..(row + 1) * width]));
    }
    Tensor::from_bytes(first.datatype(), shape, joined.freeze()).ok()
}
