//! What has to be known of a model before ONNX Runtime runs it, because it does not refuse by itself what it gets wrong or
//! does not survive. Functions count where they are called: they are part of what is run.

use tract_onnx::pb::{FunctionProto, GraphProto, NodeProto};

use super::division::{self, Dividend};
use super::trace::{Values, trace};
use super::{overflow, proto};
use crate::engine::LoadError;

/// A node that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    pub node: String,
    pub operator: String,
}

/// The first node of each kind.
#[derive(Debug, Default)]
pub struct Guards {
    /// The node that divides integers that clients send, perhaps, by something that may be -1.
    pub divides: Option<String>,
    /// The node that divides computed integers so.
    pub divides_computed: Option<Suspect>,
    /// The node where ONNX Runtime, tried out, makes a number of NaN, in a model that has nothing to deal with NaN.
    pub hides_nan: Option<String>,
    /// The node that draws lots.
    pub chance: Option<String>,
    /// The node whose sums overflow on some processors, perhaps.
    pub overflow: Option<Suspect>,
}

/// Where NaN goes in and numbers come out, although nothing says so.
const HIDES_NAN: &[&str] = &[
    "ArgMax",
    "ArgMin",
    "DynamicQuantizeLinear",
    "GlobalMaxPool",
    "GRU",
    "Hardmax",
    "LSTM",
    "MaxPool",
    "QuantizeLinear",
    "ReduceMax",
    "ReduceMin",
    "RNN",
    "ThresholdedRelu",
];
/// What is there for missing values.
const MINDS_NAN: &[&str] = &["Imputer", "IsNaN", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"];
/// Operators that draw lots, of ONNX and of what ONNX Runtime adds to it.
const CHANCE: &[&str] = &[
    "Bernoulli",
    "BiasDropout",
    "BitmaskBiasDropout",
    "BitmaskDropout",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Sampling",
];

impl Guards {
    /// # Errors
    /// When calls of functions go round in a circle, or unfold into more than any model has.
    pub fn of(graph: &GraphProto, functions: &[FunctionProto], ir_version: i64) -> Result<Self, LoadError> {
        let (mut guards, mut minds_nan) = (Self::default(), false);
        trace(graph, functions, ir_version, &mut |node, values| {
            minds_nan |= MINDS_NAN.contains(&node.op_type.as_str());
            guards.look(node, values);
        })?;
        guards.hides_nan = guards.hides_nan.filter(|_| !minds_nan);
        Ok(guards)
    }

    fn look(&mut self, node: &NodeProto, values: &Values<'_>) {
        let name = || proto::node_name(node).to_owned();
        let suspect = || Suspect { node: name(), operator: node.op_type.clone() };
        match division::suspect(node, values) {
            Some(Dividend::Sent) => {
                self.divides.get_or_insert_with(name);
            }
            Some(Dividend::Computed) => {
                self.divides_computed.get_or_insert_with(suspect);
            }
            None => {}
        }
        if HIDES_NAN.contains(&node.op_type.as_str()) {
            self.hides_nan.get_or_insert_with(name);
        }
        if draws_lots(node) {
            self.chance.get_or_insert_with(name);
        }
        if overflow::may_overflow(node, values) {
            self.overflow.get_or_insert_with(suspect);
        }
    }
}

/// Whether a node may draw lots: one that always does, or a `Dropout` that is told whether it is in training.
fn draws_lots(node: &NodeProto) -> bool {
    let trains = node.op_type == "Dropout" && node.input.get(2).is_some_and(|flag| !flag.is_empty());
    trains || CHANCE.contains(&node.op_type.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::trace::tests::{function, node};
    use super::*;

    #[test]
    fn what_functions_do_counts_where_they_are_called() {
        let functions = [
            function("Largest", &["a"], &["b"], vec![node("ReduceMax", &["a"], &["b"])]),
            function("Known", &["a"], &["b"], vec![node("IsNaN", &["a"], &["b"])]),
            function("Noise", &[], &["b"], vec![node("RandomNormal", &[], &["b"])]),
        ];
        let guards = |operators: &[&str]| {
            let node = operators.iter().map(|operator| node(operator, &["x"], &["y"])).collect();
            Guards::of(&GraphProto { node, ..Default::default() }, &functions, 8).unwrap()
        };
        assert_eq!(guards(&["f:Largest"]).hides_nan.as_deref(), Some("reducemax"));
        assert_eq!(guards(&["f:Largest", "f:Known"]).hides_nan, None);
        assert_eq!(guards(&["f:Known"]).hides_nan, None);
        assert_eq!(guards(&["f:Noise"]).chance.as_deref(), Some("randomnormal"));
        let nothing = guards(&["Relu"]);
        assert!(nothing.hides_nan.is_none() && nothing.chance.is_none() && nothing.overflow.is_none());
    }
}
