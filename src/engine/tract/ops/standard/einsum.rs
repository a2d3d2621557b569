//! `Einsum`. tract computes it; what an ellipsis stands for is found out here. tract takes an ellipsis that only some
//! operands have for fewer axes than it covers, leaves it out of an output that the equation does not write down, and
//! keeps axes of an output that has none.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{OutletId, SpecialOps, TVec, TractError, TractResult, TypedModel};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::infer::InferenceOp;
use tract_onnx::tract_hir::infer::rules::{InferenceResult, TensorProxy};
use tract_onnx::tract_hir::internal::{AxesMapping, Expansion, InOut, IntoExp, Solver, StaticName, expand};

use super::shapes::error;

const ELLIPSIS: &str = "...";

/// Takes the place of tract's importer.
pub fn einsum(_: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let equation = node.attribute.iter().find(|attribute| attribute.name == "equation");
    let equation = equation.ok_or_else(|| TractError::msg("it has no equation"))?;
    Ok((expand(Equation::of(&String::from_utf8_lossy(&equation.s))), Vec::new()))
}

/// `limits` has made sure that terms are of letters and at most one ellipsis, and that an output is made of them.
#[derive(Clone, Debug, PartialEq)]
struct Equation {
    terms: Vec<String>,
    output: String,
}

impl Equation {
    fn of(text: &str) -> Self {
        let text: String = text.split_whitespace().collect();
        let (left, right) = text.split_once("->").map_or((&*text, None), |(left, right)| (left, Some(right)));
        let terms = left.split(',').map(str::to_owned).collect();
        let output = right.map_or_else(|| implicit(left), str::to_owned);
        Self { terms, output }
    }

    /// The axes of operands of these ranks. The axes of an ellipsis are laid on each other from the last one on.
    fn axes(&self, ranks: &[usize]) -> TractResult<AxesMapping> {
        let mut covered = Vec::new();
        for (term, &rank) in self.terms.iter().zip(ranks) {
            let letters = term.replacen(ELLIPSIS, "", 1).len();
            covered.push(match rank.checked_sub(letters) {
                Some(0) => 0,
                Some(more) if term.contains(ELLIPSIS) => more,
                _ => return Err(error(format!("its term {term:?} does not fit an operand of {rank} axes"))),
            });
        }
        let most = covered.iter().copied().max().unwrap_or(0);
        let free = ('a'..='z').chain('A'..='Z').filter(|letter| !self.terms.iter().any(|term| term.contains(*letter)));
        let letters: String = free.take(most).collect();
        if letters.len() < most {
            return Err(error("its operands have more axes than there are letters"));
        }
        let written_out = |term: &str, axes: usize| term.replacen(ELLIPSIS, &letters[most - axes..], 1);
        let terms: Vec<String> = self.terms.iter().zip(covered).map(|(term, axes)| written_out(term, axes)).collect();
        AxesMapping::from_strs(&terms, &[written_out(&self.output, most)])
    }
}

/// The output of an equation without one: the axes of the ellipsis, and the letters that occur once in order.
fn implicit(left: &str) -> String {
    let once = |letter: &char| letter.is_ascii_alphabetic() && left.matches(*letter).count() == 1;
    let mut letters: Vec<char> = left.chars().filter(once).collect();
    letters.sort_unstable();
    let ellipsis = if left.contains(ELLIPSIS) { ELLIPSIS } else { "" };
    ellipsis.chars().chain(letters).collect()
}

impl Expansion for Equation {
    fn name(&self) -> StaticName {
        "Einsum".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [output] = outputs else { return Err(TractError::msg("it has one output")) };
        if inputs.len() != self.terms.len() {
            return Err(TractError::msg("its equation has a term for each input"));
        }
        for input in inputs {
            solver.equals(&input.datum_type, &output.datum_type)?;
        }
        let ranks: Vec<_> = inputs.iter().map(|input| &input.rank).collect();
        solver.given_all(ranks, move |solver, ranks| {
            let ranks: Vec<usize> = ranks.iter().filter_map(|&rank| usize::try_from(rank).ok()).collect();
            let axes = self.axes(&ranks)?;
            solver.equals(&output.rank, axes.rank(InOut::Out(0)) as i64)?;
            for axis in axes.iter_all_axes() {
                let mut equal: Vec<_> = axis.outputs[0].iter().map(|&at| output.shape[at].bex()).collect();
                for (input, places) in inputs.iter().zip(&axis.inputs) {
                    equal.extend(places.iter().map(|&at| input.shape[at].bex()));
                }
                solver.equals_all(equal)?;
            }
            Ok(())
        })
    }

    fn wire(&self, name: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let ranks = inputs.iter().map(|input| Ok(model.outlet_fact(*input)?.rank()));
        let axes = self.axes(&ranks.collect::<TractResult<Vec<usize>>>()?)?;
        let datatype = model.outlet_fact(inputs[0])?.datum_type;
        model.wire_node(name, EinSum::new(axes, datatype), inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written_out(equation: &str, ranks: &[usize]) -> Result<String, String> {
        Equation::of(equation).axes(ranks).map(|axes| axes.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_ellipsis_is_as_many_axes_as_letters_leave() {
        let right = |equation, ranks: &[usize]| written_out(equation, ranks).unwrap();
        assert_eq!(right("...c,cz->...z", &[3, 2]), "abc,cz->abz");
        assert_eq!(right("...qd,...dk", &[3, 3]), "aqd,adk->akq");
        assert_eq!(right("a...b, b... -> ...a", &[4, 2]), "acdb,bd->cda");
        assert_eq!(right("...ij,jk->...ik", &[2, 2]), "ij,jk->ik");
        assert_eq!(right("ab,b->", &[2, 1]), "ab,b->");
        assert_eq!(right("cb,ba", &[2, 2]), "cb,ba->ac");
        assert_eq!(right("...c,cz->z", &[2, 2]), "ac,cz->z");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(written_out("...ab->...a", &[1]).unwrap_err().contains("does not fit an operand of 1 axes"));
        assert!(written_out("ab->a", &[3]).unwrap_err().contains("does not fit an operand of 3 axes"));
    }
}
