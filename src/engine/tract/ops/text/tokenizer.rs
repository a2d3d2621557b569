//! `Tokenizer` of `com.microsoft`: the tokens of each string along a new last axis, filled up with a word of the
//! model's. Tokens are what a regular expression finds, what lies between separators, or letters.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, Symbol, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice};
use super::padded;
use super::re2::Pattern;
use crate::engine::tract::checks::Refusal;

/// Stand before the first and after the last token of a string, if the model wants marks.
const MARKS: [&str; 2] = ["\u{2}", "\u{3}"];

#[derive(Debug)]
struct Tokenizer {
    kind: Kind,
    mark: bool,
    filler: String,
    /// Tokens of fewer letters are dropped.
    shortest: usize,
    width: Symbol,
}

#[derive(Debug)]
enum Kind {
    Letters,
    Found(Pattern),
    /// Applied one after the other to what the ones before have left.
    Between(Vec<Pattern>),
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let separators = node.texts("separators")?;
    let separators: Vec<&str> = separators.iter().map(String::as_str).collect();
    let expression = node.text("tokenexp")?;
    let shortest = node.int_or("mincharnum", 0)?;
    let shortest = usize::try_from(shortest).ok().filter(|&shortest| shortest > 0);
    let shortest = shortest.ok_or_else(|| malformed("its attribute \"mincharnum\" is missing or not positive"))?;
    let kind = match (&*separators, expression) {
        ([""], _) | ([], Some(".")) if shortest > 1 => {
            return Err(malformed("it wants tokens of one letter and drops those that are so short"));
        }
        // Alone, a dot stands for a line feed too.
        ([""], _) | ([], Some(".")) => Kind::Letters,
        ([], None | Some("")) => return Err(malformed("it has neither separators nor an expression for tokens")),
        ([], Some(expression)) => Kind::Found(Pattern::new(expression)?),
        (separators, _) => Kind::Between(separators.iter().map(|text| separator(text)).collect::<Result<_, _>>()?),
    };
    let filler = node.text_or("pad_value", "")?.to_owned();
    let mark = node.int_or("mark", 0)? != 0;
    Ok(Arc::new(Tokenizer { kind, mark, filler, shortest, width: node.size_at_run_time() }))
}

fn separator(text: &str) -> Result<Pattern, Refusal> {
    let pattern = Pattern::new(text)?;
    if pattern.may_be_empty() {
        return Err(Refusal::new(
            format!("its separator {text:?} can be empty, at which ONNX Runtime loses text"),
            "Use separators of at least one letter, or [\"\"] alone to split into letters",
        ));
    }
    Ok(pattern)
}

impl Tokenizer {
    fn tokens<'t>(&self, text: &'t str) -> TractResult<Vec<&'t str>> {
        let mut tokens = match &self.kind {
            Kind::Letters => letters(text).collect(),
            Kind::Found(pattern) => pattern.find_all(text)?.into_iter().map(|found| &text[found]).collect(),
            Kind::Between(separators) => {
                let mut pieces = vec![text];
                for separator in separators {
                    let mut smaller = Vec::new();
                    for piece in pieces {
                        let mut from = 0;
                        for found in separator.find_all(piece)? {
                            smaller.push(&piece[from..found.start]);
                            from = found.end;
                        }
                        smaller.push(&piece[from..]);
                    }
                    smaller.retain(|piece| !piece.is_empty());
                    pieces = smaller;
                }
                pieces
            }
        };
        tokens.retain(|token| token.chars().nth(self.shortest - 1).is_some());
        Ok(tokens)
    }
}

fn letters(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, letter)| &text[at..at + letter.len_utf8()])
}

impl Kernel for Tokenizer {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::String])?;
        let mut shape = input.shape.to_tvec();
        if !matches!(shape.len(), 1 | 2) {
            return Err(TractError::msg(format!("it takes one or two axes, not {}", shape.len())));
        }
        shape.push(self.width.clone().into());
        Ok(tvec![String::fact(shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let tokens = slice::<String>(input)?.iter().map(|text| self.tokens(text));
        let mut tokens = tokens.collect::<TractResult<Vec<Vec<&str>>>>()?;
        // Where nothing was found at all there are no marks either.
        if self.mark && tokens.iter().any(|tokens| !tokens.is_empty()) {
            let [first, last] = MARKS;
            for tokens in &mut tokens {
                tokens.insert(0, first);
                tokens.push(last);
            }
        }
        Ok(tvec![padded(input.shape(), &tokens, &self.filler)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}
