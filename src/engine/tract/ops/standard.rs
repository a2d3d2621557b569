//! Operators of `ai.onnx` that tract lacks or answers wrongly. Where it answers wrongly only in some cases, such as a
//! mode or inputs that are not stored, just those nodes are moved to the domain [`CASES`], so that the
//! rest stays with tract's faster ones.

mod activations;
mod affine_grid;
mod batch_norm;
mod bit_shift;
mod bitcast;
mod cast;
mod col2im;
mod crop_pad;
mod cumulative;
mod deform_conv;
mod det;
mod dot;
mod loss;
mod lp;
mod max_unpool;
mod modulo;
mod pad;
mod random;
mod reduce;
mod reverse_sequence;
mod shapes;
mod slice;
mod space_to_depth;
mod split;
mod tensor_scatter;
mod upsample;
mod window;

use super::{Build, Entry};

const fn onnx(name: &'static str, build: Build) -> Entry {
    Entry { domain: "ai.onnx", name, build }
}

/// The domain of those nodes of `ai.onnx` that are ours only in some cases; `rewrite/claim.rs` finds them. No file can use
/// it: its name is none of a domain.
pub const CASES: &str = "ai.onnx cases";

const fn case(name: &'static str, build: Build) -> Entry {
    Entry { domain: CASES, name, build }
}

pub const OPERATORS: &[Entry] = &[
    onnx("AffineGrid", affine_grid::build),
    onnx("Bernoulli", random::build),
    onnx("BitCast", bitcast::build),
    onnx("BitShift", bit_shift::build),
    onnx("Cast", cast::cast),
    onnx("CastLike", cast::cast_like),
    onnx("Celu", activations::celu),
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
    onnx("Multinomial", random::build),
    onnx("NegativeLogLikelihoodLoss", loss::negative_log_likelihood),
    onnx("RandomNormal", random::build),
    onnx("RandomNormalLike", random::build),
    onnx("RandomUniform", random::build),
    onnx("RandomUniformLike", random::build),
    onnx("ReduceMax", reduce::max),
    onnx("ReduceMin", reduce::min),
    onnx("ReverseSequence", reverse_sequence::build),
    onnx("SoftmaxCrossEntropyLoss", loss::softmax_cross_entropy),
    onnx("Softplus", activations::softplus),
    onnx("SpaceToDepth", space_to_depth::build),
    onnx("TensorScatter", tensor_scatter::build),
    onnx("Upsample", upsample::build),
    case("BatchNormalization", batch_norm::build),
    case("Dropout", random::dropout),
    case("MatMul", dot::build),
    case("Pad", pad::build),
    case("Slice", slice::build),
    case("Split", split::build),
    case("Swish", activations::swish),
];
