//! `TreeEnsemble`, which replaces the other two from operator set 5 of `ai.onnx.ml` on: branches and leaves in lists of
//! their own, thresholds and weights as tensors, and a mode for sets of members.

use tract_onnx::prelude::{Arc, DatumType};

use super::branch::Mode;
use super::ensemble::{Aggregate, Branch, Child, Ensemble, Vote};
use super::regressor::Regressor;
use super::tensors::Floats;
use crate::engine::tract::checks::Refusal;
use crate::engine::tract::ops::Kernel;
use crate::engine::tract::ops::ml::post_transform::PostTransform;
use crate::engine::tract::ops::node::{Node, malformed};
use crate::engine::tract::ops::values::slice;

const INPUTS: &[DatumType] = &[DatumType::F32, DatumType::F64, DatumType::F16];

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let aggregate = match node.int_or("aggregate_function", 1)? {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        other => return Err(malformed(format!("its aggregate_function is {other}"))),
    };
    let transform = match node.int_or("post_transform", 0)? {
        0 => PostTransform::None,
        1 | 2 => {
            return Err(Refusal::new(
                "its post_transform is SOFTMAX in ONNX and LOGISTIC in ONNX Runtime, or the other way round",
                "Export it with post_transform 0 and a node Softmax or Sigmoid after it",
            ));
        }
        3 => PostTransform::SoftmaxZero,
        4 => PostTransform::Probit,
        other => return Err(malformed(format!("its post_transform is {other}"))),
    };
    Regressor::build(read(node)?, aggregate, transform, Vec::new(), INPUTS, None)
}

fn read(node: &Node) -> Result<Ensemble, Refusal> {
    let splits = numbers(node, "nodes_splits")?;
    let weights = numbers(node, "leaf_weights")?;
    // How often each node was visited in training.
    Floats::tensor(node, "nodes_hitrates")?;
    let modes = modes(node)?;
    let count = modes.len();
    let list = |name: &'static str| {
        let list = node.ints(name)?;
        match list.len() == count {
            true => Ok(list),
            false => Err(malformed(format!("its {name} has {} entries and nodes_modes {count}", list.len()))),
        }
    };
    let features = list("nodes_featureids")?;
    let yes = children(list("nodes_truenodeids")?, list("nodes_trueleafs")?)?;
    let no = children(list("nodes_falsenodeids")?, list("nodes_falseleafs")?)?;
    let missing = match node.ints("nodes_missing_value_tracks_true")? {
        [] => &[],
        _ => list("nodes_missing_value_tracks_true")?,
    };
    if splits.values.len() != count {
        return Err(malformed(format!("its nodes_splits has {} entries and nodes_modes {count}", splits.values.len())));
    }
    let sets = sets(node, modes.iter().filter(|mode| **mode == Kind::Member).count())?;
    let mut set = 0..;
    let mut branches = Vec::with_capacity(count);
    for at in 0..count {
        let mode = match modes[at] {
            Kind::Plain(mode) => mode,
            Kind::Member => Mode::Member(set.next().unwrap_or(u32::MAX)),
        };
        let feature = u32::try_from(features[at]).ok().filter(|&feature| feature < u32::MAX);
        branches.push(Branch {
            feature: feature
                .ok_or_else(|| malformed(format!("its node {at} compares the feature {}", features[at])))?,
            mode,
            threshold: splits.values[at],
            nan_is_true: missing.get(at) == Some(&1),
            yes: yes[at],
            no: no[at],
        });
    }
    let targets = node.ints("leaf_targetids")?;
    if targets.len() != weights.values.len() {
        return Err(malformed(format!(
            "it has {} leaf_targetids, {} leaf_weights",
            targets.len(),
            weights.values.len()
        )));
    }
    let vote = |(target, weight): (&i64, &f64)| {
        let target = u32::try_from(*target).map_err(|_| malformed(format!("its leaf_targetids holds {target}")))?;
        Ok(Vote { target, weight: *weight })
    };
    let votes: Vec<Vote> = targets.iter().zip(&weights.values).map(vote).collect::<Result<_, Refusal>>()?;
    let root = |root: &i64| {
        let root = u32::try_from(*root).map_err(|_| malformed(format!("its tree_roots holds {root}")))?;
        Ok(Child::Branch(root))
    };
    let ensemble = Ensemble {
        branches,
        leaves: (0..=u32::try_from(votes.len()).unwrap_or(u32::MAX)).collect(),
        votes,
        roots: node.ints("tree_roots")?.iter().map(root).collect::<Result<_, Refusal>>()?,
        sets,
        targets: usize::try_from(node.int_or("n_targets", 0)?).unwrap_or(0),
        wide: splits.wide || weights.wide,
    };
    ensemble.check()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain(Mode),
    Member,
}

fn modes(node: &Node) -> Result<Vec<Kind>, Refusal> {
    let tensor = node.tensor("nodes_modes")?.ok_or_else(|| malformed("it has no nodes_modes"))?;
    let modes = slice::<u8>(&tensor).map_err(|_| malformed("its nodes_modes is no tensor of uint8"))?;
    let mode = |mode: &u8| match mode {
        0 => Ok(Kind::Plain(Mode::Leq)),
        1 => Ok(Kind::Plain(Mode::Lt)),
        2 => Ok(Kind::Plain(Mode::Gte)),
        3 => Ok(Kind::Plain(Mode::Gt)),
        4 => Ok(Kind::Plain(Mode::Eq)),
        5 => Ok(Kind::Plain(Mode::Neq)),
        6 => Ok(Kind::Member),
        other => Err(malformed(format!("its nodes_modes holds {other}"))),
    };
    modes.iter().map(mode).collect()
}

fn children(ids: &[i64], leaves: &[i64]) -> Result<Vec<Child>, Refusal> {
    let child = |(id, leaf): (&i64, &i64)| {
        let id = u32::try_from(*id).map_err(|_| malformed(format!("a node leads to {id}")))?;
        Ok(if *leaf == 0 { Child::Branch(id) } else { Child::Leaf(id) })
    };
    ids.iter().zip(leaves).map(child).collect()
}

fn numbers(node: &Node, name: &str) -> Result<Floats, Refusal> {
    Floats::tensor(node, name)?.ok_or_else(|| malformed(format!("it has no {name}")))
}

/// The sets of members, each ended by NaN but perhaps the last, for so many nodes.
fn sets(node: &Node, count: usize) -> Result<Vec<Vec<f64>>, Refusal> {
    let members = Floats::tensor(node, "membership_values")?.unwrap_or_default().values;
    let mut sets: Vec<Vec<f64>> = members.split(|member| member.is_nan()).map(<[f64]>::to_vec).collect();
    if sets.last().is_some_and(Vec::is_empty) {
        sets.pop();
    }
    if sets.len() != count || sets.iter().any(Vec::is_empty) {
        return Err(malformed(format!(
            "its membership_values has {} sets for {count} nodes that test one",
            sets.len()
        )));
    }
    Ok(sets)
}
