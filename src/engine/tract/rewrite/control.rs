//! Branches and loops that are decided when the file is written: an `If` with a stored condition becomes its branch, a
//! `Loop` with a stored count and a condition that stays true becomes its body as many times. What is decided by values
//! stays: tract runs an `If`, and a `Loop` is refused with the reason.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::super::checks::attribute;
use super::super::{ops, proto};
use super::functions::Written;
use super::instance::{self, Renamed};
use super::raw;
use super::writer::{Names, int, stored, tensor};
use crate::engine::LoadError;

/// Loops run more often than this are not written out: plans would take too long to build.
const MOST_ITERATIONS: usize = 128;

/// Writes out what is decided, in a graph and the graphs inside it.
pub fn unfold(graph: &mut GraphProto, opset: i64) -> Result<(), LoadError> {
    let is_control = |node: &NodeProto| matches!(&*node.op_type, "If" | "Loop");
    let mut found = false;
    proto::walk(graph, &mut |graph| found |= graph.node.iter().any(is_control));
    if !found {
        return Ok(());
    }
    let names = Names::of(graph);
    Unfolding { names, opset, written: Written::default(), depth: 0 }.graph(graph, &[])
}

struct Unfolding {
    names: Names,
    opset: i64,
    written: Written,
    depth: usize,
}

/// Values of the surrounding graphs that are stored, innermost last.
type Outer<'o> = &'o [Stored];
type Stored = std::collections::HashMap<String, TensorProto>;

/// Loops and branches within one another, which take stack.
const DEEPEST: usize = 32;

impl Unfolding {
    fn graph(&mut self, graph: &mut GraphProto, outer: Outer) -> Result<(), LoadError> {
        let mut known: Vec<Stored> = outer.to_vec();
        known.push(
            graph.initializer.iter().filter(|weight| is_small(weight)).map(|w| (w.name.clone(), w.clone())).collect(),
        );
        let mut nodes = Vec::with_capacity(graph.node.len());
        let mut weights = Vec::new();
        for node in std::mem::take(&mut graph.node) {
            self.node(node, &mut known, &mut nodes, &mut weights)?;
        }
        graph.node = nodes;
        graph.initializer.extend(weights);
        Ok(())
    }

    fn node(
        &mut self,
        mut node: NodeProto,
        known: &mut Vec<Stored>,
        into: &mut Vec<NodeProto>,
        weights: &mut Vec<TensorProto>,
    ) -> Result<(), LoadError> {
        let standard = proto::domain(&node.domain) == "ai.onnx";
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(LoadError::Interface(format!("more than {DEEPEST} branches and loops lie in one another")));
        }
        match &*node.op_type {
            "If" if standard => {
                if let Some(chosen) = single(known, node.input.first()) {
                    let name = if chosen != 0 { "then_branch" } else { "else_branch" };
                    let branch = node.attribute.iter().find(|a| a.name == name).and_then(|a| a.g.clone());
                    if let Some(branch) = branch {
                        let mut renamed = self.adopt(&branch, &node, known, weights);
                        let made = self.body(&branch, &mut renamed, &node, known, into, weights)?;
                        self.hand_out(&made, &node.output, into);
                        self.depth -= 1;
                        return Ok(());
                    }
                }
            }
            "Loop" if standard && !ops::is_own("ai.onnx", "Loop") => {
                self.repeat(&node, known, into, weights)?;
                self.depth -= 1;
                return Ok(());
            }
            "Constant" if standard => learn(&node, known),
            // Counts and conditions are often cast or reshaped on their way.
            "Identity" | "Cast" | "Squeeze" | "Unsqueeze" | "Reshape" if standard => {
                let value = node.input.first().and_then(|name| lookup(known, name)).filter(|value| holds_one(value));
                if let (Some(value), Some(output), Some(here)) = (value.cloned(), node.output.first(), known.last_mut())
                {
                    here.insert(output.clone(), value);
                }
            }
            _ => {}
        }
        for inner in node.attribute.iter_mut().flat_map(|attribute| attribute.g.iter_mut().chain(&mut attribute.graphs))
        {
            self.graph(inner, known)?;
        }
        self.depth -= 1;
        into.push(node);
        Ok(())
    }

    /// Moves the weights of a body to the graph around it, where all copies of the body use them.
    fn adopt(
        &mut self,
        body: &GraphProto,
        node: &NodeProto,
        known: &mut [Stored],
        weights: &mut Vec<TensorProto>,
    ) -> Renamed {
        let mut renamed = Renamed::new();
        for weight in &body.initializer {
            let name = self.names.fresh(proto::node_name(node));
            renamed.insert(weight.name.clone(), name.clone());
            let weight = TensorProto { name: name.clone(), ..weight.clone() };
            if let Some(here) = known.last_mut().filter(|_| is_small(&weight)) {
                here.insert(name, weight.clone());
            }
            weights.push(weight);
        }
        renamed
    }

    /// Writes a body and returns the names of its outputs.
    fn body(
        &mut self,
        body: &GraphProto,
        renamed: &mut Renamed,
        node: &NodeProto,
        known: &mut Vec<Stored>,
        into: &mut Vec<NodeProto>,
        weights: &mut Vec<TensorProto>,
    ) -> Result<Vec<String>, LoadError> {
        self.written.add(&body.node).map_err(|much| refused(node, format!("written out it has {much}")))?;
        let stem = proto::node_name(node);
        let nodes = instance::copy(&body.node, renamed, &mut self.names, stem, &|_| None);
        for node in nodes {
            self.node(node, known, into, weights)?;
        }
        Ok(body.output.iter().map(|output| renamed.get(&output.name).unwrap_or(&output.name).clone()).collect())
    }

    fn repeat(
        &mut self,
        node: &NodeProto,
        known: &mut Vec<Stored>,
        into: &mut Vec<NodeProto>,
        weights: &mut Vec<TensorProto>,
    ) -> Result<(), LoadError> {
        let body = attribute(node, "body").and_then(|body| body.g.as_ref());
        let body =
            body.ok_or_else(|| LoadError::Malformed(format!("the loop {:?} has no body", proto::node_name(node))))?;
        let state = node.input.len().saturating_sub(2);
        if body.input.len() != state + 2 || body.output.len() < state + 1 {
            let name = proto::node_name(node);
            return Err(LoadError::Malformed(format!("the body of the loop {name:?} does not fit its inputs")));
        }
        let given = |at: usize| node.input.get(at).filter(|name| !name.is_empty());
        let starts = match given(1) {
            None => true,
            Some(_) => match single(known, given(1)) {
                Some(value) => value != 0,
                None => return Err(refused(node, "whether it runs depends on values")),
            },
        };
        let count = match single(known, given(0)) {
            _ if !starts => 0,
            Some(count) => usize::try_from(count.max(0)).unwrap_or(usize::MAX),
            None if given(0).is_some() => return Err(refused(node, "its number of iterations depends on values")),
            None => return Err(refused(node, "it has no number of iterations and ends by a condition")),
        };
        if !goes_on(body, known) {
            return Err(refused(node, "whether it goes on depends on values"));
        }
        if count > MOST_ITERATIONS {
            return Err(refused(
                node,
                format!("its {count} iterations are more than the {MOST_ITERATIONS} it can have"),
            ));
        }
        let wants_lists = node.output.iter().skip(state).any(|name| !name.is_empty());
        if count == 0 && wants_lists {
            return Err(refused(node, "it never runs, so that its lists are empty and of no known type"));
        }
        let stem = proto::node_name(node).to_owned();
        let mut values: Vec<String> = node.input.iter().skip(2).cloned().collect();
        let mut lists: Vec<Vec<String>> = vec![Vec::new(); body.output.len() - state - 1];
        let adopted = self.adopt(body, node, known, weights);
        for iteration in 0..count {
            let number = i64::try_from(iteration).unwrap_or(i64::MAX).to_le_bytes();
            let number = self.store(stored(DataType::Int64, &[], number.into()), &stem, known, into);
            let truth = self.store(stored(DataType::Bool, &[], vec![1]), &stem, known, into);
            let handed_in = [number, truth].into_iter().chain(values);
            let mut renamed = adopted.clone();
            renamed.extend(body.input.iter().map(|input| input.name.clone()).zip(handed_in));
            let mut made = self.body(body, &mut renamed, node, known, into, weights)?.into_iter().skip(1);
            values = made.by_ref().take(state).collect();
            for (list, value) in lists.iter_mut().zip(made) {
                list.push(self.with_axis(&value, &stem, known, into));
            }
        }
        self.hand_out(&values, node.output.get(..state).unwrap_or(&node.output), into);
        for (list, output) in lists.into_iter().zip(node.output.iter().skip(state)).filter(|(_, name)| !name.is_empty())
        {
            into.push(NodeProto {
                name: self.names.fresh(&stem),
                op_type: "Concat".into(),
                input: list,
                output: vec![output.clone()],
                attribute: vec![int("axis", 0)],
                ..Default::default()
            });
        }
        Ok(())
    }

    fn store(&mut self, value: TensorProto, stem: &str, known: &mut [Stored], into: &mut Vec<NodeProto>) -> String {
        let name = self.names.fresh(stem);
        if let Some(here) = known.last_mut() {
            here.insert(name.clone(), value.clone());
        }
        into.push(NodeProto {
            name: self.names.fresh(stem),
            op_type: "Constant".into(),
            output: vec![name.clone()],
            attribute: vec![tensor("value", value)],
            ..Default::default()
        });
        name
    }

    /// A value as one entry of a list.
    fn with_axis(&mut self, value: &str, stem: &str, known: &mut [Stored], into: &mut Vec<NodeProto>) -> String {
        let name = self.names.fresh(stem);
        let (mut input, mut attribute) = (vec![value.to_owned()], Vec::new());
        if self.opset >= 13 {
            input.push(self.store(stored(DataType::Int64, &[1], vec![0; 8]), stem, known, into));
        } else {
            attribute.push(super::writer::ints("axes", &[0]));
        }
        let (node, op_type) = (self.names.fresh(stem), "Unsqueeze".to_owned());
        into.push(NodeProto {
            name: node,
            op_type,
            input,
            output: vec![name.clone()],
            attribute,
            ..Default::default()
        });
        name
    }

    fn hand_out(&mut self, made: &[String], wanted: &[String], into: &mut Vec<NodeProto>) {
        for (made, wanted) in made.iter().zip(wanted).filter(|(_, wanted)| !wanted.is_empty()) {
            into.push(NodeProto {
                name: self.names.fresh(wanted),
                op_type: "Identity".into(),
                input: vec![made.clone()],
                output: vec![wanted.clone()],
                ..Default::default()
            });
        }
    }
}

/// Whether a body hands on a condition that is true by itself: the one it got, or a stored one.
fn goes_on(body: &GraphProto, known: &[Stored]) -> bool {
    let mut name = match body.output.first() {
        Some(output) => &output.name,
        None => return false,
    };
    for _ in 0..=body.node.len() {
        if body.input.get(1).is_some_and(|input| input.name == *name) {
            return true;
        }
        if let Some(weight) = body.initializer.iter().find(|weight| weight.name == *name) {
            return raw::integers(weight).is_some_and(|values| values == [1]);
        }
        let Some(maker) = body.node.iter().find(|node| node.output.contains(name)) else {
            return single(known, Some(name)).is_some_and(|value| value != 0);
        };
        match (&*maker.op_type, maker.input.first()) {
            ("Identity" | "Cast", Some(from)) => name = from,
            ("Constant", _) => {
                let value = attribute(maker, "value").and_then(|value| value.t.as_ref()).and_then(raw::integers);
                return value.is_some_and(|values| values == [1]);
            }
            _ => return false,
        }
    }
    false
}

fn learn(node: &NodeProto, known: &mut [Stored]) {
    let value = attribute(node, "value").and_then(|value| value.t.as_ref()).filter(|value| is_small(value));
    if let (Some(value), Some(name), Some(here)) = (value, node.output.first(), known.last_mut()) {
        here.insert(name.clone(), value.clone());
    }
}

fn lookup<'k>(known: &'k [Stored], name: &str) -> Option<&'k TensorProto> {
    known.iter().rev().find_map(|stored| stored.get(name))
}

/// The one integer or truth value that is stored under a name.
fn single(known: &[Stored], name: Option<&String>) -> Option<i64> {
    match *raw::integers(lookup(known, name?)?)? {
        [value] => Some(value),
        _ => None,
    }
}

fn is_small(tensor: &TensorProto) -> bool {
    tensor.dims.iter().product::<i64>() <= 1
}

fn holds_one(tensor: &TensorProto) -> bool {
    raw::integers(tensor).is_some_and(|values| values.len() == 1)
}

fn refused(node: &NodeProto, reason: impl Into<String>) -> LoadError {
    LoadError::Unsupported {
        node: proto::node_name(node).to_owned(),
        operator: node.op_type.clone(),
        reason: reason.into(),
        hint: "Export the model with a fixed number of iterations, so that the loop is unrolled".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, ValueInfoProto};

    fn info(name: &str) -> ValueInfoProto {
        ValueInfoProto { name: name.into(), ..Default::default() }
    }

    fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
        NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: outputs.iter().map(|&name| name.into()).collect(),
            ..Default::default()
        }
    }

    fn with(mut node: NodeProto, name: &str, graph: GraphProto) -> NodeProto {
        node.attribute.push(AttributeProto { name: name.into(), g: Some(graph), ..Default::default() });
        node
    }

    fn scalar(name: &str, kind: DataType, bytes: &[u8]) -> TensorProto {
        TensorProto { name: name.into(), ..stored(kind, &[], bytes.into()) }
    }

    fn unfolded(nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> Result<Vec<String>, LoadError> {
        let mut graph = GraphProto { node: nodes, initializer, ..Default::default() };
        unfold(&mut graph, 17)?;
        Ok(graph.node.iter().map(|node| node.op_type.clone()).filter(|name| name != "Constant").collect())
    }

    fn looped(count: i64, condition: &str) -> Result<Vec<String>, LoadError> {
        let body = GraphProto {
            input: ["i", "c", "v"].map(info).into(),
            node: vec![node("Relu", &["v"], &["w"]), node("IsNaN", &["w"], &["n"])],
            output: [condition, "w", "w"].map(info).into(),
            ..Default::default()
        };
        let call = with(node("Loop", &["m", "", "x"], &["y", "all"]), "body", body);
        unfolded(vec![call], vec![scalar("m", DataType::Int64, &count.to_le_bytes())])
    }

    #[test]
    fn a_counted_loop_is_written_as_often() {
        let once = ["Relu", "IsNaN", "Unsqueeze"];
        let expected: Vec<&str> = once.into_iter().chain(once).chain(["Identity", "Concat"]).collect();
        assert_eq!(looped(2, "c").unwrap(), expected);
    }

    #[test]
    fn loops_that_values_decide_or_that_are_long_are_refused() {
        assert!(looped(2, "n").unwrap_err().to_string().contains("depends on values"));
        assert!(looped(129, "c").unwrap_err().to_string().contains("129 iterations"));
        assert!(looped(0, "c").is_err());
    }

    #[test]
    fn a_decided_branch_is_written_and_another_stays() {
        let branch = |operator| GraphProto {
            node: vec![node(operator, &["x"], &["t"])],
            output: vec![info("t")],
            ..Default::default()
        };
        let choice = |condition: &str| {
            let choice = with(node("If", &[condition], &["y"]), "then_branch", branch("Exp"));
            with(choice, "else_branch", branch("Neg"))
        };
        let stored = || vec![scalar("yes", DataType::Bool, &[1]), scalar("no", DataType::Bool, &[0])];
        assert_eq!(unfolded(vec![choice("yes")], stored()).unwrap(), ["Exp", "Identity"]);
        assert_eq!(unfolded(vec![choice("no")], stored()).unwrap(), ["Neg", "Identity"]);
        assert_eq!(unfolded(vec![choice("asked")], stored()).unwrap(), ["If"]);
    }
}
