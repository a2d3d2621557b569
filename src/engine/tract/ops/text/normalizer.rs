//! `StringNormalizer`: upper or lower case, and words to leave out. It works on one list of strings, with or without an
//! axis of length one before it.

use std::collections::HashSet;

use tract_onnx::prelude::{Arc, DatumExt, DatumType, Symbol, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use super::letters;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct StringNormalizer {
    change: Case,
    /// How strings are compared with the words to leave out, which are kept in that case.
    compared: Case,
    left_out: HashSet<String>,
    /// How many strings are left, when some may go.
    left: Symbol,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Case {
    AsIs,
    Lower,
    Upper,
    /// Only the letters of ASCII have two cases.
    LowerAscii,
    UpperAscii,
}

impl Case {
    fn of(self, text: &str) -> String {
        match self {
            Self::AsIs => text.to_owned(),
            Self::Lower => letters::lower(text),
            Self::Upper => letters::upper(text),
            Self::LowerAscii => text.to_ascii_lowercase(),
            Self::UpperAscii => text.to_ascii_uppercase(),
        }
    }
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let ascii = is_ascii_only(node.text_or("locale", "en_US")?)?;
    let (lower, upper) = if ascii { (Case::LowerAscii, Case::UpperAscii) } else { (Case::Lower, Case::Upper) };
    let change = match node.text_or("case_change_action", "NONE")? {
        "NONE" => Case::AsIs,
        "LOWER" => lower,
        "UPPER" => upper,
        other => return Err(malformed(format!("its attribute \"case_change_action\" is {other:?}"))),
    };
    let compared = if node.int_or("is_case_sensitive", 0)? == 0 { lower } else { Case::AsIs };
    let left_out = node.texts("stopwords")?.iter().map(|word| compared.of(word)).collect();
    Ok(Arc::new(StringNormalizer { change, compared, left_out, left: node.size_at_run_time() }))
}

/// Whether a locale knows no letters but those of ASCII. All others have the same cases, but for a few languages.
fn is_ascii_only(locale: &str) -> Result<bool, Refusal> {
    let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default().to_lowercase();
    if ["az", "crh", "ku", "tr", "tt"].contains(&&*language) {
        return Err(Refusal::new(
            format!("it changes the case of letters as in the locale {locale:?}, where i and I are no pair"),
            "Export the model with locale = \"en_US\"",
        ));
    }
    Ok(locale == "C" || locale == "POSIX")
}

impl Kernel for StringNormalizer {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::String])?;
        let mut shape = input.shape.to_tvec();
        match shape.len() {
            1 | 2 => {}
            rank => return Err(TractError::msg(format!("it takes one or two axes, not {rank}"))),
        }
        if let (false, Some(last)) = (self.left_out.is_empty(), shape.last_mut()) {
            *last = self.left.clone().into();
        }
        Ok(tvec![String::fact(shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let mut shape = input.shape().to_vec();
        if !matches!(*shape, [_] | [1, _]) {
            return Err(TractError::msg(format!("it takes one list of strings, not the shape {shape:?}")));
        }
        let stays = |text: &&String| self.left_out.is_empty() || !self.left_out.contains(&self.compared.of(text));
        let mut kept: Vec<String> =
            slice::<String>(input)?.iter().filter(stays).map(|text| self.change.of(text)).collect();
        if kept.is_empty() && !self.left_out.is_empty() {
            kept.push(String::new());
        }
        if let Some(last) = shape.last_mut() {
            *last = kept.len();
        }
        Ok(tvec![tensor(&shape, kept)?])
    }

    fn finds_sizes(&self) -> bool {
        !self.left_out.is_empty()
    }
}
