//! `Split` into a number of parts, and into parts whose sizes come with the request.

use tract_onnx::prelude::{Arc, TDim, TVec, Tensor, TractResult, TypedFact};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::required;
use super::shapes::{Found, axis, error, fact, integers, known};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Split {
    axis: i64,
    parts: usize,
    /// Sizes that are no input.
    sizes: Option<Vec<i64>>,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let parts = node.outputs();
    if node.int("num_outputs")?.is_some_and(|count| usize::try_from(count) != Ok(parts)) {
        return Err(malformed(format!("its num_outputs is not the number of its outputs, {parts}")));
    }
    let sizes =
        (node.opset() < 13 && node.has("split")).then(|| node.ints("split").map(<[i64]>::to_vec)).transpose()?;
    Ok(Arc::new(Split { axis: node.int_or("axis", 0)?, parts, sizes, found: Found::of(node) }))
}

impl Split {
    /// The sizes of all parts of an axis of this size.
    fn sizes(&self, sizes: Option<Vec<i64>>, whole: usize) -> TractResult<Vec<usize>> {
        let Some(sizes) = sizes.or_else(|| self.sizes.clone()) else {
            // All alike but for the last one, which has the rest.
            let size = whole.div_ceil(self.parts.max(1));
            return Ok((0..self.parts).map(|part| size.min(whole.saturating_sub(part * size))).collect());
        };
        let known = sizes.iter().map(|&size| usize::try_from(size).ok()).collect::<Option<Vec<usize>>>();
        known
            .filter(|known| {
                known.len() == self.parts
                    && known.iter().try_fold(0usize, |sum, &size| sum.checked_add(size)) == Some(whole)
            })
            .ok_or_else(|| error(format!("parts of {sizes:?} are not {} that make up {whole}", self.parts)))
    }
}

impl Kernel for Split {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let along = axis(self.axis, input.rank())?;
        let sizes = inputs.get(1).copied().flatten();
        let whole = input.shape[along].to_i64().ok().and_then(|size| usize::try_from(size).ok());
        let parts: TVec<TDim> = match (sizes.is_some(), known(sizes).map(integers).transpose()?, whole) {
            (true, None, _) => self.found.sizes(self.parts)?,
            (_, sizes, Some(whole)) => self.sizes(sizes, whole)?.into_iter().map(TDim::from).collect(),
            (_, Some(sizes), None) => sizes.into_iter().map(TDim::from).collect(),
            (_, None, None) => self.found.sizes(self.parts)?,
        };
        let part = |size: TDim| {
            let mut shape: TVec<TDim> = input.shape.iter().cloned().collect();
            shape[along] = size;
            fact(input.datum_type, &shape)
        };
        Ok(parts.into_iter().map(part).collect())
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let along = axis(self.axis, input.rank())?;
        let sizes = inputs.get(1).copied().flatten().map(integers).transpose()?;
        let mut start = 0;
        let parts = self.sizes(sizes, input.shape()[along])?.into_iter().map(|size| {
            let from = start;
            start += size;
            if size > 0 {
                return input.slice(along, from, start);
            }
            let mut shape = input.shape().to_vec();
            shape[along] = 0;
            Tensor::zero_dt(input.datum_type(), &shape)
        });
        parts.collect()
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::NodeProto;
    use tract_onnx::prelude::{DatumExt, SymbolScope};

    use super::super::super::Opsets;
    use super::*;

    #[test]
    fn each_of_many_parts_has_a_size_of_its_own() {
        let proto = NodeProto { output: (0..12).map(|at| format!("y{at}")).collect(), ..NodeProto::default() };
        let split = build(&Node::new(&proto, &Opsets::new(), None)).unwrap();
        let (whole, sizes) = (f32::fact([SymbolScope::default().sym("N")]), i64::fact([12]));
        let parts = split.facts(&[Some(&whole), Some(&sizes)]).unwrap();
        assert_eq!(parts.len(), 12);
        assert!(parts.iter().enumerate().all(|(at, part)| parts[..at].iter().all(|other| other.shape != part.shape)));
    }
}
