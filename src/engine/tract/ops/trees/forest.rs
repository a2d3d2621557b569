//! An ensemble ready to run in one precision: rows are turned into columns of keys, in blocks that stay in the cache
//! together with one tree, and walked.

use super::branch::Column;
use super::ensemble::{Aggregate, Ensemble};
use super::layout::{Index, Layout, Root};
use super::real::Real;
use super::scores::{Scores, Votes};
use super::walk::{self, LANES};

/// Groups of [`LANES`] rows that walk a tree before the next tree's turn.
const GROUPS: usize = 8;

#[derive(Debug)]
pub struct Forest<R: Real> {
    laid: Laid<R>,
    votes: Votes<R>,
    aggregate: Aggregate,
    sets: Vec<Vec<f64>>,
    targets: usize,
    /// Whether some target may go without a vote, or a first vote counts differently.
    ask: bool,
}

#[derive(Debug)]
enum Laid<R: Real> {
    Narrow(Layout<R, u16>),
    Wide(Layout<R, u32>),
}

impl<R: Real> Forest<R> {
    /// `None` for an ensemble of more nodes than [`Ensemble::check`] lets through.
    pub fn of(ensemble: &Ensemble, aggregate: Aggregate) -> Option<Self> {
        let votes = Votes::of(ensemble, aggregate);
        let payload = |leaf| votes.payload(ensemble, leaf);
        let laid = match Layout::of(ensemble, payload) {
            Some(layout) => Laid::Narrow(layout),
            None => Laid::Wide(Layout::of(ensemble, payload)?),
        };
        let ask = matches!(aggregate, Aggregate::Min | Aggregate::Max) || ensemble.certain().contains(&false);
        Some(Self { laid, votes, aggregate, sets: ensemble.sets.clone(), targets: ensemble.targets, ask })
    }

    /// The scores of rows of so many columns each, which are at least [`Ensemble::features`].
    pub fn run(&self, values: &[R], rows: usize, columns: usize) -> Scores<R> {
        let mut scores = Scores::new(rows, self.targets, self.ask);
        match &self.laid {
            Laid::Narrow(layout) => self.walk(layout, values, rows, columns, &mut scores),
            Laid::Wide(layout) => self.walk(layout, values, rows, columns, &mut scores),
        }
        scores
    }

    fn walk<I: Index>(&self, layout: &Layout<R, I>, values: &[R], rows: usize, columns: usize, scores: &mut Scores<R>) {
        let row = |at: usize| &values[at * columns..(at + 1) * columns];
        let whole = rows - rows % LANES;
        let width = layout.columns.len() + 1;
        let mut block = vec![[R::LOWEST; LANES]; if whole > 0 { width * GROUPS.min(whole / LANES) } else { 0 }];
        for start in (0..whole).step_by(LANES * GROUPS) {
            let groups = GROUPS.min((whole - start) / LANES);
            for (group, keys) in block.chunks_exact_mut(width).take(groups).enumerate() {
                for lane in 0..LANES {
                    self.fill(&layout.columns, row(start + group * LANES + lane), |at, key| keys[at][lane] = key);
                }
            }
            for (tree, root) in layout.roots.iter().enumerate() {
                for (group, keys) in block.chunks_exact(width).take(groups).enumerate() {
                    let leaves = walk::rows(&layout.nodes, keys, *root);
                    for (lane, leaf) in leaves.into_iter().enumerate() {
                        scores.add(&self.votes, self.aggregate, start + group * LANES + lane, tree, leaf);
                    }
                }
            }
        }
        let mut keys = vec![R::LOWEST; width];
        for at in whole..rows {
            self.fill(&layout.columns, row(at), |at, key| keys[at] = key);
            self.walk_row(layout, &keys, at, scores);
        }
    }

    /// One row through all trees.
    fn walk_row<I: Index>(&self, layout: &Layout<R, I>, keys: &[R::Key], row: usize, scores: &mut Scores<R>) {
        for (group, some) in layout.roots.chunks(LANES).enumerate() {
            // The last group is filled up with walks that nobody looks at.
            let mut roots = [Root::default(); LANES];
            roots[..some.len()].copy_from_slice(some);
            let leaves = walk::trees(&layout.nodes, keys, &roots);
            for (lane, leaf) in leaves.into_iter().take(some.len()).enumerate() {
                scores.add(&self.votes, self.aggregate, row, group * LANES + lane, leaf);
            }
        }
    }

    #[inline(always)]
    fn fill(&self, columns: &[Column], row: &[R], mut put: impl FnMut(usize, R::Key)) {
        for (at, column) in columns.iter().enumerate() {
            put(at, column.of(row, &self.sets));
        }
    }
}
