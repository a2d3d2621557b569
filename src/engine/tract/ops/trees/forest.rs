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
                let first = start + group * LANES;
                self.fill(&layout.columns, std::array::from_fn(|lane| row(first + lane)), keys);
            }
            for (tree, root) in layout.roots.iter().enumerate() {
                for (group, keys) in block.chunks_exact(width).take(groups).enumerate() {
                    let leaves = walk::rows(&layout.nodes, keys, *root);
                    let first = start + group * LANES;
                    scores.add(&self.votes, self.aggregate, leaves, |lane| (first + lane, tree));
                }
            }
        }
        let mut keys = vec![[R::LOWEST]; width];
        for at in whole..rows {
            self.fill(&layout.columns, [row(at)], &mut keys);
            self.walk_row(layout, keys.as_flattened(), at, scores);
        }
    }

    /// One row through all trees.
    fn walk_row<I: Index>(&self, layout: &Layout<R, I>, keys: &[R::Key], row: usize, scores: &mut Scores<R>) {
        let groups = layout.roots.chunks_exact(LANES);
        let rest = groups.remainder();
        for (group, roots) in groups.enumerate() {
            let Ok(roots) = roots.try_into() else { continue };
            let leaves = walk::trees(&layout.nodes, keys, roots);
            scores.add(&self.votes, self.aggregate, leaves, |lane| (row, group * LANES + lane));
        }
        // The last group is filled up with walks that nobody looks at.
        let mut roots = [Root::default(); LANES];
        roots[..rest.len()].copy_from_slice(rest);
        let leaves = walk::trees(&layout.nodes, keys, &roots);
        for (lane, leaf) in leaves.into_iter().take(rest.len()).enumerate() {
            scores.add(&self.votes, self.aggregate, [leaf], |_| (row, layout.roots.len() - rest.len() + lane));
        }
    }

    /// Computes the columns of some rows.
    #[inline(always)]
    fn fill<const N: usize>(&self, columns: &[Column], rows: [&[R]; N], keys: &mut [[R::Key; N]]) {
        for (column, keys) in columns.iter().zip(keys) {
            *keys = column.of(rows, &self.sets);
        }
    }
}
