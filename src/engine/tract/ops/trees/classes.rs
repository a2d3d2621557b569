//! From the trees' scores to a class. With three classes or more the best one wins. With two, exporters let the trees
//! vote for one class only, and that score stands for both: as a probability of the second class where no weight is
//! negative, as a signed distance otherwise. These are the rules of ONNX Runtime; what it answers for other ways to vote
//! between two classes contradicts itself or the standard, and is refused.

use super::ensemble::Ensemble;
use super::real::Real;
use crate::engine::tract::checks::Refusal;
use crate::engine::tract::ops::ml::post_transform::{PostTransform, SecondClass};
use crate::engine::tract::ops::node::malformed;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The largest score among the classes with a vote, the first of equals.
    Largest,
    /// Two classes and the first one's score: the second class above a bound, and both scores from that one.
    One { bound: f64, second: SecondClass },
    /// Two classes and the second one's score: the second class above a bound.
    Second { bound: f64 },
}

impl Rule {
    pub fn of(ensemble: &Ensemble, base: &[f64], transform: PostTransform) -> Result<Self, Refusal> {
        let classes = ensemble.targets;
        if classes < 2 {
            return Err(Refusal::new("it has a single class", "There is nothing to predict: leave the classifier out"));
        }
        if classes > 2 {
            return match base.len() == classes || base.is_empty() {
                true => Ok(Self::Largest),
                false => Err(malformed(format!("it has {} base_values for {classes} classes", base.len()))),
            };
        }
        let votes_for = |class: u32| ensemble.votes.iter().any(|vote| vote.target == class);
        let one_sided = Refusal::new(
            "its trees vote between two classes in a way that runtimes answer differently",
            "Export it with votes for the first class only and one base value, as current converters do",
        );
        let positive = ensemble.votes.iter().all(|vote| vote.weight >= 0.0 || vote.weight.is_nan());
        let bound = if positive { 0.5 } else { 0.0 };
        if positive && transform == PostTransform::Logistic {
            return Err(Refusal::new(
                "none of its weights is negative, and then runtimes disagree about labels after a LOGISTIC transform",
                "Train it with more trees, or export it with post_transform NONE",
            ));
        }
        match (votes_for(0), votes_for(1)) {
            (true, false) if base.len() < 2 && transform != PostTransform::Probit => {
                let second = if positive { SecondClass::Complement } else { SecondClass::Opposite };
                Ok(Self::One { bound, second })
            }
            (false, true) if base.is_empty() && ensemble.certain()[1] => Ok(Self::Second { bound }),
            _ => Err(one_sided),
        }
    }

    /// The class of a row, and its scores from the sums over the trees. `voted` is by class, or empty where all are.
    pub fn decide<R: Real>(
        &self,
        sums: &mut [R],
        voted: &[bool],
        base: &[f64],
        transform: PostTransform,
        scores: &mut [f32],
    ) -> usize {
        match self {
            Self::Largest => {
                sums.iter_mut().zip(base).for_each(|(sum, base)| *sum += R::of(*base));
                let candidate = |class: usize| !base.is_empty() || voted.get(class).is_none_or(|voted| *voted);
                let mut best = None;
                for class in (0..sums.len()).filter(|class| candidate(*class)) {
                    if best.is_none_or(|best: usize| sums[class] > sums[best]) {
                        best = Some(class);
                    }
                }
                scores.iter_mut().zip(sums.iter()).for_each(|(score, sum)| *score = sum.narrow());
                transform.apply(scores);
                best.unwrap_or(0)
            }
            Self::One { bound, second } => {
                let mut sum = sums.first().copied().unwrap_or_default();
                base.iter().for_each(|base| sum += R::of(*base));
                scores.copy_from_slice(&transform.two(sum.narrow(), *second));
                usize::from(sum > R::of(*bound))
            }
            Self::Second { bound } => {
                scores.iter_mut().zip(sums.iter()).for_each(|(score, sum)| *score = sum.narrow());
                transform.apply(scores);
                usize::from(sums.get(1).is_some_and(|sum| *sum > R::of(*bound)))
            }
        }
    }
}
