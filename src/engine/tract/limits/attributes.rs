//! Attributes that no model has: counts below one, axes beyond any rank, windows larger than any picture, lists of the
//! wrong length. The engine library divides by them and counts up to them.

use tract_onnx::pb::{AttributeProto, NodeProto};

use super::super::checks::{Refusal, Scope, attribute};
use super::super::proto;

/// The least and the greatest value of an attribute, alone or as an element of a list, whatever the operator.
const RANGES: &[(&str, i64, i64)] = &[
    ("axes", -64, 63),
    ("axis", -64, 63),
    ("batch_dims", -64, 63),
    ("blocksize", 1, 1 << 16),
    ("dilations", 1, 1 << 24),
    ("group", 1, 1 << 24),
    ("hidden_size", 1, 1 << 24),
    ("kernel_shape", 1, 1 << 24),
    ("kv_num_heads", 1, 1 << 16),
    ("max_output_boxes_per_class", 0, 1 << 31),
    ("n_supports", 0, 1 << 31),
    ("n_targets", 1, 1 << 24),
    ("num_groups", 1, 1 << 24),
    ("num_heads", 1, 1 << 16),
    ("num_outputs", 1, 1 << 16),
    ("num_scan_inputs", 1, 1 << 16),
    ("output_height", 1, 1 << 16),
    ("output_padding", 0, 1 << 24),
    ("output_shape", 0, 1 << 31),
    ("output_width", 1, 1 << 16),
    ("pads", -(1 << 24), 1 << 24),
    ("sample_size", 1, 1 << 31),
    ("strides", 1, 1 << 24),
];

/// Operators that slide a window, with the position of the weights where the window may be told by their shape.
const WINDOWS: &[(&str, Option<usize>)] = &[
    ("AveragePool", None),
    ("Conv", Some(1)),
    ("ConvInteger", Some(1)),
    ("ConvTranspose", Some(1)),
    ("LpPool", None),
    ("MaxPool", None),
    ("QLinearConv", Some(3)),
];

pub fn refusal(node: &NodeProto, scope: &Scope) -> Option<Refusal> {
    out_of_range(node)
        .or_else(|| uneven_lists(node, scope))
        .or_else(|| no_permutation(node))
        .or_else(|| too_few(node))
        .or_else(|| no_equation(node))
}

/// A node that could not have come from an exporter.
fn senseless(reason: String) -> Refusal {
    Refusal::new(reason, "No exporter writes this; the file is damaged or was made by hand")
}

/// Whether an attribute holds its value; within a function, a call may.
fn is_here(given: &&AttributeProto) -> bool {
    given.ref_attr_name.is_empty()
}

fn out_of_range(node: &NodeProto) -> Option<Refusal> {
    for given in node.attribute.iter().filter(is_here) {
        let Some((name, least, most)) = RANGES.iter().find(|(name, ..)| *name == given.name) else { continue };
        // An attribute of another kind leaves this one at zero; its operator refuses it for its kind.
        let single = (given.r#type == 2).then_some(given.i);
        let odd = given.ints.iter().copied().chain(single).find(|value| !(least..=most).contains(&value));
        if let Some(odd) = odd {
            return Some(senseless(format!("its attribute {name} is {odd}, which is not from {least} to {most}")));
        }
    }
    None
}

/// Windows have one stride and one dilation for each of their axes, and a pad for each side.
fn uneven_lists(node: &NodeProto, scope: &Scope) -> Option<Refusal> {
    if proto::domain(&node.domain) != "ai.onnx" {
        return None;
    }
    let (_, weights) = WINDOWS.iter().find(|(operator, _)| *operator == node.op_type)?;
    let length = |name: &str| attribute(node, name).map(|given| given.ints.len()).filter(|&length| length > 0);
    let by_weights = weights.and_then(|at| scope.stored(node.input.get(at)?)).map(|weight| weight.dims.len());
    if let Some(rank) = by_weights
        && rank < 3
    {
        return Some(senseless(format!("its weights have {rank} axes, too few for a window")));
    }
    let axes = length("kernel_shape").or(by_weights.map(|rank| rank - 2))?;
    for (name, wanted) in [("strides", axes), ("dilations", axes), ("pads", 2 * axes), ("output_padding", axes)] {
        if let Some(length) = length(name)
            && length != wanted
        {
            return Some(senseless(format!(
                "its attribute {name} has {length} values where its window wants {wanted}"
            )));
        }
    }
    let empty = weights.and_then(|at| scope.stored(node.input.get(at)?)).is_some_and(|weight| weight.dims.contains(&0));
    empty.then(|| senseless("its weights are empty".into()))
}

fn no_permutation(node: &NodeProto) -> Option<Refusal> {
    let perm = attribute(node, "perm").filter(|_| node.op_type == "Transpose")?;
    let mut sorted = perm.ints.clone();
    sorted.sort_unstable();
    let is_one = sorted.iter().enumerate().all(|(at, &axis)| usize::try_from(axis) == Ok(at));
    (!is_one).then(|| senseless(format!("its attribute perm is {:?}, no permutation of axes", perm.ints)))
}

/// The terms of an Einsum are letters, one term for each input, and what comes out went in.
fn no_equation(node: &NodeProto) -> Option<Refusal> {
    let given = attribute(node, "equation").filter(|_| node.op_type == "Einsum").filter(is_here)?;
    let text: String = String::from_utf8_lossy(&given.s).split_whitespace().collect();
    let (left, right) = text.split_once("->").map_or((&*text, None), |(left, right)| (left, Some(right)));
    let letters = |term: &str| term.replacen("...", "", 1).bytes().all(|letter| letter.is_ascii_alphabetic());
    let terms: Vec<&str> = left.split(',').collect();
    let new = |letter: char| letter != '.' && !left.contains(letter);
    let twice = |term: &str| term.char_indices().any(|(at, letter)| letter != '.' && term[..at].contains(letter));
    let sound = terms.len() == node.input.len()
        && terms.iter().chain(&right).all(|term| letters(term))
        && right.is_none_or(|right| !right.contains(new) && !twice(right));
    (!sound).then(|| {
        senseless(format!("its equation {:.40?} does not say what to do with {} inputs", text, node.input.len()))
    })
}

/// A scan runs over some of its inputs, not over more than it has.
fn too_few(node: &NodeProto) -> Option<Refusal> {
    let scanned = attribute(node, "num_scan_inputs").filter(|_| node.op_type == "Scan")?.i;
    let inputs = node.input.len();
    (usize::try_from(scanned).is_ok_and(|scanned| scanned > inputs))
        .then(|| senseless(format!("it runs over {scanned} inputs and has {inputs}")))
}
