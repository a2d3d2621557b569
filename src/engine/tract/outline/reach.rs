//! How low integers can go, as far as a division has to know it: whether a value may hold -1, or the smallest integer of
//! its type. Of shapes and what is computed from them it is known that they cannot; of what clients send, that it can be
//! looked at; of nearly all else, nothing.
//!
//! Sums and products of sizes count as sizes: no tensor that fits in memory has so many elements that they would overflow.

use tract_onnx::pb::tensor_proto::{DataLocation, DataType as OnnxType};
use tract_onnx::pb::{NodeProto, TensorProto};

use super::fact::told;
use super::kinds;
use super::proto;
use super::trace::Values;
use crate::engine::tract::checks::attribute;

/// From the best known to the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// A size, a count, an index; or a small stored number that is not negative.
    Size,
    NotNegative,
    /// Stored: negative, and neither -1 nor the smallest integer.
    Harmless,
    /// Perhaps -1, but not the smallest integer.
    NotSmallest,
    /// The smallest integer only where a client has sent that.
    Sent,
    #[default]
    Anything,
}

use Reach::{Anything, Harmless, NotNegative, NotSmallest, Size};

/// Stored numbers up to this are as small as sizes.
const LARGEST_SIZE: i64 = i32::MAX as i64;

/// Outputs that are sizes, counts or indices: operators and places.
const SIZES: &[(&str, usize)] = &[
    ("ArgMax", 0),
    ("ArgMin", 0),
    ("MaxPool", 1),
    ("NonMaxSuppression", 0),
    ("NonZero", 0),
    ("SequenceLength", 0),
    ("Shape", 0),
    ("Size", 0),
    ("StringSplit", 1),
    ("TopK", 1),
    ("Unique", 1),
    ("Unique", 2),
    ("Unique", 3),
];

/// Operators whose outputs hold elements of the first input, and zeros perhaps.
const MOVES: &[&str] = &[
    "Compress",
    "DepthToSpace",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Identity",
    "Reshape",
    "ReverseSequence",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unique",
    "Unsqueeze",
];

impl Reach {
    /// That of a stored tensor; what another file holds is not known.
    pub fn of(tensor: &TensorProto) -> Self {
        if tensor.data_location == Some(DataLocation::External as i32) {
            return Anything;
        }
        match OnnxType::try_from(tensor.data_type) {
            Ok(OnnxType::Int64) => {
                let raw = tensor.raw_data.as_chunks().0.iter().map(|raw| i64::from_le_bytes(*raw));
                Self::of_numbers(raw.chain(tensor.int64_data.iter().copied()), i64::MIN)
            }
            Ok(OnnxType::Int32) => {
                let raw = tensor.raw_data.as_chunks().0.iter().map(|raw| i32::from_le_bytes(*raw));
                let numbers = raw.chain(tensor.int32_data.iter().copied());
                Self::of_numbers(numbers.map(i64::from), i32::MIN.into())
            }
            _ => Anything,
        }
    }

    fn of_numbers(numbers: impl Iterator<Item = i64>, smallest: i64) -> Self {
        let (mut least, mut most, mut minus_one) = (0, 0, false);
        for number in numbers {
            least = least.min(number);
            most = most.max(number);
            minus_one |= number == -1;
        }
        match least {
            0 if most <= LARGEST_SIZE => Size,
            0 => NotNegative,
            least if least == smallest => Anything,
            _ if minus_one => NotSmallest,
            _ => Harmless,
        }
    }
}

/// That of the output at a place.
pub fn reach(node: &NodeProto, at: usize, values: &Values<'_>) -> Reach {
    if proto::domain(&node.domain) != "ai.onnx" {
        return Anything;
    }
    let operator = node.op_type.as_str();
    let named = |place: usize| node.input.get(place).filter(|name| !name.is_empty());
    let given = |place: usize| named(place).map(|name| values.get(name).reach);
    let of = |place: usize| given(place).unwrap_or_default();
    if SIZES.contains(&(operator, at)) {
        return Size;
    }
    if MOVES.contains(&operator) {
        return of(0);
    }
    // The rest has one output.
    if at > 0 {
        return Anything;
    }
    let all: Vec<Reach> = node.input.iter().map(|name| values.get(name).reach).collect();
    let worst = all.iter().copied().max().unwrap_or_default();
    let best = all.iter().copied().min().unwrap_or_default();
    let sums = |terms: Reach| if terms == Size { Size } else { Anything };
    match operator {
        "Constant" => constant(node),
        "ConstantOfShape" => {
            attribute(node, "value").map_or(Size, |value| value.t.as_ref().map_or(Anything, Reach::of))
        }
        "Concat" | "Min" => worst,
        "Where" => of(1).max(of(2)),
        "Pad" => of(0).max(given(2).unwrap_or(Size)),
        "OneHot" => of(2),
        "Cast" => cast(node, values),
        "Add" | "Mul" => sums(worst),
        "CumSum" | "ReduceProd" | "ReduceSum" => sums(of(0)),
        "Range" if of(0).max(of(2)) <= NotNegative => of(0).max(of(2)),
        "Sub" if worst <= NotNegative => NotSmallest,
        "Abs" if of(0) > Size && of(0) <= NotSmallest => NotNegative,
        "Abs" => of(0),
        "Max" => larger(best, worst),
        "Clip" => larger(of(1), of(0)).max(given(2).unwrap_or(Size)),
        "Div" if worst <= NotNegative => of(0),
        "Div" => of(0).max(NotSmallest),
        // A remainder is nearer to zero than the divisor and has its sign, or with `fmod` that of the dividend.
        "Mod" if told(node, "fmod", Some(0)) == Some(0) && of(1) <= NotNegative => of(1),
        "Mod" => NotSmallest,
        _ => Anything,
    }
}

/// What is as large as one number at least, and otherwise another one.
fn larger(least: Reach, other: Reach) -> Reach {
    match least {
        Size if other > Size => NotNegative,
        Harmless if other > Harmless => NotSmallest,
        _ => least,
    }
}

fn constant(node: &NodeProto) -> Reach {
    let known = node.attribute.iter().filter(|given| given.ref_attr_name.is_empty());
    let found = known.filter_map(|given| match given.name.as_str() {
        "value" => given.t.as_ref().map(Reach::of),
        "value_int" => Some(Reach::of_numbers([given.i].into_iter(), i64::MIN)),
        "value_ints" => Some(Reach::of_numbers(given.ints.iter().copied(), i64::MIN)),
        _ => None,
    });
    found.max().unwrap_or_default()
}

/// That of integers of one type as integers of another; what is rounded may have been anything.
fn cast(node: &NodeProto, values: &Values<'_>) -> Reach {
    use OnnxType::{Bool, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64};
    let fact = node.input.first().map(|name| values.get(name)).unwrap_or_default();
    let known = |kind: Option<i32>| kind.and_then(|kind| OnnxType::try_from(kind).ok());
    let (Some(from), Some(to)) = (known(fact.kind), known(kinds::kind(node, 0, values))) else { return Anything };
    match (from, to) {
        (Bool, Int32 | Int64) => Size,
        (Uint8 | Uint16, Int32 | Int64) | (Uint32, Int64) => fact.reach.min(NotNegative),
        (Int8 | Int16, Int32 | Int64) => fact.reach.min(NotSmallest),
        (Int32, Int64) if fact.reach > Harmless => NotSmallest,
        (Int32, Int64) => fact.reach,
        _ if from == to => fact.reach,
        (Int64 | Uint64, Int32) | (Uint32, Int32) | (Uint64, Int64) if fact.reach == Size => Size,
        _ => Anything,
    }
}
