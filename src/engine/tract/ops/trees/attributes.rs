//! The attributes of TreeEnsembleClassifier and TreeEnsembleRegressor: lists of equal length, a node of some tree in each
//! position, the root of a tree first.

use std::collections::HashMap;

use super::branch::Mode;
use super::ensemble::{Branch, Child, Ensemble, MOST_NODES, Vote};
use super::tensors::Floats;
use crate::engine::tract::checks::Refusal;
use crate::engine::tract::ops::node::{Node, malformed};

/// Reads the nodes, and the votes from the attributes that begin with `votes`: `class` or `target`.
pub fn read(node: &Node, votes: &'static str, targets: usize) -> Result<Ensemble, Refusal> {
    let lists = Lists::read(node)?;
    let values = Floats::either(node, "nodes_values")?;
    let weights = Floats::either(node, &format!("{votes}_weights"))?;
    // How often each node was visited in training.
    Floats::either(node, "nodes_hitrates")?;
    lists.equal("nodes_values", values.values.len())?;

    let trees = lists.trees()?;
    let numbers = lists.numbers(&trees)?;
    let mut ensemble = Ensemble {
        branches: Vec::new(),
        leaves: vec![0],
        votes: Vec::new(),
        roots: Vec::new(),
        sets: Vec::new(),
        targets,
        wide: values.wide || weights.wide,
    };
    // Where each node of the file is in the ensemble.
    let children = lists.children();
    for (at, mode) in lists.modes.iter().enumerate() {
        let Some(mode) = *mode else { continue };
        let child = |ids: &[i64]| {
            let found = numbers.get(&(lists.trees[at], ids[at])).and_then(|&at| children.get(at));
            found
                .copied()
                .ok_or_else(|| malformed(format!("its node {at} leads to the node {} that is not there", ids[at])))
        };
        let feature = u32::try_from(lists.features[at]).ok().filter(|&feature| feature < u32::MAX);
        let feature =
            feature.ok_or_else(|| malformed(format!("its node {at} compares the feature {}", lists.features[at])))?;
        ensemble.branches.push(Branch {
            feature,
            mode,
            threshold: values.values[at],
            nan_is_true: lists.missing.get(at) == Some(&1),
            yes: child(lists.yes)?,
            no: child(lists.no)?,
        });
    }
    for tree in trees.iter() {
        ensemble.roots.push(children[tree.start]);
    }
    add_votes(&mut ensemble, node, votes, &weights.values, &numbers, &children)?;
    if targets == 1 {
        lists.without_vote(&ensemble, &values.values)?;
    }
    ensemble.check()
}

/// Sorts the votes by leaf, and keeps the order in which the file lists those of one leaf.
fn add_votes(
    ensemble: &mut Ensemble,
    node: &Node,
    prefix: &'static str,
    weights: &[f64],
    numbers: &HashMap<(i64, i64), usize>,
    children: &[Child],
) -> Result<(), Refusal> {
    let list = |name: &str| node.ints(&format!("{prefix}_{name}"));
    let (trees, nodes, targets) = (list("treeids")?, list("nodeids")?, list("ids")?);
    if [nodes.len(), targets.len(), weights.len()] != [trees.len(); 3] {
        return Err(malformed(format!("its lists that begin with {prefix:?} are not of one length")));
    }
    let leaves = children.iter().filter(|child| matches!(child, Child::Leaf(_))).count();
    let mut by_leaf: Vec<(u32, Vote)> = Vec::with_capacity(trees.len());
    for (at, place) in trees.iter().copied().zip(nodes.iter().copied()).enumerate() {
        let Some(&number) = numbers.get(&place) else {
            return Err(malformed(format!("{prefix}_nodeids names the node {} that is not there", place.1)));
        };
        // Old converters list votes of branches too; they count for nothing.
        let Child::Leaf(leaf) = children[number] else { continue };
        let target =
            u32::try_from(targets[at]).map_err(|_| malformed(format!("{prefix}_ids holds {}", targets[at])))?;
        by_leaf.push((leaf, Vote { target, weight: weights[at] }));
    }
    by_leaf.sort_by_key(|(leaf, _)| *leaf);
    ensemble.votes = by_leaf.iter().map(|(_, vote)| *vote).collect();
    let mut counts = vec![0u32; leaves + 1];
    by_leaf.iter().for_each(|(leaf, _)| counts[*leaf as usize + 1] += 1);
    for at in 0..leaves {
        counts[at + 1] += counts[at];
    }
    ensemble.leaves = counts;
    Ok(())
}

struct Lists<'n> {
    trees: &'n [i64],
    nodes: &'n [i64],
    features: &'n [i64],
    yes: &'n [i64],
    no: &'n [i64],
    missing: &'n [i64],
    /// `None` for a leaf.
    modes: Vec<Option<Mode>>,
}

impl<'n> Lists<'n> {
    fn read(node: &Node<'n>) -> Result<Self, Refusal> {
        let mode = |name: String| match Mode::named(&name) {
            None if name != "LEAF" => Err(malformed(format!("its nodes_modes has {name:?}"))),
            mode => Ok(mode),
        };
        let lists = Self {
            trees: node.ints("nodes_treeids")?,
            nodes: node.ints("nodes_nodeids")?,
            features: node.ints("nodes_featureids")?,
            yes: node.ints("nodes_truenodeids")?,
            no: node.ints("nodes_falsenodeids")?,
            missing: node.ints("nodes_missing_value_tracks_true")?,
            modes: node.texts("nodes_modes")?.into_iter().map(mode).collect::<Result<_, _>>()?,
        };
        if lists.trees.len() > MOST_NODES {
            return Err(malformed("it has too many nodes"));
        }
        lists.equal("nodes_nodeids", lists.nodes.len())?;
        lists.equal("nodes_featureids", lists.features.len())?;
        lists.equal("nodes_truenodeids", lists.yes.len())?;
        lists.equal("nodes_falsenodeids", lists.no.len())?;
        lists.equal("nodes_modes", lists.modes.len())?;
        if !lists.missing.is_empty() {
            lists.equal("nodes_missing_value_tracks_true", lists.missing.len())?;
        }
        Ok(lists)
    }

    fn equal(&self, name: &str, length: usize) -> Result<(), Refusal> {
        if length == self.trees.len() {
            return Ok(());
        }
        Err(malformed(format!("its {name} has {length} entries and nodes_treeids {}", self.trees.len())))
    }

    /// The positions of each tree's nodes, which must stand together.
    fn trees(&self) -> Result<Vec<std::ops::Range<usize>>, Refusal> {
        let mut trees: Vec<std::ops::Range<usize>> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (at, id) in self.trees.iter().enumerate() {
            match trees.last_mut() {
                Some(last) if self.trees[last.start] == *id => last.end = at + 1,
                _ if !seen.insert(*id) => return Err(malformed(format!("the nodes of its tree {id} are scattered"))),
                _ => trees.push(at..at + 1),
            }
        }
        Ok(trees)
    }

    /// Positions by the number of the tree and that of the node in it.
    fn numbers(&self, trees: &[std::ops::Range<usize>]) -> Result<HashMap<(i64, i64), usize>, Refusal> {
        let mut numbers = HashMap::with_capacity(self.trees.len());
        for at in trees.iter().cloned().flatten() {
            if numbers.insert((self.trees[at], self.nodes[at]), at).is_some() {
                return Err(malformed(format!("its tree {} has two nodes {}", self.trees[at], self.nodes[at])));
            }
        }
        Ok(numbers)
    }

    /// What each position is in the ensemble: branches and leaves are counted apart.
    fn children(&self) -> Vec<Child> {
        let (mut branches, mut leaves) = (0..u32::MAX, 0..u32::MAX);
        let child = |mode: &Option<Mode>| match mode {
            Some(_) => Child::Branch(branches.next().unwrap_or(u32::MAX)),
            None => Child::Leaf(leaves.next().unwrap_or(u32::MAX)),
        };
        self.modes.iter().map(child).collect()
    }

    /// Where there is one target, a leaf without a vote counts as its entry in `nodes_values` in ONNX Runtime.
    fn without_vote(&self, ensemble: &Ensemble, values: &[f64]) -> Result<(), Refusal> {
        let leaves = self.modes.iter().zip(values).filter(|(mode, _)| mode.is_none());
        for (leaf, (_, value)) in leaves.enumerate() {
            if *value != 0.0 && ensemble.votes(leaf as u32).is_empty() {
                return Err(malformed("a leaf has no weight"));
            }
        }
        Ok(())
    }
}
