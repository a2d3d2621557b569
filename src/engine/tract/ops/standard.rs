//! Operators of `ai.onnx` that tract lacks or answers wrongly. Where it answers wrongly only in some cases, such as a
//! mode or inputs that are not stored, [`claim`](super::super::rewrite) moves just those nodes to the domain [`OWN`],
//! so that the rest stays with tract's faster ones.

mod affine_grid;
mod bit_shift;
mod bitcast;
mod col2im;
mod crop_pad;
mod cumulative;
mod deform_conv;
mod det;
mod loss;
mod lp;
mod max_unpool;
mod modulo;
mod reduce;
mod reverse_sequence;
mod shapes;
mod space_to_depth;
mod tensor_scatter;
mod upsample;
mod window;

use super::{Build, Entry};

const fn onnx(name: &'static str, build: Build) -> Entry {
    Entry { domain: "ai.onnx", name, build }
}

pub const OPERATORS: &[Entry] = &[
    onnx("AffineGrid", affine_grid::build),
    onnx("BitCast", bitcast::build),
    onnx("BitShift", bit_shift::build),
    onnx("CenterCropPad", crop_pad::build),
    onnx("Col2Im", col2im::build),
    onnx("CumProd", cumulative::product),
    onnx("CumSum", cumulative::sum),
    onnx("DeformConv", deform_conv::build),
    onnx("Det", det::build),
    onnx("GlobalLpPool", lp::global),
    onnx("LpNormalization", lp::normalization),
    onnx("LpPool", lp::pool),
    onnx("MaxUnpool", max_unpool::build),
    onnx("Mod", modulo::build),
    onnx("NegativeLogLikelihoodLoss", loss::negative_log_likelihood),
    onnx("ReduceMax", reduce::max),
    onnx("ReduceMin", reduce::min),
    onnx("ReverseSequence", reverse_sequence::build),
    onnx("SoftmaxCrossEntropyLoss", loss::softmax_cross_entropy),
    onnx("SpaceToDepth", space_to_depth::build),
    onnx("TensorScatter", tensor_scatter::build),
    onnx("Upsample", upsample::build),
];
