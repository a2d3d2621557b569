//! The operators of the QOperator format: bytes in, bytes out, with scales and zero points as inputs. Linear ones become
//! `round(whole number * factor)` as in ONNX Runtime, the others dequantise, compute and quantise.

use tract_onnx::pb::AttributeProto;

use super::super::super::checks::Refusal;
use super::super::writer::{Writer, float, int, ints};
use super::Written;
use super::call::{Call, malformed, unoptimised};

/// A quantised value: the names of its bytes, scale and zero point (empty where there is none).
struct Quantised<'c> {
    value: &'c str,
    scale: &'c str,
    zero_point: &'c str,
}

/// The quantised value whose three parts stand at `at` and behind.
fn quantised<'c>(call: &Call<'c>, at: usize) -> Result<Quantised<'c>, Refusal> {
    let (value, scale) = (call.input(at)?, call.input(at + 1)?);
    Ok(Quantised { value, scale, zero_point: call.or_nothing(at + 2) })
}

fn dequantise(w: &mut Writer, from: &Quantised) -> String {
    w.add("DequantizeLinear", &[from.value, from.scale, from.zero_point], Vec::new())
}

/// `x - zero_point` as floats; `axis` is that of several zero points.
pub fn center(w: &mut Writer, value: &str, zero_point: &str, axis: Option<i64>) -> String {
    let attributes = axis.map(|axis| int("axis", axis)).into_iter().collect();
    w.add("onnxd::Center", &[value, zero_point], attributes)
}

/// Writes the output, whose scale and zero point are the inputs at `at` and behind; of the type of `like` where there is
/// no zero point.
fn quantise(call: &Call, w: &mut Writer, value: &str, at: usize, like: &str) -> Result<Written, Refusal> {
    let scale = call.input(at)?;
    let (zero_point, told) = result_type(call, at + 1, like)?;
    w.put("QuantizeLinear", &[value, scale, zero_point], told, &[call.output()?]);
    Ok(Written::Instead)
}

/// The same for a value that is already counted in steps of the output.
fn round(call: &Call, w: &mut Writer, value: &str, zero_point_at: usize, like: &str) -> Result<Written, Refusal> {
    let one = w.float(1.0);
    let (zero_point, told) = result_type(call, zero_point_at, like)?;
    w.put("QuantizeLinear", &[value, &one, zero_point], told, &[call.output()?]);
    Ok(Written::Instead)
}

fn result_type<'c>(call: &Call<'c>, at: usize, like: &str) -> Result<(&'c str, Vec<AttributeProto>), Refusal> {
    match (call.optional(at), call.element_type(like)) {
        (Some(zero_point), _) => Ok((zero_point, Vec::new())),
        (None, Some(kind)) => Ok(("", vec![int("output_dtype", i64::from(kind as i32))])),
        (None, None) => Err(Refusal::new(
            "without a zero point of its output, the file does not say of which type that is",
            "Quantise with zero points, which is what onnxruntime.quantization does",
        )),
    }
}

/// `a * b / c`, the factor from whole numbers to steps of the output.
fn factor(w: &mut Writer, a: &str, b: &str, c: &str) -> String {
    let product = w.add("Mul", &[a, b], Vec::new());
    w.add("Div", &[&product, c], Vec::new())
}

pub fn add(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let (a, b) = (quantised(call, 0)?, quantised(call, 3)?);
    let (left, right) = (dequantise(w, &a), dequantise(w, &b));
    let sum = w.add("Add", &[&left, &right], Vec::new());
    quantise(call, w, &sum, 6, a.value)
}

pub fn mul(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let (a, b) = (quantised(call, 0)?, quantised(call, 3)?);
    let (left, right) = (center(w, a.value, a.zero_point, None), center(w, b.value, b.zero_point, None));
    let product = w.add("Mul", &[&left, &right], Vec::new());
    let factor = factor(w, a.scale, b.scale, call.input(6)?);
    let steps = w.add("Mul", &[&product, &factor], Vec::new());
    round(call, w, &steps, 7, a.value)
}

/// An operator of one quantised input: `X, scale, zero point, scale of Y, zero point of Y`.
fn unary(call: &Call, w: &mut Writer, operator: &str, attributes: Vec<AttributeProto>) -> Result<Written, Refusal> {
    let x = quantised(call, 0)?;
    let input = dequantise(w, &x);
    let output = w.add(operator, &[&input], attributes);
    quantise(call, w, &output, 3, x.value)
}

pub fn sigmoid(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    unary(call, w, "Sigmoid", Vec::new())
}

pub fn leaky_relu(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let alpha = call.attributes.float_or("alpha", 0.01)?;
    unary(call, w, "LeakyRelu", vec![float("alpha", alpha)])
}

/// The attribute `opset` says which `Softmax` is meant: before 13 it runs over all axes from `axis` on at once.
pub fn softmax(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let opset = call.attributes.int_or("opset", call.opset())?;
    let axis = call.attributes.int_or("axis", if opset < 13 { 1 } else { -1 })?;
    if (opset < 13) == (call.opset() < 13) {
        return unary(call, w, "Softmax", vec![int("axis", axis)]);
    }
    if opset >= 13 {
        return Err(unoptimised("its opset is newer than that of the model"));
    }
    let x = quantised(call, 0)?;
    let input = dequantise(w, &x);
    let shape = w.add("Shape", &[&input], Vec::new());
    let flat = w.add("Flatten", &[&input], vec![int("axis", axis)]);
    let flat = w.add("Softmax", &[&flat], vec![int("axis", -1)]);
    let output = w.add("Reshape", &[&flat, &shape], Vec::new());
    quantise(call, w, &output, 3, x.value)
}

fn channels_first(call: &Call) -> Result<(), Refusal> {
    match call.attributes.int_or("channels_last", 0)? {
        0 => Ok(()),
        _ => Err(unoptimised("its channels come last, a layout that the engine does not compute in")),
    }
}

pub fn average_pool(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    channels_first(call)?;
    let mut attributes = window(call)?;
    attributes.push(int("count_include_pad", call.attributes.int_or("count_include_pad", 0)?));
    if let Some(ceil) = call.attributes.int("ceil_mode")? {
        attributes.push(int("ceil_mode", ceil));
    }
    unary(call, w, "AveragePool", attributes)
}

/// The attributes of a window that convolutions and pools have in common, as they are.
pub fn window(call: &Call) -> Result<Vec<AttributeProto>, Refusal> {
    let mut attributes = Vec::new();
    if let Some(auto_pad) = call.attributes.text("auto_pad")? {
        attributes.push(super::super::writer::text("auto_pad", auto_pad));
    }
    for name in ["kernel_shape", "pads", "strides", "dilations"] {
        let values = call.attributes.ints(name)?;
        if !values.is_empty() {
            attributes.push(ints(name, values));
        }
    }
    Ok(attributes)
}

pub fn global_average_pool(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    channels_first(call)?;
    unary(call, w, "GlobalAveragePool", Vec::new())
}

/// `scale and zero point of Y`, then each input with its own.
pub fn concat(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let axis = call.attributes.int("axis")?.ok_or_else(|| malformed("it has no axis"))?;
    if call.inputs() < 5 || !(call.inputs() - 2).is_multiple_of(3) {
        return Err(malformed(format!("it has {} inputs", call.inputs())));
    }
    let mut parts = Vec::new();
    for at in (2..call.inputs()).step_by(3) {
        let part = quantised(call, at)?;
        parts.push(dequantise(w, &part));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let all = w.add("Concat", &parts, vec![int("axis", axis)]);
    quantise(call, w, &all, 0, call.input(2)?)
}

pub fn select(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let (x, y) = (quantised(call, 1)?, quantised(call, 4)?);
    let (left, right) = (dequantise(w, &x), dequantise(w, &y));
    let chosen = w.add("Where", &[call.input(0)?, &left, &right], Vec::new());
    quantise(call, w, &chosen, 7, x.value)
}

/// `A, its scale and zero point, B likewise, C as whole numbers`, and a scale of the output where it is to be bytes.
pub fn gemm(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let (a, b) = (quantised(call, 0)?, quantised(call, 3)?);
    let (trans_a, trans_b) = (call.attributes.int_or("transA", 0)?, call.attributes.int_or("transB", 0)?);
    let alpha = call.attributes.float_or("alpha", 1.0)?;
    let left = center(w, a.value, a.zero_point, None);
    let right = center(w, b.value, b.zero_point, Some(if trans_b == 0 { 1 } else { 0 }));
    let turned = |w: &mut Writer, value: String, turn: i64| match turn {
        0 => value,
        _ => w.add("Transpose", &[&value], vec![ints("perm", &[1, 0])]),
    };
    let (left, right) = (turned(w, left, trans_a), turned(w, right, trans_b));
    let mut sum = w.add("MatMul", &[&left, &right], Vec::new());
    if let Some(c) = call.optional(6) {
        let c = center(w, c, "", None);
        sum = w.add("Add", &[&sum, &c], Vec::new());
    }
    let scale = if alpha == 1.0 {
        a.scale.to_owned()
    } else {
        let alpha = w.float(alpha);
        w.add("Mul", &[&alpha, a.scale], Vec::new())
    };
    match call.optional(7) {
        Some(y_scale) => {
            let factor = factor(w, &scale, b.scale, y_scale);
            let steps = w.add("Mul", &[&sum, &factor], Vec::new());
            round(call, w, &steps, 8, a.value)
        }
        None => {
            let factor = w.add("Mul", &[&scale, b.scale], Vec::new());
            w.put("Mul", &[&sum, &factor], Vec::new(), &[call.output()?]);
            Ok(Written::Instead)
        }
    }
}

pub fn mat_mul(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let (a, b) = (quantised(call, 0)?, quantised(call, 3)?);
    let (left, right) = (center(w, a.value, a.zero_point, None), center(w, b.value, b.zero_point, Some(-1)));
    let sum = w.add("MatMul", &[&left, &right], Vec::new());
    let factor = factor(w, a.scale, b.scale, call.input(6)?);
    let steps = w.add("Mul", &[&sum, &factor], Vec::new());
    round(call, w, &steps, 7, a.value)
}

pub fn conv(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let (x, k) = (quantised(call, 0)?, quantised(call, 3)?);
    let mut attributes = window(call)?;
    attributes.push(int("group", call.attributes.int_or("group", 1)?));
    let input = center(w, x.value, x.zero_point, None);
    let kernel = center(w, k.value, k.zero_point, Some(0));
    let bias = call.optional(8).map(|bias| center(w, bias, "", None)).unwrap_or_default();
    let sum = w.add("Conv", &[&input, &kernel, &bias], attributes);
    let mut factor = factor(w, x.scale, k.scale, call.input(6)?);
    let single = call.stored(k.scale).is_some_and(|scale| scale.dims.iter().product::<i64>() == 1);
    if !single {
        // A factor per output channel, laid along the second axis.
        let spatial = match (call.rank(k.value), call.attributes.ints("kernel_shape")?) {
            (Some(rank), _) => rank.saturating_sub(2),
            (None, []) => {
                return Err(Refusal::new(
                    "its weights are computed, and it does not say how many axes they have",
                    "Quantise the model so that its weights are stored in the file",
                ));
            }
            (None, sizes) => sizes.len(),
        };
        let shape: Vec<i64> = std::iter::once(-1).chain(std::iter::repeat_n(1, spatial)).collect();
        let shape = w.ints(&shape);
        factor = w.add("Reshape", &[&factor, &shape], Vec::new());
    }
    let steps = w.add("Mul", &[&sum, &factor], Vec::new());
    round(call, w, &steps, 7, x.value)
}
