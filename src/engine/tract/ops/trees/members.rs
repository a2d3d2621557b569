//! Chains of nodes that ask "is it this one? or this one?" and share the child that a yes leads to. Converters write
//! categorical splits so where an operator set knows no sets. A chain is a membership test: one branch, and again a tree.

use super::branch::Mode;
use super::ensemble::{Branch, Child, Ensemble};

impl Ensemble {
    /// Makes each chain one branch, its first; the others are no part of the ensemble any more. Says which those are.
    pub fn fold_chains(&mut self) -> Vec<bool> {
        let follows = self.followers();
        let mut dropped = vec![false; self.branches.len()];
        for first in (0..self.branches.len()).filter(|at| !follows[*at]) {
            let mut members = vec![self.branches[first].threshold];
            let mut last = first;
            while let Some(next) = branch(self.branches[last].no).filter(|next| follows.get(*next) == Some(&true)) {
                members.push(self.branches[next].threshold);
                self.branches[first].nan_is_true |= self.branches[next].nan_is_true;
                dropped[next] = true;
                last = next;
            }
            if last != first {
                self.branches[first].no = self.branches[last].no;
                self.branches[first].mode = Mode::Member(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
                self.sets.push(members);
            }
        }
        dropped
    }

    /// Which branches go on with the question of the only branch that leads to them.
    fn followers(&self) -> Vec<bool> {
        let mut parents = vec![0u32; self.branches.len()];
        let children = self.branches.iter().flat_map(|branch| [branch.yes, branch.no]);
        for at in children.chain(self.roots.iter().copied()).filter_map(branch) {
            if let Some(count) = parents.get_mut(at) {
                *count += 1;
            }
        }
        let mut follows = vec![false; self.branches.len()];
        for (at, first) in self.branches.iter().enumerate() {
            let Some(next) = branch(first.no).filter(|next| *next != at && parents.get(*next) == Some(&1)) else {
                continue;
            };
            follows[next] = same_question(first, &self.branches[next]);
        }
        follows
    }
}

fn branch(child: Child) -> Option<usize> {
    match child {
        Child::Branch(at) => Some(at as usize),
        Child::Leaf(_) => None,
    }
}

fn same_question(first: &Branch, next: &Branch) -> bool {
    let both_equal = first.mode == Mode::Eq && next.mode == Mode::Eq;
    both_equal && first.feature == next.feature && first.yes == next.yes
}

#[cfg(test)]
mod tests {
    use super::super::ensemble::tests::{branch, stump};
    use super::*;

    #[test]
    fn a_chain_becomes_a_set() {
        let mut ensemble = stump(2);
        let equal = |threshold, no| Branch { mode: Mode::Eq, threshold, ..branch(Child::Branch(3), no) };
        ensemble.branches = vec![
            equal(4.0, Child::Branch(1)),
            equal(5.0, Child::Branch(2)),
            equal(9.0, Child::Leaf(0)),
            branch(Child::Leaf(0), Child::Leaf(1)),
        ];
        let ensemble = ensemble.check().unwrap();
        assert_eq!(ensemble.sets, [[4.0, 5.0, 9.0]]);
        assert_eq!((ensemble.branches[0].mode, ensemble.branches[0].no), (Mode::Member(0), Child::Leaf(0)));
    }

    #[test]
    fn a_cycle_of_equal_questions_is_still_refused() {
        let mut ensemble = stump(2);
        let equal = |no| Branch { mode: Mode::Eq, ..branch(Child::Leaf(0), Child::Branch(no)) };
        ensemble.branches.extend([equal(2), equal(1)]);
        assert!(ensemble.check().is_err());
    }
}
