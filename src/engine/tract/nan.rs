//! What becomes of "not a number". ONNX lets it spread to everything that is computed from it; the engine's fast kernels
//! for activations, maxima and comparisons turn it into an ordinary number instead, and nobody would notice. So a request
//! that holds one is refused unless every operator of the graph is known to let it spread.

use half::f16;
use tract_onnx::pb::{GraphProto, NodeProto};

use super::{ops, proto};
use crate::tensor::{DataType, Tensor};

/// Operators that move values or do arithmetic of which one NaN makes another, and comparisons, for which NaN is neither
/// less nor equal. For each of them there is a case in the corpus that holds NaN, or it only moves values.
const SPREADS: &[&str] = &[
    "Abs",
    "Acos",
    "Add",
    "ArrayFeatureExtractor",
    "Asin",
    "Atan",
    "Atanh",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "DepthToSpace",
    "Div",
    "Dropout",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "Greater",
    "GreaterOrEqual",
    "GroupNormalization",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "LinearRegressor",
    "Log",
    "MatMul",
    "Mean",
    "Mul",
    "Neg",
    "PRelu",
    "Pad",
    "Pow",
    "Reciprocal",
    "ReduceMean",
    "ReduceProd",
    "ReduceSum",
    "Reshape",
    "ScatterElements",
    "Selu",
    "Shape",
    "Shrink",
    "Sin",
    "Sinh",
    "Size",
    "Slice",
    "Softmax",
    "Softsign",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tan",
    "ThresholdedRelu",
    "Tile",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Where",
];

/// The node that may turn NaN into a number, as words for a message; `None` when there is none.
pub fn stopper(graph: &GraphProto) -> Option<String> {
    let mut found = None;
    proto::walk(graph, &mut |graph| {
        // Operators of our own treat it as the standard has it.
        let own = |node: &NodeProto| ops::is_own(proto::domain(&node.domain), &node.op_type);
        let stops = |node: &&NodeProto| !SPREADS.contains(&&*node.op_type) && !own(node);
        if let Some(node) = graph.node.iter().find(stops) {
            found.get_or_insert_with(|| format!("node {:?} ({})", proto::node_name(node), node.op_type));
        }
    });
    found
}

/// Whether a tensor of floats holds a NaN.
pub fn is_in(tensor: &Tensor) -> bool {
    match tensor.datatype() {
        DataType::Fp16 => tensor.values::<f16>().is_some_and(|values| values.iter().any(|value| value.is_nan())),
        DataType::Fp32 => tensor.values::<f32>().is_some_and(|values| values.iter().any(|value| value.is_nan())),
        DataType::Fp64 => tensor.values::<f64>().is_some_and(|values| values.iter().any(|value| value.is_nan())),
        _ => false,
    }
}
