//! Functions that the file defines itself, written out where they are called: tract knows only operators. Calls within
//! functions are written out too; a function that calls itself is refused, and so is a file whose functions unfold into
//! more nodes than any model has.

use std::collections::HashMap;

use prost::Message;
use tract_onnx::pb::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto};

use super::super::checks::attribute;
use super::super::proto;
use super::instance::{self, Renamed};
use super::writer::Names;
use crate::engine::LoadError;

/// Loading takes time by the square of the number of nodes, so a file of a few lines must not unfold into a million.
const MOST_NODES: usize = 20_000;

/// The same in bytes: constants are copied with the nodes that hold them.
const MOST_BYTES: usize = 1 << 28;

/// Calls within calls, and graphs within graphs once they are written out: both take stack, here and later.
const DEEPEST: usize = 64;

/// What tract's messages do not decode of a function: values of attributes that a call may leave out, and the name that
/// distinguishes functions of one name.
#[derive(Clone, PartialEq, Message)]
struct Extras {
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionExtras>,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionExtras {
    #[prost(message, repeated, tag = "11")]
    defaults: Vec<AttributeProto>,
    #[prost(string, tag = "13")]
    overload: String,
}

/// How much has been copied.
#[derive(Default)]
pub struct Written {
    nodes: usize,
    bytes: usize,
}

impl Written {
    /// Counts nodes that are about to be copied, those of inner graphs too; in words what is too much.
    pub fn add(&mut self, nodes: &[NodeProto]) -> Result<(), String> {
        self.nodes += nodes.len();
        for node in nodes {
            for inner in node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
                proto::walk(inner, &mut |graph| self.nodes += graph.node.len());
            }
            self.bytes = self.bytes.saturating_add(node.encoded_len());
        }
        match (self.nodes > MOST_NODES, self.bytes > MOST_BYTES) {
            (true, _) => Err(format!("more than {MOST_NODES} nodes")),
            (_, true) => Err(format!("more than {} MiB", MOST_BYTES >> 20)),
            _ => Ok(()),
        }
    }
}

struct Function {
    proto: FunctionProto,
    defaults: Vec<AttributeProto>,
}

type Key = (String, String);

/// Writes out every call. `bytes` are those of the file.
pub fn inline(model: &mut ModelProto, bytes: &[u8]) -> Result<(), LoadError> {
    if model.functions.is_empty() {
        return Ok(());
    }
    let extras = Extras::decode(bytes).map_err(|error| LoadError::Malformed(error.to_string()))?;
    let mut functions: HashMap<Key, Function> = HashMap::new();
    let all = std::mem::take(&mut model.functions).into_iter();
    for (proto, extras) in all.zip(extras.functions.into_iter().chain(std::iter::repeat_with(Default::default))) {
        let key = (proto::domain(proto.domain()).to_owned(), proto.name().to_owned());
        let name = key.1.clone();
        let twice = functions.insert(key, Function { proto, defaults: extras.defaults }).is_some();
        if twice || !extras.overload.is_empty() {
            return Err(LoadError::Interface(format!(
                "the file defines more than one function {name:?}, which the engine does not tell apart; inline them \
                 before saving: onnx.inliner.inline_local_functions(model)"
            )));
        }
    }
    let mut opsets = model.opset_import.clone();
    if let Some(graph) = &mut model.graph {
        let names = Names::of(graph);
        let mut inliner = Inliner {
            functions: &functions,
            opsets: &mut opsets,
            names,
            written: Written::default(),
            depth: 0,
            open: Vec::new(),
        };
        inliner.graph(graph)?;
    }
    model.opset_import = opsets;
    Ok(())
}

struct Inliner<'f> {
    functions: &'f HashMap<Key, Function>,
    opsets: &'f mut Vec<OperatorSetIdProto>,
    names: Names,
    written: Written,
    /// Graphs around the one that is being written.
    depth: usize,
    /// Functions that are being written out, outermost first.
    open: Vec<&'f Key>,
}

impl<'f> Inliner<'f> {
    fn graph(&mut self, graph: &mut GraphProto) -> Result<(), LoadError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let reason = format!("more than {DEEPEST} graphs lie in one another once its functions are written out");
            return Err(LoadError::Interface(reason));
        }
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in std::mem::take(&mut graph.node) {
            self.node(node, &mut nodes)?;
        }
        graph.node = nodes;
        self.depth -= 1;
        Ok(())
    }

    fn node(&mut self, mut node: NodeProto, into: &mut Vec<NodeProto>) -> Result<(), LoadError> {
        let key = (proto::domain(&node.domain).to_owned(), node.op_type.clone());
        if let Some((key, function)) = self.functions.get_key_value(&key) {
            return self.call(&node, key, function, into);
        }
        for inner in node.attribute.iter_mut().flat_map(|attribute| attribute.g.iter_mut().chain(&mut attribute.graphs))
        {
            self.graph(inner)?;
        }
        into.push(node);
        Ok(())
    }

    fn call(
        &mut self,
        node: &NodeProto,
        key: &'f Key,
        function: &'f Function,
        into: &mut Vec<NodeProto>,
    ) -> Result<(), LoadError> {
        let refuse = |reason: String, hint: &str| LoadError::Unsupported {
            node: proto::node_name(node).to_owned(),
            operator: node.op_type.clone(),
            reason,
            hint: hint.to_owned(),
        };
        if self.open.contains(&key) {
            return Err(refuse("it is a function that calls itself".into(), "ONNX does not allow that"));
        }
        if self.open.len() >= DEEPEST {
            return Err(refuse(
                format!("more than {DEEPEST} functions call one another"),
                "Export it without functions",
            ));
        }
        self.written.add(&function.proto.node).map_err(|reason| {
            refuse(format!("its functions unfold into {reason}"), "Export a smaller model, or one without functions")
        })?;
        self.agree(function).map_err(|reason| {
            refuse(reason, "Export the model and its functions with the same operator set, or without functions")
        })?;
        let body = &function.proto;
        if node.input.len() > body.input.len() || node.output.len() > body.output.len() {
            return Err(LoadError::Malformed(format!(
                "node {:?} calls the function {:?} with more inputs or outputs than it has",
                proto::node_name(node),
                node.op_type
            )));
        }
        let mut renamed = Renamed::new();
        for (at, input) in body.input.iter().enumerate() {
            // An input left out is left out of the operators that take it.
            renamed.insert(input.clone(), node.input.get(at).cloned().unwrap_or_default());
        }
        let mut ends: Vec<(String, String)> = Vec::new();
        for (output, wanted) in body.output.iter().zip(&node.output).filter(|(_, wanted)| !wanted.is_empty()) {
            match renamed.get(output) {
                // It is an input of the function, or an output twice.
                Some(made) => ends.push((made.clone(), wanted.clone())),
                None => drop(renamed.insert(output.clone(), wanted.clone())),
            }
        }
        let given = |attribute_of_body: &AttributeProto| {
            let name = &attribute_of_body.ref_attr_name;
            attribute(node, name).or_else(|| function.defaults.iter().find(|default| default.name == *name)).cloned()
        };
        let stem = format!("{}/{}", proto::node_name(node), node.op_type);
        let nodes = instance::copy(&body.node, &mut renamed, &mut self.names, &stem, &given);
        self.open.push(key);
        for node in nodes {
            self.node(node, into)?;
        }
        self.open.pop();
        for (made, wanted) in ends {
            into.push(NodeProto {
                name: self.names.fresh(&stem),
                op_type: "Identity".into(),
                input: vec![made],
                output: vec![wanted],
                ..Default::default()
            });
        }
        Ok(())
    }

    /// Whether the function's operators mean the same in the operator sets of the model; adds those it does not have.
    fn agree(&mut self, function: &Function) -> Result<(), String> {
        for wanted in &function.proto.opset_import {
            let domain = proto::domain(&wanted.domain);
            let Some(here) = self.opsets.iter().find(|here| proto::domain(&here.domain) == domain) else {
                self.opsets.push(wanted.clone());
                continue;
            };
            let of_domain = |node: &&NodeProto| proto::domain(&node.domain) == domain;
            let stable = |node: &NodeProto| {
                domain == "ai.onnx" && here.version.min(wanted.version) >= 13 && SAME_SINCE_13.contains(&&*node.op_type)
            };
            let changed = function.proto.node.iter().filter(of_domain).find(|node| {
                here.version != wanted.version
                    && !stable(node)
                    && !self.functions.contains_key(&(domain.to_owned(), node.op_type.clone()))
            });
            if let Some(node) = changed {
                return Err(format!(
                    "it is a function whose {} is that of version {} of {domain:?}, and the model speaks version {}",
                    node.op_type, wanted.version, here.version
                ));
            }
        }
        Ok(())
    }
}

/// Operators of the standard whose later versions only take more types, or have more attributes with neutral defaults.
const SAME_SINCE_13: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "Cast",
    "Ceil",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "Cos",
    "Div",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "Gemm",
    "Greater",
    "GreaterOrEqual",
    "Identity",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "Pow",
    "Range",
    "Reciprocal",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Shape",
    "Sigmoid",
    "Sign",
    "Sin",
    "Slice",
    "Softmax",
    "Softplus",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Tile",
    "Transpose",
    "Unsqueeze",
    "Where",
];

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::ValueInfoProto;

    fn node(operator: &str, domain: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
        NodeProto {
            op_type: operator.into(),
            domain: domain.into(),
            name: operator.to_lowercase(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: outputs.iter().map(|&name| name.into()).collect(),
            ..Default::default()
        }
    }

    fn function(name: &str, inputs: &[&str], outputs: &[&str], node: Vec<NodeProto>) -> FunctionProto {
        FunctionProto {
            name: Some(name.into()),
            domain: Some("f".into()),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: outputs.iter().map(|&name| name.into()).collect(),
            node,
            ..Default::default()
        }
    }

    fn inlined(node: Vec<NodeProto>, functions: Vec<FunctionProto>) -> Result<Vec<NodeProto>, LoadError> {
        let input = vec![ValueInfoProto { name: "x".into(), ..Default::default() }];
        let graph = Some(GraphProto { node, input, ..Default::default() });
        let mut model = ModelProto { graph, functions, ..Default::default() };
        let bytes = model.encode_to_vec();
        inline(&mut model, &bytes)?;
        assert!(model.functions.is_empty());
        Ok(model.graph.unwrap().node)
    }

    fn lines(nodes: &[NodeProto]) -> Vec<String> {
        nodes.iter().map(|n| format!("{} = {}({})", n.output.join(","), n.op_type, n.input.join(","))).collect()
    }

    #[test]
    fn calls_within_calls_are_written_out_with_names_of_their_own() {
        let inner =
            function("Inner", &["a"], &["b"], vec![node("Relu", "", &["a"], &["t"]), node("Neg", "", &["t"], &["b"])]);
        let outer = function(
            "Outer",
            &["a"],
            &["b"],
            vec![node("Inner", "f", &["a"], &["t"]), node("Inner", "f", &["t"], &["b"])],
        );
        let made = inlined(vec![node("Outer", "f", &["x"], &["y"])], vec![inner, outer]).unwrap();
        let operators: Vec<&str> = made.iter().map(|node| &*node.op_type).collect();
        assert_eq!(operators, ["Relu", "Neg", "Relu", "Neg"]);
        assert_eq!((&*made[0].input[0], &*made[3].output[0]), ("x", "y"));
        assert_eq!(made[1].output, made[2].input);
        assert_ne!(made[0].output, made[2].output);
    }

    #[test]
    fn attributes_come_from_the_call_or_are_left_out() {
        let mut body = node("LeakyRelu", "", &["a"], &["b"]);
        let by = AttributeProto { name: "alpha".into(), ref_attr_name: "slope".into(), ..Default::default() };
        body.attribute.push(by);
        let functions = vec![function("F", &["a"], &["b"], vec![body])];
        let mut call = node("F", "f", &["x"], &["y"]);
        let made = inlined(vec![call.clone()], functions.clone()).unwrap();
        assert!(made[0].attribute.is_empty());
        call.attribute.push(AttributeProto { name: "slope".into(), f: 0.5, ..Default::default() });
        let made = inlined(vec![call], functions).unwrap();
        assert_eq!((&*made[0].attribute[0].name, made[0].attribute[0].f), ("alpha", 0.5));
    }

    #[test]
    fn what_passes_through_is_copied() {
        let made = inlined(vec![node("F", "f", &["x"], &["y"])], vec![function("F", &["a"], &["a"], vec![])]).unwrap();
        assert_eq!(lines(&made), ["y = Identity(x)"]);
    }

    #[test]
    fn inputs_left_out_stay_out() {
        let body = vec![node("Clip", "", &["a", "low", "high"], &["b"])];
        let functions = vec![function("F", &["a", "low", "high"], &["b"], body)];
        let made = inlined(vec![node("F", "f", &["x", "", "z"], &["y"])], functions).unwrap();
        assert_eq!(lines(&made), ["y = Clip(x,,z)"]);
    }

    #[test]
    fn endless_and_huge_functions_are_refused() {
        let own = function("F", &["a"], &["b"], vec![node("F", "f", &["a"], &["b"])]);
        assert!(inlined(vec![node("F", "f", &["x"], &["y"])], vec![own]).is_err());
        let mut functions = vec![function("F0", &["a"], &["b"], vec![node("Relu", "", &["a"], &["b"])])];
        for level in 1..40 {
            let below = format!("F{}", level - 1);
            let body = vec![node(&below, "f", &["a"], &["t"]), node(&below, "f", &["t"], &["b"])];
            functions.push(function(&format!("F{level}"), &["a"], &["b"], body));
        }
        assert!(inlined(vec![node("F39", "f", &["x"], &["y"])], functions).is_err());
    }
}
