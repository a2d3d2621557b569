//! The matrix product of recurrent layers: fixed weights, which are laid out once for tract's kernels, times rows.

use std::sync::OnceLock;

use tract_onnx::prelude::{DatumTypeExt, IntoTValue, IntoTensor, TVec, Tensor, TractError, TractResult, tvec};
use tract_onnx::tract_core::ops::matmul::ModePicker;
use tract_onnx::tract_core::ops::matmul::optimized::{
    AddMatMulGeometry, MapOutputAxisToInput, MatMulOperand, OptMatMul, ProtoFusedSpec,
};
use tract_onnx::tract_core::tract_linalg::mmm::{
    MMMInputFormat, MMMInputValue, MatMatMul, MmmDispatch, OutputStoreSpec, PackedMatrixStorage, Query,
};
use tract_onnx::tract_hir::internal::{EvalContext, EvalOp, ToDim};

/// A matrix `[out, in]` to multiply rows `[n, in]` with.
#[derive(Debug)]
pub struct Weights {
    matrix: Tensor,
    /// For one row, and for several.
    packed: [OnceLock<Packed>; 2],
}

/// [`Weights`] ready to multiply a number of rows.
pub struct Product<'w> {
    rows: usize,
    inner: usize,
    /// How the rows are to be laid out and what is done with them; or the answer, where there is nothing to multiply.
    multiply: Result<(&'w dyn MMMInputFormat, OptMatMul), Tensor>,
}

impl Product<'_> {
    /// Rows `[n, out]` from rows `[n, in]`.
    pub fn of(&self, rows: &Tensor) -> TractResult<Tensor> {
        if *rows.shape() != [self.rows, self.inner] {
            let (wanted, got) = ([self.rows, self.inner], rows.shape());
            return Err(TractError::msg(format!("rows of the shape {got:?} meet weights for {wanted:?}")));
        }
        let (format, multiply) = match &self.multiply {
            Ok(multiply) => multiply,
            Err(empty) => return Ok(empty.clone()),
        };
        let datatype = rows.datum_type();
        let rows = PackedMatrixStorage::new(format.prepare_one(rows, 1, 0)?).into_tensor(datatype).into_tvalue();
        let mut outputs = multiply.eval(&EvalContext::out_of_plan(), tvec![rows])?;
        outputs.pop().map(|output| output.into_tensor()).ok_or_else(|| TractError::msg("a product gave nothing"))
    }
}

#[derive(Debug)]
struct Packed {
    kernel: Box<dyn MatMatMul>,
    packing: usize,
    values: Box<dyn MMMInputValue>,
}

/// What the kernel for several rows is chosen for. It is the same one for any number, so that an answer does not depend
/// on what else is in the batch.
const SEVERAL: usize = 8;

impl Weights {
    /// `matrix` has two axes.
    pub fn new(matrix: Tensor) -> Self {
        Self { matrix, packed: Default::default() }
    }

    /// What multiplies `n` rows.
    pub fn product(&self, n: usize) -> TractResult<Product<'_>> {
        let &[out, inner] = self.matrix.shape() else { return Err(TractError::msg("a matrix has two axes")) };
        let datatype = self.matrix.datum_type();
        if n == 0 || out == 0 || inner == 0 {
            return Ok(Product { rows: n, inner, multiply: Err(Tensor::zero_dt(datatype, &[n, out])?) });
        }
        let packed = self.packed(if n == 1 { 1 } else { SEVERAL })?;
        let kernel = &*packed.kernel;
        let unmapped = || MapOutputAxisToInput(TVec::new());
        let geo =
            AddMatMulGeometry { k: inner.to_dim(), c_to_a_axis_mapping: unmapped(), c_to_b_axis_mapping: unmapped() };
        let multiply = ProtoFusedSpec::AddMatMul {
            geo,
            a: MatMulOperand::Const(packed.values.clone()),
            b: MatMulOperand::Input(0),
            packings: vec![(packed.packing, None)],
        };
        let (mr, nr) = (kernel.mr(), kernel.nr());
        let store = OutputStoreSpec::View { m_axis: Some(1), n_axis: Some(0), mr, nr };
        let product = OptMatMul::new(
            vec![packed.kernel.clone()],
            ModePicker::Single,
            datatype.fact([n, out]),
            Some(1),
            Some(0),
            vec![multiply, ProtoFusedSpec::Store(vec![store])],
            false,
        )?;
        Ok(Product { rows: n, inner, multiply: Ok((&*kernel.packings()[packed.packing].1, product)) })
    }

    fn packed(&self, rows: usize) -> TractResult<&Packed> {
        let slot = &self.packed[usize::from(rows > 1)];
        if slot.get().is_none() {
            let packed = self.pack(rows)?;
            return Ok(slot.get_or_init(|| packed));
        }
        slot.get().ok_or_else(|| TractError::msg("weights were not laid out"))
    }

    fn pack(&self, rows: usize) -> TractResult<Packed> {
        let (out, inner) = (self.matrix.shape()[0], self.matrix.shape()[1]);
        let query = Query {
            allow_extractor: false,
            ..Query::plain(self.matrix.datum_type(), Some(out), Some(inner), Some(rows))
        };
        let found = MmmDispatch::native().pick(&query);
        let (kernel, packing, _) = found.ok_or_else(|| TractError::msg("no kernel multiplies this type"))?;
        let values = kernel.packings()[packing].0.prepare_one(&self.matrix, 1, 0)?;
        Ok(Packed { kernel, packing, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_textbook() {
        for (out, inner, n) in [(1, 1, 1), (5, 3, 1), (64, 17, 1), (7, 33, 2), (130, 65, 9), (32, 0, 3), (4, 4, 0)] {
            let value = |at: usize| ((at * 37 % 23) as f32 - 11.0) / 8.0;
            let weights: Vec<f32> = (0..out * inner).map(value).collect();
            let rows: Vec<f32> = (0..n * inner).map(|at| value(at + 5)).collect();
            let product = Weights::new(Tensor::from_shape(&[out, inner], &weights).unwrap());
            let got = product.product(n).unwrap().of(&Tensor::from_shape(&[n, inner], &rows).unwrap()).unwrap();
            assert_eq!(got.shape(), [n, out]);
            let got = got.as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
            for (at, got) in got.into_iter().enumerate() {
                let (row, column) = (at / out, at % out);
                let terms = (0..inner).map(|k| rows[row * inner + k] * weights[column * inner + k]);
                assert!((got - terms.sum::<f32>()).abs() < 1e-3);
            }
        }
    }
}
