//! Operators of tract that it wires for single precision alone, wired for every precision: with single precision they
//! become what tract makes of them. What scikit-learn exports of a model fitted in double precision needs them.

use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{
    Arc, DatumType, OutletId, SpecialOps, TVec, Tensor, TractError, TractResult, TypedFact, TypedModel, tensor0, tvec,
};
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::{math, nn};
use tract_onnx::tract_hir::infer::InferenceOp;
use tract_onnx::tract_hir::infer::rules::{InferenceResult, TensorProxy};
use tract_onnx::tract_hir::internal::{AxesMapping, Expansion, Solver, StaticName, expand};

use super::Kernel;
use super::kernel::Own;
use super::values::{required, slice, tensor};

/// Takes the place of tract's importers of these operators.
pub fn register(onnx: &mut Onnx) {
    onnx.op_register.0.insert("Gemm".into(), gemm);
    onnx.op_register.0.insert("Sigmoid".into(), |_, _| Ok((expand(Sigmoid), Vec::new())));
}

type Imported = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// `alpha * A * B + beta * C`.
#[derive(Clone, Debug)]
struct Gemm {
    alpha: f32,
    beta: f32,
    transposed: [bool; 2],
}

fn gemm(_: &ParsingContext, node: &NodeProto) -> Imported {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    let factor = |name: &str| attribute(name).map_or(1.0, |attribute| attribute.f);
    let turned = |name: &str| attribute(name).is_some_and(|attribute| attribute.i != 0);
    let transposed = [turned("transA"), turned("transB")];
    Ok((expand(Gemm { alpha: factor("alpha"), beta: factor("beta"), transposed }), Vec::new()))
}

impl Expansion for Gemm {
    fn name(&self) -> StaticName {
        "Gemm".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([a, b, ..], [product]) = (inputs, outputs) else {
            return Err(TractError::msg("it takes two or three inputs and has one output"));
        };
        for value in [a, b] {
            solver.equals(&value.rank, 2)?;
            solver.equals(&value.datum_type, &product.datum_type)?;
        }
        solver.equals(&product.rank, 2)?;
        let [turned_a, turned_b] = self.transposed.map(usize::from);
        solver.equals(&a.shape[turned_a], &product.shape[0])?;
        solver.equals(&b.shape[1 - turned_b], &product.shape[1])?;
        solver.equals(&a.shape[1 - turned_a], &b.shape[turned_b])?;
        inputs.iter().skip(2).try_for_each(|c| solver.equals(&c.datum_type, &product.datum_type))
    }

    fn wire(&self, name: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let datatype = model.outlet_fact(inputs[0])?.datum_type;
        let [turned_a, turned_b] = self.transposed;
        let axes = AxesMapping::for_numpy_matmul(2, turned_a, turned_b, false)?;
        let product = model.wire_node(format!("{name}.product"), EinSum::new(axes, datatype), &inputs[..2])?[0];
        let product = scaled(model, format!("{name}.alpha"), product, self.alpha)?;
        let Some(&addend) = inputs.get(2).filter(|_| self.beta != 0.0) else { return Ok(tvec![product]) };
        let mut addend = scaled(model, format!("{name}.beta"), addend, self.beta)?;
        for rank in model.outlet_fact(addend)?.rank()..2 {
            addend = model.wire_node(format!("{name}.axis{rank}"), AxisOp::Add(0), &[addend])?[0];
        }
        model.wire_node(name, math::add(), &[product, addend])
    }
}

/// The value times a factor of its own type.
fn scaled(model: &mut TypedModel, name: String, value: OutletId, factor: f32) -> TractResult<OutletId> {
    if factor == 1.0 {
        return Ok(value);
    }
    let fact = model.outlet_fact(value)?;
    let factor = tensor0(factor).cast_to_dt(fact.datum_type)?.into_owned().broadcast_into_rank(fact.rank())?;
    let factor = model.add_const(format!("{name}.factor"), factor)?;
    Ok(model.wire_node(name, math::mul(), &[value, factor])?[0])
}

#[derive(Clone, Debug)]
struct Sigmoid;

impl Expansion for Sigmoid {
    fn name(&self) -> StaticName {
        "Sigmoid".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([input], [output]) = (inputs, outputs) else {
            return Err(TractError::msg("it has one input and one output"));
        };
        solver.equals(&input.datum_type, &output.datum_type)?;
        solver.equals(&input.shape, &output.shape)
    }

    fn wire(&self, name: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        if model.outlet_fact(inputs[0])?.datum_type != DatumType::F64 {
            return model.wire_node(name, nn::sigmoid(), inputs);
        }
        let one = |name: &str| vec![name.to_owned()];
        let node = NodeProto { input: one("x"), output: one("y"), ..Default::default() };
        model.wire_node(name, Own::new("Sigmoid".into(), Arc::new(Logistic), &node), inputs)
    }
}

/// `1 / (1 + exp(-x))` in double precision.
#[derive(Debug)]
struct Logistic;

impl Kernel for Logistic {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec![required(inputs, 0)?.without_value()])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let values = slice::<f64>(input)?.iter().map(|x| 1.0 / (1.0 + (-x).exp()));
        Ok(tvec![tensor(input.shape(), values.collect())?])
    }
}
