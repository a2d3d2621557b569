//! tract writes arithmetic anew for speed: a quotient becomes a product with the reciprocal, which is off by a digit in the
//! last place, and `Floor(x / 41)` of 41 is 0 then; constants in double precision are looked at in single precision, and a
//! product with 1.00000001 is taken for nothing; a sum of squares is taken for their mean when its factor is nearly that of
//! one. Where it matters the operation is put out of reach of such rules before they are applied.

use tract_onnx::prelude::{
    DatumType, Node, OutletId, TValue, TVec, Tensor, TractResult, TypedFact, TypedModel, TypedOp,
};
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_core::ops::{Cost, Op, math};

use super::ops::Own;

type TypedNode = Node<TypedFact, Box<dyn TypedOp>>;

/// Operators of our own that come to another answer for a number that is off by a digit.
const JUMPS: &[&str] = &[".Binarizer", ".Mod", ".TreeEnsemble", ".TreeEnsembleClassifier", ".TreeEnsembleRegressor"];

/// How near tract wants a factor to be to that of a mean.
const NEARLY: f64 = 1e-6;

/// An operation that is computed as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsWritten(pub Box<dyn BinMiniOp>);

impl BinMiniOp for AsWritten {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn operating_datum_type(&self, a: DatumType, b: DatumType) -> TractResult<DatumType> {
        self.0.operating_datum_type(a, b)
    }

    fn result_datum_type(&self, a: DatumType, b: DatumType) -> TractResult<DatumType> {
        self.0.result_datum_type(a, b)
    }

    fn eval_in_a(&self, a: &mut Tensor, b: &Tensor) -> TractResult<()> {
        self.0.eval_in_a(a, b)
    }

    fn eval_out_of_place(&self, c: &mut Tensor, a: &Tensor, b: &Tensor) -> TractResult<()> {
        self.0.eval_out_of_place(c, a, b)
    }

    fn eval(&self, a: TValue, b: TValue, c: DatumType) -> TractResult<Tensor> {
        self.0.eval(a, b, c)
    }

    fn is_commutative(&self) -> bool {
        self.0.is_commutative()
    }

    fn cost_per_element(&self, datatype: DatumType) -> TVec<(Cost, usize)> {
        self.0.cost_per_element(datatype)
    }
}

/// Replaces the operations in place, in loops too. The model must not be decluttered yet.
pub fn keep(model: &mut TypedModel) -> TractResult<()> {
    let sharp = sharp(model)?;
    for (id, &is_sharp) in sharp.iter().enumerate() {
        if let Some(scan) = model.node_mut(id).op_as_mut::<Scan>() {
            keep(&mut scan.body)?;
        }
        let Some(TypedBinOp(op, datatype)) = model.node(id).op_as::<TypedBinOp>() else { continue };
        if is_touched(model, model.node(id), &**op, is_sharp)? {
            let kept = TypedBinOp(Box::new(AsWritten(op.clone())), *datatype);
            model.node_mut(id).op = Box::new(kept);
        }
    }
    Ok(())
}

/// By node, whether a digit in the last place of what it computes may decide over more than that: whether it reaches an
/// operator that rounds, compares or branches.
fn sharp(model: &TypedModel) -> TractResult<Vec<bool>> {
    let mut sharp = vec![false; model.nodes().len()];
    for id in model.eval_order()?.into_iter().rev() {
        let readers = model.node(id).outputs.iter().flat_map(|output| &output.successors);
        sharp[id] = readers.into_iter().any(|reader| sharp[reader.node] || jumps(model.node(reader.node)));
    }
    Ok(sharp)
}

fn jumps(node: &TypedNode) -> bool {
    if let Some(ElementWiseOp(op, _)) = node.op_as::<ElementWiseOp>() {
        let rounds = op.is::<math::Floor>() || op.is::<math::Ceil>() || op.is::<math::Round>();
        return rounds || op.is::<math::RoundHalfToEven>() || op.is::<math::Sign>();
    }
    if node.op_as::<Own>().is_some_and(|own| JUMPS.iter().any(|name| own.name().ends_with(name))) {
        return true;
    }
    // Which of some numbers is the largest is told apart by more than a digit, or by chance anyway.
    !node.op_is::<Reduce>() && node.outputs.iter().any(|output| !output.fact.datum_type.is_float())
}

/// Whether tract would compute something else that can be told apart.
fn is_touched(model: &TypedModel, node: &TypedNode, op: &dyn BinMiniOp, is_sharp: bool) -> TractResult<bool> {
    let &[a, b] = &*model.node_input_facts(node.id)? else { return Ok(false) };
    if !a.datum_type.is_float() || !b.datum_type.is_float() {
        return Ok(false);
    }
    if a.datum_type == DatumType::F64 {
        return Ok(true);
    }
    if op.is::<math::Div>() {
        let reciprocal_is_lost = || b.konst.as_ref().is_some_and(|divisor| has_no_reciprocal(divisor));
        return Ok(is_sharp || reciprocal_is_lost() || is_nearly_mean(model, node, f64::recip)?);
    }
    if op.is::<math::Mul>() {
        let squares_root = node.inputs[0] == node.inputs[1] && is_root(model, node.inputs[0]);
        return Ok(squares_root || is_nearly_mean(model, node, |factor| factor)?);
    }
    Ok(op.is::<math::Pow>() && is_root(model, node.inputs[0]))
}

/// Whether 1 over a stored number is beyond the normal numbers, or nearly.
fn has_no_reciprocal(divisor: &Tensor) -> bool {
    let Ok(divisors) = divisor.cast_to::<f32>() else { return true };
    let Ok(divisors) = divisors.to_plain_array_view::<f32>() else { return true };
    let most = if divisor.datum_type() == DatumType::F16 { 1e4 } else { 1e37 };
    divisors.iter().any(|divisor| !(1.0 / most..most).contains(&divisor.abs()))
}

/// The square of a root is the number itself only where that is not negative.
fn is_root(model: &TypedModel, outlet: OutletId) -> bool {
    model.node(outlet.node).op_as::<ElementWiseOp>().is_some_and(|op| op.0.is::<math::Sqrt>())
}

/// Whether it is a sum times a stored number that is nearly, but not quite, one over the number of terms.
fn is_nearly_mean(model: &TypedModel, node: &TypedNode, factor: fn(f64) -> f64) -> TractResult<bool> {
    for (at, &outlet) in node.inputs.iter().enumerate() {
        let other = model.outlet_fact(node.inputs[1 - at])?;
        let Some(number) = other.uniform.as_ref().and_then(|number| number.cast_to_scalar::<f64>().ok()) else {
            continue;
        };
        let Some(terms) = terms(model, outlet)? else { continue };
        let (factor, exact) = (factor(number), 1.0 / terms as f64);
        let is_exact = factor as f32 == exact as f32;
        if !is_exact && (factor - exact).abs() <= NEARLY {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many terms a sum has; `None` of anything else, and of sizes that are not known.
fn terms(model: &TypedModel, outlet: OutletId) -> TractResult<Option<i64>> {
    let mut node = model.node(outlet.node);
    while node.op_is::<AxisOp>() {
        node = model.node(node.inputs[0].node);
    }
    let Some(reduce) = node.op_as::<Reduce>().filter(|reduce| reduce.reducer == Reducer::Sum) else { return Ok(None) };
    let shape = &model.node_input_facts(node.id)?[0].shape;
    let sizes = reduce.axes.iter().map(|&axis| shape[axis].to_i64().ok());
    Ok(sizes.product::<Option<i64>>().filter(|&terms| terms > 0))
}
