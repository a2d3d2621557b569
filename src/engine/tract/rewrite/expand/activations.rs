//! Activations that tract computes otherwise than the standard has them, written as what they are.

use super::super::super::checks::Refusal;
use super::super::writer::Writer;
use super::Written;
use super::call::Call;

/// `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`; tract forgets the factor.
pub fn celu(call: &Call, w: &mut Writer) -> Result<Written, Refusal> {
    let alpha = call.attributes.float_or("alpha", 1.0)?;
    let x = call.input(0)?;
    let (alpha, one, zero) = (w.float(alpha), w.float(1.0), w.float(0.0));
    let scaled = w.add("Div", &[x, &alpha], Vec::new());
    let grown = w.add("Exp", &[&scaled], Vec::new());
    let below = w.add("Sub", &[&grown, &one], Vec::new());
    let below = w.add("Mul", &[&below, &alpha], Vec::new());
    let below = w.add("Min", &[&below, &zero], Vec::new());
    let above = w.add("Relu", &[x], Vec::new());
    w.put("Add", &[&above, &below], Vec::new(), &[call.output()?]);
    Ok(Written::Instead)
}
