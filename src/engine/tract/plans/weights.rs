//! The weights of one model, each held once. Every plan lays out its own copy of them while it is built, for the kernels
//! it has chosen; but kernels depend little on the batch size, so most of these copies are equal, bit for bit. After a
//! build equal ones are replaced by one that all plans share; what the last plan leaves is freed with it. Not for what
//! plans keep in bodies of loops, which tract gives no access to, and not for what operators of our own hold, which all
//! plans share anyway.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use tract_onnx::prelude::{Arc, Blob, DatumType, InferenceModel, TVec, Tensor, TractResult, TypedModel};
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::matmul::optimized::{MatMulOperand, OptMatMul, ProtoFusedSpec};
use tract_onnx::tract_core::tract_linalg::mmm::{EagerPackedInput, MMMInputValue, PackedMatrixStorage};

/// Bytes from which on a tensor is looked after; what is smaller is not worth the books.
const LEAST: usize = 256;

/// What plans of one model hold, as long as one of them does.
#[derive(Default)]
pub struct Weights {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// As the graph has them: shape and element type count.
    tensors: Pieces<Tensor>,
    /// Laid out for kernels: bytes alone.
    packed: Pieces<Blob>,
}

impl Weights {
    /// Takes note of the tensors that plans are made from.
    pub fn adopt(&self, model: &InferenceModel) {
        let mut kept = self.kept();
        for konst in model.nodes.iter().filter_map(|node| node.op_as::<Const>()) {
            kept.tensor(konst.val());
        }
    }

    /// Makes a finished model hold what others hold already, where that is equal.
    pub fn share(&self, model: &mut TypedModel) -> TractResult<()> {
        let mut kept = self.kept();
        for node in &mut model.nodes {
            if let Some(konst) = node.op_as::<Const>() {
                let shared = kept.tensor(konst.val());
                if !Arc::ptr_eq(&shared, konst.val()) {
                    let fact = konst.exotic_fact().map(tract_onnx::tract_core::dyn_clone::clone_box);
                    node.op = Box::new(Const::new_with_opt_exotic_fact(shared, fact)?);
                }
            }
            for output in &mut node.outputs {
                if let Some(konst) = &mut output.fact.konst {
                    *konst = kept.tensor(konst);
                }
            }
            let micro_ops = node.op_as_mut::<OptMatMul>().map(|product| product.micro_ops.iter_mut());
            for micro_op in micro_ops.into_iter().flatten() {
                let ProtoFusedSpec::AddMatMul { a, b, .. } = micro_op else { continue };
                for operand in [a, b] {
                    if let MatMulOperand::Const(value) = operand {
                        kept.matrix(value);
                    }
                }
            }
        }
        Ok(())
    }

    /// Bytes that are held right now.
    pub fn bytes(&self) -> u64 {
        let kept = self.kept();
        kept.tensors.bytes() + kept.packed.bytes()
    }

    /// Nothing that runs under the lock leaves the books half written.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn tensor(&mut self, tensor: &Arc<Tensor>) -> Arc<Tensor> {
        if let Some(matrices) = tensor.storage_as::<PackedMatrixStorage>() {
            return self.matrices(tensor, matrices);
        }
        // Strings and terms are no plain bytes.
        if !tensor.datum_type().is_copy() || !tensor.is_plain_ram() {
            return Arc::clone(tensor);
        }
        self.tensors.shared(tensor)
    }

    /// The same matrices with shared bytes; the tensor itself where they are shared already.
    fn matrices(&mut self, tensor: &Arc<Tensor>, matrices: &PackedMatrixStorage) -> Arc<Tensor> {
        let mut values: TVec<_> = matrices.values().iter().cloned().collect();
        let mut moved = false;
        for value in &mut values {
            moved |= self.matrix(value);
        }
        if !moved {
            return Arc::clone(tensor);
        }
        let shared = PackedMatrixStorage::new_batched(matrices.batch_shape(), values);
        Arc::new(Tensor::from_storage(tensor.datum_type(), tensor.shape(), shared))
    }

    /// Whether the matrix has other bytes now, equal ones.
    fn matrix(&mut self, matrix: &mut Box<dyn MMMInputValue>) -> bool {
        let Some(packed) = matrix.downcast_mut::<EagerPackedInput>() else { return false };
        let shared = self.packed.shared(&packed.packed);
        let moved = !Arc::ptr_eq(&shared, &packed.packed);
        packed.packed = shared;
        moved
    }
}

/// Something made of bytes.
trait Piece {
    fn bytes(&self) -> &[u8];

    /// Whether one may stand for the other.
    fn is_same(&self, other: &Self) -> bool;
}

impl Piece for Blob {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    fn is_same(&self, other: &Self) -> bool {
        // Alignment and bytes.
        self == other
    }
}

impl Piece for Tensor {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    /// By its bits: a zero has a sign.
    fn is_same(&self, other: &Self) -> bool {
        let about = |tensor: &Self| -> (DatumType, TVec<usize>) { (tensor.datum_type(), tensor.shape().into()) };
        about(self) == about(other) && self.as_bytes() == other.as_bytes()
    }
}

/// Pieces by a hash of a part of them; they are compared whole before one is taken for another.
struct Pieces<P>(HashMap<u64, Vec<(Weak<P>, usize)>>);

impl<P> Default for Pieces<P> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<P: Piece> Pieces<P> {
    /// The piece to use for this one: an equal one that is there already, or itself.
    fn shared(&mut self, piece: &Arc<P>) -> Arc<P> {
        let bytes = piece.bytes();
        if bytes.len() < LEAST {
            return Arc::clone(piece);
        }
        let alike = self.0.entry(sketch(bytes)).or_default();
        alike.retain(|(kept, _)| kept.strong_count() > 0);
        let known = alike.iter().filter_map(|(kept, _)| kept.upgrade());
        if let Some(known) = known.into_iter().find(|known| Arc::ptr_eq(known, piece) || known.is_same(piece)) {
            return known;
        }
        alike.push((Arc::downgrade(piece), bytes.len()));
        Arc::clone(piece)
    }

    fn bytes(&self) -> u64 {
        let held = self.0.values().flatten().filter(|(kept, _)| kept.strong_count() > 0);
        held.map(|(_, bytes)| *bytes as u64).sum()
    }
}

/// A hash of the length and of samples all over: weights that differ do so nearly everywhere.
fn sketch(bytes: &[u8]) -> u64 {
    const SAMPLES: usize = 32;
    let mut hasher = DefaultHasher::new();
    bytes.len().hash(&mut hasher);
    for chunk in bytes.chunks(bytes.len().div_ceil(SAMPLES)) {
        chunk.first_chunk::<8>().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::prelude::tensor1;

    #[test]
    fn equal_pieces_become_one_and_are_counted_once() {
        let mut pieces = Pieces::default();
        let make = |last: f32| {
            let mut values = vec![0.5f32; 1000];
            values[999] = last;
            Arc::new(tensor1(&values))
        };
        let (first, second, other) = (make(0.0), make(0.0), make(-0.0));
        assert!(Arc::ptr_eq(&pieces.shared(&first), &first));
        assert!(Arc::ptr_eq(&pieces.shared(&second), &first));
        assert_eq!(pieces.bytes(), 4000);
        // Zeros differ in their sign, and shapes in themselves.
        assert!(Arc::ptr_eq(&pieces.shared(&other), &other));
        let row = Arc::new(tensor1(&[0.0f32; 1000]).into_shape(&[1, 1000]).unwrap());
        let flat = Arc::new(tensor1(&[0.0f32; 1000]));
        assert!(Arc::ptr_eq(&pieces.shared(&row), &row));
        assert!(Arc::ptr_eq(&pieces.shared(&flat), &flat));
        assert_eq!(pieces.bytes(), 16_000);
        drop((first, second, other, row));
        assert_eq!(pieces.bytes(), 4000);
    }
}
