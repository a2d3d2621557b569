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
                    Some((node, Some(Below { leaves: leaves[at as usize], children })))
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

/// A node, and of a branch what lies under it.
type Filled<K, I> = (Node<K, I>, Option<Below>);

struct Below {
    leaves: u32,
    children: [Child; 2],
}

/// Two children whose parent has its place already.
struct Pair {
    below: Below,
    parent: usize,
    depth: u32,
}

/// Nodes as they are laid out, and what is known of the tree that is being added.
struct Plot<K, I> {
    nodes: Vec<Node<K, I>>,
    /// To be placed in the line of their parents, while there is room.
    near: Vec<Pair>,
    longest: u32,
    /// To all leaves together.
    steps: u64,
    arrivals: u64,
}

/// Bytes of a cache line.
const LINE: usize = 64;

impl<K: Copy + Default, I: Index> Plot<K, I> {
    /// Pairs of nodes in a line.
    const PAIRS: usize = LINE / size_of::<[Node<K, I>; 2]>();

    fn with_capacity(nodes: usize) -> Self {
        let (near, longest, steps, arrivals) = Default::default();
        Self { nodes: Vec::with_capacity(nodes), near, longest, steps, arrivals }
    }

    /// Adds a tree, of which `fill` gives the nodes.
    fn add(&mut self, root: Child, fill: &mut impl FnMut(Child) -> Option<Filled<K, I>>) -> Option<Root> {
        (self.longest, self.steps, self.arrivals) = Default::default();
        let root = fill(root)?;
        // Even a root has a neighbour, so that all pairs lie evenly.
        self.begin(root.1.as_ref().map_or(1, |below| below.leaves as usize));
        let start = self.nodes.len();
        self.place(root, 0);
        self.nodes.push(Node::default());
        let mut room = Self::PAIRS - 1;
        let mut waiting = Vec::new();
        loop {
            while room > 0
                && let Some(most) = (0..self.near.len()).max_by_key(|at| self.near[*at].below.leaves)
            {
                let pair = self.near.swap_remove(most);
                room -= 1;
                let at = self.nodes.len();
                self.nodes[pair.parent].distance = I::of(at - pair.parent)?;
                for child in pair.below.children {
                    self.place(fill(child)?, pair.depth);
                }
            }
            self.near.sort_unstable_by_key(|pair| pair.below.leaves);
            waiting.append(&mut self.near);
            let Some(next) = waiting.pop() else { break };
            // A subtree has one pair less than leaves.
            self.begin(next.below.leaves as usize - 1);
            self.near.push(next);
            room = Self::PAIRS;
        }
        // Where most ways are the longest one, looking for the others costs more than it saves.
        let longest = self.longest;
        let usual = u32::try_from(self.steps.div_ceil(self.arrivals.max(1))).unwrap_or(longest);
        let usual = if longest <= usual + 1 { longest } else { usual };
        Some(Root { at: u32::try_from(start).ok()?, longest, usual })
    }

    /// Puts a node next.
    fn place(&mut self, (node, below): Filled<K, I>, depth: u32) {
        match below {
            Some(below) => self.near.push(Pair { below, parent: self.nodes.len(), depth: depth + 1 }),
            None => {
                self.longest = self.longest.max(depth);
                self.steps += u64::from(depth);
                self.arrivals += 1;
            }
        }
        self.nodes.push(node);
    }

    /// Goes to a new line where so many pairs, or as many as a line holds, do not fit the rest of this one.
    fn begin(&mut self, pairs: usize) {
        let (used, line) = (self.nodes.len() % (Self::PAIRS * 2), Self::PAIRS * 2);
        if used + pairs.min(Self::PAIRS) * 2 > line {
            self.nodes.resize(self.nodes.len() + line - used, Node::default());
        }
    }

    /// The nodes such that lines of them are lines of the cache, and how many come before the first.
    fn aligned(self) -> (Vec<Node<K, I>>, usize) {
        let mut nodes: Vec<Node<K, I>> = Vec::with_capacity(self.nodes.len() + Self::PAIRS * 2);
        // Nothing is wrong where there is no such place near, as for nodes of 12 bytes, only slower.
        let before = nodes.as_ptr().align_offset(LINE);
        let before = if before < Self::PAIRS * 2 { before } else { 0 };
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes of a complete tree of a depth, whose numbers are their places in breadth.
    fn plot<I: Index>(depth: u32) -> (Vec<Node<u32, I>>, Root) {
        let (inner, all) = ((1u32 << depth) - 1, (2u32 << depth) - 1);
        let child = |at: u32| if at < inner { Child::Branch(at) } else { Child::Leaf(at) };
        let node = |key| Node { key, column: I::default(), distance: I::default() };
        let mut fill = |at: Child| match at {
            Child::Leaf(at) => Some((node(at), None)),
            Child::Branch(at) => {
                let level = (at + 1).ilog2();
                let children = [child(2 * at + 1), child(2 * at + 2)];
                Some((node(at), Some(Below { leaves: 1 << (depth - level), children })))
            }
        };
        let mut plot = Plot::with_capacity(all as usize);
        let mut root = plot.add(child(0), &mut fill).unwrap();
        let (nodes, before) = plot.aligned();
        root.at += before as u32;
        (nodes, root)
    }

    #[test]
    fn a_walk_meets_few_lines_and_all_nodes_are_there() {
        let (nodes, root) = plot::<u16>(9);
        assert_eq!((root.longest, root.usual), (9, 9));
        let line = |at: usize| (&raw const nodes[at]).addr() / LINE;
        let (mut met, mut walks, mut waiting) = (0, 0, vec![(root.at as usize, 0, 1)]);
        let mut found = Vec::new();
        while let Some((at, number, lines)) = waiting.pop() {
            assert_eq!(nodes[at].key, number);
            found.push(number);
            let next = at + nodes[at].distance.get();
            if next == at {
                (met, walks) = (met + lines, walks + 1);
                continue;
            }
            assert_eq!(line(next), line(next + 1), "children are asked for together");
            let lines = lines + usize::from(line(next) != line(at));
            waiting.extend([(next, 2 * number + 1, lines), (next + 1, 2 * number + 2, lines)]);
        }
        found.sort_unstable();
        assert_eq!(found, (0..1023).collect::<Vec<u32>>());
        assert!(met <= walks * 6, "{met} lines in {walks} walks of ten nodes");
        assert!(nodes.len() < 1023 * 5 / 4, "{} places for 1,023 nodes", nodes.len());
    }

    #[test]
    fn nodes_that_do_not_fill_a_line_have_no_room_between_them() {
        // Of 12 bytes, so that five would fit: two pairs do.
        let (nodes, _) = plot::<u32>(9);
        assert!(nodes.len() < 1023 * 5 / 4, "{} places for 1,023 nodes", nodes.len());
    }

    #[test]
    fn a_leaf_alone_is_a_tree() {
        let (nodes, root) = plot::<u16>(0);
        assert_eq!((nodes[root.at as usize].key, root.longest, root.usual), (0, 0, 0));
    }
}
