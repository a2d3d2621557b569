//! Products of matrices of bytes, which dynamic quantisation writes. Where it is certain that every partial sum stays
//! below 2^24 they are computed by the fast product of floats, and are exact; where their result is a float anyway the
//! difference is that of any order of summation. A `MatMulInteger` that may grow larger is left to tract's product of
//! integers.

use super::super::super::checks::Refusal;
use super::super::writer::{Writer, int};
use super::Written;
use super::call::Call;
use super::quantised::center;

/// Whole numbers up to here are exact in single precision.
const EXACT: i64 = 1 << 24;

pub fn mat_mul_integer(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    if !(is_small(call, 1, 3)) {
        return Ok(Written::Not);
    }
    let left = center(w, call.input(0)?, call.or_nothing(2), None);
    let right = center(w, call.input(1)?, call.or_nothing(3), Some(-1));
    let sum = w.add("MatMul", &[&left, &right], Vec::new());
    let int32 = i64::from(tract_onnx::pb::tensor_proto::DataType::Int32 as i32);
    w.put("Cast", &[&sum], vec![int("to", int32)], &[call.output()?]);
    Ok(Written::Instead)
}

/// Whether no sum over the rows of the stored second operand can exceed what is exact, whatever bytes the first holds.
fn is_small(call: &Call, at: usize, zero_point_at: usize) -> bool {
    let found = || {
        let (values, dims) = call.bytes(call.input(at).ok()?)?;
        let zeros = match call.optional(zero_point_at) {
            Some(name) => call.bytes(name)?.0,
            None => vec![0],
        };
        let &[rows, columns] = dims else { return None };
        let (rows, columns) = (usize::try_from(rows).ok()?, usize::try_from(columns).ok()?);
        if values.len() != rows * columns || !(zeros.len() == 1 || zeros.len() == columns) || columns == 0 {
            return None;
        }
        let mut sums = vec![0i64; columns];
        for row in values.chunks_exact(columns) {
            for (at, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                *sum += i64::from((value - zeros[at % zeros.len()]).abs());
            }
        }
        sums.into_iter().max()
    };
    found().is_some_and(|largest| largest * 255 <= EXACT)
}

/// `A, B, scale of A, scale of B, zero point of A, of B, bias`.
pub fn mat_mul_integer_to_float(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let left = center(w, call.input(0)?, call.or_nothing(4), None);
    let right = center(w, call.input(1)?, call.or_nothing(5), Some(-1));
    scaled(call, w, &[&left, &right], &[call.input(2)?, call.input(3)?], call.optional(6))
}

/// `A as floats, B, scale of B, zero point of B, bias`.
pub fn dynamic_quantize_mat_mul(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let [bytes, scale, zero_point] = w.add_many("DynamicQuantizeLinear", &[call.input(0)?], Vec::new());
    let left = center(w, &bytes, &zero_point, None);
    let right = center(w, call.input(1)?, call.or_nothing(3), Some(-1));
    scaled(call, w, &[&left, &right], &[&scale, call.input(2)?], call.optional(4))
}

fn scaled(
    call: &Call,
    w: &mut Writer,
    operands: &[&str],
    scales: &[&str],
    bias: Option<&str>,
) -> Result<Written, Refusal> {
    let sum = w.add("MatMul", operands, Vec::new());
    let factor = w.add("Mul", scales, Vec::new());
    let output = call.output()?;
    match bias {
        None => w.put("Mul", &[&sum, &factor], Vec::new(), &[output]),
        Some(bias) => {
            let product = w.add("Mul", &[&sum, &factor], Vec::new());
            w.put("Add", &[&product, bias], Vec::new(), &[output]);
        }
    }
    Ok(Written::Instead)
}
