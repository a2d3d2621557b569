//! What becomes of the leaves that a row reaches: sums, averages, smallest or largest weights, one per target. Sums are
//! taken tree by tree in the order of the file and in the precision of the walk, as ONNX Runtime takes them.

use super::ensemble::{Aggregate, Ensemble};
use super::real::Real;

/// How leaves carry their votes.
#[derive(Debug)]
pub enum Votes<R: Real> {
    /// All leaves of a tree vote for the same target, and a leaf's payload is the weight itself. Targets by tree.
    Single(Vec<u32>),
    /// Every leaf votes for every target; a payload is the number of a row in this table.
    Table(Vec<R>),
    /// Anything else; a payload is the number of a leaf. Its votes are those from its start to that of the next leaf.
    Lists { starts: Vec<u32>, votes: Vec<(u32, R)> },
}

impl<R: Real> Votes<R> {
    pub fn of(ensemble: &Ensemble, aggregate: Aggregate) -> Self {
        if matches!(aggregate, Aggregate::Sum | Aggregate::Average) {
            if let Some(targets) = ensemble.target_by_tree() {
                return Self::Single(targets);
            }
            let all = |leaf| ensemble.votes(leaf).len() == ensemble.targets;
            if (0..ensemble.leaf_count() as u32).all(all) {
                let mut table = vec![R::default(); ensemble.leaf_count() * ensemble.targets];
                for (leaf, row) in table.chunks_exact_mut(ensemble.targets).enumerate() {
                    for vote in ensemble.votes(leaf as u32) {
                        row[vote.target as usize] = R::of(vote.weight);
                    }
                }
                return Self::Table(table);
            }
        }
        let votes = ensemble.votes.iter().map(|vote| (vote.target, R::of(vote.weight)));
        Self::Lists { starts: ensemble.leaves.clone(), votes: votes.collect() }
    }

    /// What a leaf carries.
    pub fn payload(&self, ensemble: &Ensemble, leaf: u32) -> R::Key {
        match self {
            Self::Single(_) => ensemble.votes(leaf).first().map_or(R::default(), |vote| R::of(vote.weight)).store(),
            Self::Table(_) | Self::Lists { .. } => R::store_index(leaf),
        }
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
