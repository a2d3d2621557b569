//! `Pow`. Powers of floats are tract's. Those of integers it gets wrong where an exponent is negative or takes more than
//! 32 bits; here they are what ONNX Runtime makes of them: a power in double precision that is cut to an integer, or a
//! product. Few files tell the type of the base, so the choice is made where tract knows it, and not by `claim`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{
    Arc, DatumType, OutletId, SpecialOps, TDim, TVec, Tensor, TractError, TractResult, TypedFact, TypedModel, tvec,
};
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_core::ops::cast::{cast, wire_cast};
use tract_onnx::tract_core::ops::change_axes::wire_rank_broadcast;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::infer::InferenceOp;
use tract_onnx::tract_hir::infer::helpers::infer_shape_broadcasting;
use tract_onnx::tract_hir::infer::rules::{InferenceResult, TensorProxy};
use tract_onnx::tract_hir::internal::{Expansion, Solver, StaticName, expand};

use super::super::values::{one_of, required, slice, tensor};
use super::super::{Kernel, Own};
use super::bit_shift::broadcast;
use super::cast::{long, word};
use super::cumulative::Number;
use super::shapes::{fact, wide};

/// Takes the place of tract's importer.
pub fn pow(_: &ParsingContext, _: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Pow), Vec::new()))
}

#[derive(Clone, Debug)]
struct Pow;

impl Expansion for Pow {
    fn name(&self) -> StaticName {
        "Pow".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([base, exponent], [power]) = (inputs, outputs) else {
            return Err(TractError::msg("it takes two inputs and has one output"));
        };
        solver.given(&base.datum_type, move |solver, base| {
            // Sizes come out as the integers that they are at run time.
            let made = if base == DatumType::TDim { DatumType::I64 } else { base };
            solver.equals(&power.datum_type, made)
        })?;
        solver.with(&base.shape, move |solver, base| {
            solver.with(&exponent.shape, move |solver, exponent| match infer_shape_broadcasting(&[&base, &exponent]) {
                Ok(Some(shape)) => solver.equals(&power.shape, shape),
                _ => Ok(()),
            })
        })
    }

    fn wire(&self, name: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let base = model.outlet_fact(inputs[0])?.datum_type;
        let exponent = model.outlet_fact(inputs[1])?.datum_type;
        if !base.is_float() {
            let input = vec!["base".into(), "exponent".into()];
            let node = NodeProto { input, output: vec!["power".into()], ..Default::default() };
            return model.wire_node(name, Own::new("Pow".into(), Arc::new(Power), &node), inputs);
        }
        let operands = wire_rank_broadcast(name, model, inputs)?;
        if base == exponent {
            return model.wire_node(name, math::pow(), &operands);
        }
        let operands = wire_cast(name, model, &operands, DatumType::F64)?;
        let power = model.wire_node(format!("{name}.pow"), math::pow(), &operands)?;
        model.wire_node(name, cast(base), &power)
    }
}

/// Powers of integers.
#[derive(Debug)]
struct Power;

impl Kernel for Power {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (base, exponent) = (required(inputs, 0)?, required(inputs, 1)?);
        one_of(base, &[DatumType::I32, DatumType::I64])?;
        let shape: TVec<TDim> = multi_broadcast(&[base.shape.to_tvec(), exponent.shape.to_tvec()])?;
        Ok(tvec![fact(base.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (base, exponent) = (required(inputs, 0)?, required(inputs, 1)?);
        let made = match base.datum_type() {
            DatumType::I32 => powers::<i32>(base, exponent, f64::from, word),
            _ => powers::<i64>(base, exponent, |base| base as f64, long),
        };
        Ok(tvec![made?])
    }
}

fn powers<T: Number>(base: &Tensor, exponent: &Tensor, widen: fn(T) -> f64, cut: fn(f64) -> T) -> TractResult<Tensor> {
    let shape = multi_broadcast(&[base.shape(), exponent.shape()])?;
    let multiplied = is_of_rows(base.shape(), exponent.shape());
    let exponents = broadcast(&wide(exponent)?, exponent.shape(), &shape)?;
    let bases = broadcast(slice::<T>(base)?, base.shape(), &shape)?;
    let made = bases.into_iter().zip(exponents).map(|(base, exponent)| match exponent {
        2.0 if multiplied => base.times(base),
        3.0 if multiplied => base.times(base).times(base),
        _ => cut(widen(base).powf(exponent)),
    });
    tensor(&shape, made.collect())
}

/// Whether each exponent is that of a row of bases, a row being what lies along the innermost axis longer than one. ONNX
/// Runtime squares and cubes by multiplication then: large integers stay exact, and wrap around where they overflow.
fn is_of_rows(base: &[usize], exponent: &[usize]) -> bool {
    // A number without axes is a row of one.
    const ONE: &[usize] = &[1];
    let [base, exponent] = [base, exponent].map(|shape| if shape.is_empty() { ONE } else { shape });
    let mut axes = base.iter().rev().zip(exponent.iter().rev()).filter(|(base, exponent)| **base > 1 || **exponent > 1);
    axes.next().is_some_and(|(base, exponent)| *base > 1 && *exponent == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_by_the_innermost_axis_that_is_one() {
        for (base, exponent) in [(&[3][..], &[][..]), (&[3], &[1]), (&[2, 3], &[2, 1]), (&[3, 1], &[1, 1])] {
            assert!(is_of_rows(base, exponent), "{base:?} {exponent:?}");
        }
        let none: [(&[usize], &[usize]); 6] =
            [(&[], &[]), (&[1], &[1]), (&[3], &[3]), (&[1], &[3]), (&[3, 1], &[]), (&[2, 1], &[3])];
        for (base, exponent) in none {
            assert!(!is_of_rows(base, exponent), "{base:?} {exponent:?}");
        }
    }

    #[test]
    fn integers_are_cut_and_wrap_as_in_onnx_runtime() {
        let of = |base: &[i64], exponent: &[i64]| {
            let row = |values: &[i64]| tensor(&[values.len()], values.to_vec()).unwrap();
            let made = Power.run(&[Some(&row(base)), Some(&row(exponent))]).unwrap();
            slice::<i64>(&made[0]).unwrap().to_vec()
        };
        assert_eq!(of(&[2, -2, 1, -1, 0], &[-1, -1, -1, -1, -1]), [0, 0, 1, -1, i64::MIN]);
        assert_eq!(of(&[1, -1, 2], &[(1 << 32) + 1]), [1, -1, i64::MIN]);
        assert_eq!(of(&[94906267, -3], &[2]), [9007199515875289, 9]);
        assert_eq!(of(&[94906267, -3], &[2, 3]), [9007199515875288, -27]);
    }
}
