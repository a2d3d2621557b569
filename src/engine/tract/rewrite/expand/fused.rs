//! Fusions of floating-point operators that ONNX Runtime's optimiser writes: a convolution or a product with its
//! activation, a product with its transposition, the embeddings of a transformer.

use tract_onnx::pb::AttributeProto;

use super::super::super::checks::Refusal;
use super::super::writer::{Writer, float, int, ints};
use super::call::{Call, malformed, unoptimised};
use super::quantised::window;
use super::{MICROSOFT, Written};

/// Writes the output through the activation that `name` and its parameters say.
fn activate(call: &Call, w: &mut Writer, value: &str, name: Option<&str>, params: &[f32]) -> Result<Written, Refusal> {
    let output = call.output()?;
    let at = |at: usize, default: f32| params.get(at).copied().unwrap_or(default);
    match name {
        None | Some("") => w.put("Identity", &[value], Vec::new(), &[output]),
        Some(name @ ("Relu" | "Tanh" | "Sigmoid" | "HardSwish")) => w.put(name, &[value], Vec::new(), &[output]),
        Some("LeakyRelu") => w.put("LeakyRelu", &[value], vec![float("alpha", at(0, 0.01))], &[output]),
        Some("HardSigmoid") => {
            let attributes = vec![float("alpha", at(0, 0.2)), float("beta", at(1, 0.5))];
            w.put("HardSigmoid", &[value], attributes, &[output]);
        }
        Some("Clip") if call.opset() >= 11 => {
            let (least, most) = (w.float(at(0, f32::MIN)), w.float(at(1, f32::MAX)));
            w.put("Clip", &[value, &least, &most], Vec::new(), &[output]);
        }
        Some(other) => return Err(unoptimised(format!("the engine does not know its activation {other:?}"))),
    }
    Ok(Written::Instead)
}

/// `X, W, B, Z`: Z is added before the activation.
pub fn conv(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let mut attributes = window(call)?;
    attributes.push(int("group", call.attributes.int_or("group", 1)?));
    let mut value = w.add("Conv", &[call.input(0)?, call.input(1)?, call.or_nothing(2)], attributes);
    if let Some(added) = call.optional(3) {
        value = w.add("Add", &[&value, added], Vec::new());
    }
    let params = call.attributes.floats("activation_params")?;
    activate(call, w, &value, call.attributes.text("activation")?, params)
}

pub fn gemm(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let read = &call.attributes;
    let attributes = vec![
        float("alpha", read.float_or("alpha", 1.0)?),
        float("beta", read.float_or("beta", 1.0)?),
        int("transA", read.int_or("transA", 0)?),
        int("transB", read.int_or("transB", 0)?),
    ];
    let value = w.add("Gemm", &[call.input(0)?, call.input(1)?, call.or_nothing(2)], attributes);
    let alpha = [read.float("activation_alpha")?, read.float("activation_beta")?];
    let params: Vec<f32> = alpha.into_iter().map_while(|param| param).collect();
    activate(call, w, &value, read.text("activation")?, &params)
}

pub fn mat_mul(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let read = &call.attributes;
    if read.int_or("transBatchA", 0)? != 0 || read.int_or("transBatchB", 0)? != 0 {
        return Err(unoptimised("it takes the batch from the axis before the last"));
    }
    let alpha = read.float_or("alpha", 1.0)?;
    let (left, right) = (call.input(0)?, call.input(1)?);
    let left = turned(call, w, left, read.int_or("transA", 0)?)?;
    let right = turned(call, w, right, read.int_or("transB", 0)?)?;
    let output = call.output()?;
    if alpha == 1.0 {
        w.put("MatMul", &[&left, &right], Vec::new(), &[output]);
    } else {
        let product = w.add("MatMul", &[&left, &right], Vec::new());
        let alpha = w.float(alpha);
        w.put("Mul", &[&product, &alpha], Vec::new(), &[output]);
    }
    Ok(Written::Instead)
}

/// The last two axes exchanged, for which an einsum needs no number of axes.
fn turned(call: &Call, w: &mut Writer, value: &str, turn: i64) -> Result<String, Refusal> {
    if turn == 0 {
        return Ok(value.to_owned());
    }
    let Some(rank) = call.rank_of(value) else {
        return Err(unoptimised("the file does not say how many axes the operand has that it transposes"));
    };
    if rank < 2 {
        return Err(malformed("it transposes an operand of one axis"));
    }
    let mut perm: Vec<i64> = (0..rank as i64).collect();
    perm.swap(rank - 1, rank - 2);
    Ok(w.add("Transpose", &[value], vec![ints("perm", &perm)]))
}

/// `tokens, segments, word table, position table, segment table, gamma, beta, mask, positions`.
pub fn embed_layer_normalization(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let epsilon = call.attributes.float_or("epsilon", 1e-12)?;
    if call.attributes.int_or("mask_index_type", 0)? != 0 || call.output_at(1).is_some() && call.optional(7).is_some() {
        return Err(unoptimised("it makes lengths out of a mask"));
    }
    if call.opset() < 17 {
        return Err(unoptimised("it needs LayerNormalization, which the operator set of the model does not have"));
    }
    let tokens = call.input(0)?;
    let words = w.add("Gather", &[call.input(2)?, tokens], Vec::new());
    let positions = match call.optional(8) {
        Some(positions) => w.add("Gather", &[call.input(3)?, positions], Vec::new()),
        None => {
            let shape = w.add("Shape", &[tokens], Vec::new());
            let (zero, one, two) = (w.ints(&[0]), w.ints(&[1]), w.ints(&[2]));
            let length = w.add("Slice", &[&shape, &one, &two, &zero], Vec::new());
            w.add("Slice", &[call.input(3)?, &zero, &length, &zero], Vec::new())
        }
    };
    let mut sum = w.add("Add", &[&words, &positions], Vec::new());
    if let (Some(segments), Some(table)) = (call.optional(1), call.optional(4)) {
        let segments = w.add("Gather", &[table, segments], Vec::new());
        sum = w.add("Add", &[&sum, &segments], Vec::new());
    }
    let attributes: Vec<AttributeProto> = vec![int("axis", -1), float("epsilon", epsilon)];
    w.put("LayerNormalization", &[&sum, call.input(5)?, call.input(6)?], attributes, &[call.output()?]);
    if let Some(lengths) = call.output_at(1) {
        // Without a mask, and only where somebody wants it: no length is known, all are zero.
        let shape = w.add("Shape", &[tokens], Vec::new());
        let (zero, one) = (w.ints(&[0]), w.ints(&[1]));
        let rows = w.add("Slice", &[&shape, &zero, &one, &zero], Vec::new());
        let value = super::super::writer::stored(tract_onnx::pb::tensor_proto::DataType::Int32, &[1], vec![0; 4]);
        w.put("ConstantOfShape", &[&rows], vec![super::super::writer::tensor("value", value)], &[lengths]);
    }
    if let Some(embedding) = call.output_at(2) {
        w.put("Identity", &[&sum], Vec::new(), &[embedding]);
    }
    Ok(Written::Instead)
}

/// `input, skip, gamma, beta, bias`.
pub fn skip_layer_normalization(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    without_bias(call, w, 4)
}

/// `input, skip, gamma, bias`.
pub fn skip_simplified_layer_normalization(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    without_bias(call, w, 3)
}

/// The same node with the bias in its input, because tract forgets that of the simplified one and stumbles over one
/// without a beta; and with ONNX Runtime's epsilon where none is given, because tract's is larger than small values are.
fn without_bias(call: &Call, w: &mut Writer, at: usize) -> Result<Written, Refusal> {
    let epsilon = call.attributes.float_or("epsilon", 1e-12)?;
    let mut input = call.input(0)?.to_owned();
    if let Some(bias) = call.optional(at) {
        input = w.add("Add", &[&input, bias], Vec::new());
    }
    let others = (1..at).map(|at| call.or_nothing(at));
    let inputs: Vec<&str> = std::iter::once(&*input).chain(others).collect();
    let outputs: Vec<&str> = call.outputs().collect();
    let operator = format!("{MICROSOFT}::{}", call.attributes.operator());
    w.put(&operator, &inputs, vec![float("epsilon", epsilon)], &outputs);
    Ok(Written::Instead)
}
