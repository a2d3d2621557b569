//! Where in the lists of a file the nodes stand that it names by a number for the tree and one within it. Nearly all files
//! number the nodes of a tree as they stand, and forests have millions: then a number is a place, and nothing is looked up.

use std::collections::HashMap;
use std::ops::Range;

use crate::engine::tract::checks::Refusal;
use crate::engine::tract::ops::node::malformed;

#[derive(Debug)]
pub struct Numbering {
    pub trees: Vec<Tree>,
    by_id: HashMap<i64, usize>,
}

#[derive(Debug)]
pub struct Tree {
    id: i64,
    /// Where its nodes stand; the first is its root.
    pub places: Range<usize>,
    /// The number of its root.
    first: i64,
    /// Places by number, where the numbers do not count up.
    scattered: Option<HashMap<i64, usize>>,
}

impl Numbering {
    /// Of lists of equal length, with a node in each place. The nodes of a tree must stand together.
    pub fn of(trees: &[i64], nodes: &[i64]) -> Result<Self, Refusal> {
        let mut numbering = Self { trees: Vec::new(), by_id: HashMap::new() };
        let mut start = 0;
        for same in trees.chunk_by(|one, next| one == next) {
            let places = start..start + same.len();
            start = places.end;
            if numbering.by_id.insert(same[0], numbering.trees.len()).is_some() {
                return Err(malformed(format!("the nodes of its tree {} are scattered", same[0])));
            }
            numbering.trees.push(Tree::of(same[0], places, nodes)?);
        }
        Ok(numbering)
    }

    /// The place of a node, which is looked for first in the tree that another node was found in.
    pub fn find<'n>(&'n self, near: &mut Option<&'n Tree>, tree: i64, node: i64) -> Option<usize> {
        if near.is_none_or(|near| near.id != tree) {
            *near = self.by_id.get(&tree).and_then(|&at| self.trees.get(at));
        }
        near.and_then(|near| near.find(node))
    }
}

impl Tree {
    fn of(id: i64, places: Range<usize>, nodes: &[i64]) -> Result<Self, Refusal> {
        let numbers = &nodes[places.clone()];
        let counts_up = numbers.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
        let mut tree = Self { id, first: numbers[0], scattered: None, places };
        if !counts_up {
            let mut scattered = HashMap::with_capacity(numbers.len());
            for (place, number) in tree.places.clone().zip(numbers) {
                if scattered.insert(*number, place).is_some() {
                    return Err(malformed(format!("its tree {id} has two nodes {number}")));
                }
            }
            tree.scattered = Some(scattered);
        }
        Ok(tree)
    }

    /// The place of the node of this number.
    pub fn find(&self, number: i64) -> Option<usize> {
        if let Some(scattered) = &self.scattered {
            return scattered.get(&number).copied();
        }
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.places.clone().nth(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(trees: &[i64], nodes: &[i64], asked: &[(i64, i64)]) -> Vec<Option<usize>> {
        let numbering = Numbering::of(trees, nodes).unwrap();
        let mut near = None;
        asked.iter().map(|&(tree, node)| numbering.find(&mut near, tree, node)).collect()
    }

    #[test]
    fn numbers_that_count_up_and_others_lead_to_places() {
        // The second tree begins at 5, the third has no order.
        let (trees, nodes) = ([0, 0, 7, 7, 7, 3, 3, 3], [0, 1, 5, 6, 7, 9, -4, 0]);
        let asked = [(7, 6), (7, 4), (7, 8), (0, 1), (0, 2), (0, -1), (3, -4), (3, 9), (3, 1), (2, 0), (0, i64::MIN)];
        let found = [Some(3), None, None, Some(1), None, None, Some(6), Some(5), None, None, None];
        assert_eq!(places(&trees, &nodes, &asked), found);
        assert_eq!(places(&[1, 1], &[i64::MAX, i64::MIN], &[(1, i64::MIN), (1, i64::MAX)]), [Some(1), Some(0)]);
        assert!(places(&[], &[], &[(0, 0)]) == [None]);
    }

    #[test]
    fn what_is_named_twice_is_refused() {
        let reason = |trees: &[i64], nodes: &[i64]| Numbering::of(trees, nodes).unwrap_err().reason;
        assert!(reason(&[4, 4, 4], &[0, 1, 0]).contains("tree 4 has two nodes 0"));
        assert!(reason(&[4, 5, 4], &[0, 0, 1]).contains("tree 4 are scattered"));
    }
}
