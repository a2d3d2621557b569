//! The attributes of TreeEnsembleClassifier and TreeEnsembleRegressor: lists of equal length, a node of some tree in each
//! position, the root of a tree first.

use super::branch::Mode;
use super::ensemble::{Branch, Child, Ensemble, MOST_NODES, Vote};
use super::numbering::Numbering;
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

    let numbering = Numbering::of(lists.trees, lists.nodes)?;
    let mut ensemble = Ensemble {
        branches: Vec::with_capacity(lists.modes.iter().flatten().count()),
        leaves: vec![0],
        votes: Vec::new(),
        roots: Vec::with_capacity(numbering.trees.len()),
        sets: Vec::new(),
        targets,
        wide: values.wide || weights.wide,
    };
    // Where each node of the file is in the ensemble.
    let children = lists.children();
    for tree in &numbering.trees {
        ensemble.roots.push(children[tree.places.start]);
        let child = |at: usize, id: i64| match tree.find(id) {
            Some(place) => Ok(children[place]),
            None => Err(malformed(format!("its node {at} leads to the node {id} that is not there"))),
        };
        for at in tree.places.clone() {
            let Some(mode) = lists.modes[at] else { continue };
            let feature = u32::try_from(lists.features[at]).ok().filter(|&feature| feature < u32::MAX);
            let feature = feature
                .ok_or_else(|| malformed(format!("its node {at} compares the feature {}", lists.features[at])))?;
            ensemble.branches.push(Branch {
                feature,
                mode,
                threshold: values.values[at],
                nan_is_true: lists.missing.get(at) == Some(&1),
                yes: child(at, lists.yes[at])?,
                no: child(at, lists.no[at])?,
            });
        }
    }
    add_votes(&mut ensemble, node, votes, &weights.values, &numbering, &children)?;
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
    numbering: &Numbering,
    children: &[Child],
) -> Result<(), Refusal> {
    let list = |name: &str| node.ints(&format!("{prefix}_{name}"));
    let (trees, nodes, targets) = (list("treeids")?, list("nodeids")?, list("ids")?);
    if [nodes.len(), targets.len(), weights.len()] != [trees.len(); 3] {
        return Err(malformed(format!("its lists that begin with {prefix:?} are not of one length")));
    }
    if trees.len() > MOST_NODES {
        return Err(malformed("it has too many leaves"));
    }
    // Old converters list votes of branches too; they count for nothing.
    let mut leaves: Vec<Option<u32>> = Vec::with_capacity(trees.len());
    let mut ends = vec![0u32; children.iter().filter(|child| matches!(child, Child::Leaf(_))).count() + 1];
    let mut near = None;
    for (tree, id) in trees.iter().zip(nodes) {
        let place = numbering.find(&mut near, *tree, *id);
        let place =
            place.ok_or_else(|| malformed(format!("{prefix}_nodeids names the node {id} that is not there")))?;
        leaves.push(match children[place] {
            Child::Leaf(leaf) => Some(leaf),
            Child::Branch(_) => None,
        });
        if let Child::Leaf(leaf) = children[place] {
            ends[leaf as usize + 1] += 1;
        }
    }
    for at in 1..ends.len() {
        ends[at] += ends[at - 1];
    }
    let count = ends.last().map_or(0, |end| *end as usize);
    let mut votes = vec![Vote { target: 0, weight: 0.0 }; count];
    let mut next = ends.clone();
    for ((leaf, target), weight) in leaves.into_iter().zip(targets).zip(weights) {
        let Some(leaf) = leaf else { continue };
        let target = u32::try_from(*target).map_err(|_| malformed(format!("{prefix}_ids holds {target}")))?;
        let place = &mut next[leaf as usize];
        votes[*place as usize] = Vote { target, weight: *weight };
        *place += 1;
    }
    (ensemble.leaves, ensemble.votes) = (ends, votes);
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
        let mode = |name: &Vec<u8>| match Mode::named(name) {
            None if name != b"LEAF" => {
                Err(malformed(format!("its nodes_modes has {:?}", String::from_utf8_lossy(name))))
            }
            mode => Ok(mode),
        };
        let lists = Self {
            trees: node.ints("nodes_treeids")?,
            nodes: node.ints("nodes_nodeids")?,
            features: node.ints("nodes_featureids")?,
            yes: node.ints("nodes_truenodeids")?,
            no: node.ints("nodes_falsenodeids")?,
            missing: node.ints("nodes_missing_value_tracks_true")?,
            modes: node.strings("nodes_modes")?.iter().map(mode).collect::<Result<_, _>>()?,
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
