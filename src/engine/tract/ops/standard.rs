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
mod compress;
mod conv_transpose;
mod crop_pad;
mod cumulative;
mod deform_conv;
mod det;
mod dot;
mod einsum;
mod elementwise;
mod equal;
mod fourier;
mod loss;
mod lp;
mod max_pool;
mod max_unpool;
mod modulo;
mod nd;
mod nms;
mod one_hot;
mod pad;
mod power;
mod random;
mod range;
mod reduce;
mod resize;
mod reverse_sequence;
mod roi;
pub(super) mod shapes;
mod slice;
mod softmax;
mod space_to_depth;
mod split;
mod tensor_scatter;
mod top;
mod upsample;
mod window;

use super::{Build, Entry};
pub use conv_transpose::conv_transpose;
pub use einsum::einsum;
pub use equal::equal;
pub use power::pow;
pub use resize::register_resize;
pub use top::place_of_best;

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
    onnx("Acosh", activations::acosh),
    onnx("AffineGrid", affine_grid::build),
    onnx("ArgMax", top::arg_max),
    onnx("ArgMin", top::arg_min),
    onnx("Asinh", activations::asinh),
    onnx("Bernoulli", random::build),
    onnx("BitCast", bitcast::build),
    onnx("BitShift", bit_shift::build),
    onnx("Cast", cast::cast),
    onnx("CastLike", cast::cast_like),
    onnx("Celu", activations::celu),
    onnx("CenterCropPad", crop_pad::build),
    onnx("Col2Im", col2im::build),
    onnx("Compress", compress::build),
    onnx("CumProd", cumulative::product),
    onnx("CumSum", cumulative::sum),
    onnx("DFT", fourier::dft),
    onnx("DeformConv", deform_conv::build),
    onnx("Det", det::build),
    onnx("GatherND", nd::gather),
    onnx("GlobalLpPool", lp::global),
    onnx("Hardmax", softmax::hard),
    onnx("IsInf", activations::is_inf),
    onnx("IsNaN", activations::is_nan),
    onnx("LogSoftmax", softmax::log),
    onnx("LpNormalization", lp::normalization),
    onnx("LpPool", lp::pool),
    onnx("MaxRoiPool", roi::max_pool),
    onnx("MaxUnpool", max_unpool::build),
    onnx("Mod", modulo::build),
    onnx("Multinomial", random::build),
    onnx("NegativeLogLikelihoodLoss", loss::negative_log_likelihood),
    onnx("NonMaxSuppression", nms::build),
    onnx("OneHot", one_hot::build),
    onnx("RandomNormal", random::build),
    onnx("RandomNormalLike", random::build),
    onnx("RandomUniform", random::build),
    onnx("RandomUniformLike", random::build),
    onnx("ReduceL1", reduce::l1),
    onnx("ReduceL2", reduce::l2),
    onnx("ReduceLogSum", reduce::log_sum),
    onnx("ReduceLogSumExp", reduce::log_sum_exp),
    onnx("ReduceMax", reduce::max),
    onnx("ReduceMin", reduce::min),
    onnx("ReduceSumSquare", reduce::sum_square),
    onnx("ReverseSequence", reverse_sequence::build),
    onnx("RoiAlign", roi::align),
    onnx("Round", activations::round),
    onnx("STFT", fourier::stft),
    onnx("ScatterND", nd::scatter),
    onnx("SoftmaxCrossEntropyLoss", loss::softmax_cross_entropy),
    onnx("Softplus", activations::softplus),
    onnx("SpaceToDepth", space_to_depth::build),
    onnx("TensorScatter", tensor_scatter::build),
    onnx("TopK", top::top_k),
    onnx("Upsample", upsample::build),
    case("BatchNormalization", batch_norm::build),
    case("Clip", activations::clip),
    case("Dropout", random::dropout),
    case("HardSigmoid", activations::hard_sigmoid),
    case("MatMul", dot::build),
    case("Max", elementwise::max),
    case("MaxPool", max_pool::build),
    case("Min", elementwise::min),
    case("Mul", elementwise::mul),
    case("Pad", pad::build),
    case("Range", range::build),
    case("Relu", activations::relu),
    case("Resize", upsample::build),
    case("Sigmoid", activations::sigmoid),
    case("Slice", slice::build),
    case("Split", split::build),
    case("Swish", activations::swish),
    case("Tanh", activations::tanh),
];
