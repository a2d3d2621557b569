//! `DynamicQuantizeLSTM`: an LSTM with weights of bytes. The weights are dequantised once and the layer is computed in
//! floats. ONNX Runtime quantises the activations of every step as well; that is left out, so the answer lies within
//! the noise of that quantisation, on the side of the model that was quantised.

use super::super::super::checks::Refusal;
use super::super::writer::{Writer, ints};
use super::Written;
use super::call::Call;

/// `X, W, R, B, lengths, initial h, initial c, P, scale and zero point of W, of R`; W and R are transposed.
pub fn dynamic_quantize_lstm(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let weights = dequantised(call, w, [1, 8, 9])?;
    let recurrence = dequantised(call, w, [2, 10, 11])?;
    let inputs = [
        call.input(0)?,
        &weights,
        &recurrence,
        call.or_nothing(3),
        call.or_nothing(4),
        call.or_nothing(5),
        call.or_nothing(6),
        call.or_nothing(7),
    ];
    // The attributes are those of LSTM; who runs that says what they may be.
    let attributes = call.hand_on_attributes();
    let outputs: Vec<&str> = call.outputs().collect();
    w.put("LSTM", &inputs, attributes, &outputs);
    Ok(Written::Instead)
}

/// One scale per direction, or per direction and gate: laid along the axes of `[directions, features, gates]`.
fn dequantised(call: &Call, w: &mut Writer, [value, scale, zero_point]: [usize; 3]) -> Result<String, Refusal> {
    let axis_added = |w: &mut Writer, name: &str| {
        let shape = w.ints(&[0, 1, -1]);
        w.add("Reshape", &[name, &shape], Vec::new())
    };
    let bytes = w.add("onnxd::Center", &[call.input(value)?], Vec::new());
    let scale = axis_added(w, call.input(scale)?);
    let centered = match call.optional(zero_point) {
        Some(zero_point) => {
            let zero = w.add("onnxd::Center", &[zero_point], Vec::new());
            let zero = axis_added(w, &zero);
            w.add("Sub", &[&bytes, &zero], Vec::new())
        }
        None => bytes,
    };
    let weights = w.add("Mul", &[&centered, &scale], Vec::new());
    Ok(w.add("Transpose", &[&weights], vec![ints("perm", &[0, 2, 1])]))
}
