//! `StringSplit`: the pieces of each string along a new last axis, filled up with empty ones, and how many there are.
//! Without a delimiter it splits at runs of blanks; as in ONNX Runtime a blank is U+0020 alone, an empty string has no
//! pieces, and blanks at both ends are dropped.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, Symbol, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required, slice, tensor};
use super::padded;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct StringSplit {
    /// Empty for runs of blanks.
    delimiter: String,
    /// The last of so many pieces is the rest of the string.
    most: usize,
    width: Symbol,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let delimiter = node.text_or("delimiter", "")?.to_owned();
    let most = node.int_or("maxsplit", -1)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1);
    Ok(Arc::new(StringSplit { delimiter, most, width: node.size_at_run_time() }))
}

impl StringSplit {
    fn pieces<'t>(&self, text: &'t str) -> Vec<&'t str> {
        if text.is_empty() {
            return Vec::new();
        }
        if !self.delimiter.is_empty() {
            return text.splitn(self.most, &*self.delimiter).collect();
        }
        let mut pieces = Vec::new();
        let mut rest = text.trim_matches(' ');
        while !rest.is_empty() {
            let (piece, others) =
                if pieces.len() + 1 < self.most { rest.split_once(' ') } else { None }.unwrap_or((rest, ""));
            pieces.push(piece);
            rest = others.trim_start_matches(' ');
        }
        pieces
    }
}

impl Kernel for StringSplit {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::String])?;
        let mut shape = input.shape.to_tvec();
        shape.push(self.width.clone().into());
        Ok(tvec![String::fact(shape), i64::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let pieces: Vec<Vec<&str>> = slice::<String>(input)?.iter().map(|text| self.pieces(text)).collect();
        let counts = pieces.iter().map(|pieces| pieces.len() as i64).collect();
        Ok(tvec![padded(input.shape(), &pieces, "")?, tensor(input.shape(), counts)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces<'t>(text: &'t str, delimiter: &str, most: usize) -> Vec<&'t str> {
        let width = tract_onnx::prelude::SymbolScope::default().sym("W");
        StringSplit { delimiter: delimiter.into(), most, width }.pieces(text)
    }

    #[test]
    fn blanks_at_the_ends_and_what_is_beyond_the_last_split() {
        assert_eq!(pieces("  a  b c ", "", usize::MAX), ["a", "b", "c"]);
        assert_eq!(pieces("  a  b c ", "", 2), ["a", "b c"]);
        assert_eq!(pieces(" hello  world ", "", 1), ["hello  world"]);
        assert_eq!(pieces(" ", "", 3), [""; 0]);
        assert_eq!(pieces("a,,b,c", ",", 3), ["a", "", "b,c"]);
        assert_eq!(pieces("aaaa", "aa", usize::MAX), ["", "", ""]);
        assert_eq!(pieces("", ",", usize::MAX), [""; 0]);
    }
}
