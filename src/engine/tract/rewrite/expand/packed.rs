//! `MatMulNBits`: a product with weights of a few bits. tract keeps those of 4 bits packed, but rounds their scales to
//! half precision; where that changes none of them it may. All others are written out in single precision, once, and
//! multiplied as any weights are. Where `accuracy_level` lets ONNX Runtime quantise the activations as well that is left
//! out, so the answer lies within the noise of that quantisation, on the side of the model that was quantised.

use half::f16;
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataType;

use super::super::super::checks::Refusal;
use super::super::raw;
use super::super::writer::{Writer, int};
use super::Written;
use super::call::{Call, malformed};

/// `A, B, scales, zero points, order of the columns, bias`.
pub fn mat_mul_n_bits(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let read = &call.attributes;
    let (columns, rows) = (read.int_or("K", 0)?, read.int_or("N", 0)?);
    let (bits, block) = (read.int_or("bits", 4)?, read.int_or("block_size", 0)?);
    read.int("accuracy_level")?;
    if read.int_or("weight_prepacked", 0)? != 0 {
        return Err(Refusal::new(
            "its weights lie in the order of one kernel for one kind of processor (weight_prepacked)",
            "Save the model before its weights are packed, with weight_prepacked=0",
        ));
    }
    if call.optional(4).is_some() {
        return Err(Refusal::new(
            "its weights are in another order than the columns that they belong to (g_idx)",
            "Quantise the model without ordering by activations: desc_act=False, in some tools actorder=False",
        ));
    }
    if columns < 1 || rows < 1 || ![2, 4, 8].contains(&bits) || !is_block(block) {
        return Err(malformed(format!(
            "it has {rows} rows of {columns} weights of {bits} bits in blocks of {block}, which is none of its forms"
        )));
    }
    if bits == 4 && block == 32 && columns % 32 == 0 && stays_packed(call) {
        return Ok(Written::Not);
    }
    let sizes = vec![int("K", columns), int("N", rows), int("bits", bits), int("block_size", block)];
    let weights = w.add("onnxd::Unpack", &[call.input(1)?, call.input(2)?, call.or_nothing(3)], sizes);
    match call.optional(5) {
        None => w.put("MatMul", &[call.input(0)?, &weights], Vec::new(), &[call.output()?]),
        Some(bias) => {
            let product = w.add("MatMul", &[call.input(0)?, &weights], Vec::new());
            w.put("Add", &[&product, bias], Vec::new(), &[call.output()?]);
        }
    }
    Ok(Written::Instead)
}

fn is_block(block: i64) -> bool {
    block >= 16 && block & (block - 1) == 0
}

/// Whether tract can read the weights, and their scales are halves all.
fn stays_packed(call: &Call) -> bool {
    let stored = |at: usize| call.stored(call.or_nothing(at));
    let is_half = |bytes: &[u8; 4]| {
        let scale = f32::from_le_bytes(*bytes);
        f16::from_f32(scale).to_f32() == scale
    };
    let bytes = |tensor: &&TensorProto| tensor.data_type == DataType::Uint8 as i32;
    let floats = |tensor: &&TensorProto| tensor.data_type == DataType::Float as i32;
    stored(1).filter(bytes).is_some()
        && (call.optional(3).is_none() || stored(3).filter(bytes).is_some())
        && stored(2).filter(floats).and_then(raw::bytes).is_some_and(|scales| scales.as_chunks().0.iter().all(is_half))
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

    use super::super::super::writer::stored;
    use super::*;
    use crate::engine::LoadError;

    /// What becomes of a product with two rows of 32 weights, or why there is none.
    fn expanded(scales: &[f32], attribute: (&str, i64), inputs: &[&str]) -> Result<Vec<String>, String> {
        let node = NodeProto {
            domain: "com.microsoft".into(),
            op_type: "MatMulNBits".into(),
            name: "the product".into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec!["y".into()],
            attribute: vec![int("K", 32), int("N", 2), int("block_size", 32), int(attribute.0, attribute.1)],
            ..Default::default()
        };
        let raw = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let weights = TensorProto { name: "b".into(), ..stored(DataType::Uint8, &[2, 1, 16], vec![0x12; 32]) };
        let scales = TensorProto { name: "s".into(), ..stored(DataType::Float, &[2], raw) };
        let graph = GraphProto { node: vec![node], initializer: vec![weights, scales], ..Default::default() };
        let mut model = ModelProto { graph: Some(graph), ..Default::default() };
        match super::super::expand(&mut model) {
            Ok(()) => Ok(model.graph.unwrap().node.into_iter().map(|node| node.op_type).collect()),
            Err(LoadError::Unsupported { node, reason, .. }) if node == "the product" => Err(reason),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn weights_are_written_out_where_half_a_scale_would_be_another() {
        let usual = ("bits", 4);
        let of = |scales: &[f32], attribute| expanded(scales, attribute, &["a", "b", "s"]).unwrap();
        assert_eq!(of(&[0.5, -0.0625], usual), ["MatMulNBits"]);
        assert_eq!(of(&[0.5, 0.1], usual), ["Unpack", "MatMul"]);
        assert_eq!(of(&[0.5, 1e-9], usual), ["Unpack", "MatMul"]);
        assert_eq!(of(&[0.5, 0.25], ("bits", 8)), ["Unpack", "MatMul"]);
        assert_eq!(expanded(&[0.5, 0.1], usual, &["a", "b", "s", "", "", "c"]).unwrap(), ["Unpack", "MatMul", "Add"]);
        // Scales that are not in the file.
        assert_eq!(expanded(&[0.5], usual, &["a", "b", "t"]).unwrap(), ["Unpack", "MatMul"]);
    }

    #[test]
    fn other_orders_of_the_weights_are_refused() {
        let refused = |attribute, inputs: &[&str]| expanded(&[0.5, 0.5], attribute, inputs).unwrap_err();
        assert!(refused(("weight_prepacked", 1), &["a", "b", "s"]).contains("weight_prepacked"));
        assert!(refused(("bits", 4), &["a", "b", "s", "", "g"]).contains("g_idx"));
        assert!(refused(("bits", 3), &["a", "b", "s"]).contains("3 bits"));
    }
}
