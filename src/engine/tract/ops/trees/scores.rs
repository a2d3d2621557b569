//! What becomes of the leaves that a row reaches: sums, averages, smallest or largest weights, one per target. Sums are
//! taken tree by tree in the order of the file and in the precision of the walk, as ONNX Runtime takes them.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use super::ensemble::{Aggregate, Ensemble};
use super::real::Real;

/// How leaves carry their votes. Leaves that vote alike share what is written down of it: a forest that was grown until its
/// leaves were pure has a million of them and as many different votes as classes, which then stay in the cache.
#[derive(Debug)]
pub enum Votes<R: Real> {
    /// All leaves of a tree vote for the same target, and a leaf's payload is the weight itself. Targets by tree.
    Single(Vec<u32>),
    /// Every leaf votes for every target; a payload is the number of a row in this table.
    Table(Vec<R>),
    /// Anything else; a payload is the number of a list, whose votes are those from its start to that of the next.
    Lists { starts: Vec<u32>, votes: Vec<(u32, R)> },
}

impl<R: Real> Votes<R> {
    /// The votes, and by leaf what it carries.
    pub fn of(ensemble: &Ensemble, aggregate: Aggregate) -> (Self, Vec<R::Key>) {
        let leaves = 0..ensemble.leaf_count() as u32;
        let sums = matches!(aggregate, Aggregate::Sum | Aggregate::Average);
        if sums && let Some(targets) = ensemble.target_by_tree() {
            let weight = |leaf| ensemble.votes(leaf).first().map_or(R::default(), |vote| R::of(vote.weight));
            return (Self::Single(targets), leaves.map(|leaf| weight(leaf).store()).collect());
        }
        let (different, numbers) = ensemble.different_leaves();
        let votes = different.iter().map(|leaf| ensemble.votes(*leaf));
        let votes = if sums && votes.clone().all(|votes| votes.len() == ensemble.targets) {
            let mut table = vec![R::default(); different.len() * ensemble.targets];
            for (row, votes) in table.chunks_exact_mut(ensemble.targets).zip(votes) {
                for vote in votes {
                    row[vote.target as usize] = R::of(vote.weight);
                }
            }
            Self::Table(table)
        } else {
            let mut starts = vec![0];
            starts.extend(votes.clone().scan(0, |end, votes| {
                *end += votes.len() as u32;
                Some(*end)
            }));
            Self::Lists { starts, votes: votes.flatten().map(|vote| (vote.target, R::of(vote.weight))).collect() }
        };
        (votes, numbers.into_iter().map(R::store_index).collect())
    }
}

/// The scores of some rows.
pub struct Scores<R> {
    targets: usize,
    /// By row and target.
    pub sums: Vec<R>,
    /// By row and target, whether there was a vote; empty where nobody asks.
    pub voted: Vec<bool>,
}

impl<R: Real> Scores<R> {
    /// `ask` is whether it matters who got a vote.
    pub fn new(rows: usize, targets: usize, ask: bool) -> Self {
        let voted = if ask { vec![false; rows * targets] } else { Vec::new() };
        Self { targets, sums: vec![R::default(); rows * targets], voted }
    }

    /// Forgets all rows but so many.
    pub fn truncate(&mut self, rows: usize) {
        self.sums.truncate(rows * self.targets);
        self.voted.truncate(rows * self.targets);
    }

    /// Adds the leaves that some rows, or one row over and over, reach in trees: for each leaf its row and tree.
    #[inline(always)]
    pub fn add<const N: usize>(
        &mut self,
        votes: &Votes<R>,
        aggregate: Aggregate,
        leaves: [R::Key; N],
        place: impl Fn(usize) -> (usize, usize),
    ) {
        match votes {
            Votes::Single(targets) => {
                for (lane, leaf) in leaves.into_iter().enumerate() {
                    let (row, tree) = place(lane);
                    let at = row * self.targets + targets[tree] as usize;
                    self.sums[at] += R::load(leaf);
                    if let Some(voted) = self.voted.get_mut(at) {
                        *voted = true;
                    }
                }
            }
            Votes::Table(table) => {
                for (lane, leaf) in leaves.into_iter().enumerate() {
                    let start = place(lane).0 * self.targets;
                    let leaf = R::load_index(leaf) * self.targets;
                    let sums = &mut self.sums[start..start + self.targets];
                    sums.iter_mut().zip(&table[leaf..leaf + self.targets]).for_each(|(sum, weight)| *sum += *weight);
                }
            }
            Votes::Lists { starts, votes } => {
                for (lane, leaf) in leaves.into_iter().enumerate() {
                    let start = place(lane).0 * self.targets;
                    let leaf = R::load_index(leaf);
                    for (target, weight) in &votes[starts[leaf] as usize..starts[leaf + 1] as usize] {
                        self.vote(aggregate, start + *target as usize, *weight);
                    }
                }
            }
        }
    }

    fn vote(&mut self, aggregate: Aggregate, at: usize, weight: R) {
        let first = self.voted.get_mut(at).is_some_and(|voted| !std::mem::replace(voted, true));
        let sum = &mut self.sums[at];
        match aggregate {
            Aggregate::Sum | Aggregate::Average => *sum += weight,
            Aggregate::Min if first || weight < *sum => *sum = weight,
            Aggregate::Max if first || weight > *sum => *sum = weight,
            Aggregate::Min | Aggregate::Max => {}
        }
    }
}

impl Ensemble {
    /// Leaves of which no two vote alike, and by leaf the number of the one that votes as it does.
    fn different_leaves(&self) -> (Vec<u32>, Vec<u32>) {
        let state = RandomState::new();
        let bits = |leaf| self.votes(leaf).iter().map(|vote| (vote.target, vote.weight.to_bits()));
        let hash = |leaf| {
            let mut hasher = state.build_hasher();
            bits(leaf).for_each(|vote| vote.hash(&mut hasher));
            hasher.finish()
        };
        let (mut known, mut different) = (HashMap::new(), Vec::new());
        let numbers = (0..self.leaf_count() as u32).map(|leaf| {
            let next = different.len() as u32;
            let number = *known.entry(hash(leaf)).or_insert(next);
            match different.get(number as usize) {
                Some(found) if bits(*found).eq(bits(leaf)) => number,
                // Also where the votes of two have the same hash: then some that vote alike are told apart.
                _ => {
                    different.push(leaf);
                    next
                }
            }
        });
        let numbers = numbers.collect();
        (different, numbers)
    }

    /// The target that all leaves of a tree vote for, by tree; `None` where leaves differ or have more or fewer votes.
    fn target_by_tree(&self) -> Option<Vec<u32>> {
        let mut targets = Vec::with_capacity(self.roots.len());
        for root in &self.roots {
            let mut found = None;
            for leaf in self.leaves_of(*root) {
                let [vote] = self.votes(leaf) else { return None };
                if *found.get_or_insert(vote.target) != vote.target {
                    return None;
                }
            }
            targets.push(found?);
        }
        Some(targets)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ensemble::Vote;
    use super::super::ensemble::tests::stump;
    use super::*;

    #[test]
    fn leaves_that_vote_alike_share_a_number() {
        let mut ensemble = stump(2);
        ensemble.leaves = (0..=6).collect();
        let vote = |target, weight| Vote { target, weight };
        ensemble.votes = vec![vote(0, 1.0), vote(1, 1.0), vote(0, 1.0), vote(0, 0.0), vote(0, -0.0), vote(1, 1.0)];
        assert_eq!(ensemble.different_leaves(), (vec![0, 1, 3, 4], vec![0, 1, 0, 2, 3, 1]));
        let (Votes::<f32>::Lists { starts, votes }, carried) = Votes::of(&ensemble, Aggregate::Max) else {
            panic!("no lists")
        };
        assert_eq!((starts.len(), votes.len(), carried), (5, 4, vec![0, 1, 0, 2, 3, 1]));
    }
}
