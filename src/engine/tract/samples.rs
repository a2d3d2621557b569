//! What a first run needs to be made of where zeros and empty strings will not do: an encoder that refuses categories it
//! does not know, which is what scikit-learn's encoders are by default. The categories stand in the file; here they are
//! traced back to the columns of the inputs that they are looked for in.

use std::collections::HashMap;

use tract_onnx::pb::{GraphProto, NodeProto};

use super::checks::{Scope, attribute};
use super::proto;
use super::rewrite::raw;
use crate::model::Port;
use crate::tensor::{DataType, Tensor};

/// By input and column: a category that the model knows.
#[derive(Debug, Default)]
pub struct Categories(HashMap<(usize, usize), Category>);

#[derive(Clone, Debug, PartialEq)]
enum Category {
    Word(String),
    Number(i64),
}

/// Which column of which input each column of a value is.
type Columns = Vec<(usize, usize)>;

impl Categories {
    pub fn of(graph: &GraphProto, inputs: &[Port]) -> Self {
        let columns = |at: usize, port: &Port| match &*port.shape {
            [_] => Some(vec![(at, 0)]),
            [_, columns] => columns
                .fixed()
                .filter(|&count| count <= MOST)
                .map(|count| (0..count).map(|column| (at, column)).collect()),
            _ => None,
        };
        let scope = Scope::of(graph);
        let known = inputs.iter().enumerate().filter_map(|(at, port)| Some((port.name.as_str(), columns(at, port)?)));
        let mut known: HashMap<&str, Columns> = known.collect();
        let mut found = HashMap::new();
        for node in &graph.node {
            if let (true, Some(columns)) =
                (is_strict_encoder(node), node.input.first().and_then(|input| known.get(input.as_str())))
            {
                for column in columns {
                    found.extend(first_category(node).map(|category| (*column, category)));
                }
            }
            if let (Some(output), Some(columns)) = (node.output.first(), passed(node, &known, &scope)) {
                known.insert(output, columns);
            }
        }
        Self(found)
    }

    /// The tensor with a known category in each column that needs one.
    pub fn put(&self, input: usize, tensor: Tensor) -> Option<Tensor> {
        if !self.0.keys().any(|(at, _)| *at == input) {
            return Some(tensor);
        }
        let columns = if let [_, columns] = *tensor.shape() { columns.max(1) } else { 1 };
        let category = |at: usize| self.0.get(&(input, at % columns));
        if let Some(words) = tensor.strings() {
            let words = words.iter().enumerate().map(|(at, word)| match category(at) {
                Some(Category::Word(known)) => known.clone(),
                _ => word.clone(),
            });
            return Tensor::from_strings(tensor.shape(), words.collect::<Vec<String>>()).ok();
        }
        let wide = tensor.cast(DataType::Fp64).ok()?;
        let numbers = wide.values::<f64>()?.to_vec().into_iter().enumerate().map(|(at, number)| match category(at) {
            Some(Category::Number(known)) => *known as f64,
            _ => number,
        });
        Tensor::from_vec(tensor.shape(), numbers.collect::<Vec<f64>>()).ok()?.cast(tensor.datatype()).ok()
    }
}

/// Columns of wider inputs are not followed.
const MOST: usize = 1 << 12;

fn is_strict_encoder(node: &NodeProto) -> bool {
    let refuses = attribute(node, "zeros").is_some_and(|zeros| zeros.i == 0);
    node.op_type == "OneHotEncoder" && proto::domain(&node.domain) == "ai.onnx.ml" && refuses
}

fn first_category(node: &NodeProto) -> Option<Category> {
    let word = attribute(node, "cats_strings").and_then(|words| words.strings.first());
    let number = attribute(node, "cats_int64s").and_then(|numbers| numbers.ints.first());
    let word = word.map(|word| Category::Word(String::from_utf8_lossy(word).into_owned()));
    word.or_else(|| number.map(|&number| Category::Number(number)))
}

/// The columns of a node's output if it only moves those of its inputs.
fn passed(node: &NodeProto, known: &HashMap<&str, Columns>, scope: &Scope) -> Option<Columns> {
    let of = |at: usize| known.get(node.input.get(at)?.as_str());
    let along_columns = || attribute(node, "axis").is_some_and(|axis| axis.i == 1 || axis.i == -1);
    match &*node.op_type {
        "Identity" | "Cast" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => of(0).cloned(),
        "Concat" if along_columns() => (0..node.input.len())
            .map(of)
            .collect::<Option<Vec<_>>>()
            .map(|all| all.into_iter().flatten().copied().collect()),
        "ArrayFeatureExtractor" | "Gather" => {
            if node.op_type == "Gather" && !along_columns() {
                return None;
            }
            let columns = of(0)?;
            let picked = raw::integers(scope.stored(node.input.get(1)?)?)?;
            picked.iter().map(|&at| columns.get(usize::try_from(at).ok()?).copied()).collect()
        }
        _ => None,
    }
}
