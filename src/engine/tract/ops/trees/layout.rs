//! How an ensemble lies in memory for a walk. Nodes are 8 bytes where that is possible, the two children of a node are
//! neighbours, and a leaf is a node that leads to itself: a step of a walk is the same few instructions everywhere,
//! without a branch to mispredict, and several walks can be in flight at once.
//!
//! What a walk waits for are cache lines, so that nodes which follow each other share one where they can: a line holds some
//! children with those of their children that most leaves lie under.

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
        let leaves = leaves(ensemble);
        let mut plot = Plot::with_capacity(ensemble.branches.len() * 3);
        let mut roots = Vec::with_capacity(ensemble.roots.len());
        for root in &ensemble.roots {
            let mut fill = |child| match child {
                Child::Leaf(leaf) => Some((Node { key: payload(leaf), column: lowest, distance: I::default() }, None)),
                Child::Branch(at) => {
                    let branch = &ensemble.branches[at as usize];
                    let question = Question::<R>::of(branch);
                    let column = I::of(columns.numbers.get(&question.column).copied()?)?;
                    let node = Node { key: question.key, column, distance: I::default() };
                    let children = if question.swapped { [branch.no, branch.yes] } else { [branch.yes, branch.no] };
                    Some((node, Some((leaves[at as usize], children))))
                }
            };
            roots.push(plot.add(*root, &mut fill)?);
        }
        let (nodes, before) = plot.aligned();
        for root in &mut roots {
            root.at = root.at.checked_add(u32::try_from(before).ok()?)?;
        }
        Some(Self { nodes, roots, columns: columns.all })
    }
}

/// By branch, the leaves under it.
fn leaves(ensemble: &Ensemble) -> Vec<u32> {
    let mut leaves = vec![0u32; ensemble.branches.len()];
    let mut waiting = ensemble.roots.clone();
    let mut order = Vec::new();
    while let Some(child) = waiting.pop() {
        if let Child::Branch(at) = child {
            let branch = &ensemble.branches[at as usize];
            order.push(at as usize);
            waiting.extend([branch.yes, branch.no]);
        }
    }
    for at in order.into_iter().rev() {
        let branch = &ensemble.branches[at];
        let under = |child| match child {
            Child::Leaf(_) => 1,
            Child::Branch(at) => leaves[at as usize],
        };
        leaves[at] = under(branch.yes).saturating_add(under(branch.no));
    }
    leaves
}

/// Nodes as they are laid out.
struct Plot<K, I> {
    nodes: Vec<Node<K, I>>,
}

/// Two children whose parent has its place already.
struct Pair {
    leaves: u32,
    children: [Child; 2],
    parent: usize,
    depth: u32,
}

/// Bytes of a cache line.
const LINE: usize = 64;

impl<K: Copy + Default, I: Index> Plot<K, I> {
    /// Nodes of a line.
    const LINE: usize = LINE / size_of::<Node<K, I>>();

    fn with_capacity(nodes: usize) -> Self {
        Self { nodes: Vec::with_capacity(nodes) }
    }

    /// Adds a tree. `fill` gives a node, and of a branch how many leaves lie under it and its children.
    fn add(
        &mut self,
        root: Child,
        fill: &mut impl FnMut(Child) -> Option<(Node<K, I>, Option<(u32, [Child; 2])>)>,
    ) -> Option<Root> {
        let (mut longest, mut steps, mut arrivals) = (0, 0u64, 0u64);
        let (node, below) = fill(root)?;
        // Even a root has a neighbour, so that all pairs lie evenly.
        self.begin(below.map_or(1, |(leaves, _)| leaves as usize));
        let start = self.nodes.len();
        self.nodes.extend([node, Node::default()]);
        let mut waiting: Vec<Pair> = Vec::new();
        let mut near: Vec<Pair> = Vec::new();
        let mut room = Self::LINE / 2 - 1;
        match below {
            Some((leaves, children)) => near.push(Pair { leaves, children, parent: start, depth: 1 }),
            None => arrivals = 1,
        }
        loop {
            while room > 0
                && let Some(most) = (0..near.len()).max_by_key(|at| near[*at].leaves)
            {
                let pair = near.swap_remove(most);
                room -= 1;
                let at = self.nodes.len();
                self.nodes[pair.parent].distance = I::of(at - pair.parent)?;
                for (side, child) in pair.children.into_iter().enumerate() {
                    let (node, below) = fill(child)?;
                    self.nodes.push(node);
                    match below {
                        Some((leaves, children)) => {
                            near.push(Pair { leaves, children, parent: at + side, depth: pair.depth + 1 });
                        }
                        None => {
                            longest = longest.max(pair.depth);
                            steps += u64::from(pair.depth);
                            arrivals += 1;
                        }
                    }
                }
            }
            near.sort_unstable_by_key(|pair| pair.leaves);
            waiting.append(&mut near);
            let Some(next) = waiting.pop() else { break };
            // A subtree has one pair less than leaves.
            self.begin(next.leaves as usize - 1);
            near.push(next);
            room = Self::LINE / 2;
        }
        // Where most ways are the longest one, looking for the others costs more than it saves.
        let usual = u32::try_from(steps.div_ceil(arrivals.max(1))).unwrap_or(longest);
        let usual = if longest <= usual + 1 { longest } else { usual };
        Some(Root { at: u32::try_from(start).ok()?, longest, usual })
    }

    /// Goes to a new line where so many pairs, or as many as a line holds, do not fit the rest of this one.
    fn begin(&mut self, pairs: usize) {
        let pairs = pairs.min(Self::LINE / 2);
        let used = self.nodes.len() % Self::LINE;
        if used + pairs * 2 > Self::LINE {
            self.nodes.resize(self.nodes.len() + Self::LINE - used, Node::default());
        }
    }

    /// The nodes such that lines of them are lines of the cache, and how many come before the first.
    fn aligned(self) -> (Vec<Node<K, I>>, usize) {
        let mut nodes: Vec<Node<K, I>> = Vec::with_capacity(self.nodes.len() + Self::LINE);
        // Nothing is wrong where the place is not known, only slower.
        let before = nodes.as_ptr().align_offset(LINE).min(Self::LINE - 1);
        nodes.resize(before, Node::default());
        nodes.extend(self.nodes);
        (nodes, before)
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
