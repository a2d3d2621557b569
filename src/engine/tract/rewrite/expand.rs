//! Operators that are several others in one, taken apart: what ONNX Runtime's tools write for speed on its own kernels.
//! The table says which; each function writes the nodes that take the place of one, or refuses it with a reason.
//!
//! Quantised arithmetic becomes arithmetic on whole numbers held as floats, exact up to 2^24, between a `Center` and a
//! `QuantizeLinear`: the order of operations is that of ONNX Runtime (one factor, one rounding), so answers are equal
//! except where a value lies on the border of two steps.

mod activations;
mod attention;
mod call;
mod fused;
mod integers;
mod packed;
mod quantised;
mod recurrent;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use super::super::checks::{Refusal, Scope};
use super::super::ops::{self, Opsets};
use super::super::proto;
use super::writer::{Names, Writer};
use crate::engine::LoadError;
use call::Call;

type Expand = fn(&Call, &mut Writer) -> Result<Written, Refusal>;

/// What became of a node.
enum Written {
    /// The nodes of the writer take its place.
    Instead,
    /// It stays as it is.
    Not,
}

const MICROSOFT: &str = "com.microsoft";
const STANDARD: &str = "ai.onnx";

const TABLE: &[(&str, &str, Expand)] = &[
    (STANDARD, "Celu", activations::celu),
    (STANDARD, "QLinearConv", quantised::conv),
    (STANDARD, "QLinearMatMul", quantised::mat_mul),
    (STANDARD, "MatMulInteger", integers::mat_mul_integer),
    (MICROSOFT, "QLinearAdd", quantised::add),
    (MICROSOFT, "QLinearMul", quantised::mul),
    (MICROSOFT, "QLinearSigmoid", quantised::sigmoid),
    (MICROSOFT, "QLinearLeakyRelu", quantised::leaky_relu),
    (MICROSOFT, "QLinearSoftmax", quantised::softmax),
    (MICROSOFT, "QLinearAveragePool", quantised::average_pool),
    (MICROSOFT, "QLinearGlobalAveragePool", quantised::global_average_pool),
    (MICROSOFT, "QLinearConcat", quantised::concat),
    (MICROSOFT, "QLinearWhere", quantised::select),
    (MICROSOFT, "QGemm", quantised::gemm),
    (MICROSOFT, "MatMulIntegerToFloat", integers::mat_mul_integer_to_float),
    (MICROSOFT, "DynamicQuantizeMatMul", integers::dynamic_quantize_mat_mul),
    (MICROSOFT, "DynamicQuantizeLSTM", recurrent::dynamic_quantize_lstm),
    (MICROSOFT, "QAttention", attention::quantised),
    (MICROSOFT, "Attention", attention::attention),
    (MICROSOFT, "FusedConv", fused::conv),
    (MICROSOFT, "FusedGemm", fused::gemm),
    (MICROSOFT, "FusedMatMul", fused::mat_mul),
    (MICROSOFT, "TransposeMatMul", fused::mat_mul),
    (MICROSOFT, "EmbedLayerNormalization", fused::embed_layer_normalization),
    (MICROSOFT, "SkipLayerNormalization", fused::skip_layer_normalization),
    (MICROSOFT, "SkipSimplifiedLayerNormalization", fused::skip_simplified_layer_normalization),
    (MICROSOFT, "MatMulNBits", packed::mat_mul_n_bits),
];

/// Takes apart what the table names, everywhere in the model.
pub fn expand(model: &mut ModelProto) -> Result<(), LoadError> {
    let opsets = ops::opsets(model);
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let mut found = false;
    proto::walk(graph, &mut |graph| found |= graph.node.iter().any(|node| entry(node).is_some()));
    if found { expand_graph(graph, &opsets, &mut Names::of(graph)) } else { Ok(()) }
}

/// How a node is taken apart. What there is an operator of our own for stays whole.
fn entry(node: &NodeProto) -> Option<Expand> {
    let domain = proto::domain(&node.domain);
    if ops::is_own(domain, &node.op_type) {
        return None;
    }
    TABLE.iter().find(|(known, name, _)| (*known, *name) == (domain, &*node.op_type)).map(|&(_, _, expand)| expand)
}

fn expand_graph(graph: &mut GraphProto, opsets: &Opsets, names: &mut Names) -> Result<(), LoadError> {
    let mut written = Vec::new();
    let scope = Scope::of(graph);
    for (at, node) in graph.node.iter().enumerate() {
        let Some(expand) = entry(node) else { continue };
        let mut writer = Writer::new(names, node);
        let call = Call::new(node, opsets, &scope);
        let done = expand(&call, &mut writer).and_then(|written| call.finished().map(|()| written));
        match done {
            Ok(Written::Instead) => written.push((at, writer.nodes)),
            Ok(Written::Not) => {}
            Err(Refusal { reason, hint }) => {
                let (node, operator) = (proto::node_name(node).to_owned(), node.op_type.clone());
                return Err(LoadError::Unsupported { node, operator, reason, hint });
            }
        }
    }
    let mut written = written.into_iter().peekable();
    if written.peek().is_some() {
        let mut nodes = Vec::with_capacity(graph.node.len());
        for (at, node) in std::mem::take(&mut graph.node).into_iter().enumerate() {
            match written.next_if(|(place, _)| *place == at) {
                Some((_, instead)) => nodes.extend(instead),
                None => nodes.push(node),
            }
        }
        graph.node = nodes;
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            expand_graph(inner, opsets, names)?;
        }
    }
    Ok(())
}
