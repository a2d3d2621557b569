//! `NonMaxSuppression`: the best boxes of each class that do not overlap a better one too much.

use tract_onnx::prelude::{Arc, DatumExt, DatumType, TVec, Tensor, TractResult, TypedFact, tvec};
use tract_onnx::tract_hir::internal::ToDim;

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use super::shapes::{Found, error, integer, number};
use crate::engine::tract::checks::Refusal;

/// How many pairs of boxes are compared in a run at most: as many as boxes times those chosen, both of which a client names.
const MOST_COMPARED: usize = 1_000_000_000;

#[derive(Debug)]
struct Suppression {
    /// Whether boxes are centre and size instead of two corners.
    centred: bool,
    found: Found,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let centred = match node.int_or("center_point_box", 0)? {
        0 => false,
        1 => true,
        other => return Err(malformed(format!("its center_point_box is {other}"))),
    };
    Ok(Arc::new(Suppression { centred, found: Found::of(node) }))
}

impl Kernel for Suppression {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        for input in [required(inputs, 0)?, required(inputs, 1)?] {
            one_of(input, &[DatumType::F32])?;
            if input.rank() != 3 {
                return Err(error("it takes boxes and scores of three axes"));
            }
        }
        Ok(tvec![i64::fact([self.found.size(0)?, 3.to_dim()])])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (boxes, scores) = (required(inputs, 0)?, required(inputs, 1)?);
        let given = |at: usize| inputs.get(at).copied().flatten();
        // Without a number of boxes none are wanted.
        let most = usize::try_from(given(2).map(integer).transpose()?.unwrap_or(0)).unwrap_or(0);
        let overlap = given(3).map(number).transpose()?.unwrap_or(0.0) as f32;
        let least = given(4).map(number).transpose()?.map(|least| least as f32);
        if !(0.0..=1.0).contains(&overlap) {
            return Err(error(format!("its iou_threshold {overlap} is not between 0 and 1")));
        }
        let (&[batch, count, 4], &[rows, classes, scored]) = (boxes.shape(), scores.shape()) else {
            return Err(error("its boxes do not have four numbers each"));
        };
        if (batch, count) != (rows, scored) {
            return Err(error(format!("boxes of shape {:?} have scores {:?}", boxes.shape(), scores.shape())));
        }
        let corners: Vec<[f32; 4]> = slice::<f32>(boxes)?.as_chunks::<4>().0.iter().map(|b| self.corners(*b)).collect();
        let scores = slice::<f32>(scores)?;
        let mut selected = Vec::new();
        let mut left = MOST_COMPARED;
        for image in 0..batch {
            let corners = &corners[image * count..][..count];
            for class in 0..classes {
                let scores = &scores[(image * classes + class) * count..][..count];
                for chosen in select(corners, scores, most, overlap, least, &mut left)? {
                    for index in [image, class, chosen] {
                        selected.push(i64::try_from(index)?);
                    }
                }
            }
        }
        Ok(tvec![tensor(&[selected.len() / 3, 3], selected)?])
    }

    fn finds_sizes(&self) -> bool {
        true
    }
}

impl Suppression {
    /// Least and largest coordinate of both axes.
    fn corners(&self, [a, b, c, d]: [f32; 4]) -> [f32; 4] {
        if self.centred {
            return [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0];
        }
        [a.min(c), b.min(d), a.max(c), b.max(d)]
    }
}

/// Indices of boxes by falling score. Takes the comparisons that it makes from those that are left.
fn select(
    corners: &[[f32; 4]],
    scores: &[f32],
    most: usize,
    overlap: f32,
    least: Option<f32>,
    left: &mut usize,
) -> TractResult<Vec<usize>> {
    let enough = |&at: &usize| least.is_none_or(|least| scores[at] > least);
    let mut order: Vec<usize> = (0..scores.len()).filter(enough).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let mut chosen: Vec<usize> = Vec::new();
    for at in order {
        if chosen.len() >= most {
            break;
        }
        let better = chosen.iter().position(|&better| covers(corners[at], corners[better], overlap));
        let compared = better.map_or(chosen.len(), |better| better + 1);
        *left = left.checked_sub(compared).ok_or_else(|| {
            error("too many boxes: give it fewer, a higher score_threshold or a lower max_output_boxes_per_class")
        })?;
        if better.is_none() {
            chosen.push(at);
        }
    }
    Ok(chosen)
}

/// Whether two boxes have more in common than is allowed.
fn covers(a: [f32; 4], b: [f32; 4], allowed: f32) -> bool {
    let side = |axis: usize| a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis]);
    let area = |c: [f32; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    if side(0) <= 0.0 || side(1) <= 0.0 || area(a) <= 0.0 || area(b) <= 0.0 {
        return false;
    }
    let common = side(0) * side(1);
    common / (area(a) + area(b) - common) > allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_run_out() {
        let corners: Vec<[f32; 4]> = (0..100).map(|at| [at as f32, 0.0, at as f32 + 1.0, 1.0]).collect();
        let select = |left: usize| select(&corners, &[1.0; 100], usize::MAX, 0.5, None, &mut { left });
        assert_eq!(select(100 * 99 / 2).unwrap().len(), 100);
        assert!(select(100 * 99 / 2 - 1).unwrap_err().to_string().contains("too many boxes"));
    }
}
