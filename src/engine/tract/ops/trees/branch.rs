//! From the comparison of a node to a column and a key. A walk knows one question only: is the key in this column of the
//! row larger than the node's? Modes and missing values are told apart beforehand, by which column is asked, which key
//! stands in the node, and which child stands first.

use super::ensemble::Branch;
use super::real::Real;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
    /// In the set of this number.
    Member(u32),
}

impl Mode {
    /// The mode of this name in `nodes_modes`; `None` for a leaf and for what is no mode.
    pub fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"BRANCH_LEQ" => Some(Self::Leq),
            b"BRANCH_LT" => Some(Self::Lt),
            b"BRANCH_GTE" => Some(Self::Gte),
            b"BRANCH_GT" => Some(Self::Gt),
            b"BRANCH_EQ" => Some(Self::Eq),
            b"BRANCH_NEQ" => Some(Self::Neq),
            _ => None,
        }
    }
}

/// What is computed of a row before the trees are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// The key of a feature, NaN above all.
    NanHigh { feature: u32 },
    /// The key of a feature, NaN below all.
    NanLow { feature: u32 },
    /// Zero where the feature is this number (by its bits in double precision), else one.
    Equal { feature: u32, bits: u64, nan: bool },
    /// Zero where the feature is in this set, else one.
    Member { feature: u32, set: u32, nan: bool },
}

/// A node's question: `row[column] > key`. Where `swapped`, the answer "yes" leads to the true child.
#[derive(Debug)]
pub struct Question<R: Real> {
    pub column: Column,
    pub key: R::Key,
    pub swapped: bool,
}

impl<R: Real> Question<R> {
    pub fn of(branch: &Branch) -> Self {
        let (feature, nan) = (branch.feature, branch.nan_is_true);
        let threshold = R::of(branch.threshold);
        let comparable = !branch.threshold.is_nan();
        let key = threshold.key(R::ZERO);
        // NaN goes to the true child only where the node says so, and no number reaches the true child of a threshold
        // that is NaN.
        let below = |strict: bool| match (comparable, strict) {
            (true, true) => R::before(key),
            (true, false) => key,
            (false, _) => R::LOWEST,
        };
        let above = |strict: bool| match (comparable, strict) {
            (true, true) => key,
            (true, false) => R::before(key),
            (false, _) => R::HIGH,
        };
        let high = |high: bool| if high { Column::NanHigh { feature } } else { Column::NanLow { feature } };
        let (column, key, swapped) = match branch.mode {
            Mode::Leq => (high(!nan), below(false), false),
            Mode::Lt => (high(!nan), below(true), false),
            Mode::Gt => (high(nan), above(true), true),
            Mode::Gte => (high(nan), above(false), true),
            Mode::Eq => (Column::Equal { feature, bits: branch.threshold.to_bits(), nan }, R::ZERO, false),
            // NaN is unequal to everything.
            Mode::Neq => (Column::Equal { feature, bits: branch.threshold.to_bits(), nan: false }, R::ZERO, true),
            Mode::Member(set) => (Column::Member { feature, set, nan }, R::ZERO, false),
        };
        Self { column, key, swapped }
    }
}

impl Column {
    /// Its values for some rows that have the feature.
    #[inline(always)]
    pub fn of<R: Real, const N: usize>(&self, rows: [&[R]; N], sets: &[Vec<f64>]) -> [R::Key; N] {
        let truth = |value: bool| if value { R::ZERO } else { R::ONE };
        match *self {
            Self::NanHigh { feature } => rows.map(|row| row[feature as usize]).map(|value| value.key(R::HIGHEST)),
            Self::NanLow { feature } => rows.map(|row| row[feature as usize]).map(|value| value.key(R::LOWEST)),
            Self::Equal { feature, bits, nan } => rows.map(|row| {
                let value = row[feature as usize];
                truth(value == R::of(f64::from_bits(bits)) || (nan && is_nan(value)))
            }),
            Self::Member { feature, set, nan } => rows.map(|row| {
                let value = row[feature as usize];
                let found = sets[set as usize].iter().any(|member| value == R::of(*member));
                truth(found || (nan && is_nan(value)))
            }),
        }
    }
}

fn is_nan<R: Real>(value: R) -> bool {
    value.partial_cmp(&value).is_none()
}

#[cfg(test)]
mod tests {
    use super::super::ensemble::Child;
    use super::*;

    fn goes<R: Real>(branch: &Branch, value: R, sets: &[Vec<f64>]) -> bool {
        let question = Question::<R>::of(branch);
        (question.column.of([&[value]], sets)[0] > question.key) == question.swapped
    }

    #[test]
    fn every_mode_compares_as_numbers_do() {
        let numbers = [f32::NEG_INFINITY, -1.0, -0.0, 0.0, 0.5, 1.0, f32::INFINITY, f32::NAN];
        let sets = [vec![0.5, -1.0, f64::INFINITY]];
        for (mode, holds) in [
            (Mode::Leq, (|x, t| x <= t) as fn(f32, f32) -> bool),
            (Mode::Lt, |x, t| x < t),
            (Mode::Gte, |x, t| x >= t),
            (Mode::Gt, |x, t| x > t),
            (Mode::Eq, |x, t| x == t),
            (Mode::Neq, |x, t| x != t),
            (Mode::Member(0), |x, _| x == 0.5 || x == -1.0 || x == f32::INFINITY),
        ] {
            for nan_is_true in [false, true] {
                for t in numbers {
                    let branch = Branch {
                        feature: 0,
                        mode,
                        threshold: f64::from(t),
                        nan_is_true,
                        yes: Child::Leaf(0),
                        no: Child::Leaf(1),
                    };
                    for x in numbers {
                        let expected = holds(x, t) || (nan_is_true && x.is_nan());
                        assert_eq!(goes(&branch, x, &sets), expected, "{x} {mode:?} {t} {nan_is_true}");
                        assert_eq!(goes(&branch, f64::from(x), &sets), expected, "{x} {mode:?} {t} {nan_is_true}");
                    }
                }
            }
        }
    }
}
