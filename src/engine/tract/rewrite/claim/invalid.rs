//! Which values may hold NaN that no request held: the one of an invalid operation, such as the root of a negative number
//! or zero by zero. It goes by the signs that the operators before leave possible, so that the root of a mean of squares
//! and the quotient by it are not among them. Infinity counts where the file stores it, as masks of attention do: a row
//! that is masked as a whole has no softmax. Sums and products that grow beyond their type, or shrink to zero, are not
//! looked for: nearly every value could.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::super::super::checks::{Scope, attribute, element_type};
use super::super::super::proto;
use super::super::raw;
use super::{given, has_graphs};

/// Elements of stored values that are looked at.
const MOST_STORED: i64 = 1 << 16;

/// What some element of a value may be.
#[derive(Clone, Copy, Debug)]
struct Possible {
    negative: bool,
    zero: bool,
    nan: bool,
    infinite: bool,
    /// Whether there is NaN in its type.
    float: bool,
}

const ANY: Possible = Possible { negative: true, zero: true, nan: false, infinite: false, float: true };
const POSITIVE: Possible = Possible { negative: false, zero: false, ..ANY };

impl Possible {
    fn or(self, other: Self) -> Self {
        Self {
            negative: self.negative || other.negative,
            zero: self.zero || other.zero,
            nan: self.nan || other.nan,
            infinite: self.infinite || other.infinite,
            float: self.float,
        }
    }

    fn of(numbers: &[f64], float: bool) -> Self {
        let any = |is: fn(&f64) -> bool| numbers.iter().any(is);
        Self {
            negative: any(|x| *x < 0.0),
            zero: any(|x| *x == 0.0),
            nan: any(|x| x.is_nan()),
            infinite: any(|x| x.is_infinite()),
            float,
        }
    }

    fn stored(tensor: &TensorProto) -> Self {
        let float = is_float(tensor.data_type);
        numbers(tensor).map_or(Self { float, ..ANY }, |numbers| Self::of(&numbers, float))
    }
}

pub struct Invalid<'g> {
    scope: &'g Scope<'g>,
    values: HashMap<&'g str, Possible>,
    /// By truth value: the value of which it tells whether it is NaN, and what it is then.
    asked: HashMap<&'g str, (&'g str, bool)>,
}

impl<'g> Invalid<'g> {
    /// `outer` are values from outside of an inner graph that may hold NaN.
    pub fn of(graph: &'g GraphProto, scope: &'g Scope<'g>, outer: &'g HashSet<String>) -> Self {
        let mut found = Self { scope, values: HashMap::new(), asked: HashMap::new() };
        found.values.extend(outer.iter().map(|name| (name.as_str(), Possible { nan: true, ..ANY })));
        // Old files list what they store among the inputs, too.
        for input in graph.input.iter().filter(|input| scope.stored(&input.name).is_none()) {
            let kind = scope.element_type(&input.name);
            let negative = !matches!(kind, Some(OnnxType::Bool | OnnxType::Uint8));
            let float = kind.is_none_or(|kind| is_float(kind as i32));
            let nan = outer.contains(&input.name);
            found.values.insert(&input.name, Possible { negative, float, nan, ..ANY });
        }
        // Nodes stand in the order in which they are computed.
        for node in &graph.node {
            for input in &node.input {
                if let (Some(stored), false) = (scope.stored(input), found.values.contains_key(input.as_str())) {
                    found.values.insert(input, Possible::stored(stored));
                }
            }
            let possible = found.with_infinity(node, found.node(node));
            for (at, output) in node.output.iter().enumerate().filter(|(_, output)| !output.is_empty()) {
                let place = at > 0 && matches!(&*node.op_type, "MaxPool" | "TopK");
                let told = scope.element_type(output).or_else(|| told_inside(node, at));
                let float = told.map_or(possible.float && !place, |kind| is_float(kind as i32));
                found.values.insert(output, Possible { float, nan: possible.nan && float, ..possible });
            }
            if let (Some(question), Some(of)) = (node.output.first(), given(node, 0)) {
                match &*node.op_type {
                    "IsNaN" => drop(found.asked.insert(question, (of, true))),
                    "Not" => {
                        let turned = found.asked.get(of).map(|&(of, yes)| (of, !yes));
                        found.asked.extend(turned.map(|turned| (question.as_str(), turned)));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    pub fn may_be_nan(&self, value: &str) -> bool {
        self.value(value).nan
    }

    /// Whether a graph inside a node reads such a value, or may make one.
    pub fn reaches(&self, node: &NodeProto) -> bool {
        let inner = node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
        let mut found = node.input.iter().any(|input| self.may_be_nan(input));
        for graph in inner {
            proto::walk(graph, &mut |graph| {
                found |= graph.node.iter().any(|node| {
                    SOURCES.contains(&&*node.op_type) || node.input.iter().any(|input| self.may_be_nan(input))
                });
            });
        }
        found
    }

    /// The values that may hold NaN, for the graphs inside of this one.
    pub fn names(&self) -> HashSet<String> {
        self.values.iter().filter(|(_, possible)| possible.nan).map(|(name, _)| (*name).to_owned()).collect()
    }

    fn value(&self, name: &str) -> Possible {
        self.values.get(name).copied().unwrap_or(ANY)
    }

    fn stored(&self, node: &NodeProto, at: usize) -> Option<Vec<f64>> {
        numbers(self.scope.stored(given(node, at)?)?)
    }

    /// What comes out where infinity may go in.
    fn with_infinity(&self, node: &NodeProto, out: Possible) -> Possible {
        let inputs = || node.input.iter().filter(|name| !name.is_empty()).map(|name| self.value(name));
        let stored = matches!(&*node.op_type, "Constant" | "ConstantOfShape");
        let out = Possible { infinite: stored && out.infinite, ..out };
        let count = inputs().filter(|input| input.infinite).count();
        match &*node.op_type {
            _ if count == 0 || !out.float => out,
            // Masks are of one sign, so their sum is infinite, too.
            operator if BEARS_INFINITY.contains(&operator) || MOVES.contains(&operator) => {
                Possible { infinite: true, ..out }
            }
            "Sub" if count == 1 => Possible { infinite: true, ..out },
            "Div" if inputs().nth(1).is_some_and(|by| !by.infinite) => Possible { infinite: true, ..out },
            "Mul" if !inputs().any(|input| input.zero) => Possible { infinite: true, ..out },
            "Exp" | "HardSigmoid" | "Reciprocal" | "Sigmoid" | "Tanh" => Possible { zero: true, ..out },
            _ => Possible { nan: true, ..out },
        }
    }

    fn node(&self, node: &NodeProto) -> Possible {
        let at = |at: usize| given(node, at).map_or(ANY, |name| self.value(name));
        let inputs = || node.input.iter().filter(|name| !name.is_empty()).map(|name| self.value(name));
        let (x, nan) = (at(0), inputs().any(|input| input.nan));
        if proto::domain(&node.domain) != "ai.onnx" {
            return Possible { nan, ..ANY };
        }
        let positive = |possible: Possible| !possible.negative && !possible.zero;
        let all = Possible { nan, float: x.float, ..ANY };
        match &*node.op_type {
            "Constant" => {
                let stored = node.output.first().and_then(|name| self.scope.stored(name));
                stored.map_or(ANY, Possible::stored)
            }
            "ConstantOfShape" => attribute(node, "value")
                .and_then(|value| value.t.as_ref())
                .map_or(Possible { negative: false, ..ANY }, Possible::stored),
            "Shape" | "Size" => Possible { float: false, ..POSITIVE },
            operator if TRUTHS.contains(&operator) => Possible { negative: false, float: false, ..ANY },
            "ArgMax" | "ArgMin" | "NonZero" | "QuantizeLinear" => Possible { float: false, ..ANY },
            "Cast" => {
                let float = attribute(node, "to").is_some_and(|to| i32::try_from(to.i).is_ok_and(is_float));
                // What is cut off may leave zero.
                Possible { float, zero: x.zero || x.float && !float, ..x }
            }
            "CastLike" => Possible { float: at(1).float, zero: x.zero || x.float && !at(1).float, ..x },
            operator if MOVES.contains(&operator) => Possible { nan, ..x },
            "Concat" | "Max" | "Mean" | "Min" | "Sum" => {
                let any = inputs().reduce(Possible::or).unwrap_or(ANY);
                match &*node.op_type {
                    "Max" => {
                        let negative = inputs().all(|input| input.negative);
                        Possible { negative, zero: any.zero && !inputs().any(positive), ..any }
                    }
                    "Mean" | "Sum" => Possible { zero: any.zero || any.negative, ..any },
                    _ => any,
                }
            }
            "Trilu" => Possible { zero: true, ..x },
            "Pad" if given(node, 2).is_none() => Possible { zero: true, ..x },
            "Where" => {
                let (yes, no) = (at(1), at(2));
                let mut either = yes.or(no);
                if let Some((of, answer)) = given(node, 0).and_then(|question| self.asked.get(question)) {
                    let kept = given(node, if *answer { 2 } else { 1 }) == Some(of);
                    either.nan = if kept { if *answer { yes.nan } else { no.nan } } else { either.nan };
                }
                either
            }
            "OneHot" => at(2),
            "Abs" | "ReduceL1" | "ReduceL2" | "ReduceSumSquare" => Possible { negative: false, ..x },
            "Exp" | "Sigmoid" | "Softmax" | "Softplus" | "Cosh" => Possible { nan, ..POSITIVE },
            "Relu" | "HardSigmoid" => Possible { nan, negative: false, ..ANY },
            "Neg" => Possible { negative: true, ..x },
            "Floor" | "Ceil" | "Round" => Possible { zero: true, ..x },
            "ReduceMean" | "ReduceSum" | "AveragePool" | "GlobalAveragePool" | "CumSum" => {
                Possible { zero: x.zero || x.negative, ..x }
            }
            "Clip" => {
                let least = match attribute(node, "min") {
                    Some(least) => Some(f64::from(least.f)),
                    None => self.stored(node, 1).and_then(|least| least.first().copied()),
                };
                let above = |bound: f64| least.is_some_and(|least| least > bound);
                Possible { negative: x.negative && least.is_none_or(|least| least < 0.0), zero: !above(0.0), ..all }
            }
            "Add" => {
                let (a, b) = (x, at(1));
                let negative = a.negative || b.negative;
                Possible { negative, zero: negative || a.zero && b.zero, ..all }
            }
            "Mul" if node.input.first() == node.input.get(1) => Possible { negative: false, ..x },
            "Mul" | "MatMul" | "ReduceProd" => {
                let any = inputs().reduce(Possible::or).unwrap_or(ANY);
                Possible { zero: any.zero || node.op_type == "MatMul", ..any }
            }
            "Div" | "Mod" => {
                let (a, b) = (x, at(1));
                Possible { nan: nan || b.zero, zero: a.zero || !a.float, negative: a.negative || b.negative, ..x }
            }
            "Reciprocal" => Possible { nan: nan || x.zero, zero: false, ..x },
            "Sqrt" => Possible { nan: nan || x.negative, negative: false, ..x },
            // Of the logarithm of zero, which is infinite, NaN comes by the next product with zero.
            "Log" | "ReduceLogSum" => Possible { nan: nan || !positive(x), ..all },
            "Acos" | "Acosh" | "Asin" | "Atanh" => Possible { nan: true, ..all },
            "Pow" => self.power(node, x, at(1)),
            _ if has_graphs(node) => Possible { nan: self.reaches(node), ..ANY },
            operator if REAL.contains(&operator) => Possible { nan, ..ANY },
            _ if node.input.is_empty() => ANY,
            _ => all,
        }
    }

    fn power(&self, node: &NodeProto, base: Possible, exponent: Possible) -> Possible {
        let nan = base.nan || exponent.nan;
        let by_zero = |negative: bool| negative && base.zero;
        let Some(exponents) = self.stored(node, 1) else {
            let negative = base.negative;
            return Possible { nan: nan || negative || by_zero(exponent.negative), negative, zero: base.zero, ..base };
        };
        let whole = exponents.iter().all(|exponent| exponent.fract() == 0.0);
        let even = exponents.iter().all(|exponent| exponent % 2.0 == 0.0);
        let negative = exponents.iter().any(|&exponent| exponent < 0.0);
        Possible {
            nan: nan || base.negative && !whole || by_zero(negative),
            negative: base.negative && !even && whole,
            ..base
        }
    }
}

/// Operators whose outputs are truth values.
const TRUTHS: &[&str] =
    &["And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "Xor"];

/// Operators whose outputs hold nothing but elements of the first input.
const MOVES: &[&str] = &[
    "Compress",
    "DepthToSpace",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "GlobalMaxPool",
    "Identity",
    "MaxPool",
    "ReduceMax",
    "ReduceMin",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tile",
    "TopK",
    "Transpose",
    "Unsqueeze",
];

/// Others that make no NaN of infinity, but infinity.
const BEARS_INFINITY: &[&str] = &[
    "Abs",
    "Add",
    "Cast",
    "CastLike",
    "Clip",
    "Concat",
    "LeakyRelu",
    "Max",
    "Min",
    "Neg",
    "Pad",
    "ReduceMean",
    "ReduceSum",
    "Relu",
    "ScatterElements",
    "ScatterND",
    "Sum",
    "Trilu",
    "Where",
];

/// Operators that make floats of something else.
const REAL: &[&str] = &[
    "BlackmanWindow",
    "DequantizeLinear",
    "EyeLike",
    "HammingWindow",
    "HannWindow",
    "MelWeightMatrix",
    "TfIdfVectorizer",
];

/// Operators that may make NaN of numbers.
const SOURCES: &[&str] =
    &["Acos", "Acosh", "Asin", "Atanh", "Div", "Log", "Mod", "Pow", "Reciprocal", "ReduceLogSum", "Sqrt"];

/// The element type of an output of a node with graphs inside, which is that of an output of theirs.
fn told_inside(node: &NodeProto, at: usize) -> Option<OnnxType> {
    let inner = node.attribute.iter().find_map(|attribute| attribute.g.as_ref())?;
    // A loop's tells first whether it goes on.
    element_type(inner.output.get(if node.op_type == "Loop" { at + 1 } else { at })?)
}

fn is_float(kind: i32) -> bool {
    use OnnxType::{Bfloat16, Double, Float, Float16};
    [Float, Double, Float16, Bfloat16].iter().any(|&float| float as i32 == kind)
}

/// The elements of a stored value that is not too long to be looked at.
pub fn numbers(tensor: &TensorProto) -> Option<Vec<f64>> {
    let count = tensor.dims.iter().try_fold(1i64, |count, &size| count.checked_mul(size))?;
    if !(1..=MOST_STORED).contains(&count) {
        return None;
    }
    let read = match OnnxType::try_from(tensor.data_type).ok()? {
        OnnxType::Float => {
            raw::bytes(tensor)?.as_chunks().0.iter().map(|&raw| f32::from_le_bytes(raw).into()).collect()
        }
        OnnxType::Double => raw::bytes(tensor)?.as_chunks().0.iter().map(|&raw| f64::from_le_bytes(raw)).collect(),
        _ => raw::integers(tensor)?.into_iter().map(|value| value as f64).collect::<Vec<f64>>(),
    };
    Some(read).filter(|read| !read.is_empty())
}

#[cfg(test)]
mod tests;
