//! A tree ensemble as the file describes it, whichever operator it came from, and the proof that it is one: every tree
//! is a tree, every reference leads somewhere. What passes [`Ensemble::check`] can be laid out and walked without a
//! further look.

use super::branch::Mode;
use crate::engine::tract::checks::Refusal;
use crate::engine::tract::ops::node::malformed;

/// Where a branch leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    Branch(u32),
    Leaf(u32),
}

/// A node that compares one feature.
#[derive(Clone, Copy, Debug)]
pub struct Branch {
    pub feature: u32,
    pub mode: Mode,
    pub threshold: f64,
    /// Where a missing value, NaN, goes whatever the comparison says; a false entry leaves it to the comparison.
    pub nan_is_true: bool,
    pub yes: Child,
    pub no: Child,
}

/// What a leaf gives to one target.
#[derive(Clone, Copy, Debug)]
pub struct Vote {
    pub target: u32,
    pub weight: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

#[derive(Debug)]
pub struct Ensemble {
    pub branches: Vec<Branch>,
    /// The votes of leaf `i` are those from `leaves[i]` to `leaves[i + 1]`.
    pub leaves: Vec<u32>,
    pub votes: Vec<Vote>,
    /// One for each tree, in the order in which they are summed up.
    pub roots: Vec<Child>,
    /// Members, for branches that test membership.
    pub sets: Vec<Vec<f64>>,
    pub targets: usize,
    /// Whether thresholds or weights are of double precision.
    pub wide: bool,
}

/// Most targets or classes. It bounds what one row of an answer takes.
const MOST_TARGETS: usize = 1 << 20;

/// Most nodes: positions are kept in 32 bits.
pub const MOST_NODES: usize = 1 << 28;

impl Ensemble {
    pub fn votes(&self, leaf: u32) -> &[Vote] {
        let at = leaf as usize;
        &self.votes[self.leaves[at] as usize..self.leaves[at + 1] as usize]
    }

    pub fn leaf_count(&self) -> usize {
        self.leaves.len().saturating_sub(1)
    }

    /// How many features a row must have at least.
    pub fn features(&self) -> usize {
        self.branches.iter().map(|branch| branch.feature as usize + 1).max().unwrap_or(0)
    }

    /// The ensemble, if it is one.
    pub fn check(mut self) -> Result<Self, Refusal> {
        if self.targets == 0 || self.targets > MOST_TARGETS {
            return Err(malformed(format!("it has {} targets or classes", self.targets)));
        }
        if self.roots.is_empty() {
            return Err(malformed("it has no trees"));
        }
        if self.branches.len() + self.leaf_count() > MOST_NODES {
            return Err(malformed("it has too many nodes"));
        }
        if let Some(vote) = self.votes.iter().find(|vote| vote.target as usize >= self.targets) {
            return Err(malformed(format!("a leaf votes for {} of {} targets or classes", vote.target, self.targets)));
        }
        self.check_votes()?;
        let folded = self.fold_chains();
        self.check_trees(folded)?;
        Ok(self)
    }

    /// A leaf that gave two weights to one target would be summed up by some and cut short by others.
    fn check_votes(&self) -> Result<(), Refusal> {
        let mut last = vec![u32::MAX; self.targets];
        for leaf in 0..self.leaf_count() as u32 {
            for vote in self.votes(leaf) {
                if std::mem::replace(&mut last[vote.target as usize], leaf) == leaf {
                    return Err(malformed(format!("a leaf has two weights for target {}", vote.target)));
                }
            }
        }
        Ok(())
    }

    /// Every branch is reached once: there are no cycles, no node with two parents, and none without. `reached` begins
    /// with those that nothing leads to any more.
    fn check_trees(&self, mut reached: Vec<bool>) -> Result<(), Refusal> {
        let mut waiting = Vec::new();
        for root in &self.roots {
            waiting.push(*root);
            while let Some(child) = waiting.pop() {
                match child {
                    Child::Leaf(at) if (at as usize) < self.leaf_count() => {}
                    Child::Branch(at) if (at as usize) < self.branches.len() => {
                        if std::mem::replace(&mut reached[at as usize], true) {
                            return Err(malformed("two nodes lead to the same one, so it is no tree"));
                        }
                        waiting.extend([self.branches[at as usize].no, self.branches[at as usize].yes]);
                    }
                    _ => return Err(malformed("a node leads to one that is not there")),
                }
            }
        }
        match reached.iter().all(|&reached| reached) {
            true => Ok(()),
            false => Err(malformed("there are nodes that no tree reaches")),
        }
    }

    /// Targets that every row gets a vote for: those that every leaf of some tree votes for.
    pub fn certain(&self) -> Vec<bool> {
        let mut certain = vec![false; self.targets];
        let mut counts = vec![0u32; self.targets];
        for root in &self.roots {
            let leaves = self.leaves_of(*root);
            let votes = || leaves.iter().flat_map(|leaf| self.votes(*leaf));
            votes().for_each(|vote| counts[vote.target as usize] += 1);
            for vote in votes() {
                let count = std::mem::take(&mut counts[vote.target as usize]);
                certain[vote.target as usize] |= count as usize == leaves.len();
            }
        }
        certain
    }

    /// The leaves of a tree.
    pub fn leaves_of(&self, root: Child) -> Vec<u32> {
        let (mut waiting, mut found) = (vec![root], Vec::new());
        while let Some(child) = waiting.pop() {
            match child {
                Child::Leaf(leaf) => found.push(leaf),
                Child::Branch(at) => {
                    waiting.extend([self.branches[at as usize].no, self.branches[at as usize].yes]);
                }
            }
        }
        found
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn branch(yes: Child, no: Child) -> Branch {
        Branch { feature: 0, mode: Mode::Leq, threshold: 0.5, nan_is_true: false, yes, no }
    }

    /// One tree over two leaves, which vote 1 and 2 for target 0 of `targets`.
    pub fn stump(targets: usize) -> Ensemble {
        Ensemble {
            branches: vec![branch(Child::Leaf(0), Child::Leaf(1))],
            leaves: vec![0, 1, 2],
            votes: vec![Vote { target: 0, weight: 1.0 }, Vote { target: 0, weight: 2.0 }],
            roots: vec![Child::Branch(0)],
            sets: Vec::new(),
            targets,
            wide: false,
        }
    }

    fn reason(change: impl Fn(&mut Ensemble)) -> String {
        let mut ensemble = stump(2);
        change(&mut ensemble);
        ensemble.check().map(|_| ()).unwrap_err().reason
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        assert!(stump(2).check().is_ok());
        assert!(reason(|e| e.branches[0].yes = Child::Branch(0)).contains("no tree"));
        assert!(reason(|e| e.branches[0].yes = Child::Branch(9)).contains("not there"));
        assert!(reason(|e| e.branches[0].yes = Child::Leaf(2)).contains("not there"));
        assert!(reason(|e| e.branches.push(branch(Child::Leaf(0), Child::Leaf(1)))).contains("no tree reaches"));
        assert!(reason(|e| e.roots.push(Child::Branch(0))).contains("no tree"));
        assert!(reason(|e| e.roots.clear()).contains("no trees"));
        assert!(reason(|e| e.votes[1].target = 2).contains("2 of 2"));
        assert!(reason(|e| e.leaves = vec![0, 0, 2]).contains("two weights"));
        assert!(reason(|e| e.targets = usize::MAX).contains("targets"));
    }

    #[test]
    fn a_target_is_certain_when_all_leaves_of_a_tree_vote_for_it() {
        let mut ensemble = stump(3);
        assert_eq!(ensemble.certain(), [true, false, false]);
        ensemble.votes[1].target = 1;
        assert_eq!(ensemble.certain(), [false, false, false]);
    }
}
