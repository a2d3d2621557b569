//! Rows as objects: `[{"sepal_length": 5.1, ...}, ...]`. The first row says which columns there are and in which order;
//! every other row must have the same ones. Columns are read straight into one vector each.

use std::collections::HashMap;

use super::body::{Places, child, most_names, sole_port};
use crate::codec::{self, Column, DecodeError, Key, Reader};
use crate::model::Description;
use crate::serving::{Input, Payload};
use crate::tensor::DataType;

/// Whether a key names an input of the model or one of its features.
pub(super) fn is_column(model: &Description, key: &str) -> bool {
    datatype(model, key).is_some()
}

fn datatype(model: &Description, key: &str) -> Option<DataType> {
    let port = model.signature.inputs.iter().find(|port| port.name == key);
    let port = port.or_else(|| sole_port(model).filter(|_| model.card.features.iter().any(|name| name == key)));
    port.map(|port| port.datatype)
}

/// An array of records, at a pointer.
pub(super) fn read_rows(
    reader: &mut Reader<'_>,
    model: &Description,
    pointer: &str,
) -> codec::Result<(Payload, Places)> {
    let mut table = Table::default();
    let mut more = reader.enter_array()?;
    while more {
        table.read_row(reader, model)?;
        more = reader.next_element()?;
    }
    table.finish(reader, pointer, &format!("{pointer}/0"))
}

/// One record by itself, as the whole body.
pub(super) fn read_one(reader: &mut Reader<'_>, model: &Description) -> codec::Result<(Payload, Places)> {
    let mut table = Table::default();
    table.read_row(reader, model)?;
    table.finish(reader, "", "")
}

#[derive(Default)]
struct Table {
    names: Vec<String>,
    columns: Vec<Column>,
    /// Where the first value of each column stands.
    offsets: Vec<usize>,
    by_name: HashMap<String, usize>,
    rows: usize,
}

impl Table {
    fn read_row(&mut self, reader: &mut Reader<'_>, model: &Description) -> codec::Result<()> {
        let start = reader.offset()?;
        let mut key = reader.enter_object()?;
        let mut count = 0;
        while let Some(found) = key {
            let index = match self.names.get(count) {
                // Rows nearly always have their keys in the same order.
                Some(name) if *name == *found.text => count,
                _ => self.find(reader, model, &found)?,
            };
            let column = &mut self.columns[index];
            if column.rows() > self.rows {
                return Err(reader.duplicate(found.offset, &found.text));
            }
            column.read_row(reader)?;
            count += 1;
            key = reader.next_key()?;
        }
        if count < self.columns.len() {
            return Err(self.missing(reader, start));
        }
        self.rows += 1;
        Ok(())
    }

    /// The column of a key, made anew in the first row.
    fn find(&mut self, reader: &mut Reader<'_>, model: &Description, key: &Key<'_>) -> codec::Result<usize> {
        if let Some(&index) = self.by_name.get(&*key.text) {
            return Ok(index);
        }
        if self.rows > 0 {
            let what = format!("this row has a column {:?} that the first one has not", key.text);
            return Err(reader.error(key.offset, "unknown_key", what, self.listed(), format!("{:?}", key.text)));
        }
        if self.columns.len() >= most_names(model) {
            let what = "there are far more columns than the model has features";
            return Err(reader.error(
                key.offset,
                "unknown_key",
                what,
                "the model's features",
                format!("{:?}", key.text),
            ));
        }
        let index = self.columns.len();
        self.names.push(key.text.clone().into_owned());
        self.by_name.insert(key.text.clone().into_owned(), index);
        self.columns.push(Column::new(datatype(model, &key.text)));
        self.offsets.push(key.offset);
        Ok(index)
    }

    #[cold]
    fn missing(&self, reader: &Reader<'_>, row: usize) -> Box<DecodeError> {
        let lacking = self.columns.iter().zip(&self.names).filter(|(column, _)| column.rows() == self.rows);
        let lacking = lacking.map(|(_, name)| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        let what = format!("this row lacks {lacking}");
        reader.error(row, "missing_key", what, self.listed(), "a row without it")
    }

    fn listed(&self) -> String {
        self.names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
    }

    fn finish(self, reader: &Reader<'_>, all: &str, first: &str) -> codec::Result<(Payload, Places)> {
        let each = self.names.iter().map(|name| child(first, name).into()).collect();
        let named = self.names.into_iter().zip(self.columns).zip(self.offsets);
        let columns = named
            .map(|((name, column), offset)| Ok(Input { name, tensor: column.finish(reader, offset)?, typed: false }));
        let columns = columns.collect::<codec::Result<Vec<_>>>()?;
        Ok((
            Payload::Records { columns, rows: self.rows },
            Places { all: Some(all.to_owned().into()), each, ..Places::default() },
        ))
    }
}
