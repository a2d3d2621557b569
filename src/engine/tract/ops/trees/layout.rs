//! How an ensemble lies in memory for a walk. Nodes are 8 bytes where that is possible, the two children of a node are
//! neighbours, and a leaf is a node that leads to itself: a step of a walk is the same few instructions everywhere,
//! without a branch to mispredict, and several walks can be in flight at once.

use std::collections::HashMap;

use super::branch::{Column, Question};
use super::ensemble::{Child, Ensemble};
use super::real::Real;

/// A small unsigned integer: columns and distances fit 16 bits in all but huge ensembles.
pub trait Index: Copy + Default + std::fmt::Debug + Send + Sync + 'static {
    fn of(at: usize) -> Option<Self>;

    fn get(self) -> usize;
}

impl Index for u16 {
    fn of(at: usize) -> Option<Self> {
        at.try_into().ok()
    }

    #[inline(always)]
    fn get(self) -> usize {
        usize::from(self)
    }
}

impl Index for u32 {
    fn of(at: usize) -> Option<Self> {
        at.try_into().ok()
    }

    #[inline(always)]
    fn get(self) -> usize {
        self as usize
    }
}

/// From here a walk goes on at `distance`, and one further where `row[column] > key`. A leaf has distance 0, asks the
/// column that is below everything, and carries its payload in place of the key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Node<K, I> {
    pub key: K,
    pub column: I,
    pub distance: I,
}

/// Where a tree begins, and how many steps lead to its leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Root {
    pub at: u32,
    /// Steps after which no leaf has been passed by: the longest way.
    pub longest: u32,
    /// Steps that most ways take at least.
    pub usual: u32,
}

#[derive(Debug)]
pub struct Layout<R: Real, I> {
    pub nodes: Vec<Node<R::Key, I>>,
    pub roots: Vec<Root>,
    /// What to compute of a row. One more column follows these, which is [`Real::LOWEST`] in every row.
    pub columns: Vec<Column>,
}

impl<R: Real, I: Index> Layout<R, I> {
    /// `None` where a column or a distance does not fit `I`. `payload` is what a leaf carries.
    pub fn of(ensemble: &Ensemble, payload: impl Fn(u32) -> R::Key) -> Option<Self> {
        let mut columns = Columns::default();
        for branch in &ensemble.branches {
            columns.add(Question::<R>::of(branch).column);
        }
        let lowest = I::of(columns.all.len())?;
        let mut nodes: Vec<Node<R::Key, I>> = Vec::with_capacity(ensemble.branches.len() * 2 + ensemble.roots.len());
        let mut roots = Vec::with_capacity(ensemble.roots.len());
        let mut waiting = Vec::new();
        for root in &ensemble.roots {
            let start = nodes.len();
            nodes.push(Node::default());
            waiting.push((*root, start, 0u32));
            let (mut longest, mut steps, mut leaves) = (0, 0u64, 0u64);
            while let Some((child, at, depth)) = waiting.pop() {
                match child {
                    Child::Leaf(leaf) => {
                        nodes[at] = Node { key: payload(leaf), column: lowest, distance: I::default() };
                        longest = longest.max(depth);
                        steps += u64::from(depth);
                        leaves += 1;
                    }
                    Child::Branch(branch) => {
                        let branch = &ensemble.branches[branch as usize];
                        let question = Question::<R>::of(branch);
                        let column = I::of(columns.numbers.get(&question.column).copied()?)?;
                        nodes[at] = Node { key: question.key, column, distance: I::of(nodes.len() - at)? };
                        let (first, second) =
                            if question.swapped { (branch.no, branch.yes) } else { (branch.yes, branch.no) };
                        waiting.push((second, nodes.len() + 1, depth + 1));
                        waiting.push((first, nodes.len(), depth + 1));
                        nodes.extend([Node::default(); 2]);
                    }
                }
            }
            // Where most ways are the longest one, looking for the others costs more than it saves.
            let usual = u32::try_from(steps.div_ceil(leaves.max(1))).unwrap_or(longest);
            let usual = if longest <= usual + 1 { longest } else { usual };
            roots.push(Root { at: u32::try_from(start).ok()?, longest, usual });
        }
        Some(Self { nodes, roots, columns: columns.all })
    }
}

#[derive(Default)]
struct Columns {
    all: Vec<Column>,
    numbers: HashMap<Column, usize>,
}

impl Columns {
    fn add(&mut self, column: Column) {
        let next = self.all.len();
        if *self.numbers.entry(column).or_insert(next) == next {
            self.all.push(column);
        }
    }
}
