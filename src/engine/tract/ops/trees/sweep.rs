//! Another way through small trees, for many rows: every branch of a tree is asked for sixteen rows at once, from the
//! leaves to the root, in vector registers and without a jump or an address that depends on a row. That costs as many
//! steps as a tree has branches, each a fraction of a step of a walk. It needs answers in a byte, so a row's columns
//! are first replaced by their ranks among the keys that the trees compare them with. Libraries that train on
//! histograms of 255 bins, as LightGBM, XGBoost and scikit-learn's newer boosting do, leave no more keys than that.

use super::layout::{Index, Layout};
use super::real::Real;

/// How many rows at once.
pub const ROWS: usize = 16;

/// Groups of [`ROWS`] rows that a tree is swept for before the next tree's turn.
pub const GROUPS: usize = 4;

/// What takes how long, as measured, in halves of a step of a walk: a branch that is swept for all lanes, the rank of one
/// number, and to add what one row gets from one tree, which those who walk do as well.
const BRANCH: usize = 3;
const RANK: usize = 4;
const SCORE: usize = 2;

/// The bytes of one number in all lanes.
type Lanes = [u8; ROWS];

#[derive(Clone, Copy, Debug)]
struct Step {
    column: u16,
    /// Above this rank, less one, the second child counts.
    key: u8,
    /// Slots of the children's answers.
    children: [u16; 2],
}

/// Slots for answers: one for each number of a leaf, then one for each branch of a tree.
const SLOTS: usize = 512;
const BRANCHES: u16 = 256;

#[derive(Debug)]
pub struct Sweep<R: Real> {
    /// By column, the keys that it is compared with in ascending order.
    keys: Vec<Vec<R::Key>>,
    steps: Vec<Step>,
    /// By tree, where its steps and its leaves end.
    ends: Vec<(usize, usize)>,
    /// What leaves carry.
    payloads: Vec<R::Key>,
    /// How many rows are swept at least as fast as they walk, in a group that nothing else fills.
    least: usize,
}

impl<R: Real> Sweep<R> {
    /// `None` where ranks or leaves do not fit a byte, and where it would not pay.
    pub fn of<I: Index>(layout: &Layout<R, I>) -> Option<Self> {
        let branches = layout.nodes.iter().filter(|node| node.distance.get() > 0);
        let walked: usize = layout.roots.iter().map(|root| root.usual as usize).sum();
        // Trees without any branch have nothing to be swept.
        let (count, trees) = (branches.clone().count(), layout.roots.len());
        if count == 0 || u16::try_from(layout.columns.len()).is_err() {
            return None;
        }
        let group = count * BRANCH + ROWS * (layout.columns.len() * RANK + trees * SCORE);
        let least = group.div_ceil(2 * walked + trees * SCORE);
        if least > ROWS {
            return None;
        }
        let mut keys = vec![Vec::new(); layout.columns.len()];
        for node in branches {
            keys.get_mut(node.column.get())?.push(node.key);
        }
        for keys in &mut keys {
            keys.sort_unstable();
            keys.dedup();
            if keys.len() > usize::from(u8::MAX) {
                return None;
            }
        }
        let mut sweep = Self { keys, steps: Vec::new(), ends: Vec::new(), payloads: Vec::new(), least };
        for root in &layout.roots {
            sweep.add(layout, root.at as usize)?;
        }
        Some(sweep)
    }

    /// Adds a tree, children before parents: the branches by their height, so that one seldom waits for the one before.
    fn add<I: Index>(&mut self, layout: &Layout<R, I>, root: usize) -> Option<()> {
        let first_leaf = self.payloads.len();
        let mut waiting = vec![(root, false)];
        // What the subtrees give that are done and not yet part of another: their slots and heights.
        let mut done: Vec<(u16, usize)> = Vec::new();
        let mut steps: Vec<(usize, Step)> = Vec::new();
        while let Some((at, children_done)) = waiting.pop() {
            let node = &layout.nodes[at];
            let child = at + node.distance.get();
            if node.distance.get() == 0 {
                done.push((u16::from(u8::try_from(self.payloads.len() - first_leaf).ok()?), 0));
                self.payloads.push(node.key);
            } else if children_done {
                let (second, first) = (done.pop()?, done.pop()?);
                let height = 1 + first.1.max(second.1);
                let key = self.keys[node.column.get()].binary_search(&node.key).ok()?;
                done.push((BRANCHES + u16::from(u8::try_from(steps.len()).ok()?), height));
                let step = Step {
                    column: u16::try_from(node.column.get()).ok()?,
                    key: u8::try_from(key).ok()?,
                    children: [first.0, second.0],
                };
                steps.push((height, step));
            } else {
                waiting.extend([(at, true), (child + 1, false), (child, false)]);
            }
        }
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by_key(|step| steps[*step].0);
        let mut slots: Vec<u16> = (0..BRANCHES).chain(vec![0; steps.len()]).collect();
        for (slot, step) in (BRANCHES..).zip(&order) {
            slots[usize::from(BRANCHES) + step] = slot;
        }
        self.steps.extend(order.iter().map(|step| {
            let step = steps[*step].1;
            Step { children: step.children.map(|child| slots[usize::from(child)]), ..step }
        }));
        self.ends.push((self.steps.len(), self.payloads.len()));
        Some(())
    }

    /// How many of so many rows are worth being swept.
    pub fn takes(&self, rows: usize) -> usize {
        let rest = rows % ROWS;
        if rest < self.least { rows - rest } else { rows }
    }

    /// Turns the values of a column into ranks: how many of its keys they are larger than.
    pub fn rank(&self, column: usize, values: [R::Key; ROWS]) -> [i8; ROWS] {
        let keys = &self.keys[column];
        values.map(|value| signed(keys.partition_point(|key| *key < value) as u8))
    }

    /// Calls `reached` with each tree and group of rows, trees in order, and the leaves that the rows reach. `ranks`
    /// holds the columns of one group after the other.
    pub fn run(&self, ranks: &[[i8; ROWS]], mut reached: impl FnMut(usize, usize, [R::Key; ROWS])) {
        let mut slots = [[0; ROWS]; SLOTS];
        slots.iter_mut().zip(&PLAIN).for_each(|(slot, number)| *slot = *number);
        let (mut first_step, mut first_leaf) = (0, 0);
        for (tree, (last_step, last_leaf)) in self.ends.iter().enumerate() {
            let steps = &self.steps[first_step..*last_step];
            let payloads = &self.payloads[first_leaf..*last_leaf];
            for (group, ranks) in ranks.chunks_exact(self.keys.len().max(1)).enumerate() {
                let leaves = sweep(steps, ranks, &mut slots);
                reached(tree, group, leaves.map(|leaf| payloads[usize::from(leaf)]));
            }
            (first_step, first_leaf) = (*last_step, *last_leaf);
        }
    }
}

/// The numbers of the leaves of one tree that the rows reach.
fn sweep(steps: &[Step], ranks: &[[i8; ROWS]], slots: &mut [Lanes; SLOTS]) -> Lanes {
    let mut last = [0; ROWS];
    for (number, step) in steps.iter().enumerate() {
        let (rank, key) = (&ranks[usize::from(step.column)], &SIGNED[usize::from(step.key)]);
        let [first, second] = step.children.map(|child| slots[usize::from(child) % SLOTS]);
        for lane in 0..ROWS {
            let chosen = if rank[lane] > key[lane] { u8::MAX } else { 0 };
            last[lane] = first[lane] ^ ((first[lane] ^ second[lane]) & chosen);
        }
        slots[usize::from(BRANCHES) + number % usize::from(BRANCHES)] = last;
    }
    last
}

/// Each number in all lanes.
static PLAIN: [Lanes; 256] = {
    let mut all = [[0; ROWS]; 256];
    let mut at = 0;
    while at < 256 {
        all[at] = [at as u8; ROWS];
        at += 1;
    }
    all
};

/// The number in a signed byte, without a change of order: those are what vector registers compare.
const fn signed(number: u8) -> i8 {
    (number ^ 0x80) as i8
}

/// The same, as they are compared.
static SIGNED: [[i8; ROWS]; 256] = {
    let mut all = [[0; ROWS]; 256];
    let mut at = 0;
    while at < 256 {
        all[at] = [signed(at as u8); ROWS];
        at += 1;
    }
    all
};
