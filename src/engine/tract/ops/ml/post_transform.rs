//! What a classifier or regressor of `ai.onnx.ml` does to its scores at the end: the attribute `post_transform`. The
//! formulas, and what becomes of a row with a single score, are those of ONNX Runtime; the standard leaves them open.

use super::super::node::{Node, malformed};
use crate::engine::tract::checks::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostTransform {
    None,
    Softmax,
    Logistic,
    SoftmaxZero,
    Probit,
}

/// How the single score of a row becomes two when there are two classes and the transform is not `Logistic`, which
/// makes two probabilities of it in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondClass {
    /// The score is a probability: `1 - s` and `s`.
    Complement,
    /// The score is a signed distance: `-s` and `s`.
    Opposite,
}

impl PostTransform {
    /// The node's attribute `post_transform`, which is `NONE` where it is left out.
    pub fn of(node: &Node) -> Result<Self, Refusal> {
        Self::parse(node.text_or("post_transform", "NONE")?)
    }

    pub fn parse(word: &str) -> Result<Self, Refusal> {
        match word {
            "NONE" => Ok(Self::None),
            "SOFTMAX" => Ok(Self::Softmax),
            "LOGISTIC" => Ok(Self::Logistic),
            "SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            "PROBIT" => Ok(Self::Probit),
            other => Err(malformed(format!("its post_transform {other:?} is none that the standard has"))),
        }
    }

    /// Transforms the scores of one row. A single score is left as it is by all but `Probit`.
    pub fn apply(self, scores: &mut [f32]) {
        match self {
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            _ if scores.len() < 2 => {}
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Softmax => softmax(scores, |_| false),
            Self::SoftmaxZero => softmax(scores, |score| score.abs() <= 1e-7),
        }
    }

    /// The two scores that the single score of a row stands for. `Probit` makes no second one, so it is not asked here:
    /// see [`Self::adds_a_class`].
    pub fn two(self, score: f32, second: SecondClass) -> [f32; 2] {
        match second {
            _ if self == Self::Logistic => [logistic(-score), logistic(score)],
            SecondClass::Complement => [1.0 - score, score],
            SecondClass::Opposite => [-score, score],
        }
    }

    /// Whether a single score becomes two where there are two classes.
    pub fn adds_a_class(self) -> bool {
        self != Self::Probit
    }
}

/// `1 / (1 + exp(-x))`, without overflow.
pub fn logistic(x: f32) -> f32 {
    let y = 1.0 / (1.0 + (-x.abs()).exp());
    if x < 0.0 { 1.0 - y } else { y }
}

/// The inverse of the normal distribution, by Winitzki's formula for the inverse of the error function with the constant
/// `a = 0.147`. Near one half it is a difference of almost equal numbers, so the order of the steps matters.
fn probit(x: f32) -> f32 {
    const A: f32 = 0.147;
    /// As ONNX Runtime rounds it.
    const HALF_SUM: f32 = 2.0 / (std::f32::consts::PI * A);
    let y = 2.0 * x - 1.0;
    let log = ((1.0 - y) * (1.0 + y)).ln();
    let v = HALF_SUM + 0.5 * log;
    let root = (-v + (v * v - 1.0 / A * log).sqrt()).sqrt();
    std::f32::consts::SQRT_2 * if y < 0.0 { -root } else { root }
}

/// The exponentials, divided by their sum; scores that are `absent` take part in neither and are only scaled.
pub fn softmax(scores: &mut [f32], absent: impl Fn(f32) -> bool) {
    let largest = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if absent(*score) {
            *score *= (-largest).exp();
        } else {
            *score = (*score - largest).exp();
            sum += *score;
        }
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied<const N: usize>(transform: PostTransform, mut scores: [f32; N]) -> [f32; N] {
        transform.apply(&mut scores);
        scores
    }

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn rows_of_several_scores_are_transformed() {
        assert_eq!(applied(PostTransform::None, [1.0, -2.0]), [1.0, -2.0]);
        assert!(close(&applied(PostTransform::Logistic, [0.0, 1.0, -1e9]), &[0.5, 0.731_058_6, 0.0]));
        assert!(close(&applied(PostTransform::Softmax, [1e9, 1e9]), &[0.5, 0.5]));
        assert!(close(&applied(PostTransform::SoftmaxZero, [0.0, 2.0, 2.0]), &[0.0, 0.5, 0.5]));
        let [middle, above] = applied(PostTransform::Probit, [0.5, 0.841_344_7]);
        assert!(middle.abs() < 1e-3 && (above - 1.0).abs() < 3e-3);
    }

    #[test]
    fn a_single_score_is_left_alone_or_doubled() {
        assert_eq!(applied(PostTransform::Logistic, [3.0]), [3.0]);
        assert_eq!(PostTransform::Softmax.two(0.25, SecondClass::Complement), [0.75, 0.25]);
        assert_eq!(PostTransform::None.two(3.0, SecondClass::Opposite), [-3.0, 3.0]);
        assert_eq!(PostTransform::Logistic.two(0.0, SecondClass::Opposite), [0.5, 0.5]);
        assert_eq!(PostTransform::Logistic.two(0.0, SecondClass::Complement), [0.5, 0.5]);
    }

    #[test]
    fn only_words_of_the_standard_are_read() {
        assert_eq!(PostTransform::parse("SOFTMAX_ZERO").unwrap(), PostTransform::SoftmaxZero);
        assert!(PostTransform::parse("softmax").is_err());
    }
}
