//! `RegexFullMatch`: whether a regular expression describes a string from end to end.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::Node;
use super::super::values::{one_of, required, slice, tensor};
use super::re2::Pattern;
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct RegexFullMatch {
    pattern: Pattern,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let pattern = Pattern::new(node.text_or("pattern", "")?)?;
    Ok(Arc::new(RegexFullMatch { pattern }))
}

impl Kernel for RegexFullMatch {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        one_of(input, &[DatumType::String])?;
        Ok(tvec![bool::fact(input.shape.iter())])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let matches = slice::<String>(input)?.iter().map(|text| self.pattern.describes(text));
        Ok(tvec![tensor(input.shape(), matches.collect::<TractResult<Vec<bool>>>()?)?])
    }
}
