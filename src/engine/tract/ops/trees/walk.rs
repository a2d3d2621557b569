//! The walks themselves: several at a time, so that while one waits for memory the others go on. Either several rows walk
//! a few trees, where what they pass together is fetched once, or one row walks many.

use super::layout::{Index, Node, Root};

/// How many walks are in flight. With eight a processor waits more; with twenty-four it was slower again.
pub const LANES: usize = 16;

/// The leaves that `ROWS` rows reach in `TREES` trees, tree by tree; together they are [`LANES`] walks. `row` holds the
/// columns of the rows.
#[inline]
pub fn rows<K: Copy + Ord, I: Index, const ROWS: usize, const TREES: usize>(
    nodes: &[Node<K, I>],
    row: &[[K; ROWS]],
    roots: &[Root; TREES],
) -> [K; LANES] {
    const { assert!(ROWS * TREES == LANES) };
    let usual = roots.iter().map(|root| root.usual).max().unwrap_or(0);
    let longest = roots.iter().map(|root| root.longest).max().unwrap_or(0);
    let at = std::array::from_fn(|lane| roots[lane / ROWS].at as usize);
    walk(nodes, at, usual, longest, |column, lane| row[column][lane % ROWS])
}

/// The leaves that one row reaches in so many trees. Its columns lie flat: by [`rows`], as arrays of one, it was a tenth slower.
#[inline]
pub fn trees<K: Copy + Ord, I: Index>(nodes: &[Node<K, I>], row: &[K], roots: &[Root; LANES]) -> [K; LANES] {
    let usual = roots.iter().map(|root| root.usual).max().unwrap_or(0);
    let longest = roots.iter().map(|root| root.longest).max().unwrap_or(0);
    walk(nodes, roots.map(|root| root.at as usize), usual, longest, |column, _| row[column])
}

/// Takes `usual` steps without looking, and then further ones, `longest` at most, until all have arrived. A walk that
/// has arrived stays where it is.
#[inline(always)]
fn walk<K: Copy + Ord, I: Index>(
    nodes: &[Node<K, I>],
    mut at: [usize; LANES],
    usual: u32,
    longest: u32,
    value: impl Fn(usize, usize) -> K,
) -> [K; LANES] {
    for _ in 0..usual {
        for lane in 0..LANES {
            let node = &nodes[at[lane]];
            at[lane] += node.distance.get() + usize::from(value(node.column.get(), lane) > node.key);
        }
    }
    for _ in usual..longest {
        let mut moved = 0;
        for lane in 0..LANES {
            let node = &nodes[at[lane]];
            at[lane] += node.distance.get() + usize::from(value(node.column.get(), lane) > node.key);
            moved |= node.distance.get();
        }
        if moved == 0 {
            break;
        }
    }
    at.map(|at| nodes[at].key)
}
