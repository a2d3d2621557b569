//! What becomes of "not a number". ONNX lets it spread to everything that is computed from it; the engine's fast kernels
//! for activations, maxima and comparisons turn it into an ordinary number instead, and nobody would notice. So a request
//! that holds one is refused unless every operator of the graph is known to let it spread.

use half::f16;
use tract_onnx::pb::{GraphProto, NodeProto};

use super::{ops, proto};
use crate::tensor::{DataType, Tensor};

/// Operators that move values or do arithmetic of which one NaN makes another.
const SPREADS: &[&str] = &[
    "Add",
    "ArrayFeatureExtractor",
    "BatchNormalization",
    "Cast",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "Div",
    "DepthToSpace",
    "Dropout",
    "Exp",
    "Expand",
    "Flatten",
    "Gather",
    "Gemm",
    "Identity",
    "LayerNormalization",
    "LinearRegressor",
    "Log",
    "MatMul",
    "Mul",
    "Neg",
    "Pad",
    "ReduceMean",
    "ReduceSum",
    "Reshape",
    "Shape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Tile",
    "Transpose",
    "Unsqueeze",
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
