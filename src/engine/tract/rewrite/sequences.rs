//! Sequences that only carry tensors from where they are made to where they are used, such as what exporters make of
//! `split` and `stack`. Which tensor stands where in them is known from the file, so the tensors are handed over directly
//! and the sequences disappear. A graph with a use of a sequence that is not understood is left as it is.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::super::checks::attribute;
use super::super::proto;

/// Replaces the sequences of a graph. `opset` is that of `ai.onnx`.
pub fn dissolve(graph: &mut GraphProto, opset: i64) {
    for inner in graph.node.iter_mut().flat_map(|node| &mut node.attribute).flat_map(|attribute| attribute.g.iter_mut())
    {
        dissolve(inner, opset);
    }
    let is_about_sequences =
        |node: &NodeProto| node.op_type.contains("Sequence") && proto::domain(&node.domain) == "ai.onnx";
    if !graph.node.iter().any(is_about_sequences) {
        return;
    }
    let mut lists =
        Lists { stored: stored(graph), opset, known: HashMap::new(), nodes: Vec::new(), weights: Vec::new() };
    let understood = graph.node.iter().try_for_each(|node| lists.node(node));
    let is_output = |name: &String| graph.output.iter().any(|output| output.name == *name);
    if understood.is_some() && !lists.known.keys().any(is_output) {
        (graph.node, graph.initializer) =
            (lists.nodes, [std::mem::take(&mut graph.initializer), lists.weights].concat());
    }
}

/// What stands in a sequence.
#[derive(Clone)]
enum List {
    /// Values by name.
    Of(Vec<String>),
    /// The slices of a value along an axis, however many there are; `kept` if they keep the axis.
    Slices { of: String, axis: i64, kept: bool },
}

struct Lists {
    stored: HashMap<String, Stored>,
    opset: i64,
    known: HashMap<String, List>,
    /// The graph without sequences.
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
}

impl Lists {
    /// Takes the next node over, or what stands for it; nothing if it uses a sequence in a way that is not understood.
    fn node(&mut self, node: &NodeProto) -> Option<()> {
        let int = |name: &str, default: i64| attribute(node, name).map_or(default, |value| value.i);
        let input = |at: usize| node.input.get(at).filter(|name| !name.is_empty());
        let output = node.output.first().cloned().unwrap_or_default();
        let made = match (proto::domain(&node.domain), &*node.op_type) {
            ("ai.onnx", "SequenceEmpty") => List::Of(Vec::new()),
            ("ai.onnx", "SequenceConstruct") => List::Of(node.input.clone()),
            ("ai.onnx", "SequenceInsert") => {
                let List::Of(mut names) = self.known.get(input(0)?)?.clone() else { return None };
                let at = self.position(input(2), names.len(), names.len() + 1)?;
                names.insert(at, input(1)?.clone());
                List::Of(names)
            }
            ("ai.onnx", "SequenceErase") => {
                let List::Of(mut names) = self.known.get(input(0)?)?.clone() else { return None };
                let at = self.position(input(1), names.len(), names.len())?;
                names.remove(at);
                List::Of(names)
            }
            ("ai.onnx", "SplitToSequence") => {
                self.split(input(0)?, input(1), int("axis", 0), int("keepdims", 1) != 0, &output)?
            }
            ("ai.onnx", "SequenceAt") => return self.at(input(0)?, input(1)?, &output),
            ("ai.onnx", "SequenceLength") => return self.length(input(0)?, &output),
            ("ai.onnx", "ConcatFromSequence") => {
                return self.concat(input(0)?, attribute(node, "axis")?.i, int("new_axis", 0) != 0, &output);
            }
            ("ai.onnx", "Identity") if self.known.contains_key(input(0)?) => self.known.get(input(0)?)?.clone(),
            _ => {
                let mut used = HashSet::new();
                names_in(node, &mut used);
                self.nodes.push(node.clone());
                return (!used.iter().any(|name| self.known.contains_key(*name))).then_some(());
            }
        };
        self.known.insert(output, made);
        Some(())
    }

    /// The stored place among so many, counted from the end of what is there if it is negative; the last one if it is
    /// not given.
    fn position(&self, name: Option<&String>, length: usize, places: usize) -> Option<usize> {
        let Some(name) = name else { return places.checked_sub(1) };
        let at = self.stored.get(name)?.number()?;
        let at = if at < 0 { at.checked_add(i64::try_from(length).ok()?)? } else { at };
        usize::try_from(at).ok().filter(|&at| at < places)
    }

    fn split(&mut self, of: &str, lengths: Option<&String>, axis: i64, kept: bool, output: &str) -> Option<List> {
        let slices = |kept| Some(List::Slices { of: of.to_owned(), axis, kept });
        let Some(lengths) = lengths else { return slices(kept) };
        let sizes = match self.stored.get(lengths)? {
            Stored { values, is_list: true } => values.clone(),
            // The length of each piece, of which there are as many as it takes.
            length => return if length.number() == Some(1) { slices(true) } else { None },
        };
        let names: Vec<String> = (0..sizes.len()).map(|at| format!("{output}/{at}")).collect();
        let mut node = NodeProto { output: names.clone(), ..made("Split", output, &[of]) };
        node.attribute.push(int("axis", axis));
        self.with_integers(&mut node, "split", sizes);
        self.nodes.push(node);
        Some(List::Of(names))
    }

    fn at(&mut self, list: &str, at: &String, output: &str) -> Option<()> {
        let node = match self.known.get(list)?.clone() {
            List::Of(names) => {
                let at = self.position(Some(at), names.len(), names.len())?;
                made("Identity", output, &[names.get(at)?])
            }
            List::Slices { of, axis, kept } => {
                let at = self.stored.get(at)?.number()?;
                let index = self.weight(output, &[at], kept);
                NodeProto { attribute: vec![int("axis", axis)], ..made("Gather", output, &[&of, &index]) }
            }
        };
        self.nodes.push(node);
        Some(())
    }

    fn length(&mut self, list: &str, output: &str) -> Option<()> {
        match self.known.get(list)?.clone() {
            List::Of(names) => {
                let count = self.weight(output, &[i64::try_from(names.len()).ok()?], false);
                self.nodes.push(made("Identity", output, &[&count]));
            }
            List::Slices { of, axis, .. } => {
                let shape = format!("{output}/shape");
                let axis = self.weight(output, &[axis], false);
                self.nodes.extend([made("Shape", &shape, &[&of]), made("Gather", output, &[&shape, &axis])]);
            }
        }
        Some(())
    }

    fn concat(&mut self, list: &str, axis: i64, stacked: bool, output: &str) -> Option<()> {
        let node = match self.known.get(list)?.clone() {
            List::Slices { of, axis: along, kept } if along == axis && kept != stacked => {
                made("Identity", output, &[&of])
            }
            List::Slices { .. } => return None,
            List::Of(mut names) => {
                if names.is_empty() {
                    return None;
                }
                if stacked {
                    for (at, name) in names.iter_mut().enumerate() {
                        let longer = format!("{output}/{at}");
                        let mut node = made("Unsqueeze", &longer, &[name]);
                        self.with_integers(&mut node, "axes", vec![axis]);
                        self.nodes.push(node);
                        *name = longer;
                    }
                }
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                NodeProto { attribute: vec![int("axis", axis)], ..made("Concat", output, &names) }
            }
        };
        self.nodes.push(node);
        Some(())
    }

    /// Gives a node integers where its operator set has them: since 13 as an input, before as an attribute.
    fn with_integers(&mut self, node: &mut NodeProto, name: &str, values: Vec<i64>) {
        if self.opset < 13 {
            let (r#type, name) = (AttributeType::Ints as i32, name.to_owned());
            node.attribute.push(AttributeProto { name, r#type, ints: values, ..Default::default() });
        } else {
            let stored = self.weight(&format!("{}/{name}", node.name), &values, true);
            node.input.push(stored);
        }
    }

    /// Stores integers for the node that makes a value, and names them.
    fn weight(&mut self, of: &str, values: &[i64], is_list: bool) -> String {
        let name = format!("{of}/stored");
        let dims = if is_list { vec![values.len() as i64] } else { Vec::new() };
        let data_type = DataType::Int64 as i32;
        self.weights.push(TensorProto {
            name: name.clone(),
            dims,
            data_type,
            int64_data: values.into(),
            ..Default::default()
        });
        name
    }
}

/// Integers that stand in the file: a list, or a single number.
struct Stored {
    values: Vec<i64>,
    is_list: bool,
}

impl Stored {
    fn number(&self) -> Option<i64> {
        if let [value] = *self.values { Some(value) } else { None }
    }
}

/// Stored integers by name, few as those are that sequences are made with.
fn stored(graph: &GraphProto) -> HashMap<String, Stored> {
    let is_small = |tensor: &&TensorProto| tensor.dims.iter().all(|&size| size < 1 << 10) && tensor.dims.len() < 2;
    let constant = |node: &'_ NodeProto| {
        let value = attribute(node, "value").and_then(|value| value.t.as_ref().filter(is_small).cloned());
        let number = attribute(node, "value_int").map(|value| scalar(value.i));
        let list = attribute(node, "value_ints").map(|value| TensorProto {
            dims: vec![value.ints.len() as i64],
            int64_data: value.ints.clone(),
            ..scalar(0)
        });
        Some((node.output.first()?.clone(), value.or(number).or(list)?))
    };
    let constants = graph.node.iter().filter(|node| node.op_type == "Constant").filter_map(constant);
    let weights = graph.initializer.iter().filter(is_small).map(|tensor| (tensor.name.clone(), tensor.clone()));
    let read = |(name, tensor): (String, TensorProto)| {
        Some((name, Stored { values: integers(&tensor)?, is_list: !tensor.dims.is_empty() }))
    };
    weights.chain(constants).filter_map(read).collect()
}

fn scalar(value: i64) -> TensorProto {
    TensorProto { data_type: DataType::Int64 as i32, int64_data: vec![value], ..Default::default() }
}

fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let raw = &tensor.raw_data;
    match DataType::try_from(tensor.data_type).ok()? {
        DataType::Int64 if raw.is_empty() => Some(tensor.int64_data.clone()),
        DataType::Int64 => Some(raw.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()),
        DataType::Int32 if raw.is_empty() => Some(tensor.int32_data.iter().map(|&value| value.into()).collect()),
        DataType::Int32 => Some(raw.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes).into()).collect()),
        _ => None,
    }
}

/// The names a node uses, those inside its graphs included.
fn names_in<'n>(node: &'n NodeProto, used: &mut HashSet<&'n str>) {
    used.extend(node.input.iter().map(String::as_str));
    for inner in node.attribute.iter().flat_map(|attribute| &attribute.g) {
        used.extend(inner.output.iter().map(|output| output.name.as_str()));
        inner.node.iter().for_each(|node| names_in(node, used));
    }
}

fn made(operator: &str, output: &str, inputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: operator.into(),
        name: output.into(),
        input: inputs.iter().map(|&input| input.into()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: value, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::ValueInfoProto;

    /// The operators that are left of a graph with the stored numbers `one`, `last` and `sizes`.
    fn left(nodes: Vec<NodeProto>, output: &str) -> Vec<String> {
        let stored = |name: &str, value: i64| TensorProto { name: name.into(), ..scalar(value) };
        let sizes = TensorProto { dims: vec![2], int64_data: vec![1, 2], ..stored("sizes", 0) };
        let mut graph = GraphProto {
            node: nodes,
            initializer: vec![stored("one", 1), stored("last", -1), stored("nine", 9), sizes],
            output: vec![ValueInfoProto { name: output.into(), ..Default::default() }],
            ..Default::default()
        };
        dissolve(&mut graph, 18);
        graph.node.iter().map(|node| format!("{}({})", node.op_type, node.input.join(","))).collect()
    }

    #[test]
    fn values_are_handed_over_directly() {
        let list = || made("SequenceConstruct", "l", &["a", "b", "c"]);
        assert_eq!(left(vec![list(), made("SequenceAt", "y", &["l", "one"])], "y"), ["Identity(b)"]);
        assert_eq!(left(vec![list(), made("SequenceAt", "y", &["l", "last"])], "y"), ["Identity(c)"]);
        let changed = |operator: &str, inputs: &[&str]| {
            vec![list(), made(operator, "m", inputs), made("SequenceAt", "y", &["m", "last"])]
        };
        assert_eq!(left(changed("SequenceInsert", &["l", "d"]), "y"), ["Identity(d)"]);
        assert_eq!(left(changed("SequenceInsert", &["l", "d", "last"]), "y"), ["Identity(c)"]);
        assert_eq!(left(changed("SequenceErase", &["l"]), "y"), ["Identity(b)"]);
        let split =
            |inputs: &[&str]| vec![made("SplitToSequence", "l", inputs), made("SequenceAt", "y", &["l", "one"])];
        assert_eq!(left(split(&["x", "sizes"]), "y"), ["Split(x,l/split/stored)", "Identity(l/1)"]);
        assert_eq!(left(split(&["x"]), "y"), ["Gather(x,y/stored)"]);
    }

    #[test]
    fn what_is_not_understood_stays() {
        let list = || made("SequenceConstruct", "l", &["a", "b"]);
        for (nodes, output) in [
            (vec![list()], "l"),
            (vec![list(), made("SequenceAt", "y", &["l", "nine"])], "y"),
            (vec![list(), made("SequenceAt", "y", &["l", "computed"])], "y"),
            (vec![list(), made("SequenceMap", "y", &["l"])], "y"),
            (vec![made("SplitToSequence", "l", &["x", "nine"]), made("SequenceLength", "y", &["l"])], "y"),
        ] {
            let count = nodes.len();
            let operators = left(nodes, output);
            assert_eq!(operators.len(), count);
            assert!(operators[0].contains("Sequence"), "{operators:?}");
        }
    }
}
