//! Sizes that stand in the file as constants: how long a range is, how often something is repeated, what something is
//! widened to. Those that no memory holds are refused here; where one follows from the sizes of inputs it is found when
//! the model is prepared.

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{NodeProto, TensorProto};

use super::super::checks::{Refusal, Scope, attribute};
use super::super::proto;

/// Constants longer than this are no list of sizes.
const LONGEST: usize = 1024;

/// `most` is how many elements a tensor may have at the very most.
pub fn refusal(node: &NodeProto, scope: &Scope, most: usize) -> Option<Refusal> {
    if proto::domain(&node.domain) != "ai.onnx" {
        return None;
    }
    let ints = |at: usize| scope.stored(node.input.get(at)?).and_then(integers);
    let reals = |at: usize| scope.stored(node.input.get(at)?).and_then(numbers);
    let listed = |name: &str| attribute(node, name).map(|given| given.ints.clone());
    let reason = match &*node.op_type {
        "ConstantOfShape" => ints(0).and_then(|shape| no_shape(&shape, most)),
        "Expand" => ints(1).and_then(|shape| no_shape(&shape, most)),
        "RandomNormal" | "RandomUniform" => listed("shape").and_then(|shape| no_shape(&shape, most)),
        "Reshape" => ints(1).or_else(|| listed("shape")).and_then(|shape| no_reshape(&shape, most)),
        "Tile" => ints(1).and_then(|repeats| no_shape(&repeats, most)),
        "Pad" => ints(1).and_then(|pads| beyond(&pads, most)),
        "TopK" => ints(1).or_else(|| attribute(node, "k").map(|k| vec![k.i])).and_then(|k| no_shape(&k, most)),
        "OneHot" => ints(1).and_then(|depth| no_shape(&depth, most)),
        "Split" => ints(1).or_else(|| listed("split")).and_then(|sizes| no_shape(&sizes, usize::MAX)),
        "DFT" => ints(1).and_then(|length| no_shape(&length, most)),
        "Range" => match (reals(0), reals(1), reals(2)) {
            (Some(start), Some(end), Some(step)) => no_range(&start, &end, &step, most),
            _ => None,
        },
        "Slice" => ints(4).filter(|steps| steps.contains(&0)).map(|_| "it steps by zero".to_owned()),
        "Resize" | "Upsample" => {
            let scales =
                attribute(node, "scales").map(|given| given.floats.iter().map(|&scale| scale.into()).collect());
            let scales = scales.or_else(|| reals(2)).or_else(|| reals(1).filter(|scales| scales.len() < 8));
            let scaled = scales.filter(|_| ints(3).is_none()).and_then(|scales| no_scales(&scales, most));
            scaled.or_else(|| ints(3).and_then(|sizes| no_shape(&sizes, most)))
        }
        _ => None,
    };
    reason.map(|reason| Refusal::new(reason, "Such sizes can be a mistake of the export; look at where they come from"))
}

/// Sizes that are negative, or more than there can be together.
fn no_shape(sizes: &[i64], most: usize) -> Option<String> {
    if let Some(negative) = sizes.iter().find(|&&size| size < 0) {
        return Some(format!("it asks for a size of {negative}"));
    }
    let product = sizes.iter().try_fold(1usize, |product, &size| {
        product.checked_mul(usize::try_from(size).ok()?.max(1)).filter(|&product| product <= most)
    });
    product.is_none().then(|| format!("it asks for {sizes:?} elements, more than fit in memory (--max-tensor)"))
}

/// The same for a reshape: one size may be left open, and zero stands for the size that was.
fn no_reshape(sizes: &[i64], most: usize) -> Option<String> {
    if sizes.iter().filter(|&&size| size == -1).count() > 1 {
        return Some("it leaves more than one size open".into());
    }
    let told: Vec<i64> = sizes.iter().copied().filter(|&size| size != -1).collect();
    no_shape(&told, most)
}

/// Paddings that are too wide on their own; negative ones cut off.
fn beyond(pads: &[i64], most: usize) -> Option<String> {
    let odd = pads.iter().find(|pad| usize::try_from(pad.unsigned_abs()).is_ok_and(|pad| pad > most))?;
    Some(format!("it asks for {odd} elements of padding, more than fit in memory (--max-tensor)"))
}

fn no_range(start: &[f64], end: &[f64], step: &[f64], most: usize) -> Option<String> {
    let (&[start], &[end], &[step]) = (start, end, step) else { return None };
    if step == 0.0 || ![start, end, step].iter().all(|value| value.is_finite()) {
        return Some(format!("from {start} to {end} in steps of {step} is no range"));
    }
    ((end - start) / step > most as f64).then(|| {
        format!("from {start} to {end} in steps of {step} are more elements than fit in memory (--max-tensor)")
    })
}

fn no_scales(scales: &[f64], most: usize) -> Option<String> {
    let odd = scales.iter().find(|&&scale| !scale.is_finite() || scale <= 0.0);
    if let Some(odd) = odd {
        return Some(format!("it scales by {odd}"));
    }
    (scales.iter().product::<f64>() > most as f64)
        .then(|| format!("it scales by {scales:?}, to more than fits in memory (--max-tensor)"))
}

/// A short stored list of integers.
pub fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let values: Vec<i64> = match OnnxType::try_from(tensor.data_type).ok()? {
        OnnxType::Int64 if tensor.raw_data.is_empty() => short(&tensor.int64_data)?.to_vec(),
        OnnxType::Int64 => short(tensor.raw_data.as_chunks().0)?.iter().map(|raw| i64::from_le_bytes(*raw)).collect(),
        OnnxType::Int32 if tensor.raw_data.is_empty() => short(&tensor.int32_data)?.iter().map(|&x| x.into()).collect(),
        OnnxType::Int32 => {
            short(tensor.raw_data.as_chunks().0)?.iter().map(|raw| i32::from_le_bytes(*raw).into()).collect()
        }
        _ => return None,
    };
    Some(values).filter(|values| !values.is_empty())
}

/// A short stored list of numbers.
fn numbers(tensor: &TensorProto) -> Option<Vec<f64>> {
    let values: Vec<f64> = match OnnxType::try_from(tensor.data_type).ok()? {
        OnnxType::Float if tensor.raw_data.is_empty() => short(&tensor.float_data)?.iter().map(|&x| x.into()).collect(),
        OnnxType::Float => {
            short(tensor.raw_data.as_chunks().0)?.iter().map(|raw| f32::from_le_bytes(*raw).into()).collect()
        }
        OnnxType::Double if tensor.raw_data.is_empty() => short(&tensor.double_data)?.to_vec(),
        OnnxType::Double => short(tensor.raw_data.as_chunks().0)?.iter().map(|raw| f64::from_le_bytes(*raw)).collect(),
        _ => return Some(integers(tensor)?.into_iter().map(|value| value as f64).collect()),
    };
    Some(values).filter(|values| !values.is_empty())
}

fn short<T>(values: &[T]) -> Option<&[T]> {
    (values.len() <= LONGEST).then_some(values)
}
