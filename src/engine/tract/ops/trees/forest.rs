//! An ensemble ready to run in one precision: rows are turned into columns of keys, in blocks that stay in the cache
//! together with one tree, and walked.

use super::branch::Column;
use super::ensemble::{Aggregate, Ensemble};
use super::layout::{Index, Layout, Root};
use super::real::Real;
use super::scores::{Scores, Votes};
use super::sweep::{self, Sweep};
use super::walk::{self, LANES};

/// Groups of [`LANES`] rows that walk a tree before the next tree's turn.
const GROUPS: usize = 4;

#[derive(Debug)]
pub struct Forest<R: Real> {
    laid: Laid<R>,
    /// For many rows, where it pays.
    sweep: Option<Sweep<R>>,
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
        let (votes, payloads) = Votes::of(ensemble, aggregate);
        let payload = |leaf: u32| payloads[leaf as usize];
        let laid = match Layout::of(ensemble, payload) {
            Some(layout) => Laid::Narrow(layout),
            None => Laid::Wide(Layout::of(ensemble, payload)?),
        };
        let sweep = match &laid {
            Laid::Narrow(layout) => Sweep::of(layout),
            Laid::Wide(_) => None,
        };
        let ask = matches!(aggregate, Aggregate::Min | Aggregate::Max) || ensemble.certain().contains(&false);
        Some(Self { laid, sweep, votes, aggregate, sets: ensemble.sets.clone(), targets: ensemble.targets, ask })
    }

    /// The scores of rows of so many columns each, which are at least [`Ensemble::features`].
    pub fn run(&self, values: &[R], rows: usize, columns: usize) -> Scores<R> {
        // A group of rows that are swept is filled up with rows that nobody looks at.
        let swept = self.sweep.as_ref().map_or(0, |sweep| sweep.takes(rows));
        let mut scores = Scores::new(rows.max(swept.next_multiple_of(sweep::ROWS)), self.targets, self.ask);
        match &self.laid {
            Laid::Narrow(layout) => self.walk(layout, values, rows, columns, swept, &mut scores),
            Laid::Wide(layout) => self.walk(layout, values, rows, columns, swept, &mut scores),
        }
        scores.truncate(rows);
        scores
    }

    /// `swept` of the rows are swept, the others walk.
    fn walk<I: Index>(
        &self,
        layout: &Layout<R, I>,
        values: &[R],
        rows: usize,
        columns: usize,
        swept: usize,
        scores: &mut Scores<R>,
    ) {
        let row = |at: usize| &values[at * columns..(at + 1) * columns];
        if let Some(sweep) = &self.sweep {
            self.sweep(sweep, &layout.columns, |at| row(at.min(swept - 1)), swept, scores);
        }
        let mut at = swept;
        // Two or three rows are sooner through one by one.
        while rows - at >= 4 {
            at += match rows - at {
                left @ LANES.. => self.walk_groups::<I, LANES, 1>(layout, row, at, GROUPS.min(left / LANES), scores),
                8.. => self.walk_groups::<I, 8, 2>(layout, row, at, 1, scores),
                _ => self.walk_groups::<I, 4, 4>(layout, row, at, 1, scores),
            };
        }
        let mut keys = vec![[R::LOWEST]; layout.columns.len() + 1];
        for at in at..rows {
            self.fill(&layout.columns, [row(at)], &mut keys);
            self.walk_row(layout, keys.as_flattened(), at, scores);
        }
    }

    /// So many groups of `ROWS` rows through all trees, `TREES` at a time, and how many rows that were.
    fn walk_groups<'v, I: Index, const ROWS: usize, const TREES: usize>(
        &self,
        layout: &Layout<R, I>,
        row: impl Fn(usize) -> &'v [R],
        start: usize,
        groups: usize,
        scores: &mut Scores<R>,
    ) -> usize {
        let width = layout.columns.len() + 1;
        let mut block = vec![[R::LOWEST; ROWS]; width * groups];
        let starts = || (start..).step_by(ROWS);
        for (first, keys) in starts().zip(block.chunks_exact_mut(width)) {
            self.fill(&layout.columns, std::array::from_fn(|lane| row(first + lane)), keys);
        }
        let (chunks, rest) = layout.roots.as_chunks::<TREES>();
        for (chunk, roots) in chunks.iter().enumerate() {
            for (first, keys) in starts().zip(block.chunks_exact(width)) {
                let leaves = walk::rows(&layout.nodes, keys, roots);
                let place = |lane| (first + lane % ROWS, chunk * TREES + lane / ROWS);
                scores.add(&self.votes, self.aggregate, leaves, place);
            }
        }
        if !rest.is_empty() {
            // The last trees are filled up with walks that nobody looks at.
            let mut roots = [Root::default(); TREES];
            roots[..rest.len()].copy_from_slice(rest);
            let done = layout.roots.len() - rest.len();
            for (first, keys) in starts().zip(block.chunks_exact(width)) {
                let leaves = walk::rows(&layout.nodes, keys, &roots);
                for (lane, leaf) in leaves.into_iter().take(rest.len() * ROWS).enumerate() {
                    let place = (first + lane % ROWS, done + lane / ROWS);
                    scores.add(&self.votes, self.aggregate, [leaf], |_| place);
                }
            }
        }
        groups * ROWS
    }

    /// So many rows through all trees. The last group of [`sweep::ROWS`] is filled up with what `row` gives beyond them, and has
    /// scores of its own.
    fn sweep<'v>(
        &self,
        sweep: &Sweep<R>,
        columns: &[Column],
        row: impl Fn(usize) -> &'v [R],
        rows: usize,
        scores: &mut Scores<R>,
    ) {
        let mut ranks = Vec::new();
        for start in (0..rows).step_by(sweep::ROWS * sweep::GROUPS) {
            ranks.clear();
            for first in (start..rows).step_by(sweep::ROWS).take(sweep::GROUPS) {
                for (at, column) in columns.iter().enumerate() {
                    let values = column.of(std::array::from_fn(|lane| row(first + lane)), &self.sets);
                    ranks.push(sweep.rank(at, values));
                }
            }
            sweep.run(&ranks, |tree, group, leaves| {
                let first = start + group * sweep::ROWS;
                scores.add(&self.votes, self.aggregate, leaves, |lane| (first + lane, tree));
            });
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

#[cfg(test)]
mod tests {
    use super::super::branch::Mode;
    use super::super::ensemble::{Branch, Child, Vote};
    use super::*;

    /// Complete trees of a depth over four features, with numbers that repeat.
    fn ensemble(trees: u32, depth: u32) -> Ensemble {
        let (inner, leaves) = ((1u32 << depth) - 1, 1u32 << depth);
        let mut ensemble = Ensemble {
            branches: Vec::new(),
            leaves: (0..=trees * leaves).collect(),
            votes: Vec::new(),
            roots: (0..trees).map(|tree| Child::Branch(tree * inner)).collect(),
            sets: Vec::new(),
            targets: 2,
            wide: false,
        };
        let mut random = fastrand::Rng::with_seed(7);
        for tree in 0..trees {
            for at in 0..inner {
                let child = |at: u32| match at < inner {
                    true => Child::Branch(tree * inner + at),
                    false => Child::Leaf(tree * leaves + at - inner),
                };
                ensemble.branches.push(Branch {
                    feature: random.u32(..4),
                    mode: random.choice([Mode::Leq, Mode::Lt, Mode::Gt, Mode::Gte, Mode::Eq, Mode::Neq]).unwrap(),
                    threshold: f64::from(random.i32(-9..9)) / 4.0,
                    nan_is_true: random.bool(),
                    yes: child(2 * at + 1),
                    no: child(2 * at + 2),
                });
            }
        }
        ensemble.votes =
            (0..trees * leaves).map(|_| Vote { target: random.u32(..2), weight: random.f64() - 0.5 }).collect();
        ensemble.check().unwrap()
    }

    #[test]
    fn rows_swept_and_walked_together_get_what_each_gets_alone() {
        let mut random = fastrand::Rng::with_seed(8);
        let values: Vec<f32> = (0..110 * 5)
            .map(|_| if random.u32(..9) == 0 { f32::NAN } else { random.i32(-10..10) as f32 / 4.0 })
            .collect();
        for (trees, depth, swept) in [(400, 3, true), (11, 8, false)] {
            let forest = Forest::<f32>::of(&ensemble(trees, depth), Aggregate::Sum).unwrap();
            assert_eq!(forest.sweep.is_some(), swept);
            // Groups of every size, and after a hundred swept ones a few that walk, and so many that they are swept as well.
            for rows in (1..=20).chain([101, 110]) {
                let together = forest.run(&values, rows, 5);
                assert_eq!(together.sums.len(), rows * 2);
                for (at, row) in values.chunks_exact(5).take(rows).enumerate() {
                    let alone = forest.run(row, 1, 5);
                    assert_eq!(alone.sums, together.sums[at * 2..at * 2 + 2]);
                    assert_eq!(alone.voted, together.voted[at * 2..at * 2 + 2]);
                }
            }
        }
    }
}
