//! Sequences that only carry tensors from where they are made to where they are used, such as what exporters make of
//! `split` and `stack`. Which tensor stands where in them is known from the file, so the tensors are handed over directly
//! and the sequences disappear. A graph with a use of a sequence that is not understood is left as it is.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::super::checks::attribute;
use super::super::proto;
use super::raw;
use super::writer::{Names, Writer, int, ints};

/// Replaces the sequences of a graph and of those inside it. `opset` is that of `ai.onnx`.
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
    let mut names = Names::of(graph);
    let mut lists = Lists { stored: stored(graph), opset, known: HashMap::new(), nodes: Vec::new() };
    let understood = graph.node.iter().try_for_each(|node| lists.node(node, &mut names));
    let is_output = |name: &String| graph.output.iter().any(|output| output.name == *name);
    if understood.is_some() && !lists.known.keys().any(is_output) {
        graph.node = lists.nodes;
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

impl Lists {
    /// Takes the next node over, or what stands for it; nothing if it uses a sequence in a way that is not understood.
    fn node(&mut self, node: &NodeProto, names: &mut Names) -> Option<()> {
        let number = |name: &str, default: i64| attribute(node, name).map_or(default, |value| value.i);
        let input = |at: usize| node.input.get(at).filter(|name| !name.is_empty());
        let output = node.output.first().cloned().unwrap_or_default();
        let mut writer = Writer::new(names, node);
        let mut made = None;
        match (proto::domain(&node.domain), &*node.op_type) {
            ("ai.onnx", "SequenceEmpty") => made = Some(List::Of(Vec::new())),
            ("ai.onnx", "SequenceConstruct") => made = Some(List::Of(node.input.clone())),
            ("ai.onnx", "SequenceInsert") => {
                let List::Of(mut names) = self.known.get(input(0)?)?.clone() else { return None };
                let at = self.position(input(2), names.len(), names.len() + 1)?;
                names.insert(at, input(1)?.clone());
                made = Some(List::Of(names));
            }
            ("ai.onnx", "SequenceErase") => {
                let List::Of(mut names) = self.known.get(input(0)?)?.clone() else { return None };
                let at = self.position(input(1), names.len(), names.len())?;
                names.remove(at);
                made = Some(List::Of(names));
            }
            ("ai.onnx", "SplitToSequence") => {
                let (axis, kept) = (number("axis", 0), number("keepdims", 1) != 0);
                made = Some(self.split(input(0)?, input(1), axis, kept, &mut writer)?);
            }
            ("ai.onnx", "Identity") if self.known.contains_key(input(0)?) => made = self.known.get(input(0)?).cloned(),
            ("ai.onnx", "SequenceAt") => self.at(input(0)?, input(1)?, &output, &mut writer)?,
            ("ai.onnx", "SequenceLength") => self.length(input(0)?, &output, &mut writer)?,
            ("ai.onnx", "ConcatFromSequence") => {
                let (axis, stacked) = (attribute(node, "axis")?.i, number("new_axis", 0) != 0);
                self.concat(input(0)?, axis, stacked, &output, &mut writer)?;
            }
            _ => {
                let mut used = HashSet::new();
                names_in(node, &mut used);
                if used.iter().any(|name| self.known.contains_key(*name)) {
                    return None;
                }
                writer.nodes.push(node.clone());
            }
        }
        self.nodes.append(&mut writer.nodes);
        self.known.extend(made.map(|made| (output, made)));
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

    fn split(&self, of: &str, lengths: Option<&String>, axis: i64, kept: bool, writer: &mut Writer) -> Option<List> {
        let slices = |kept| Some(List::Slices { of: of.to_owned(), axis, kept });
        let Some(lengths) = lengths else { return slices(kept) };
        let sizes = match self.stored.get(lengths)? {
            Stored { values, is_list: true } => values,
            // The length of each piece, of which there are as many as it takes.
            length => return if length.number() == Some(1) { slices(true) } else { None },
        };
        let names: Vec<String> = sizes.iter().map(|_| writer.name()).collect();
        let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
        // The operator set 13 made an input of the attribute.
        if self.opset < 13 {
            writer.put("Split", &[of], vec![int("axis", axis), ints("split", sizes)], &outputs);
        } else {
            let sizes = writer.ints(sizes);
            writer.put("Split", &[of, &sizes], vec![int("axis", axis)], &outputs);
        }
        Some(List::Of(names))
    }

    fn at(&self, list: &str, at: &String, output: &str, writer: &mut Writer) -> Option<()> {
        match self.known.get(list)? {
            List::Of(names) => {
                let at = self.position(Some(at), names.len(), names.len())?;
                writer.put("Identity", &[names.get(at)?], Vec::new(), &[output]);
            }
            List::Slices { of, axis, kept } => {
                let at = self.stored.get(at)?.number()?;
                let index = if *kept { writer.ints(&[at]) } else { writer.number(at) };
                writer.put("Gather", &[of, &index], vec![int("axis", *axis)], &[output]);
            }
        }
        Some(())
    }

    fn length(&self, list: &str, output: &str, writer: &mut Writer) -> Option<()> {
        match self.known.get(list)? {
            List::Of(names) => {
                let count = writer.number(i64::try_from(names.len()).ok()?);
                writer.put("Identity", &[&count], Vec::new(), &[output]);
            }
            List::Slices { of, axis, .. } => {
                let shape = writer.add("Shape", &[of], Vec::new());
                let axis = writer.number(*axis);
                writer.put("Gather", &[&shape, &axis], Vec::new(), &[output]);
            }
        }
        Some(())
    }

    fn concat(&self, list: &str, axis: i64, stacked: bool, output: &str, writer: &mut Writer) -> Option<()> {
        match self.known.get(list)? {
            List::Slices { of, axis: along, kept } if *along == axis && *kept != stacked => {
                writer.put("Identity", &[of], Vec::new(), &[output]);
            }
            List::Slices { .. } => return None,
            List::Of(names) if names.is_empty() => return None,
            List::Of(names) => {
                let mut names = names.clone();
                for name in names.iter_mut().filter(|_| stacked) {
                    // The operator set 13 made an input of the attribute.
                    *name = if self.opset < 13 {
                        writer.add("Unsqueeze", &[name], vec![ints("axes", &[axis])])
                    } else {
                        let axes = writer.ints(&[axis]);
                        writer.add("Unsqueeze", &[name, &axes], Vec::new())
                    };
                }
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                writer.put("Concat", &names, vec![int("axis", axis)], &[output]);
            }
        }
        Some(())
    }
}

/// The small stored integers of a graph, by name.
fn stored(graph: &GraphProto) -> HashMap<String, Stored> {
    let constants = graph
        .node
        .iter()
        .filter(|node| node.op_type == "Constant")
        .filter_map(|node| Some((node.output.first()?, attribute(node, "value")?.t.as_ref()?)));
    let weights = graph.initializer.iter().map(|tensor| (&tensor.name, tensor));
    let is_small = |tensor: &TensorProto| tensor.dims.len() < 2 && tensor.dims.iter().all(|&size| size < 1 << 10);
    let small = weights.chain(constants).filter(|(_, tensor)| is_small(tensor));
    let read = small.filter_map(|(name, tensor)| {
        Some((name.clone(), Stored { values: raw::integers(tensor)?, is_list: !tensor.dims.is_empty() }))
    });
    read.collect()
}

/// The names a node uses, those inside its graphs included.
fn names_in<'n>(node: &'n NodeProto, used: &mut HashSet<&'n str>) {
    used.extend(node.input.iter().map(String::as_str));
    for inner in node.attribute.iter().flat_map(|attribute| &attribute.g) {
        used.extend(inner.output.iter().map(|output| output.name.as_str()));
        inner.node.iter().for_each(|node| names_in(node, used));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::ValueInfoProto;
    use tract_onnx::pb::tensor_proto::DataType;

    fn made(operator: &str, output: &str, inputs: &[&str]) -> NodeProto {
        NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|&input| input.into()).collect(),
            output: vec![output.into()],
            ..Default::default()
        }
    }

    /// The operators that are left of a graph with the stored numbers `one`, `last` and `sizes`.
    fn left(nodes: Vec<NodeProto>, output: &str) -> Vec<String> {
        let stored = |name: &str, value: i64| {
            let (name, data_type) = (name.into(), DataType::Int64 as i32);
            TensorProto { name, data_type, int64_data: vec![value], ..Default::default() }
        };
        let sizes = TensorProto { dims: vec![2], int64_data: vec![1, 2], ..stored("sizes", 0) };
        let mut graph = GraphProto {
            node: nodes,
            initializer: vec![stored("one", 1), stored("last", -1), stored("nine", 9), sizes],
            output: vec![ValueInfoProto { name: output.into(), ..Default::default() }],
            ..Default::default()
        };
        dissolve(&mut graph, 18);
        let kept = graph.node.iter().filter(|node| node.op_type != "Constant");
        kept.map(|node| format!("{}({})", node.op_type, node.input.join(","))).collect()
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
        assert_eq!(left(split(&["x", "sizes"]), "y"), ["Split(x,l.3)", "Identity(l.2)"]);
        assert_eq!(left(split(&["x"]), "y"), ["Gather(x,y.1)"]);
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
