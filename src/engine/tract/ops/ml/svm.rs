//! The mathematics of support vector machines: kernels, and probabilities from comparisons of pairs. Kernels are
//! computed and summed up in double precision: the sums are of large terms of both signs.

use super::super::node::{Node, malformed};
use crate::engine::tract::checks::Refusal;

/// How alike a row and a support vector are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Similarity {
    Linear,
    Poly { gamma: f32, offset: f32, degree: f32 },
    Rbf { gamma: f32 },
    Sigmoid { gamma: f32, offset: f32 },
}

impl Similarity {
    pub fn of(node: &Node) -> Result<Self, Refusal> {
        let word = node.text_or("kernel_type", "LINEAR")?;
        let (gamma, offset, degree) = match *node.floats("kernel_params")? {
            [] if word == "LINEAR" => (0.0, 0.0, 0.0),
            [gamma, offset, degree] => (gamma, offset, degree),
            ref other => return Err(malformed(format!("it has {} kernel parameters, not 3", other.len()))),
        };
        match word {
            "LINEAR" => Ok(Self::Linear),
            "POLY" => Ok(Self::Poly { gamma, offset, degree }),
            "RBF" => Ok(Self::Rbf { gamma }),
            "SIGMOID" => Ok(Self::Sigmoid { gamma, offset }),
            other => Err(malformed(format!("its kernel {other:?} is none that the standard has"))),
        }
    }

    pub fn between(self, a: &[f32], b: &[f32]) -> f64 {
        let scaled = |gamma: f32, offset: f32| f64::from(gamma) * sum(a, b, |a, b| a * b) + f64::from(offset);
        match self {
            Self::Linear => sum(a, b, |a, b| a * b),
            Self::Poly { gamma, offset, degree } => match (scaled(gamma, offset), degree) {
                (base, 2.0) => base * base,
                (base, 3.0) => base * base * base,
                (base, degree) => base.powf(degree.into()),
            },
            Self::Rbf { gamma } => (-f64::from(gamma) * sum(a, b, |a, b| (a - b) * (a - b))).exp(),
            Self::Sigmoid { gamma, offset } => scaled(gamma, offset).tanh(),
        }
    }
}

/// Sums up a term of two rows, in four lanes.
fn sum(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let term = |(&a, &b): (&f32, &f32)| term(a.into(), b.into());
    let mut sums = [0.0; 4];
    let (whole_a, whole_b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest = whole_a.remainder().iter().zip(whole_b.remainder()).map(term).sum::<f64>();
    for (a, b) in whole_a.zip(whole_b) {
        for (sum, pair) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += term(pair);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Probabilities of classes from the probabilities `pairs[i * n + j]` that it is class `i` and not `j`: the second
/// method of Wu, Lin and Weng, "Probability Estimates for Multi-class Classification by Pairwise Coupling" (2004), with
/// the stopping rule of libsvm. It stops early, so the order of the steps is part of the answer.
pub fn couple(pairs: &[f32], n: usize) -> Vec<f32> {
    let pair = |i: usize, j: usize| pairs[i * n + j];
    let mut quadratic = vec![0.0f32; n * n];
    for i in 0..n {
        for j in (0..n).filter(|&j| j != i) {
            quadratic[i * n + i] += pair(j, i) * pair(j, i);
            quadratic[i * n + j] = -pair(j, i) * pair(i, j);
        }
    }
    let tolerance = 0.005 / n as f32;
    let mut p = vec![1.0 / n as f32; n];
    for _ in 0..100 {
        let mut products: Vec<f32> =
            quadratic.chunks_exact(n).map(|row| row.iter().zip(&p).map(|(q, p)| q * p).sum()).collect();
        let mut total: f32 = p.iter().zip(&products).map(|(p, product)| p * product).sum();
        let error = products.iter().map(|product| (product - total).abs()).fold(0.0, f32::max);
        if error < tolerance {
            break;
        }
        for t in 0..n {
            let step = (total - products[t]) / quadratic[t * n + t];
            p[t] += step;
            total = (total + step * (step * quadratic[t * n + t] + 2.0 * products[t])) / (1.0 + step) / (1.0 + step);
            for j in 0..n {
                products[j] = (products[j] + step * quadratic[t * n + j]) / (1.0 + step);
                p[j] /= 1.0 + step;
            }
        }
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_follow_their_formulas() {
        let (a, b) = ([1.0, 2.0], [3.0, -1.0]);
        assert_eq!(Similarity::Linear.between(&a, &b), 1.0);
        assert_eq!(Similarity::Poly { gamma: 2.0, offset: 1.0, degree: 3.0 }.between(&a, &b), 27.0);
        assert!((Similarity::Rbf { gamma: 0.1 }.between(&a, &b) - (-1.3f64).exp()).abs() < 1e-6);
        assert!((Similarity::Sigmoid { gamma: 2.0, offset: -1.0 }.between(&a, &b) - 1f64.tanh()).abs() < 1e-6);
    }

    #[test]
    fn sums_of_any_length_are_whole() {
        for length in [0, 1, 3, 4, 5, 30] {
            let a: Vec<f32> = (0..length).map(|x| x as f32).collect();
            assert_eq!(sum(&a, &a, |a, b| a * b), a.iter().map(|&x| f64::from(x * x)).sum::<f64>(), "{length}");
        }
    }

    #[test]
    fn two_classes_are_coupled_to_their_own_probabilities() {
        let p = couple(&[0.0, 0.8, 0.2, 0.0], 2);
        assert!((p[0] - 0.8).abs() < 0.01 && (p[0] + p[1] - 1.0).abs() < 1e-6, "{p:?}");
    }

    #[test]
    fn consistent_pairs_give_the_probabilities_they_come_from() {
        let wanted = [0.5f32, 0.3, 0.2];
        let mut pairs = vec![0.0; 9];
        for i in 0..3 {
            for j in (0..3).filter(|&j| j != i) {
                pairs[i * 3 + j] = wanted[i] / (wanted[i] + wanted[j]);
            }
        }
        for (p, wanted) in couple(&pairs, 3).iter().zip(wanted) {
            assert!((p - wanted).abs() < 0.01);
        }
    }
}
