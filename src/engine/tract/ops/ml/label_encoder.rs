//! `LabelEncoder`: keys to values of any two types, and a default for what is no key. The first operator set has a list
//! of words instead, and maps between them and their positions in the direction that the input's type asks for.

use tract_onnx::prelude::{Arc, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tensor0, tensor1};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::required;
use super::mapping::{Equals, Mapping, NanKeys, usual_default, words};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct LabelEncoder(Mapping);

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    if node.opset() < 2 {
        return positions(node, "classes_strings");
    }
    let (keys, values) = (side(node, "keys")?, side(node, "values")?);
    // Files have defaults of the other types too, written out by the exporter.
    let text = node.text("default_string")?.map(|text| tensor0(text.to_owned()));
    let integer = node.int("default_int64")?.map(tensor0);
    let float = node.float("default_float")?.map(tensor0);
    let value = values.datum_type();
    let named = [text, integer, float].into_iter().flatten().find(|default| default.datum_type() == value);
    let default = match node.tensor("default_tensor")? {
        Some(tensor) => tensor,
        None => named
            .or_else(|| usual_default(value))
            .ok_or_else(|| malformed(format!("its values are {value:?}, for which it has no default")))?,
    };
    // Until then NaN was equal to nothing, not even as a key.
    let nan = if node.opset() < 4 { NanKeys::NeverMatch } else { NanKeys::Match };
    let mapping = Mapping::new(&keys, &values, default, Equals::First, nan);
    Ok(Arc::new(LabelEncoder(mapping.map_err(|error| malformed(error.to_string()))?)))
}

/// Keys or values, whichever of the attributes has them.
fn side(node: &Node, what: &str) -> Result<Tensor, Refusal> {
    let text = node.texts(&format!("{what}_strings"))?;
    let integers = node.ints(&format!("{what}_int64s"))?;
    let floats = node.floats(&format!("{what}_floats"))?;
    let mut found = Vec::new();
    if !text.is_empty() {
        found.push(words(&text));
    }
    if !integers.is_empty() {
        found.push(tensor1(integers));
    }
    if !floats.is_empty() {
        found.push(tensor1(floats));
    }
    found.extend(node.tensor(&format!("{what}_tensor"))?);
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(malformed(format!("it has no {what}"))),
        _ => Err(malformed(format!("it has {what} of two kinds"))),
    }
}

/// A list of words whose positions are asked for, or the other way round.
#[derive(Debug)]
struct Positions {
    of_words: Mapping,
    words_at: Mapping,
}

/// The encoder of the first operator set.
fn positions(node: &Node, attribute: &str) -> Result<Arc<dyn Kernel>, Refusal> {
    let text = words(&node.texts(attribute)?);
    let numbers: Vec<i64> = (0i64..).take(text.len()).collect();
    both_ways(node, &text, &tensor1(&numbers))
}

/// A kernel that maps words to numbers and numbers to words, as the type of the input asks.
pub fn both_ways(node: &Node, text: &Tensor, numbers: &Tensor) -> Result<Arc<dyn Kernel>, Refusal> {
    let number = tensor0(node.int_or("default_int64", -1)?);
    let word = tensor0(node.text_or("default_string", "_Unused")?.to_owned());
    let mapping = |keys, values, default| {
        let made = Mapping::new(keys, values, default, Equals::Last, NanKeys::Match);
        made.map_err(|error| malformed(error.to_string()))
    };
    Ok(Arc::new(Positions { of_words: mapping(text, numbers, number)?, words_at: mapping(numbers, text, word)? }))
}

impl Kernel for LabelEncoder {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        self.0.fact(required(inputs, 0)?)
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        self.0.run(inputs)
    }
}

impl Positions {
    fn for_input(&self, datatype: DatumType) -> TractResult<&Mapping> {
        match datatype {
            DatumType::String => Ok(&self.of_words),
            DatumType::I64 => Ok(&self.words_at),
            other => Err(TractError::msg(format!("it takes String or I64, not {other:?}"))),
        }
    }
}

impl Kernel for Positions {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        self.for_input(input.datum_type)?.fact(input)
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        self.for_input(required(inputs, 0)?.datum_type())?.run(inputs)
    }
}
