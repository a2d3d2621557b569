//! Self-attention in one node, which ONNX Runtime's transformer optimiser writes (`Attention`) and quantises
//! (`QAttention`): projections to queries, keys and values, scaled products, a mask of rows and keys, and the sum of
//! values. Caches of past keys and rotary positions are refused.

use super::super::super::checks::Refusal;
use super::super::writer::{Writer, float, int, ints};
use super::Written;
use super::call::{Call, malformed, unoptimised};
use super::quantised::center;

/// `X, weights [in, 3 * hidden], bias, mask, past, bias of the scores, length of the past`.
pub fn attention(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    if call.optional(6).is_some() || call.attributes.int_or("past_present_share_buffer", 0)? != 0 {
        return Err(unoptimised("it keeps past keys"));
    }
    let mut projected = w.add("MatMul", &[call.input(0)?, call.input(1)?], Vec::new());
    if let Some(bias) = call.optional(2) {
        projected = w.add("Add", &[&projected, bias], Vec::new());
    }
    let hidden: Option<Vec<i64>> = match call.attributes.ints("qkv_hidden_sizes")? {
        [] => thirds(call, call.input(1)?),
        &[queries, keys, values] => Some(vec![queries, keys, values]),
        _ => return Err(malformed("its sizes of queries, keys and values are not three")),
    };
    heads(call, w, &projected, hidden, [call.optional(3), call.optional(4), call.optional(5)])
}

/// `X as bytes, weights as bytes, bias, scale of X, of weights, mask, zero point of X, of weights, past`.
pub fn quantised(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    if call.attributes.int_or("past_present_share_buffer", 0)? != 0 {
        return Err(unoptimised("it keeps past keys"));
    }
    let left = center(w, call.input(0)?, call.or_nothing(6), None);
    let right = center(w, call.input(1)?, call.or_nothing(7), Some(-1));
    let sum = w.add("MatMul", &[&left, &right], Vec::new());
    let factor = w.add("Mul", &[call.input(3)?, call.input(4)?], Vec::new());
    let mut projected = w.add("Mul", &[&sum, &factor], Vec::new());
    if let Some(bias) = call.optional(2) {
        projected = w.add("Add", &[&projected, bias], Vec::new());
    }
    let hidden = thirds(call, call.input(1)?);
    heads(call, w, &projected, hidden, [call.optional(5), call.optional(8), None])
}

/// Queries, keys and values of equal size, from the stored weights.
fn thirds(call: &Call, weights: &str) -> Option<Vec<i64>> {
    let columns = *call.stored(weights)?.dims.get(1)?;
    (columns % 3 == 0).then(|| vec![columns / 3; 3])
}

fn heads(
    call: &Call,
    w: &mut Writer,
    projected: &str,
    hidden: Option<Vec<i64>>,
    [mask, past, scores_bias]: [Option<&str>; 3],
) -> Result<Written, Refusal> {
    let read = &call.attributes;
    if past.is_some() || call.output_at(1).is_some() || read.int_or("do_rotary", 0)? != 0 {
        return Err(unoptimised("it keeps past keys, or turns positions by angles"));
    }
    read.int("rotary_embedding_dim")?;
    let causal = read.int_or("unidirectional", 0)?;
    let heads = read.int("num_heads")?.filter(|&heads| heads > 0).ok_or_else(|| malformed("it has no heads"))?;
    let Some(hidden) = hidden else {
        return Err(unoptimised("its weights are not stored in the file, or not three of equal size"));
    };
    if hidden.iter().any(|size| size % heads != 0 || *size <= 0) {
        return Err(malformed(format!("sizes of {hidden:?} do not divide into {heads} heads")));
    }
    let filter = read.float_or("mask_filter_value", -10_000.0)?;
    let scale = read.float_or("scale", 0.0)?;
    let scale = if scale == 0.0 { 1.0 / ((hidden[0] / heads) as f32).sqrt() } else { scale };
    let [queries, keys, values] = if call.opset() >= 13 {
        let sizes = w.ints(&hidden);
        w.add_many("Split", &[projected, &sizes], vec![int("axis", 2)])
    } else {
        w.add_many("Split", &[projected], vec![int("axis", 2), ints("split", &hidden)])
    };
    let split = |w: &mut Writer, value: &str, size: i64, perm: &[i64]| {
        let shape = w.ints(&[0, 0, heads, size / heads]);
        let value = w.add("Reshape", &[value, &shape], Vec::new());
        w.add("Transpose", &[&value], vec![ints("perm", perm)])
    };
    let queries = split(w, &queries, hidden[0], &[0, 2, 1, 3]);
    let keys = split(w, &keys, hidden[1], &[0, 2, 3, 1]);
    let values = split(w, &values, hidden[2], &[0, 2, 1, 3]);
    let products = w.add("MatMul", &[&queries, &keys], Vec::new());
    let scale = w.float(scale);
    let mut scores = w.add("Mul", &[&products, &scale], Vec::new());
    if let Some(bias) = scores_bias {
        scores = w.add("Add", &[&scores, bias], Vec::new());
    }
    if mask.is_some() || causal != 0 {
        let attributes = vec![float("filter", filter), int("causal", causal)];
        scores = w.add("onnxd::MaskScores", &[&scores, mask.unwrap_or_default()], attributes);
    }
    let axis = if call.opset() >= 13 { -1 } else { 3 };
    let weights = w.add("Softmax", &[&scores], vec![int("axis", axis)]);
    let mixed = w.add("MatMul", &[&weights, &values], Vec::new());
    let mixed = w.add("Transpose", &[&mixed], vec![ints("perm", &[0, 2, 1, 3])]);
    let shape = w.ints(&[0, 0, hidden[2]]);
    w.put("Reshape", &[&mixed, &shape], Vec::new(), &[call.output()?]);
    Ok(Written::Instead)
}
