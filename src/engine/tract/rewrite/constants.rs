//! Stored values in one form, so that whoever looks at a graph need only know that: sparse weights are written out,
//! a `Constant` has a tensor whichever attribute it was written with, unsigned integers lie where tract looks, and a
//! `ConstantOfShape` says what it repeats.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, SparseTensorProto, TensorProto};

use super::raw;
use super::writer::{stored, tensor};
use crate::engine::LoadError;

/// A sparse tensor may declare any size; more elements than this are not written out.
const LARGEST: usize = 1 << 26;

/// Normalises a graph and the graphs inside it.
pub fn normalise(graph: &mut GraphProto) -> Result<(), LoadError> {
    for sparse in std::mem::take(&mut graph.sparse_initializer) {
        graph.initializer.push(dense(&sparse)?);
    }
    graph.initializer.iter_mut().for_each(unsigned);
    for node in &mut graph.node {
        if node.op_type == "Constant" && super::super::proto::domain(&node.domain) == "ai.onnx" {
            constant(node)?;
        }
        if node.op_type == "ConstantOfShape" && node.attribute.is_empty() {
            // tract takes the zero that the standard means for one in double precision.
            node.attribute.push(tensor("value", stored(DataType::Float, &[1], 0f32.to_le_bytes().into())));
        }
        for attribute in &mut node.attribute {
            attribute.t.iter_mut().for_each(unsigned);
            for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                normalise(inner)?;
            }
        }
    }
    Ok(())
}

/// tract reads unsigned integers of 32 and 64 bits from other fields than the standard puts them in.
fn unsigned(tensor: &mut TensorProto) {
    let kind = [DataType::Uint32, DataType::Uint64].into_iter().any(|kind| kind as i32 == tensor.data_type);
    let wanted = (kind && !tensor.uint64_data.is_empty()).then(|| raw::bytes(tensor)).flatten();
    if let Some(bytes) = wanted {
        tensor.raw_data = bytes;
        tensor.uint64_data.clear();
    }
}

fn constant(node: &mut NodeProto) -> Result<(), LoadError> {
    let [given] = &*node.attribute else { return Ok(()) };
    let value = match &*given.name {
        "sparse_value" => given.sparse_tensor.as_ref().map(dense).transpose()?,
        "value_int" => Some(stored(DataType::Int64, &[], given.i.to_le_bytes().into())),
        "value_float" => Some(stored(DataType::Float, &[], given.f.to_le_bytes().into())),
        "value_ints" => {
            let bytes = given.ints.iter().flat_map(|value| value.to_le_bytes()).collect();
            Some(stored(DataType::Int64, &[given.ints.len()], bytes))
        }
        "value_floats" => {
            let bytes = given.floats.iter().flat_map(|value| value.to_le_bytes()).collect();
            Some(stored(DataType::Float, &[given.floats.len()], bytes))
        }
        "value_string" => Some(words(&[], std::slice::from_ref(&given.s))),
        "value_strings" => Some(words(&[given.strings.len()], &given.strings)),
        _ => None,
    };
    if let Some(value) = value {
        let value: AttributeProto = tensor("value", value);
        node.attribute = vec![value];
    }
    Ok(())
}

fn words(shape: &[usize], words: &[Vec<u8>]) -> TensorProto {
    TensorProto { string_data: words.to_vec(), ..stored(DataType::String, shape, Vec::new()) }
}

/// The tensor with its zeros. Indices count elements, or there is one per axis.
fn dense(sparse: &SparseTensorProto) -> Result<TensorProto, LoadError> {
    let name = sparse.values.as_ref().map_or("", |values| values.name.as_str());
    let wrong = |why: &str| LoadError::Malformed(format!("the sparse weight {name:?} {why}"));
    let (Some(values), Some(indices)) = (&sparse.values, &sparse.indices) else { return Err(wrong("is incomplete")) };
    if raw::is_external(values) || raw::is_external(indices) {
        return Err(LoadError::Interface(format!("the sparse weight {name:?} lies in another file; store it densely")));
    }
    let size = |size: &i64| usize::try_from(*size).map_err(|_| wrong("has a negative size"));
    let shape = sparse.dims.iter().map(size).collect::<Result<Vec<usize>, _>>()?;
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size)).filter(|&count| count <= LARGEST);
    let count = count.ok_or_else(|| wrong("is too large to be written out"))?;
    let kind = DataType::try_from(values.data_type).map_err(|_| wrong("has an unknown type"))?;
    let width = raw::width(kind).ok_or_else(|| wrong("is not of numbers"))?;
    let given = raw::bytes(values).ok_or_else(|| wrong("is not of numbers"))?;
    let places = raw::integers(indices).ok_or_else(|| wrong("has no integers as indices"))?;
    let given_count = given.len() / width;
    let rank = if indices.dims.len() == 2 { shape.len() } else { 1 };
    if rank == 0 || places.len() != given_count * rank {
        return Err(wrong("has not one index per value"));
    }
    let mut bytes = vec![0; count * width];
    for (place, value) in places.chunks_exact(rank).zip(given.chunks_exact(width)) {
        let sizes = if rank == 1 && indices.dims.len() != 2 { std::slice::from_ref(&count) } else { &shape };
        let at = place.iter().zip(sizes).try_fold(0usize, |at, (&index, &size)| {
            let index = usize::try_from(index).ok().filter(|&index| index < size)?;
            Some(at * size + index)
        });
        let at = at.ok_or_else(|| wrong("has an index outside of its shape"))?;
        bytes[at * width..][..width].copy_from_slice(value);
    }
    Ok(TensorProto { name: name.into(), ..stored(kind, &shape, bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparse(dims: &[i64], indices: &[i64], of: &[i64]) -> SparseTensorProto {
        let values = TensorProto {
            name: "w".into(),
            data_type: DataType::Int8 as i32,
            int32_data: vec![7, -1],
            ..Default::default()
        };
        let indices = TensorProto {
            data_type: DataType::Int64 as i32,
            dims: of.into(),
            int64_data: indices.into(),
            ..Default::default()
        };
        SparseTensorProto { values: Some(values), indices: Some(indices), dims: dims.into() }
    }

    #[test]
    fn both_forms_of_indices_are_written_out() {
        for (indices, of) in [(&[1, 5][..], &[2][..]), (&[0, 1, 1, 2], &[2, 2])] {
            let made = dense(&sparse(&[2, 3], indices, of)).unwrap();
            assert_eq!((&*made.name, &*made.dims), ("w", &[2, 3][..]));
            assert_eq!(made.raw_data, [0, 7, 0, 0, 0, 255]);
        }
    }

    #[test]
    fn odd_ones_are_refused() {
        assert!(dense(&sparse(&[2, 3], &[1, 6], &[2])).is_err());
        assert!(dense(&sparse(&[2, 3], &[0, 1, 2, 0], &[2, 2])).is_err());
        assert!(dense(&sparse(&[2, 3], &[1], &[1])).is_err());
        assert!(dense(&sparse(&[1 << 40], &[1, 2], &[2])).is_err());
        assert!(dense(&sparse(&[-1], &[1, 2], &[2])).is_err());
    }

    #[test]
    fn constants_become_tensors() {
        let mut node = NodeProto { op_type: "Constant".into(), ..Default::default() };
        node.attribute.push(AttributeProto { name: "value_ints".into(), ints: vec![3, 4], ..Default::default() });
        let mut graph = GraphProto { node: vec![node], ..Default::default() };
        normalise(&mut graph).unwrap();
        let value = graph.node[0].attribute[0].t.as_ref().unwrap();
        assert_eq!((value.dims.as_slice(), raw::integers(value).unwrap()), (&[2][..], vec![3, 4]));
    }
}
