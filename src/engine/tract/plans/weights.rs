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
use tract_onnx::tract_core::tract_linalg::mmm::{
    EagerPackedInput, MMMInputValue, PackedExoticFact, PackedMatrixStorage,
};
use tract_onnx::tract_core::tract_linalg::pack::PackedFormat;

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
    tensors: Pieces<Tensor, (DatumType, TVec<usize>)>,
    /// Laid out for kernels.
    packed: Pieces<Blob, PackedExoticFact>,
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
        let about = (tensor.datum_type(), tensor.shape().into());
        let bytes = tensor.as_bytes();
        let parts = bytes.chunks(bytes.len().div_ceil(SAMPLES).max(1));
        // By their bits: a zero has a sign.
        self.tensors.shared(tensor, about, bytes.len(), sketch(parts), |a, b| a.as_bytes() == b.as_bytes())
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
        let about = packed.fact.clone();
        let panel = packed.panel_bytes.max(1);
        // Behind each panel are bytes that kernels may read and never use, and that nobody has set.
        let format = about.format.downcast_ref::<PackedFormat>();
        let used = format.map_or(panel, |format| (packed.k() * format.r * format.dt.size_of()).min(panel));
        let blob = &packed.packed;
        let every = blob.len().div_ceil(panel).div_ceil(SAMPLES).max(1);
        let sketch = sketch(panels(blob, panel, used).step_by(every));
        let same = |a: &Blob, b: &Blob| panels(a, panel, used).eq(panels(b, panel, used));
        let shared = self.packed.shared(blob, about, blob.len(), sketch, same);
        let moved = !Arc::ptr_eq(&shared, &packed.packed);
        packed.packed = shared;
        moved
    }
}

/// The bytes that count of each panel.
fn panels(blob: &Blob, panel: usize, used: usize) -> impl Iterator<Item = &[u8]> {
    blob.as_bytes().chunks(panel).map(move |bytes| bytes.get(..used).unwrap_or(bytes))
}

/// How many places of a piece are looked at to find those that may be equal.
const SAMPLES: usize = 32;

/// Pieces by a hash of a part of them; they are compared whole before one is taken for another. `A` is what they must
/// agree in besides their bytes.
struct Pieces<P, A>(HashMap<u64, Vec<Held<P, A>>>);

struct Held<P, A> {
    piece: Weak<P>,
    about: A,
    bytes: usize,
}

impl<P, A> Default for Pieces<P, A> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<P, A: PartialEq> Pieces<P, A> {
    /// The piece to use for this one: an equal one that is there already, or itself.
    fn shared(&mut self, piece: &Arc<P>, about: A, bytes: usize, sketch: u64, same: impl Fn(&P, &P) -> bool) -> Arc<P> {
        if bytes < LEAST {
            return Arc::clone(piece);
        }
        let alike = self.0.entry(sketch).or_default();
        alike.retain(|held| held.piece.strong_count() > 0);
        let mut known = alike.iter().filter(|held| held.about == about && held.bytes == bytes);
        let known =
            known.find_map(|held| held.piece.upgrade().filter(|known| Arc::ptr_eq(known, piece) || same(known, piece)));
        known.unwrap_or_else(|| {
            alike.push(Held { piece: Arc::downgrade(piece), about, bytes });
            Arc::clone(piece)
        })
    }

    fn bytes(&self) -> u64 {
        let held = self.0.values().flatten().filter(|held| held.piece.strong_count() > 0);
        held.map(|held| held.bytes as u64).sum()
    }
}

/// A hash of the first bytes of each part: weights that differ do so nearly everywhere.
fn sketch<'b>(parts: impl Iterator<Item = &'b [u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.for_each(|part| part.first_chunk::<8>().hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::prelude::tensor1;

    #[test]
    fn equal_pieces_become_one_and_are_counted_once() {
        let mut kept = Kept::default();
        let make = |last: f32| {
            let mut values = vec![0.5f32; 1000];
            values[999] = last;
            Arc::new(tensor1(&values))
        };
        let (first, second, other) = (make(0.0), make(0.0), make(-0.0));
        assert!(Arc::ptr_eq(&kept.tensor(&first), &first));
        assert!(Arc::ptr_eq(&kept.tensor(&second), &first));
        assert_eq!(kept.tensors.bytes(), 4000);
        // Zeros differ in their sign, and shapes in themselves.
        assert!(Arc::ptr_eq(&kept.tensor(&other), &other));
        let row = Arc::new(tensor1(&[0.0f32; 1000]).into_shape(&[1, 1000]).unwrap());
        let flat = Arc::new(tensor1(&[0.0f32; 1000]));
        assert!(Arc::ptr_eq(&kept.tensor(&row), &row));
        assert!(Arc::ptr_eq(&kept.tensor(&flat), &flat));
        assert_eq!(kept.tensors.bytes(), 16_000);
        drop((first, second, other, row));
        assert_eq!(kept.tensors.bytes(), 4000);
    }
}
