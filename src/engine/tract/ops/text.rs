//! Operators on strings: of `ai.onnx`, and `Tokenizer` of `com.microsoft`. As the standard has it, and where it is silent
//! or leaves a choice, as ONNX Runtime answers.

mod cast;
mod concat;
mod letters;
mod matching;
mod ngrams;
mod normalizer;
mod re2;
mod split;
mod tile;
mod tokenizer;
mod unique;

use tract_onnx::prelude::{Tensor, TractResult};

use super::{Entry, budget, values};

/// The domain under which a node of `ai.onnx` goes that computes with strings while tract's operator of that name
/// computes with numbers; `rewrite/strings.rs` finds such nodes. No file can use it: its name is none of a domain.
pub const STRINGS: &str = "ai.onnx strings";

const fn standard(name: &'static str, build: super::Build) -> Entry {
    Entry { domain: "ai.onnx", name, build }
}

pub const OPERATORS: &[Entry] = &[
    standard("RegexFullMatch", matching::build),
    standard("StringConcat", concat::build),
    standard("StringNormalizer", normalizer::build),
    standard("StringSplit", split::build),
    standard("TfIdfVectorizer", ngrams::build),
    standard("Unique", unique::build),
    Entry { domain: "com.microsoft", name: "Tokenizer", build: tokenizer::build },
    Entry { domain: STRINGS, name: "Cast", build: cast::build },
    Entry { domain: STRINGS, name: "CastLike", build: cast::like },
    Entry { domain: STRINGS, name: "Tile", build: tile::build },
];

/// Lists of different lengths as a tensor with an axis more, filled up to the longest. One long string among many short
/// ones makes the tensor far larger than the texts, and so does a long filler.
fn padded(shape: &[usize], rows: &[Vec<&str>], filler: &str) -> TractResult<Tensor> {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let shape = [shape, &[width]].concat();
    let pieces: usize = rows.iter().flatten().map(|piece| piece.len()).sum();
    let fillers = rows.iter().map(|row| width - row.len()).sum::<usize>();
    budget::strings(&shape, fillers.saturating_mul(filler.len()).saturating_add(pieces))?;
    let mut flat = Vec::with_capacity(rows.len() * width);
    for row in rows {
        flat.extend(row.iter().map(|&piece| piece.to_owned()));
        flat.resize(flat.len() + width - row.len(), filler.to_owned());
    }
    values::tensor(&shape, flat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_are_counted_with_their_letters() {
        let rows = [vec!["a"; 100], vec![]];
        budget::within(10_000, || {
            assert_eq!(padded(&[2], &rows, &"x".repeat(10)).unwrap().shape(), [2, 100]);
            assert!(padded(&[2], &rows, &"x".repeat(60)).unwrap_err().to_string().contains("--max-tensor"));
        });
    }
}
