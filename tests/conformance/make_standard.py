"""Operators of `ai.onnx`, a node each, in every operator set and with every attribute where engines go wrong.

`make_standard.py` writes `corpus/operators/`. The answers are those of ONNX Runtime; what it cannot run is not here, but for
powers of types that it lacks, which are numpy's.
"""

import pathlib

import numpy as np
from onnx import TensorProto, helper

import case

FOLDER = pathlib.Path(__file__).parent / "corpus/operators"
RNG = np.random.default_rng(7)
FLOATS = [np.float32, np.float64]
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
ONNX = {np.bool_: 9, np.float16: 10, np.float32: 1, np.float64: 11, np.int8: 3, np.int16: 5, np.int32: 6, np.int64: 7,
        np.uint8: 2, np.uint16: 4, np.uint32: 12, np.uint64: 13}
# Ordinary numbers, and those at which formulas overflow.
ODD = np.array([0, -0.0, 1, -1, 0.5, -0.5, 2.5, -2.5, 1.5, 3.7, -3.7, 20, -20, 88.5, -88.5, 100, -100, 300, -300, 1e-5,
                -1e-5, 1e4, -1e4, 65504, np.inf, -np.inf, 1e-30, -1e-30, 1e10, 0.1], np.float32)
LOST = np.concatenate([ODD, [np.nan, 7]]).astype(np.float32)


def normal(*shape, kind=np.float32):
    return RNG.normal(size=shape).astype(kind)


def whole(*shape, low=-9, high=9, kind=np.int64):
    return RNG.integers(low, high, shape).astype(kind)


def op(name, operator, inputs, attributes=None, opset=None, **more):
    opsets = {"": opset} if opset else None
    with np.errstate(all="ignore"):
        case.operator(FOLDER, f"{operator.lower()}_{name}", operator, inputs, attributes, opsets=opsets, **more)


def ints(*values):
    return np.array(values, np.int64)


def activations():
    for operator in ("Acosh", "Asinh", "LogSoftmax", "Mish", "Softplus", "Sigmoid", "Round", "Softsign", "Selu", "Elu", "Erf",
                     "Tanh", "HardSigmoid", "Gelu", "ThresholdedRelu", "Celu", "Hardmax", "Shrink"):
        for kind in FLOATS if operator in ("LogSoftmax", "Sigmoid", "Round", "Tanh") else FLOATS[:1]:
            with np.errstate(all="ignore"):
                x = (ODD if operator not in ("Acosh", "Hardmax", "LogSoftmax") else np.abs(ODD[:24]) + 1).astype(kind)
            op(kind.__name__, operator, {"x": x.reshape(2, -1)}, free=("x",), rtol=2e-5)
    x = ODD.reshape(2, -1)
    op("alpha", "Celu", {"x": x}, {"alpha": 2.5}, rtol=2e-5)
    op("alpha", "Elu", {"x": x}, {"alpha": 2.5}, rtol=2e-5)
    op("alpha", "HardSigmoid", {"x": x}, {"alpha": 0.3, "beta": 0.1})
    op("both", "Selu", {"x": x}, {"alpha": 2.0, "gamma": 3.0}, rtol=2e-5)
    op("both", "Shrink", {"x": x}, {"bias": 1.0, "lambd": 2.0})
    op("alpha", "ThresholdedRelu", {"x": x}, {"alpha": 2.0})
    op("tanh", "Gelu", {"x": np.clip(x, -50, 50)}, {"approximate": "tanh"}, rtol=1e-4, atol=1e-4)
    op("wide", "LogSoftmax", {"x": np.array([[-200, 500, 300], [0, -1000, 1]], np.float32)})
    for operator in ("Softmax", "LogSoftmax", "Hardmax"):
        x = normal(2, 3, 4)
        for opset, axes in ((11, (None, 0, 1, 2, -1)), (13, (None, 0, 1, -1))):
            for axis in axes:
                op(f"{opset}_{'default' if axis is None else axis}".replace("-", "m"), operator, {"x": x},
                   None if axis is None else {"axis": axis}, opset=opset)
    op("ties", "Hardmax", {"x": np.array([[1, 2, 2], [0, 0, 0]], np.float32)})
    for opset, name, attributes, bounds in (
            (6, "none", {}, {}), (6, "both", {"min": -1.0, "max": 2.0}, {}), (6, "max", {"max": 2.0}, {}),
            (11, "min", {}, {"lo": np.float32(-1)}), (13, "max", {}, {"": 0, "hi": np.float32(3)}),
            (13, "both", {}, {"lo": np.float32(-2), "hi": np.float32(3)}),
            (13, "crossed", {}, {"lo": np.float32(3), "hi": np.float32(-2)})):
        op(f"{opset}_{name}", "Clip", {"x": ODD, **bounds}, attributes, opset=opset, stored=tuple(filter(None, bounds)))
    op("int64", "Clip", {"x": ints(2**40, -5, 7), "lo": np.int64(-2), "hi": np.int64(2**35)}, stored=("lo", "hi"))
    op("int32_min", "Clip", {"x": whole(8, kind=np.int32), "lo": np.int32(-2)}, stored=("lo",))


def not_numbers():
    """Operators that let NaN through, or ask for it."""
    for kind in (np.float32, np.float64, np.float16):
        with np.errstate(all="ignore"):
            x = LOST.astype(kind)
        for operator in ("IsNaN", "IsInf"):
            if not (operator == "IsInf" and kind == np.float16):
                op(f"nan_{kind.__name__}", operator, {"x": x})
    op("nan_positive", "IsInf", {"x": LOST}, {"detect_negative": 0})
    op("nan_negative", "IsInf", {"x": LOST}, {"detect_positive": 0})
    for operator in ("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp",
                     "Floor", "Gelu", "HardSwish", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Round", "Selu", "Shrink",
                     "Sin", "Sinh", "Softmax", "Softplus", "Softsign", "Sqrt", "Tan", "ThresholdedRelu"):
        small = np.where(np.abs(LOST) < 1e9, LOST, 1) if operator not in ("Abs", "Neg") else LOST
        op("nan", operator, {"x": np.where(np.isnan(LOST), LOST, small).reshape(2, -1)}, rtol=2e-5)
    a, b = LOST, np.roll(LOST, 3)
    for operator in ("Add", "Sub", "Mul", "Div", "Pow", "Mean", "Sum", "Equal", "Less", "LessOrEqual", "Greater",
                     "GreaterOrEqual", "PRelu"):
        op("nan", operator, {"a": a, "b": b}, rtol=2e-5)
    op("nan_fmod", "Mod", {"a": a, "b": b}, {"fmod": 1})
    op("nan", "Where", {"c": ODD.repeat(2)[:32] > 0, "a": a, "b": b})
    x = normal(6, 40)
    x[1, 3] = x[2, 0] = x[3, -1] = np.nan
    for operator in ("ReduceL1", "ReduceL2", "ReduceMean", "ReduceProd", "ReduceSum", "ReduceSumSquare"):
        for axis in (0, 1):
            op(f"nan_{axis}", operator, {"x": x, "axes": ints(axis)}, opset=18, stored=("axes",), rtol=2e-5)
    op("nan", "ArgMax", {"x": x}, {"axis": 1})
    op("nan", "ArgMin", {"x": x}, {"axis": 1})
    image = normal(1, 3, 7, 8)
    image[0, 1, 3, 3] = np.nan
    op("nan", "AveragePool", {"x": image}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, rtol=2e-5)
    op("nan", "GlobalAveragePool", {"x": image}, rtol=2e-5)
    op("nan", "LRN", {"x": image}, {"size": 3})
    ones = np.ones(3, np.float32)
    op("nan", "InstanceNormalization", {"x": image, "s": ones, "b": ones}, stored=("s", "b"), rtol=1e-4, atol=1e-5)
    op("nan", "LayerNormalization", {"x": x, "s": np.ones(40, np.float32)}, stored=("s",), rtol=1e-4, atol=1e-5)
    weights = normal(4, 3, 3, 3)
    op("nan", "Conv", {"x": image, "w": weights}, stored=("w",), rtol=1e-4, atol=1e-5)
    op("nan", "ConvTranspose", {"x": image, "w": np.ascontiguousarray(weights.transpose(1, 0, 2, 3))}, {"strides": [2, 2]},
       stored=("w",), rtol=1e-4, atol=1e-5)
    op("nan", "Einsum", {"a": x, "b": normal(40, 5)}, {"equation": "ij,jk->ik"}, stored=("b",), rtol=1e-4, atol=1e-5)
    op("nan", "ScatterElements", {"x": x, "i": whole(2, 3, low=0, high=6), "u": np.full((2, 3), np.nan, np.float32)})
    op("nan", "GatherElements", {"x": x, "i": whole(2, 3, low=0, high=6)})
    op("nan", "GatherND", {"x": x, "i": whole(4, 2, low=0, high=6)})
    op("nan", "ScatterND", {"x": x, "i": whole(2, 1, low=0, high=6), "u": np.full((2, 40), np.nan, np.float32)})
    op("nan", "Trilu", {"x": x})


def arithmetic():
    for kind in INTEGERS:
        a, b = whole(8, low=0, high=100, kind=kind), whole(8, low=1, high=9, kind=kind)
        if np.issubdtype(kind, np.signedinteger):
            a, b = a * np.array([1, -1] * 4, kind), b * np.array([1, 1, -1, -1] * 2, kind)
        op(kind.__name__, "Mod", {"a": a, "b": b})
        op(f"{kind.__name__}_fmod", "Mod", {"a": a, "b": b}, {"fmod": 1})
    a, b = np.array([5.5, -5.5, 5.5, -5.5, 4, 0], np.float32), np.array([2, 2, -2, -2, 2, 3], np.float32)
    op("float", "Mod", {"a": a, "b": b}, {"fmod": 1})
    for kind in (np.uint8, np.uint32, np.uint64):
        width = np.dtype(kind).itemsize * 8
        for direction in ("LEFT", "RIGHT"):
            op(f"{kind.__name__}_{direction.lower()}", "BitShift",
               {"x": np.array([[1, 200, 255]], kind), "by": np.array([[0], [3], [width - 1]], kind)}, {"direction": direction})
    x = ints(1, 5, -7, 2**33, 2**62)
    for source in (np.bool_, *INTEGERS, np.float16, *FLOATS):
        for target in (np.bool_, *INTEGERS, np.float16, *FLOATS):
            values = np.array([0, 1, 2, 100, 3, 7])
            if source in (np.float16, np.float32, np.float64):
                values = values + np.array([0, 0.5, 0.4, 0.9, 0.999, 0])
            op(f"{source.__name__}_{target.__name__}", "Cast", {"x": values.astype(source)}, {"to": ONNX[target]})
    op("large", "Cast", {"x": np.array([3e9, -3e9, 1e15, 0], np.float64)}, {"to": 7})
    op("large_f32", "Cast", {"x": np.array([3e9, -3e9, 1e15, 0], np.float32)}, {"to": 7})
    op("large_uint32", "Cast", {"x": np.array([4e9, 3e9, 5], np.float32)}, {"to": 12})
    op("unsigned", "Cast", {"x": np.array([4000000000, 7], np.uint32)}, {"to": 7})
    op("nan_half", "Cast", {"x": LOST}, {"to": 10})
    op("nan_double", "Cast", {"x": LOST}, {"to": 11})
    op("nan_bool", "Cast", {"x": LOST}, {"to": 9})
    op("wraps", "Cast", {"x": ints(300, -1, 2**40 + 3)}, {"to": 2})
    op("nan", "CastLike", {"x": LOST, "like": np.zeros(1, np.float64)}, opset=19)
    op("int64", "CastLike", {"x": np.array([3e9, 2.7], np.float64), "like": ints(1)}, opset=19)
    for kind in (np.float32, np.float64, np.int32, np.int64):
        for exclusive, reverse in ((0, 0), (1, 0), (0, 1), (1, 1)):
            op(f"{kind.__name__}_{exclusive}{reverse}", "CumSum", {"x": whole(3, 4, kind=kind), "axis": np.int32(-1)},
               {"exclusive": exclusive, "reverse": reverse}, stored=("axis",), free=("x",))
    op("axis_asked", "CumSum", {"x": normal(3, 4), "axis": np.int64(0)})
    op("vectors", "MatMul", {"a": normal(5), "b": normal(5)})
    op("vectors_int32", "MatMul", {"a": whole(5, kind=np.int32), "b": whole(5, kind=np.int32)})
    op("matrix", "Det", {"x": normal(3, 3)})
    op("batch", "Det", {"x": normal(2, 2, 4, 4)}, free=("x",), rtol=1e-4)
    op("singular", "Det", {"x": np.array([[1, 2], [2, 4]], np.float32)})


def powers():
    """Integers to the power of what is negative, long, of another type, or in another place."""
    base = np.array([0, 1, -1, 2, -2, 10])
    large = np.array([3037000500, 94906267, -94906267])
    for kind in (np.int32, np.int64):
        word = kind.__name__
        row = lambda *values: np.array(values, kind)
        op(f"{word}", "Pow", {"a": base.astype(kind), "b": row(5, 7, 9, 0, 3, 2)}, free=("a", "b"))
        op(f"{word}_negative", "Pow", {"a": base.astype(kind), "b": row(-1, -2, -3, -1, -1, -2)}, free=("a", "b"))
        op(f"{word}_negative_stored", "Pow", {"a": base.astype(kind), "b": kind(-1)}, stored=("b",))
        op(f"{word}_square", "Pow", {"a": base.astype(kind).reshape(2, 3), "b": kind(2)}, stored=("b",), free=("a",))
        op(f"{word}_cube", "Pow", {"a": base.astype(kind).reshape(2, 3), "b": row(3)}, stored=("b",), free=("a",))
        op(f"{word}_base", "Pow", {"a": kind(2), "b": row(0, 1, 10, 30, -3)}, stored=("a",))
        op(f"{word}_broadcast", "Pow", {"a": row(2, -3, 5).reshape(3, 1), "b": row(0, 1, 2, 3)}, free=("a",))
        op(f"{word}_rows", "Pow", {"a": base.astype(kind).reshape(2, 3), "b": row(2, -1).reshape(2, 1)})
        op(f"{word}_overflow", "Pow", {"a": base.astype(kind), "b": row(40, 40, 41, 31, 63, 40)})
        for other in (np.float16, np.float32, np.float64):
            op(f"{word}_{other.__name__}", "Pow", {"a": np.abs(base).astype(kind), "b": np.array([2, -1, 0.5, 0.5, 3, 1.5], other)})
        for other in INTEGERS:
            # ONNX Runtime has no kernels for most of them; the schema has them all.
            b = np.array([3, 9, 7, 0, 5, 8], other)
            op(f"{word}_{other.__name__}", "Pow", {"a": base.astype(kind), "b": b}, answers=[{"y0": base.astype(kind) ** b.astype(kind)}])
    op("int32_int64_long", "Pow", {"a": np.array([1, -1, 0], np.int32), "b": ints(2**32 + 1)}, stored=("b",))
    op("int64_long", "Pow", {"a": ints(1, -1, 0), "b": ints(2**32 + 1, 2**32 + 1, 2**32 + 2)})
    # Beyond 2^53: exact where one exponent is that of a row, and cut from double precision where each has its own.
    op("int64_large_square", "Pow", {"a": large, "b": np.int64(2)}, stored=("b",))
    op("int64_large_squares", "Pow", {"a": large, "b": ints(2, 2, 2)})
    op("int64_large_column", "Pow", {"a": large.reshape(3, 1), "b": ints(2, 3)})
    op("float32_int64", "Pow", {"a": base.astype(np.float32), "b": ints(2, 3, -1, -2, 5, 0)})
    op("float32_float64", "Pow", {"a": np.abs(base).astype(np.float32), "b": np.array([2, 0.5, -1, 0.5, 1.5, -2])})
    op("float64_float32", "Pow", {"a": np.abs(base).astype(np.float64), "b": np.array([2, 0.5, -1, 0.5, 1.5, -2], np.float32)})
    N, x = helper.make_node, np.arange(6, dtype=np.float32).reshape(2, 3)
    graph("pow_of_shape", [N("Shape", ["x"], ["s"]), N("Pow", ["s", "k"], ["y"])], [("x", x, ["N", 3])],
          [("y", TensorProto.INT64, [2])], [("k", np.int64(2))])
    graph("pow_of_untold", [N("Cast", ["x"], ["i"], to=TensorProto.INT64), N("Pow", ["i", "k"], ["p"]),
          N("Cast", ["p"], ["y"], to=TensorProto.FLOAT)], [("x", x + 1, ["N", 3])], [("y", TensorProto.FLOAT, ["N", 3])],
          [("k", np.int64(-1))])


def reductions():
    for operator in ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
                     "ReduceSumSquare"):
        for kind in (np.float32, np.float64, np.int32, np.int64):
            if kind == np.float64 and operator == "ReduceLogSum":
                continue
            x = whole(2, 3, 4, low=1, high=5, kind=kind) + (normal(2, 3, 4, kind=kind) / 9 if kind in FLOATS else kind(0))
            op(f"{kind.__name__}_18", operator, {"x": x, "axes": ints(0, -1)}, {"keepdims": 0}, opset=18, stored=("axes",),
               rtol=2e-5)
            op(f"{kind.__name__}_11", operator, {"x": x}, {"axes": [1]}, opset=11, free=("x",), rtol=2e-5)
        x = np.abs(normal(2, 3, 4)) + 1
        op("all", operator, {"x": x}, opset=18, rtol=2e-5)
        op("all_11", operator, {"x": x}, {"keepdims": 0}, opset=11, rtol=2e-5)
        op("none", operator, {"x": x}, {"noop_with_empty_axes": 1}, opset=18)
        op("infinite", operator, {"x": np.full((2, 3), np.inf, np.float32), "axes": ints(1)}, opset=18, stored=("axes",))
    for operator in ("ReduceMax", "ReduceMin"):
        x = np.full((2, 3), -np.inf, np.float32)
        op("least", operator, {"x": x, "axes": ints(1)}, opset=18, stored=("axes",))
        op("bool", operator, {"x": whole(3, 4, low=0, high=2, kind=np.bool_), "axes": ints(1)}, opset=20, stored=("axes",))
        op("uint8", operator, {"x": whole(3, 4, low=0, high=200, kind=np.uint8), "axes": ints(0)}, opset=18, stored=("axes",))
        op("int8", operator, {"x": whole(3, 4, kind=np.int8), "axes": ints(0)}, opset=18, stored=("axes",))
        op("middle", operator, {"x": normal(3, 4, 2), "axes": ints(1)}, opset=18, stored=("axes",), free=("x",))
    op("axes_13", "ReduceSum", {"x": normal(2, 3), "axes": ints(1)}, opset=13, stored=("axes",))
    x = np.array([[3, 1, 3, 1], [2, 2, 2, 2], [-1, 5, 5, -1]], np.float32)
    for operator in ("ArgMax", "ArgMin"):
        for last in (0, 1):
            for axis in (0, 1, -1):
                op(f"{last}_{axis}".replace("-", "m"), operator, {"x": x},
                   {"select_last_index": last, "axis": axis, "keepdims": axis % 2})
        op("int32", operator, {"x": whole(3, 4, kind=np.int32)})
        op("default_11", operator, {"x": x}, opset=11, free=("x",))
        op("infinite", operator, {"x": np.full((2, 3), -np.inf if operator == "ArgMax" else np.inf, np.float32)}, {"axis": 1})
    x = np.array([[3, 1, 3, 2], [1, 1, 1, 1]])
    for kind in (np.float32, np.float64, np.int32, np.int64):
        for largest in (0, 1):
            op(f"{kind.__name__}_{largest}", "TopK", {"x": x.astype(kind), "k": ints(3)}, {"largest": largest}, outputs=2,
               stored=("k",), free=("x",))
    x = normal(4, 5)
    op("1", "TopK", {"x": x}, {"k": 2}, outputs=2, opset=9)
    op("10", "TopK", {"x": x, "k": ints(2)}, {"axis": 0}, outputs=2, opset=10, stored=("k",))
    op("k_asked", "TopK", {"x": x, "k": ints(2)}, outputs=2)
    op("all", "TopK", {"x": x, "k": ints(5)}, outputs=2, stored=("k",))


def windows():
    x = normal(2, 3, 9, 11)
    variants = dict(
        plain={}, strides={"strides": [2, 3]}, pads={"pads": [1, 1, 1, 1]}, uneven={"pads": [2, 0, 1, 2]},
        ceil={"strides": [2, 2], "ceil_mode": 1}, ceil_pads={"strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
        upper={"strides": [2, 2], "auto_pad": "SAME_UPPER"}, lower={"strides": [2, 2], "auto_pad": "SAME_LOWER"},
        dilations={"dilations": [2, 2]}, valid={"auto_pad": "VALID"})
    for name, attributes in variants.items():
        attributes = {"kernel_shape": [3, 3], **attributes}
        op(name, "MaxPool", {"x": x}, attributes, opset=12, outputs=2, free=("x",))
        op(name, "AveragePool", {"x": x}, attributes, opset=19, free=("x",))
        op(f"{name}_padded", "AveragePool", {"x": x}, {**attributes, "count_include_pad": 1}, opset=19)
        op(name, "LpPool", {"x": x}, {**attributes, "p": 3}, opset=18, free=("x",), rtol=2e-5)
    op("p1", "LpPool", {"x": x}, {"kernel_shape": [2, 2], "p": 1}, opset=18)
    op("11", "LpPool", {"x": x[0]}, {"kernel_shape": [3]}, opset=11)
    op("empty_window", "MaxPool", {"x": np.full((1, 1, 4, 4), -np.inf, np.float32)}, {"kernel_shape": [2, 2]})
    op("columns", "MaxPool", {"x": x}, {"kernel_shape": [2, 2], "storage_order": 1}, outputs=2)
    op("uint8", "MaxPool", {"x": whole(1, 2, 6, 6, low=0, high=255, kind=np.uint8)}, {"kernel_shape": [2, 2]})
    op("int8", "MaxPool", {"x": whole(1, 2, 6, 6, kind=np.int8)}, {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]})
    for operator in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"):
        op("2d", operator, {"x": x}, rtol=2e-5)
        op("1d", operator, {"x": x[0]}, rtol=2e-5)
    op("p1", "GlobalLpPool", {"x": x}, {"p": 1}, rtol=2e-5)
    for axis in (0, 1, -1):
        for p in (1, 2):
            op(f"{axis}_{p}".replace("-", "m"), "LpNormalization", {"x": normal(2, 3, 4)}, {"axis": axis, "p": p}, rtol=2e-5)
    op("zero", "LpNormalization", {"x": np.zeros((2, 3), np.float32)})
    pooled = np.array([[[[5, 6], [7, 8]]]], np.float32)
    places = np.array([[[[5, 7], [13, 15]]]], np.int64)
    op("plain", "MaxUnpool", {"x": pooled, "i": places}, {"kernel_shape": [2, 2], "strides": [2, 2]})
    op("shape", "MaxUnpool", {"x": pooled, "i": places, "s": ints(1, 1, 4, 4)}, {"kernel_shape": [2, 2], "strides": [2, 2]},
       stored=("s",))
    op("blocks", "Col2Im", {"x": normal(2, 8, 6), "i": ints(3, 4), "b": ints(2, 2)}, stored=("i", "b"), free=("x",))
    op("strides", "Col2Im", {"x": normal(1, 12, 9), "i": ints(7, 7), "b": ints(2, 3)},
       {"strides": [2, 2], "pads": [0, 0, 0, 0], "dilations": [2, 1]}, stored=("i", "b"))
    for name, attributes in (("plain", {}), ("pads", {"pads": [1, 1, 1, 1], "strides": [2, 2]}), ("dilations", {"dilations": [2, 2]})):
        high = {"plain": 4, "pads": 3, "dilations": 3}[name]
        wide = {"plain": 5, "pads": 4, "dilations": 4}[name]
        inputs = {"x": normal(2, 4, 5, 6), "w": normal(6, 2, 2, 2), "o": normal(2, 8 * 2, high if name != "pads" else 3, wide),
                  "b": normal(6), "m": np.abs(normal(2, 4 * 2, high, wide))}
        op(name, "DeformConv", inputs, {"group": 2, "offset_group": 2, **attributes}, opset=19, stored=("w", "b"), rtol=1e-4,
           atol=1e-5)
    op("bare", "DeformConv", {"x": normal(1, 1, 4, 4), "w": normal(1, 1, 3, 3), "o": normal(1, 18, 2, 2) * 3}, opset=19,
       stored=("w",), rtol=1e-4, atol=1e-5)
    weights = normal(3, 4, 3, 3)
    for name, attributes in dict(plain={}, strides={"strides": [2, 2]}, pads={"pads": [1, 0, 1, 2]},
                                 output_padding={"strides": [2, 2], "output_padding": [1, 1]},
                                 output_shape={"strides": [2, 2], "output_shape": [19, 23]}, dilations={"dilations": [2, 1]},
                                 upper={"strides": [2, 2], "auto_pad": "SAME_UPPER"},
                                 lower={"strides": [2, 2], "auto_pad": "SAME_LOWER"}).items():
        op(name, "ConvTranspose", {"x": x, "w": weights}, attributes, stored=("w",), rtol=1e-4, atol=1e-5)


def moving():
    x = normal(3, 4)
    for mode in ("constant", "reflect", "edge", "wrap"):
        opset = 19 if mode == "wrap" else 18
        op(f"{mode}", "Pad", {"x": x, "p": ints(1, 2, 2, 1)}, {"mode": mode}, opset=opset, stored=("p",), free=("x",))
        op(f"{mode}_cut", "Pad", {"x": x, "p": ints(-1, 2, 1, -1)}, {"mode": mode}, opset=opset, stored=("p",))
        op(f"{mode}_axes", "Pad", {"x": x, "p": ints(1, 2), "": 0, "a": ints(-1)}, {"mode": mode}, opset=opset,
           stored=("p", "a"))
        op(f"{mode}_asked", "Pad", {"x": x, "p": ints(0, 2, 1, 0)}, {"mode": mode}, opset=opset)
    op("2", "Pad", {"x": x}, {"pads": [0, 1, 1, 0], "value": 1.5}, opset=2)
    op("2_edge", "Pad", {"x": x}, {"pads": [0, 1, 1, 0], "mode": "edge"}, opset=10)
    op("11", "Pad", {"x": x, "p": ints(0, 1, 1, 0), "v": np.float32(2.5)}, opset=11, stored=("p", "v"))
    op("listed", "Pad", {"x": x, "p": ints(0, 1, 1, 0), "v": np.array([2.5], np.float32)}, opset=13, stored=("p", "v"))
    op("value_asked", "Pad", {"x": x, "p": ints(0, 1, 1, 0), "v": np.float32(2.5)}, opset=13, stored=("p",))
    for kind in (np.bool_, np.int8, np.uint8, np.int32, np.int64, np.uint32, np.uint64, np.float64):
        op(kind.__name__, "Pad", {"x": whole(2, 2, low=0, high=2, kind=kind), "p": ints(0, 1, 1, 0)}, opset=13, stored=("p",))
    op("1", "Slice", {"x": x}, {"starts": [0, 1], "ends": [2, 100]}, opset=9)
    op("1_axes", "Slice", {"x": x}, {"starts": [-3], "ends": [-1], "axes": [1]}, opset=9)
    for name, starts, ends, axes, steps in (("plain", [1], [3], [1], [1]), ("far", [-100], [100], [0], [1]),
                                            ("back", [-1], [-100], [1], [-1]), ("steps", [0], [100], [1], [2]),
                                            ("back_steps", [100], [0], [1], [-2]), ("nothing", [3], [1], [1], [1]),
                                            ("two", [0, 1], [2, -1], [-2, -1], [1, 1])):
        values = dict(s=ints(*starts), e=ints(*ends), a=ints(*axes), t=ints(*steps))
        op(name, "Slice", {"x": x, **values}, stored=tuple(values), opset=13)
        op(f"{name}_asked", "Slice", {"x": x, **values}, stored=("a", "t"), opset=13)
    for opset, attributes, inputs in ((11, {"split": [1, 3]}, {}), (13, {}, {"s": ints(1, 3)}), (11, {}, {}),
                                      (18, {"num_outputs": 2}, {}), (18, {}, {"s": ints(4, 0)})):
        name = f"{opset}_{'_'.join([*attributes, *inputs])}{len(inputs.get('s', [])) and inputs['s'][0]}"
        op(name, "Split", {"x": x, **inputs}, {"axis": 1, **attributes}, opset=opset, stored=tuple(inputs), outputs=2)
    op("uneven", "Split", {"x": normal(7, 2)}, {"num_outputs": 3}, opset=18, outputs=3, free=("x",))
    op("asked", "Split", {"x": normal(7, 2), "s": ints(3, 4)}, opset=18, outputs=2)
    for opset in (11, 13):
        axes = {"axes": [0, -1]} if opset == 11 else {}
        inputs = {} if opset == 11 else {"a": ints(0, -1)}
        op(f"{opset}", "Squeeze", {"x": normal(1, 3, 1), **inputs}, axes, opset=opset, stored=tuple(inputs))
        op(f"{opset}", "Unsqueeze", {"x": normal(3), **inputs}, axes, opset=opset, stored=tuple(inputs))
    op("all", "Squeeze", {"x": normal(1, 3, 1)}, opset=13)
    for mode in ("DCR", "CRD"):
        op(mode.lower(), "DepthToSpace", {"x": normal(1, 8, 2, 3)}, {"blocksize": 2, "mode": mode})
    op("plain", "SpaceToDepth", {"x": normal(2, 3, 4, 6)}, {"blocksize": 2}, free=("x",))
    op("rows", "ReverseSequence", {"x": normal(3, 4, 2), "n": ints(1, 4, 2)}, {"batch_axis": 0, "time_axis": 1})
    op("time", "ReverseSequence", {"x": normal(4, 3), "n": ints(1, 4, 2)})
    op("int64", "ReverseSequence", {"x": whole(4, 3), "n": ints(1, 4, 0)})
    for name, sizes, attributes in (("crop", (2, 2), {}), ("pad", (6, 7), {}), ("both", (2, 7), {}),
                                    ("axes", (3,), {"axes": [-1]})):
        op(name, "CenterCropPad", {"x": x, "s": ints(*sizes)}, attributes, stored=("s",), opset=18)
        op(f"{name}_asked", "CenterCropPad", {"x": x, "s": ints(*sizes)}, attributes, opset=18)
    condition = np.array([True, False, True])
    op("rows", "Compress", {"x": x, "c": condition}, {"axis": 0})
    op("flat", "Compress", {"x": x, "c": np.array([True, False, True, True, False])})
    op("last", "Compress", {"x": x, "c": condition}, {"axis": -1})
    op("none", "Compress", {"x": x, "c": np.array([False])}, {"axis": 0})
    op("float", "NonZero", {"x": np.array([[0, 1.5], [-2, 0]], np.float32)})
    op("bool", "NonZero", {"x": np.array([True, False, True])})
    op("none", "NonZero", {"x": np.zeros((2, 2), np.int64)})
    indices = ints(0, -1, 3, 2, -5)
    for axis in (0, 1, -1):
        op(f"{axis}".replace("-", "m"), "OneHot", {"i": indices.reshape(1, 5), "d": np.int64(4), "v": np.array([-1, 2], np.float32)},
           {"axis": axis}, stored=("d",))
    op("asked", "OneHot", {"i": indices, "d": np.int64(3), "v": ints(0, 1)})
    op("int32", "OneHot", {"i": indices.astype(np.int32), "d": np.int32(4), "v": np.array([0, 1], np.float32)}, stored=("d", "v"))
    op("float", "OneHot", {"i": indices.astype(np.float32), "d": np.float32(4), "v": np.array([0, 1], np.float32)}, stored=("d", "v"))
    op("negative", "Gather", {"x": x, "i": ints(-1, 0, -3)})
    op("scalar", "Gather", {"x": x, "i": np.int64(-2)}, {"axis": 1})
    op("int32", "Gather", {"x": x, "i": np.array([[0, -1]], np.int32)}, {"axis": -1})
    op("negative", "GatherElements", {"x": x, "i": whole(2, 4, low=-3, high=3)})
    op("negative", "GatherND", {"x": x, "i": whole(5, 2, low=-3, high=3)})
    op("negative_int64", "GatherND", {"x": whole(3, 4), "i": ints(-1, 0).reshape(2, 1)})
    op("batch", "GatherND", {"x": normal(2, 3, 2), "i": whole(2, 1, low=0, high=3)}, {"batch_dims": 1})
    for reduction in ("none", "add", "mul", "max", "min"):
        places = ints(0, 1, -1).reshape(3, 1) if reduction == "none" else ints(0, 0, -1).reshape(3, 1)
        op(reduction, "ScatterND", {"x": x, "i": places, "u": normal(3, 4)}, {"reduction": reduction}, opset=18)
        places = np.array([[0, 1, 2, -3], [1, 2, 0, 1]]) if reduction == "none" else whole(2, 4, low=-3, high=3)
        op(reduction, "ScatterElements", {"x": x, "i": places, "u": normal(2, 4)}, {"reduction": reduction}, opset=18)
    for upper in (0, 1):
        for k in (-1, 0, 2):
            op(f"{upper}_{k}".replace("-", "m"), "Trilu", {"x": normal(2, 3, 4), "k": np.int64(k)}, {"upper": upper}, stored=("k",))
    op("int64", "Trilu", {"x": whole(3, 3)})
    for name, equation, shapes in (("outer", "i,j->ij", [(2,), (3,)]), ("trace", "ii->i", [(3, 3)]), ("sum", "ij->j", [(2, 3)]),
                                   ("batch", "bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]), ("implicit", "ij,jk", [(2, 3), (3, 2)]),
                                   ("dots", "...ij,...jk->...ik", [(2, 2, 3), (2, 3, 2)]), ("transpose", "ij->ji", [(2, 3)]),
                                   ("attention", "bhqd,bhkd->bhqk", [(1, 2, 3, 4), (1, 2, 3, 4)]),
                                   ("three", "ij,jk,kl->il", [(2, 3), (3, 2), (2, 2)])):
        op(name, "Einsum", {f"x{at}": normal(*shape) for at, shape in enumerate(shapes)}, {"equation": equation}, rtol=1e-4,
           atol=1e-5)
    for name, inputs in (("up", (0, 10, 3)), ("down", (5, -5, -2)), ("none", (5, 0, 1))):
        op(name, "Range", {k: np.int64(v) for k, v in zip("abc", inputs)}, stored=("a", "b", "c"))
    op("float", "Range", {k: np.float32(v) for k, v in zip("abc", (0, 1, 0.3))}, stored=("a", "b", "c"))
    # Singles whose difference is exact in double precision only.
    for name, inputs in (("singles", (0.1, 1.1, 1)), ("singles_half", (0.1, 1.1, 0.5)), ("singles_tenth", (0.1, 0.4, 0.1))):
        values = {k: np.float32(v) for k, v in zip("abc", inputs)}
        op(name, "Range", values, stored=("a", "b", "c"))
        op(f"{name}_asked", "Range", values)
    op("down_asked", "Range", {k: np.int64(v) for k, v in zip("abc", (5, -5, -2))})
    op("double", "Range", {k: np.float64(v) for k, v in zip("abc", (1, -1, -0.25))}, stored=("a", "b", "c"))
    op("asked", "Range", {k: np.int64(v) for k, v in zip("abc", (2, 9, 2))})
    op("k", "EyeLike", {"x": np.zeros((3, 4), np.float32)}, {"k": -1, "dtype": 7})
    op("broadcast", "Where", {"c": np.array([[True], [False]]), "a": np.arange(3, dtype=np.float32), "b": np.float32(9)})
    op("more", "Expand", {"x": normal(3, 1), "s": ints(2, 1, 4)}, stored=("s",))
    op("int64", "Tile", {"x": whole(2, 2), "r": ints(2, 3)}, stored=("r",))


def normalisations():
    x = normal(2, 3, 4, 2)
    scale, bias, mean, variance = normal(3), normal(3), normal(3), np.abs(normal(3)) + 0.5
    given = {"x": x, "s": scale, "b": bias, "m": mean, "v": variance}
    for opset in (7, 9, 14, 15):
        op(f"{opset}", "BatchNormalization", given, {"epsilon": 0.01}, opset=opset, stored=("s", "b", "m", "v"), free=("x",),
           rtol=2e-5)
    op("computed", "BatchNormalization", given, opset=15, rtol=2e-5, free=("x",))
    op("rows", "BatchNormalization", {**given, "x": normal(4, 3)}, opset=15, rtol=2e-5)
    op("training", "BatchNormalization", given, {"training_mode": 1, "momentum": 0.8}, opset=15, outputs=3, rtol=1e-4, atol=1e-5)
    for opset in (18, 21):
        parameters = normal(2 if opset == 18 else 4), normal(2 if opset == 18 else 4)
        op(f"{opset}", "GroupNormalization", {"x": normal(2, 4, 3), "s": parameters[0], "b": parameters[1]}, {"num_groups": 2},
           opset=opset, stored=("s", "b"), rtol=1e-4, atol=1e-5)
    for axis in (1, -1):
        op(f"{axis}".replace("-", "m"), "LayerNormalization",
           {"x": normal(2, 3, 4), "s": normal(*((3, 4) if axis == 1 else (4,))), "b": normal(*((3, 4) if axis == 1 else (4,)))},
           {"axis": axis}, stored=("s", "b"), rtol=1e-4, atol=1e-5)
    op("size3", "LRN", {"x": normal(1, 5, 3, 3)}, {"size": 3, "alpha": 0.1, "beta": 0.5, "bias": 2.0}, rtol=2e-5)
    op("axes", "MeanVarianceNormalization", {"x": x}, {"axes": [1, 3]}, rtol=1e-4, atol=1e-5)
    for opset, inputs in ((7, {}), (10, {}), (12, {"r": np.float32(0.3)}), (13, {"r": np.float32(0.3), "t": np.bool_(False)})):
        op(f"{opset}", "Dropout", {"x": x, **inputs}, {"ratio": 0.3} if opset < 12 else {}, opset=opset, stored=tuple(inputs))
    op("idle", "Dropout", {"x": x, "r": np.float32(0), "t": np.bool_(True)}, opset=13, stored=("r", "t"), outputs=2)


def losses():
    scores, labels, weights = normal(3, 5, 2), whole(3, 2, low=0, high=5), np.abs(normal(5))
    labels[0, 0] = 1
    for operator, outputs in (("NegativeLogLikelihoodLoss", 1), ("SoftmaxCrossEntropyLoss", 2)):
        for reduction in ("none", "mean", "sum"):
            op(reduction, operator, {"x": scores, "t": labels}, {"reduction": reduction}, opset=13, outputs=outputs, rtol=2e-5)
            op(f"{reduction}_weights", operator, {"x": scores, "t": labels, "w": weights},
               {"reduction": reduction, "ignore_index": 1}, opset=13, outputs=outputs, rtol=2e-5)
        op("rows", operator, {"x": scores[:, :, 0].copy(), "t": labels[:, 0].astype(np.int32)}, opset=13, rtol=2e-5)
        op("outside", operator, {"x": scores[:, :, 0].copy(), "t": ints(-1, 0, 4)}, {"ignore_index": -1}, opset=13, rtol=2e-5)


def images():
    x = normal(1, 2, 4, 5)
    for opset in (7, 9):
        for mode in ("nearest", "linear"):
            scales = np.array([1, 1, 2, 1.6] if mode == "nearest" else [1, 1, 2, 3], np.float32)
            attributes = {"mode": mode} | ({"scales": scales.tolist()} if opset == 7 else {})
            inputs = {} if opset == 7 else {"s": scales}
            op(f"{opset}_{mode}", "Upsample", {"x": x, **inputs}, attributes, opset=opset, stored=tuple(inputs), free=("x",))
    scales = np.array([1, 1, 2, 1.6], np.float32)
    for mode in ("nearest", "linear"):
        op(f"10_{mode}", "Resize", {"x": x, "s": scales}, {"mode": mode}, opset=10, stored=("s",))
        op(f"10_{mode}_down", "Resize", {"x": x, "s": np.array([1, 1, 0.6, 0.5], np.float32)}, {"mode": mode}, opset=10, stored=("s",))
    for opset in (11, 13, 18):
        for mode in ("nearest", "linear", "cubic"):
            for transform in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
                for name, scales in (("up", [1, 1, 2, 1.6]), ("down", [1, 1, 0.75, 0.6])):
                    if opset != 13 or transform in ("half_pixel", "asymmetric"):
                        op(f"{opset}_{mode}_{transform}_{name}", "Resize",
                           {"x": x, "r": np.zeros(0, np.float32), "s": np.array(scales, np.float32)},
                           {"mode": mode, "coordinate_transformation_mode": transform}, opset=opset, stored=("r", "s"), rtol=1e-4,
                           atol=1e-5)
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        for transform in ("half_pixel", "asymmetric", "align_corners"):
            op(f"{rounding}_{transform}", "Resize", {"x": x, "": 0, "s": np.array([1, 1, 2, 0.6], np.float32)},
               {"mode": "nearest", "nearest_mode": rounding, "coordinate_transformation_mode": transform}, opset=13, stored=("s",))
    sizes = {"x": x, "r": np.zeros(0, np.float32), "s": np.zeros(0, np.float32), "z": ints(1, 2, 7, 3)}
    for mode in ("nearest", "linear", "cubic"):
        op(f"sizes_{mode}", "Resize", sizes, {"mode": mode}, opset=13, stored=("r", "s", "z"), rtol=1e-4, atol=1e-5)
    op("cubic_coefficient", "Resize", sizes, {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1}, opset=13,
       stored=("r", "s", "z"), rtol=1e-4, atol=1e-5)
    op("antialias", "Resize", {"x": normal(1, 1, 8, 8), "": 0, "s": np.array([1, 1, 0.5, 0.4], np.float32)},
       {"mode": "linear", "antialias": 1}, opset=18, stored=("s",), rtol=1e-4, atol=1e-5)
    op("axes", "Resize", {"x": x, "": 0, "s": np.array([2, 3], np.float32)}, {"mode": "linear", "axes": [2, 3]}, opset=18,
       stored=("s",), rtol=1e-4, atol=1e-5)
    grid = (RNG.uniform(-1.3, 1.3, (1, 3, 4, 2))).astype(np.float32)
    for opset, modes in ((16, ("bilinear", "nearest", "bicubic")), (20, ("linear", "nearest", "cubic"))):
        for mode in modes:
            for padding in ("zeros", "border", "reflection") if "cubic" not in mode else ("zeros", "reflection"):
                for corners in (0, 1):
                    op(f"{opset}_{mode}_{padding}_{corners}", "GridSample", {"x": x, "g": grid},
                       {"mode": mode, "padding_mode": padding, "align_corners": corners}, opset=opset, rtol=1e-4, atol=1e-5)
    for corners in (0, 1):
        op(f"2d_{corners}", "AffineGrid", {"t": normal(2, 2, 3), "s": ints(2, 1, 3, 4)}, {"align_corners": corners}, opset=20,
           stored=("s",), rtol=2e-5, atol=1e-5)
        op(f"3d_{corners}", "AffineGrid", {"t": normal(1, 3, 4), "s": ints(1, 1, 2, 3, 4)}, {"align_corners": corners}, opset=20,
           rtol=2e-5, atol=1e-5)
    regions = np.array([[0, 0, 3.5, 3], [1, 0.5, 2, 2.5], [-1, -2, 9, 9], [2, 2, 2, 2]], np.float32)
    for opset in (10, 16):
        for name, attributes in (("samples", {"sampling_ratio": 2}), ("adaptive", {}), ("scale", {"spatial_scale": 0.5})):
            op(f"{opset}_{name}", "RoiAlign", {"x": x, "r": regions, "i": ints(0, 0, 0, 0)},
               {"output_height": 3, "output_width": 2, **attributes}, opset=opset, rtol=1e-4, atol=1e-5)
    op("plain", "MaxRoiPool", {"x": x, "r": np.hstack([np.zeros((4, 1), np.float32), regions])}, {"pooled_shape": [2, 3]})
    op("scale", "MaxRoiPool", {"x": x, "r": np.hstack([np.zeros((4, 1), np.float32), regions])},
       {"pooled_shape": [2, 2], "spatial_scale": 0.5})
    corners = RNG.uniform(0, 1, (2, 6, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + RNG.uniform(0.1, 1, (2, 6, 2)).astype(np.float32)], 2)
    scores = RNG.uniform(0, 1, (2, 3, 6)).astype(np.float32)
    for name, most, overlap, least, centred in (("all", 6, 0.5, None, 0), ("one", 1, 0.5, None, 0), ("score", 3, 0.3, 0.5, 0),
                                                ("centred", 6, 0.4, 0.2, 1), ("none", None, None, None, 0),
                                                ("flipped", 6, 0.5, None, 0)):
        limits = {"m": most if most is None else ints(most), "o": overlap, "l": least}
        limits = {k: np.array([v], np.float32) if isinstance(v, float) else v for k, v in limits.items() if v is not None}
        given = boxes if name != "flipped" else np.ascontiguousarray(boxes[:, :, [2, 3, 0, 1]])
        op(name, "NonMaxSuppression", {"b": given, "s": scores, **limits}, {"center_point_box": centred}, stored=tuple(limits))
    op("scalars", "NonMaxSuppression", {"b": boxes, "s": scores, "m": np.int64(4), "o": np.float32(0.5), "l": np.float32(0.1)},
       stored=("m", "o", "l"))
    op("ties", "NonMaxSuppression", {"b": boxes, "s": np.full((2, 1, 6), 0.5, np.float32), "m": np.int64(3), "o": np.float32(0.9)},
       stored=("m", "o"))


def signals():
    for name, shape, attributes in (("plain", (1, 10, 1), {}), ("prime", (2, 7, 1), {}), ("onesided", (1, 8, 1), {"onesided": 1}),
                                    ("inverse", (1, 8, 2), {"inverse": 1}), ("complex", (1, 6, 2), {})):
        for kind in FLOATS:
            op(f"17_{name}_{kind.__name__}", "DFT", {"x": normal(*shape, kind=kind)}, {"axis": 1, **attributes}, opset=17, rtol=1e-4,
               atol=1e-5)
            op(f"20_{name}_{kind.__name__}", "DFT", {"x": normal(*shape, kind=kind), "": 0, "a": np.int64(1)}, attributes,
               opset=20, stored=("a",), rtol=1e-4, atol=1e-5)
    for length in (6, 16):
        op(f"length_{length}", "DFT", {"x": normal(1, 10, 1), "n": np.int64(length)}, {"axis": 1}, opset=17, stored=("n",), rtol=1e-4,
           atol=1e-5)
    op("axis_2", "DFT", {"x": normal(2, 3, 5, 1)}, {"axis": 2}, opset=17, rtol=1e-4, atol=1e-5)
    for onesided in (0, 1):
        window = np.hanning(8).astype(np.float32)
        op(f"window_{onesided}", "STFT", {"x": normal(2, 40, 1), "s": np.int64(4), "w": window}, {"onesided": onesided},
           opset=17, stored=("s", "w"), rtol=1e-4, atol=1e-5)
        op(f"length_{onesided}", "STFT", {"x": normal(1, 40, 1), "s": np.int64(5), "": 0, "n": np.int64(10)}, {"onesided": onesided},
           opset=17, stored=("s", "n"), rtol=1e-4, atol=1e-5)
    op("both", "STFT", {"x": normal(1, 40, 1), "s": np.int64(5), "w": np.hanning(10).astype(np.float32), "n": np.int64(10)},
       opset=17, stored=("s", "w", "n"), rtol=1e-4, atol=1e-5)
    for operator in ("HannWindow", "HammingWindow", "BlackmanWindow"):
        for periodic in (0, 1):
            op(f"{periodic}", operator, {"n": np.int64(9)}, {"periodic": periodic}, opset=17, stored=("n",), rtol=1e-4, atol=1e-5)
        op("double", operator, {"n": np.int64(8)}, {"output_datatype": 11}, opset=17, stored=("n",), rtol=1e-4, atol=1e-5)
    parameters = dict(b=np.int64(8), d=np.int64(16), r=np.int64(8000), l=np.float32(0), u=np.float32(4000))
    op("plain", "MelWeightMatrix", parameters, opset=17, stored=tuple(parameters), rtol=1e-4, atol=1e-5)


def graph(name, nodes, inputs, outputs, stored=(), **more):
    """A case of several nodes: `inputs` are (name, value, declared shape), `outputs` (name, type, shape)."""
    kind = lambda value: helper.np_dtype_to_tensor_dtype(value.dtype)
    ports = [helper.make_tensor_value_info(key, kind(value), shape) for key, value, shape in inputs]
    results = [helper.make_tensor_value_info(*output) for output in outputs]
    weights = [case.tensor(key, value) for key, value in stored]
    made = helper.make_graph(nodes, name, ports, results, weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    case.write(FOLDER, f"graph_{name}", model, [{key: value for key, value, _ in inputs}], **more)


def graphs():
    """What an engine might fold into something else, and sizes that follow from values."""
    N, T = helper.make_node, TensorProto
    x=np.array([[1,np.nan,-2,0,3,-5.5]],np.float32)
    z=[("z",np.float32(0))]
    graph("where_less", [N("Less", ["x", "z"], ["c"]), N("Where", ["c", "z", "x"], ["y"])], [("x", x, ["N", 6])],
          [("y", T.FLOAT, ["N", 6])], z)
    graph("where_greater", [N("Greater", ["x", "z"], ["c"]), N("Where", ["c", "x", "z"], ["y"])], [("x", x, ["N", 6])],
          [("y", T.FLOAT, ["N", 6])], z)
    graph("where_leaky", [N("Greater", ["x", "z"], ["c"]), N("Mul", ["x", "a"], ["m"]), N("Where", ["c", "x", "m"],
          ["y"])], [("x", x, ["N", 6])], [("y", T.FLOAT, ["N", 6])], z+[("a", np.float32(.1))])
    graph("isnan_fill", [N("IsNaN", ["x"], ["c"]), N("Where", ["c", "z", "x"], ["y"])], [("x", x, ["N", 6])],
          [("y", T.FLOAT, ["N", 6])], z)
    graph("eq_self", [N("Equal", ["x", "x"], ["c"])], [("x", x, ["N", 6])], [("c", T.BOOL, ["N", 6])])
    graph("sub_self", [N("Sub", ["x", "x"], ["c"])], [("x", x, ["N", 6])], [("c", T.FLOAT, ["N", 6])])
    graph("pow0", [N("Pow", ["x", "z"], ["c"])], [("x", x, ["N", 6])], [("c", T.FLOAT, ["N", 6])], z)
    graph("pow2", [N("Pow", ["x", "t"], ["c"])], [("x", x, ["N", 6])], [("c", T.FLOAT, ["N", 6])],
          [("t", np.float32(2))])
    graph("sqrt_pow", [N("Pow", ["x", "t"], ["c"])], [("x", x, ["N", 6])], [("c", T.FLOAT, ["N", 6])],
          [("t", np.float32(.5))])
    graph("gelu_pattern", [N("Div", ["x", "s"], ["a"]), N("Erf", ["a"], ["b"]), N("Add", ["b", "o"],
          ["c"]), N("Mul", ["x", "c"], ["d"]), N("Mul", ["d", "h"], ["y"])], [("x", x, ["N", 6])],
          [("y", T.FLOAT, ["N", 6])],
          [("s", np.float32(1.41421356)), ("o", np.float32(1)), ("h", np.float32(.5))], rtol=1e-4)
    graph("layernorm_pattern", [N("ReduceMean", ["x", "ax"], ["m"]), N("Sub", ["x", "m"], ["d"]), N("Pow", ["d", "t"],
          ["p"]), N("ReduceMean", ["p", "ax"], ["v"]), N("Add", ["v", "e"], ["w"]), N("Sqrt", ["w"],
          ["q"]), N("Div", ["d", "q"], ["y"])], [("x", x, ["N", 6])], [("y", T.FLOAT, ["N", 6])],
          [("ax", np.array([-1])), ("t", np.float32(2)), ("e", np.float32(1e-5))], rtol=1e-4)
    y=np.arange(24,dtype=np.float32).reshape(2,12)
    graph("slice_shape", [N("Shape", ["x"], ["s"]), N("Gather", ["s", "one"], ["n"]), N("Div", ["n", "two"],
          ["hf"]), N("Unsqueeze", ["hf", "zero"], ["e"]), N("Slice", ["x", "zero", "e", "one_"], ["y"])],
          [("x", y, ["N", "T"])], [("y", T.FLOAT, ["N", "U"])],
          [("one", np.int64(1)), ("two", np.int64(2)), ("zero", np.array([0])), ("one_", np.array([1]))])
    graph("slice_value", [N("Slice", ["x", "zero", "e", "one_"], ["y"])],
          [("x", y, ["N", "T"]), ("e", np.array([5]), [1])], [("y", T.FLOAT, ["N", "U"])],
          [("zero", np.array([0])), ("one_", np.array([1]))])
    graph("nms_slice", [N("NonMaxSuppression", ["b", "s", "m", "o"], ["i"]), N("Slice", ["i", "zero", "e"],
          ["j"]), N("Gather", ["j", "two"], ["k"], axis=1), N("Gather", ["bb", "k"], ["y"], axis=0)],
          [("b", RNG.uniform(size=(1, 6, 4)).astype(np.float32), [1, 6, 4]), ("s", RNG.uniform(size=(1, 1, 6)).astype(np.float32), [1, 1, 6]), ("bb", RNG.uniform(size=(6, 4)).astype(np.float32), [6, 4])],
          [("y", T.FLOAT, ["K", 4])],
          [("m", np.int64(10)), ("o", np.float32(.5)), ("zero", np.array([0])), ("e", np.array([20])), ("two", np.int64(2))])
    graph("cast_big", [N("Cast", ["x"], ["i"], to=7), N("Add", ["i", "k"], ["j"]), N("Cast", ["j"], ["y"], to=11)],
          [("x", np.array([[3e9, -4e10]]), ["N", 2])], [("y", T.DOUBLE, ["N", 2])], [("k", np.int64(5))])
    graph("pos_ids", [N("Shape", ["x"], ["s"]), N("Gather", ["s", "one"], ["n"]), N("Range", ["zero", "n", "one"],
          ["r"]), N("Cast", ["r"], ["f"], to=1), N("Add", ["x", "f"], ["y"])], [("x", y, ["N", "T"])],
          [("y", T.FLOAT, ["N", "T"])], [("one", np.int64(1)), ("zero", np.int64(0))])
    graph("reshape_cast", [N("Shape", ["x"], ["s"]), N("Cast", ["s"], ["f"], to=1), N("Div", ["f", "h"],
          ["q"]), N("Floor", ["q"], ["fl"]), N("Cast", ["fl"], ["i"], to=7), N("Gather", ["i", "idx"],
          ["a"]), N("Concat", ["a", "m1"], ["sh"], axis=0), N("Reshape", ["x", "sh"], ["y"])], [("x", y, ["N", "T"])],
          [("y", T.FLOAT, ["A", "B"])], [("h", np.float32(2)), ("idx", np.array([1])), ("m1", np.array([-1]))])
    graph("cast_shape_mix", [N("Cast", ["x"], ["i"], to=7), N("Shape", ["x"], ["s"]), N("Gather", ["s", "zero_"],
          ["n"]), N("Mul", ["i", "n"], ["y"])], [("x", np.array([[3e9, -4e10]]), ["N", 2])], [("y", T.INT64, ["N", 2])],
          [("zero_", np.int64(0))])


def ellipses():
    """What an ellipsis stands for, and equations that leave something unsaid."""
    x, w, square = counted(2, 3, 4), counted(4, 5), counted(2, 3, 3)
    for name, equation, operands in (
            ("one_operand", "...c,cz->...z", (x, w)), ("other_operand", "cz,...c->z...", (w, x)),
            ("implicit", "...qd,...dk", (x, counted(2, 4, 3))), ("between", "a...b,b...->...a", (counted(2, 3, 5, 4), counted(4, 3, 5))),
            ("alone", "...ij->...ji", (counted(2, 2, 3, 4),)),
            ("diagonal", "...ii->...i", (square,)), ("three", "...a,...b,...c->...abc", (x, x, x)),
            ("letters_implicit", "cb,ba", (counted(2, 3), counted(3, 4))), ("to_scalar", "ab,b->", (counted(2, 3), counted(3))),
            ("trace", "ii", (counted(3, 3),)), ("dot", "i,i", (counted(4), counted(4))),
            ("scalar_of_one", "ab->", (counted(2, 3),))):
        op(f"terms_{name}", "Einsum", dict(zip("xyz", operands)), {"equation": equation}, rtol=1e-4, atol=1e-5)
        op(f"terms_{name}_stored", "Einsum", dict(zip("xyz", operands)), {"equation": equation}, stored=("y", "z")[:len(operands) - 1],
           free=("x",) if operands[0].ndim > 2 and name not in ("implicit", "three") else (), rtol=1e-4, atol=1e-5)
    # ONNX Runtime lets an ellipsis cover as many axes of each operand, the standard and numpy do not; where it covers none of
    # the first, its library crashes.
    for name, equation, operands in (("other_ranks", "...b,...b->...", (x, counted(3, 4))),
                                     ("covers_none", "...ij,...jk->...ik", (counted(2, 3, 4), counted(4, 5)))):
        op(f"terms_{name}", "Einsum", dict(zip("xy", operands)), {"equation": equation},
           answers=[{"y0": np.einsum(equation, *operands)}], rtol=1e-4, atol=1e-5)
    op("terms_lost_axes", "Einsum", {"x": x, "w": w}, {"equation": "...c,cz->z"}, answers=[{"y0": np.einsum("abc,cz->z", x, w)}])


def cuts():
    """What transposed convolutions cut off of their result."""
    for name, size, kernel, attributes in (
            ("shape_odd", 3, 3, {"output_shape": [6], "strides": [2]}),
            ("shape_upper", 3, 3, {"output_shape": [6], "strides": [2], "auto_pad": "SAME_UPPER"}),
            ("shape_lower", 3, 3, {"output_shape": [6], "strides": [2], "auto_pad": "SAME_LOWER"}),
            ("shape_dense", 3, 3, {"output_shape": [3]}), ("shape_even", 4, 4, {"output_shape": [5]}),
            ("shape_beside_padding", 3, 3, {"output_shape": [6], "strides": [2], "output_padding": [1]}),
            ("shape_dilated", 4, 3, {"output_shape": [5], "dilations": [2]}),
            ("shape_beyond_by_one", 3, 3, {"output_shape": [8], "strides": [2]}),
            ("shape_and_pads", 3, 3, {"output_shape": [6], "strides": [2], "pads": [0, 1]}),
            ("padding", 3, 3, {"strides": [2], "output_padding": [1], "pads": [1, 0]}),
            ("same_padding_upper", 3, 3, {"auto_pad": "SAME_UPPER", "strides": [2], "output_padding": [1]}),
            ("same_padding_lower", 3, 4, {"auto_pad": "SAME_LOWER", "strides": [2], "output_padding": [1]}),
            ("same_doubling", 3, 2, {"auto_pad": "SAME_UPPER", "strides": [2]}),
            ("same_tripling", 3, 3, {"auto_pad": "SAME_LOWER", "strides": [3]}),
            ("same_upper", 5, 4, {"auto_pad": "SAME_UPPER", "strides": [1]}),
            ("same_lower", 5, 4, {"auto_pad": "SAME_LOWER", "strides": [1]}),
            ("same_dilated", 5, 3, {"auto_pad": "SAME_UPPER", "strides": [2], "dilations": [2]}),
            ("valid", 5, 3, {"auto_pad": "VALID", "strides": [2]})):
        op(f"cut_{name}", "ConvTranspose", {"x": counted(2, 2, size), "w": counted(2, 3, kernel), "b": counted(3)}, attributes,
           stored=("w", "b"), free=("x",), rtol=1e-4, atol=1e-5)
    plane = {"strides": [2, 3], "auto_pad": "SAME_UPPER"}
    op("cut_plane", "ConvTranspose", {"x": counted(1, 2, 3, 4), "w": counted(2, 2, 3, 4)}, plane, stored=("w",), rtol=1e-4, atol=1e-5)
    for name, more in (("padded", {"output_padding": [1, 2]}), ("shape", {"output_shape": [7, 11]})):
        op(f"cut_depthwise_{name}", "ConvTranspose", {"x": counted(1, 2, 3, 4), "w": counted(2, 1, 3, 4)}, {**plane, **more, "group": 2},
           stored=("w",), rtol=1e-4, atol=1e-5)


def least_numbers():
    """Windows that hold nothing but the least number of their type."""
    row = np.array([[[1, 2, 0, 0, 3, 4]]])
    for kind, values in ((np.uint8, row), (np.int8, row - 128), (np.float32, row), (np.float64, row), (np.float32, np.minimum(row, 0))):
        name = f"{kind.__name__}_{'zeros' if values.max() == 0 else 'row'}"
        op(f"places_{name}", "MaxPool", {"x": values.astype(kind)}, {"kernel_shape": [2], "strides": [2]}, outputs=2, free=("x",))
    plane = np.zeros((2, 2, 5, 6), np.uint8)
    plane[0, 0, 1, 2] = plane[1, 1, 4, 5] = 9
    for name, more in (("plane", {}), ("padded", {"pads": [1, 1, 1, 1]}), ("columns", {"storage_order": 1}),
                       ("dilated", {"dilations": [2, 2]}), ("ceiled", {"ceil_mode": 1}), ("same", {"auto_pad": "SAME_UPPER"})):
        op(f"places_{name}", "MaxPool", {"x": plane}, {"kernel_shape": [2, 3], "strides": [2, 2], **more}, outputs=2, free=("x",))
    op("places_drawn", "MaxPool", {"x": counted(2, 3, 7, 8)}, {"kernel_shape": [3, 3], "pads": [1, 0, 1, 0]}, outputs=2)
    # The standard's answer; ONNX Runtime's is the least finite number, from nowhere.
    op("places_infinite", "MaxPool", {"x": np.full((1, 1, 2), -np.inf, np.float32)}, {"kernel_shape": [2]},
       outputs=2, answers=[{"y0": np.full((1, 1, 1), -np.inf, np.float32), "y1": np.zeros((1, 1, 1), np.int64)}])


def unsaid():
    """Types that follow from what is left out, and those that are rarely met."""
    N, T = helper.make_node, TensorProto
    x = np.array([[1, 2, 3]], np.float32)
    graph("zeros_of_shape", [N("Shape", ["x"], ["s"]), N("ConstantOfShape", ["s"], ["y"])], [("x", x, ["N", 3])],
          [("y", T.FLOAT, ["N", 3])])
    graph("zeros_added", [N("Shape", ["x"], ["s"]), N("ConstantOfShape", ["s"], ["z"]), N("Add", ["x", "z"], ["y"])],
          [("x", x, ["N", 3])], [("y", T.FLOAT, ["N", 3])])
    a, b = np.array([[True, True, False, False]]), np.array([[True, False, True, False]])
    op("bool", "Equal", {"a": a, "b": b}, free=("a", "b"))
    op("bool_stored", "Equal", {"a": a, "b": b[0]}, stored=("b",), free=("a",))
    op("bool_spread", "Equal", {"a": a, "b": b.T.copy()})
    op("bool_scalar", "Equal", {"a": a, "b": np.bool_(False)}, stored=("b",))
    graph("equal_compared", [N("Greater", ["x", "t"], ["g"]), N("Less", ["x", "u"], ["l"]), N("Equal", ["g", "l"], ["y"])],
          [("x", x, ["N", 3])], [("y", T.BOOL, ["N", 3])], [("t", np.float32(1.5)), ("u", np.float32(2.5))])


def single_precision():
    """What an engine that resizes in single precision gets wrong, and what it does not."""
    exact = np.array([[[16777217, -16777219, 7]]])
    for kind in (np.int32, np.float32, np.uint8, np.int8):
        x = exact.astype(np.int32).astype(kind) if kind is np.int32 else np.array([[[10, 21, 35, 44, 59, 60]]], kind)
        for name, more in (("double", {}), ("antialias", {"antialias": 1})):
            scale = np.array([1, 1, 2 if name == "double" else 0.5], np.float32)
            op(f"{kind.__name__}_{name}", "Resize", {"x": x, "": 0, "s": scale}, {"mode": "linear", **more}, opset=18, stored=("s",),
               rtol=1e-4)
    x = np.array([[[1.123456789012, 2.000000000123, 16777217]]])
    even = x.repeat(2, 2)
    even[..., 1:5:2] += (x[..., 1:] - x[..., :-1]) / 4
    even[..., 2:5:2] -= (x[..., 1:] - x[..., :-1]) / 4
    op("float64_exact", "Resize", {"x": x, "": 0, "s": np.array([1, 1, 2], np.float32)}, {"mode": "linear"}, stored=("s",),
       answers=[{"y0": even}], rtol=1e-12, atol=1e-12)


def invalid_operations():
    """NaN that is born inside of a graph, and operators of which an engine might make a number of it."""
    N, T = helper.make_node, TensorProto
    x = np.array([[-4, 4, 0, 2.25, -1, 9]], np.float32)
    half, three = ("half", np.float32(0.5)), ("three", np.array([3], np.float32))
    takers = {"relu": N("Relu", ["q"], ["y"]), "sigmoid": N("Sigmoid", ["q"], ["y"]), "tanh": N("Tanh", ["q"], ["y"]),
              "hard_sigmoid": N("HardSigmoid", ["q"], ["y"], alpha=0.3), "clip": N("Clip", ["q", "half", "two"], ["y"]),
              "max": N("Max", ["q", "half", "x"], ["y"]), "max_first": N("Max", ["half", "q"], ["y"]),
              "min": N("Min", ["q", "three"], ["y"])}
    numbers = [half, three, ("two", np.float32(2))]
    for kind in FLOATS:
        ports = [("x", x.astype(kind), ["N", 6])]
        outputs = [("y", helper.np_dtype_to_tensor_dtype(np.dtype(kind)), ["N", 6])]
        weights = [(name, value.astype(kind)) for name, value in numbers]
        for name, taker in takers.items():
            if not (kind is np.float64 and name == "hard_sigmoid"):
                graph(f"nan_born_{name}_{kind.__name__}", [N("Sqrt", ["x"], ["q"]), taker], ports, outputs, weights, rtol=2e-5)
    ports, outputs = [("x", x, ["N", 6])], [("y", T.FLOAT, ["N", 6])]
    births = {"log": [N("Log", ["x"], ["q"])], "pow": [N("Pow", ["x", "half"], ["q"])], "acos": [N("Acos", ["x"], ["q"])],
              "asin": [N("Asin", ["x"], ["q"])], "acosh": [N("Acosh", ["x"], ["q"])], "atanh": [N("Atanh", ["x"], ["q"])],
              "zero_by_zero": [N("Div", ["x", "x"], ["q"])],
              "by_sum": [N("Mul", ["x", "zero"], ["z"]), N("ReduceSum", ["z", "one"], ["s"]), N("Div", ["z", "s"], ["q"])],
              "by_stored_zero": [N("Div", ["x", "zero"], ["p"]), N("Mul", ["p", "zero"], ["q"])],
              "moved": [N("Sqrt", ["x"], ["r"]), N("Transpose", ["r"], ["t"]), N("Mul", ["t", "two"], ["m"]),
                        N("Reshape", ["m", "rows"], ["q"])],
              "multiplied": [N("Sqrt", ["x"], ["r"]), N("MatMul", ["r", "w"], ["q"])],
              "stored": [N("Greater", ["x", "zero"], ["c"]), N("Where", ["c", "x", "lost"], ["q"])],
              "variance": [N("Mul", ["x", "x"], ["p"]), N("Sub", ["p", "three"], ["v"]), N("Sqrt", ["v"], ["q"])]}
    weights = numbers + [("zero", np.float32(0)), ("one", ints(1)), ("rows", ints(-1, 6)), ("w", counted(6, 6)),
                         ("lost", np.array([np.nan], np.float32))]
    with np.errstate(all="ignore"):
        for name, nodes in births.items():
            graph(f"nan_born_of_{name}", [*nodes, N("Relu", ["q"], ["y"])], ports, outputs, weights, rtol=1e-4, atol=1e-5)
    masked = [N("Less", ["x", "half"], ["c"]), N("Where", ["c", "least", "x"], ["m"])]
    rows = np.array([[1, 2, -3], [-1, -2, 0]], np.float32)
    for name, nodes in (("softmax", [N("Softmax", ["m"], ["q"])]), ("log_softmax", [N("LogSoftmax", ["m"], ["q"])]),
                        ("softmax_by_hand", [N("ReduceMax", ["m", "one"], ["t"]), N("Sub", ["m", "t"], ["d"]), N("Exp", ["d"], ["e"]),
                                             N("ReduceSum", ["e", "one"], ["s"]), N("Div", ["e", "s"], ["q"])])):
        graph(f"nan_born_of_masked_{name}", [*masked, *nodes, N("Relu", ["q"], ["y"])], [("x", rows, ["N", 3])],
              [("y", T.FLOAT, ["N", 3])], [half, ("least", np.float32(-np.inf)), ("one", ints(1))])
    graph("nan_born_of_masked_shape", [N("Shape", ["x"], ["n"]), N("ConstantOfShape", ["n"], ["least"],
          value=helper.make_tensor("value", T.FLOAT, [1], [-np.inf])), *masked, N("Softmax", ["m"], ["q"]), N("Relu", ["q"], ["y"])],
          [("x", rows, ["N", 3])], [("y", T.FLOAT, ["N", 3])], [half])
    graph("nan_born_filled", [N("Sqrt", ["x"], ["q"]), N("IsNaN", ["q"], ["c"]), N("Where", ["c", "half", "q"], ["f"]),
          N("Sigmoid", ["f"], ["y"])], ports, outputs, weights)
    branch = lambda name, operator: helper.make_graph([N(operator, ["q"], [name])], name, [], [helper.make_tensor_value_info(name, T.FLOAT, None)])
    graph("nan_born_before_branch", [N("Sqrt", ["x"], ["q"]), N("ReduceMax", ["x"], ["m"], keepdims=0), N("Greater", ["m", "two"], ["c"]),
          N("If", ["c"], ["y"], then_branch=branch("yes", "Relu"), else_branch=branch("no", "Tanh"))], ports, outputs, weights)


def far_out():
    """Sigmoid and Tanh where it matters how near to zero or one they come, as numpy has them. Logarithms of Sigmoid are among
    the models of `tests/engine`: ONNX Runtime's own are off."""
    N, T = helper.make_node, TensorProto
    x = np.array([[-40, -25, -17, 17, 1, -1, 0.5, 88]], np.float32)
    t = np.tanh(x.astype(np.float64)).astype(np.float32)
    one, few = ("one", np.float32(1)), np.array([[-40, -25, -9, 1, -1, 0.5]], np.float32)
    f = (1 / (1 + np.exp(-few.astype(np.float64)))).astype(np.float32)
    tail = np.float32(1) - np.tanh(few.astype(np.float64)).astype(np.float32)
    for name, nodes, value, answer in (
            ("odds", [N("Sigmoid", ["x"], ["s"]), N("Sub", ["one", "s"], ["d"]), N("Div", ["s", "d"], ["y"])], few, f / (1 - f)),
            ("floor", [N("Tanh", ["x"], ["t"]), N("Floor", ["t"], ["y"])], x, np.floor(t)),
            ("root", [N("Tanh", ["x"], ["t"]), N("Add", ["t", "one"], ["d"]), N("Sqrt", ["d"], ["y"])], x, np.sqrt(t + 1)),
            ("log_of_rest", [N("Tanh", ["x"], ["t"]), N("Sub", ["one", "t"], ["d"]), N("Log", ["d"], ["y"])], few, np.log(tail))):
        graph(f"far_out_{name}", nodes, [("x", value, ["N", value.shape[1]])], [("y", T.FLOAT, None)], [one, ("rows", ints(-1, 8))],
              answers=[{"y": answer}], rtol=2e-5)
    graph("far_out_whole", [N("Tanh", ["x"], ["t"]), N("Cast", ["t"], ["y"], to=T.INT64)], [("x", x, ["N", 8])],
          [("y", T.INT64, None)], answers=[{"y": t.astype(np.int64)}])


def taken_of_axes():
    """Slices that begin before the first element, or end before they begin."""
    x = counted(5, 3)
    for name, start, end, axis, step in (
            ("before_first", -8, -2**63, 1, -2), ("before_first_by_one", -4, -9, 1, -1), ("backwards", -2, -2**63, 1, -1),
            ("rows_backwards", -2, -2**63, 0, -1), ("last_before", -1, 3, 0, 1), ("last_of_columns", -1, 1, 1, 1),
            ("second_last", -2, 2, 1, 1), ("beyond", 7, -2**63, 1, -1)):
        bounds = {"a": ints(start), "b": ints(end), "c": ints(axis), "d": ints(step)}
        op(f"taken_{name}", "Slice", {"x": x, **bounds}, stored=tuple(bounds), free=("x",))


def counted(*shape):
    """Numbers that are told apart, without a draw that would change those after it."""
    return np.sin(1.0 + np.arange(np.prod(shape))).reshape(shape).astype(np.float32)


if __name__ == "__main__":
    for part in (activations, not_numbers, arithmetic, powers, reductions, windows, moving, normalisations, losses, images, signals,
                 graphs, ellipses, cuts, least_numbers, unsaid, single_precision, invalid_operations, far_out, taken_of_axes):
        part()
