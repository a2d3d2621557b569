//! Integer divisions that may stop the process. ONNX Runtime divides as the processor does, which raises a signal when the
//! smallest integer is divided by -1; no answer can be made of that. A dividend that a client sends is looked at before a
//! run; of one that is computed nobody knows anything before, so that such a model is refused.

use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;

use super::fact::told;
use super::proto;
use super::reach::Reach;
use super::trace::Values;

/// Where the smallest integer may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dividend {
    Sent,
    Computed,
}

/// What a node may divide by -1. Narrower integers are computed as wide ones, in which their smallest is none; what is not
/// known to be of another type is taken for integers.
pub fn suspect(node: &NodeProto, values: &Values<'_>) -> Option<Dividend> {
    let divides = match node.op_type.as_str() {
        "Div" => true,
        // `fmod` computes the remainder of floats.
        "Mod" => told(node, "fmod", Some(0)).is_none_or(|fmod| fmod == 0),
        _ => false,
    };
    if !divides || proto::domain(&node.domain) != "ai.onnx" {
        return None;
    }
    let of = |place: usize| node.input.get(place).map(|name| values.get(name)).unwrap_or_default();
    let (dividend, divisor) = (of(0), of(1));
    let wide = |kind: i32| kind == OnnxType::Int32 as i32 || kind == OnnxType::Int64 as i32;
    if !dividend.kind.is_none_or(wide) || !divisor.kind.is_none_or(wide) || divisor.reach <= Reach::Harmless {
        return None;
    }
    match dividend.reach {
        Reach::Anything => Some(Dividend::Computed),
        Reach::Sent => Some(Dividend::Sent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use OnnxType::{Bool, Float, Int8, Int32, Int64, Uint8};
    use tract_onnx::pb::tensor_proto::DataLocation;
    use tract_onnx::pb::{AttributeProto, FunctionProto, GraphProto, TensorProto};

    use super::super::trace::tests::{cast, function, input, node, stored, with};
    use super::super::trace::trace;
    use super::*;

    /// The first suspicion of a graph with the inputs `a` and `b` of 64-bit integers, `n` of 32 bits, `s` of 8, `u` of
    /// unsigned ones, `x` of floats, `m` of truth values.
    fn found_with(nodes: Vec<NodeProto>, weights: Vec<TensorProto>, functions: &[FunctionProto]) -> Option<Dividend> {
        let inputs = [("a", Int64), ("b", Int64), ("n", Int32), ("s", Int8), ("u", Uint8), ("x", Float), ("m", Bool)];
        let input = inputs.map(|(name, kind)| input(name, kind)).to_vec();
        let graph = GraphProto { input, node: nodes, initializer: weights, ..Default::default() };
        let mut found = None;
        trace(&graph, functions, 8, &mut |node, values| found = found.or(suspect(node, values))).unwrap();
        found
    }

    fn found(nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> Option<Dividend> {
        found_with(nodes, weights, &[])
    }

    fn div(dividend: &str, divisor: &str) -> NodeProto {
        node("Div", &[dividend, divisor], &["q"])
    }

    /// `c`, which may be any integer.
    fn computed() -> NodeProto {
        cast("x", Int64, "c")
    }

    #[test]
    fn computed_dividends_are_told_from_sent_ones() {
        assert_eq!(found(vec![computed(), div("c", "b")], vec![]), Some(Dividend::Computed));
        assert_eq!(found(vec![node("Mul", &["a", "b"], &["c"]), div("c", "b")], vec![]), Some(Dividend::Computed));
        assert_eq!(found(vec![node("Sub", &["a", "b"], &["c"]), div("c", "b")], vec![]), Some(Dividend::Computed));
        assert_eq!(found(vec![computed(), node("Mod", &["c", "b"], &["q"])], vec![]), Some(Dividend::Computed));
        assert_eq!(found(vec![div("a", "b")], vec![]), Some(Dividend::Sent));
        assert_eq!(found(vec![node("Mod", &["a", "b"], &["q"])], vec![]), Some(Dividend::Sent));
        // What is sent stays what it is while it is moved.
        let moved = vec![node("Reshape", &["a", "r"], &["c"]), node("Concat", &["c", "a"], &["d"]), div("d", "b")];
        assert_eq!(found(moved, vec![stored("r", &[1, -1])]), Some(Dividend::Sent));
    }

    #[test]
    fn divisions_of_other_types_are_not_suspected() {
        let floats = vec![node("Sub", &["x", "x"], &["c"]), node("Exp", &["x"], &["d"]), div("c", "d")];
        assert_eq!(found(floats, vec![]), None);
        assert_eq!(found(vec![node("Add", &["s", "s"], &["c"]), div("c", "s")], vec![]), None);
        let fmod = AttributeProto { name: "fmod".into(), i: 1, ..Default::default() };
        assert_eq!(found(vec![computed(), with(node("Mod", &["c", "b"], &["q"]), fmod)], vec![]), None);
        assert_eq!(found(vec![computed(), node("f:Div", &["c", "b"], &["q"])], vec![]), None);
        let unheard = |output: &str| node("com.microsoft:Unheard", &["x"], &[output]);
        assert_eq!(found(vec![unheard("c"), unheard("d"), div("c", "d")], vec![]), Some(Dividend::Computed));
    }

    #[test]
    fn stored_divisors_count_by_what_they_hold() {
        let by = |divisor: &[i64]| found(vec![computed(), div("c", "d")], vec![stored("d", divisor)]);
        assert_eq!(by(&[2, -3]), None);
        assert_eq!(by(&[2, -1]), Some(Dividend::Computed));
        assert_eq!(found(vec![div("a", "d")], vec![stored("d", &[-1])]), Some(Dividend::Sent));
        let raw = TensorProto { int64_data: vec![], raw_data: vec![0xff; 8], ..stored("d", &[-1]) };
        assert_eq!(found(vec![div("a", "d")], vec![raw]), Some(Dividend::Sent));
        let away = TensorProto { data_location: Some(DataLocation::External as i32), ..stored("d", &[2]) };
        assert_eq!(found(vec![div("a", "d")], vec![away]), Some(Dividend::Sent));
        let constant = |value: i64| {
            let value = AttributeProto { name: "value_int".into(), i: value, ..Default::default() };
            found(vec![computed(), with(node("Constant", &[], &["d"]), value), div("c", "d")], vec![])
        };
        assert_eq!((constant(7), constant(-1)), (None, Some(Dividend::Computed)));
        // They are divided when the model is loaded.
        let both = |dividend: i64| found(vec![div("e", "b")], vec![stored("e", &[dividend])]);
        assert_eq!((both(5), both(i64::MIN)), (None, Some(Dividend::Computed)));
    }

    #[test]
    fn what_comes_of_shapes_is_not_suspected() {
        let shapes = [
            node("Shape", &["x"], &["shape"]),
            node("Gather", &["shape", "one"], &["h"]),
            node("Add", &["h", "two"], &["padded"]),
            node("Sub", &["padded", "two"], &["less"]),
            cast("shape", Int32, "narrow"),
            node("ReduceProd", &["narrow"], &["count"]),
            node("Size", &["x"], &["size"]),
        ];
        let weights = || vec![stored("one", &[1]), stored("two", &[2]), stored("minus", &[-1])];
        let with_shapes = |node: NodeProto| found(shapes.iter().cloned().chain([node]).collect(), weights());
        for (dividend, divisor) in
            [("h", "h"), ("padded", "size"), ("less", "b"), ("count", "narrow"), ("size", "minus"), ("a", "h")]
        {
            assert_eq!(with_shapes(div(dividend, divisor)), None, "{dividend} / {divisor}");
        }
        assert_eq!(with_shapes(node("Mod", &["h", "b"], &["q"])), None);
    }

    #[test]
    fn bounds_and_narrow_types_keep_a_division_safe() {
        let clamped = |node: NodeProto| found(vec![computed(), node, div("c", "d")], vec![stored("one", &[1])]);
        assert_eq!(clamped(node("Max", &["b", "one"], &["d"])), None);
        assert_eq!(clamped(node("Clip", &["b", "one"], &["d"])), None);
        assert_eq!(clamped(node("Clip", &["b", "one", "a"], &["d"])), Some(Dividend::Computed));
        assert_eq!(clamped(node("Min", &["b", "one"], &["d"])), Some(Dividend::Computed));
        assert_eq!(clamped(node("Mod", &["b", "one"], &["d"])), None);
        let widened = |name: &str| found(vec![cast(name, Int64, "c"), div("c", "b")], vec![]);
        for narrow in ["n", "s", "u", "m"] {
            assert_eq!(widened(narrow), None, "{narrow}");
        }
        // What does not fit may become the smallest.
        assert_eq!(found(vec![cast("a", Int32, "c"), div("c", "n")], vec![]), Some(Dividend::Computed));
        assert_eq!(found(vec![cast("u", Int64, "c"), div("a", "c")], vec![]), None);
        // Of the unsigned ones as many may be multiplied as make any number.
        let product = vec![cast("u", Int64, "c"), node("Mul", &["c", "c"], &["d"]), div("a", "d")];
        assert_eq!(found(product, vec![]), Some(Dividend::Sent));
    }

    #[test]
    fn functions_are_looked_into_where_they_are_called() {
        let functions = [
            function("Ratio", &["p", "r"], &["q"], vec![node("Div", &["p", "r"], &["q"])]),
            function("Over", &["p"], &["q"], vec![cast("p", Int64, "t"), node("f:Ratio", &["t", "r"], &["q"])]),
        ];
        let called = |nodes: Vec<NodeProto>| found_with(nodes, vec![], &functions);
        assert_eq!(called(vec![node("f:Ratio", &["a", "b"], &["y"])]), Some(Dividend::Sent));
        assert_eq!(called(vec![node("f:Ratio", &["x", "x"], &["y"])]), None);
        assert_eq!(called(vec![computed(), node("f:Ratio", &["c", "b"], &["y"])]), Some(Dividend::Computed));
        assert_eq!(called(vec![node("f:Over", &["x"], &["y"])]), Some(Dividend::Computed));
        assert_eq!(called(vec![node("Neg", &["a"], &["y"])]), None);
    }

    #[test]
    fn loops_and_branches_are_looked_into() {
        let body = GraphProto {
            input: vec![input("v", Int64)],
            node: vec![node("Div", &["v", "b"], &["w"])],
            output: vec![input("w", Int64)],
            ..Default::default()
        };
        let scan = AttributeProto { name: "body".into(), g: Some(body), ..Default::default() };
        assert_eq!(found(vec![with(node("Scan", &["a"], &["y"]), scan)], vec![]), Some(Dividend::Computed));
    }
}
