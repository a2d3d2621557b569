"""Graphs in which an engine that writes arithmetic anew gives itself away, because a digit decides over more than a digit.

`make_arithmetic.py` writes `corpus/arithmetic/`. The answers are those of ONNX Runtime.
"""

import pathlib

import numpy as np
from onnx import TensorProto, helper

import case

FOLDER = pathlib.Path(__file__).parent / "corpus/arithmetic"
N = helper.make_node
# Whose quotient by themselves is below 1 when they are multiplied by their reciprocals in single precision.
UNEVEN = np.array([[41, 47, 55, 61, 82, 83, 94, 97, 107]], np.float32)


def graph(name, nodes, inputs, output, stored=(), rtol=0):
    """A case: `inputs` are {name: value} with a free first axis, `output` a name."""
    kind = lambda value: helper.np_dtype_to_tensor_dtype(value.dtype)
    free = lambda value: ["N", *value.shape[1:]]
    ports = [helper.make_tensor_value_info(key, kind(value), free(value)) for key, value in inputs.items()]
    weights = [case.tensor(key, value) for key, value in stored]
    bare = helper.make_graph(nodes, name, ports, [helper.make_empty_tensor_value_info(output)], weights)
    model = helper.make_model(bare, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    answer = case.run(model.SerializeToString(), inputs)[output]
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(output, kind(answer), [None] * answer.ndim))
    case.write(FOLDER, name, model, [inputs], answers=[{output: answer}], rtol=rtol, atol=0)


def quotients():
    """What reaches an operator that rounds, compares or branches."""
    for kind in (np.float32, np.float64):
        x = UNEVEN.astype(kind)
        word = kind.__name__
        for op in ("Floor", "Ceil"):
            graph(f"div_{op.lower()}_{word}", [N("Div", ["x", "d"], ["q"]), N(op, ["q"], ["y"])], {"x": x, "d": x}, "y")
        graph(f"div_cast_{word}", [N("Div", ["x", "d"], ["q"]), N("Cast", ["q"], ["y"], to=TensorProto.INT64)],
              {"x": np.concatenate([x, 2 * x])}, "y", [("d", x)])
        graph(f"div_equal_{word}", [N("Div", ["x", "d"], ["q"]), N("Equal", ["q", "one"], ["y"])], {"x": x, "d": x}, "y",
              [("one", kind(1))])
    x = np.arange(0, 5 * 41, dtype=np.float32).reshape(-1, 41)
    graph("div_scalar_floor", [N("Div", ["x", "d"], ["q"]), N("Add", ["q", "z"], ["r"]), N("Floor", ["r"], ["y"])], {"x": x},
          "y", [("d", np.float32(41)), ("z", np.float32(0.5))])
    graph("div_mod", [N("Div", ["x", "d"], ["q"]), N("Mod", ["q", "one"], ["y"], fmod=1)], {"x": UNEVEN, "d": UNEVEN}, "y",
          [("one", np.float32(1))])
    tiny = np.array([[1e-40, 3e-40, 1e-38]], np.float32)
    graph("div_tiny", [N("Div", ["x", "d"], ["y"])], {"x": tiny}, "y", [("d", tiny)])


def sums():
    """Sums times what is nearly one over the number of their terms, and means in double precision."""
    axis = ("axis", np.array([1]))
    squares = [N("Mul", ["x", "x"], ["s"]), N("ReduceSum", ["s", "axis"], ["t"], keepdims=1)]
    ones = np.ones((1, 4096), np.float32)
    graph("variance_unbiased", [*squares, N("Div", ["t", "n"], ["y"])], {"x": ones}, "y", [axis, ("n", np.float32(4095))])
    graph("variance_rate", [*squares, N("Mul", ["t", "r"], ["y"])], {"x": ones}, "y", [axis, ("r", np.float32(2.4408e-4))])
    flat = [N("Mul", ["x", "x"], ["s"]), N("ReduceSum", ["s", "axis"], ["t"], keepdims=0)]
    graph("variance_flat", [*flat, N("Div", ["t", "n"], ["y"])], {"x": ones}, "y", [axis, ("n", np.float32(4095))])
    mean = [N("Mul", ["x", "x"], ["s"]), N("ReduceMean", ["s", "axis"], ["y"])]
    graph("mean_of_large_doubles", mean, {"x": np.array([[1e20, 1e20], [1e-25, 1e-25]])}, "y", [axis])


def doubles():
    """Constants that are 0 or 1 in single precision alone."""
    x = np.array([[1e60, 1e8, -3.0]])
    for op, constant in (("Mul", 1e-50), ("Mul", 1 + 1e-8), ("Div", 1 + 1e-8), ("Add", 1e-50), ("Sub", 1e-50)):
        graph(f"{op.lower()}_{constant:g}_{'tiny' if constant < 1e-9 else 'near'}".replace("-", "_").replace(".", "_"),
              [N(op, ["x", "c"], ["y"])], {"x": x if op in ("Mul", "Div") else np.array([[0, 1e-50, 2e-50]])}, "y",
              [("c", np.float64(constant))])
    for power in (2 + 1e-8, 1 + 1e-8):
        graph(f"pow_near_{int(power)}", [N("Pow", ["x", "c"], ["y"])], {"x": np.array([[1e4, 2.0, 0.5]])}, "y",
              [("c", np.float64(power))], rtol=1e-14)


def roots():
    """The square of a root that is none."""
    x = np.array([[4, -4, 0.25]], np.float32)
    graph("root_times_itself", [N("Sqrt", ["x"], ["r"]), N("Mul", ["r", "r"], ["y"])], {"x": x}, "y")
    graph("root_squared", [N("Sqrt", ["x"], ["r"]), N("Pow", ["r", "two"], ["y"])], {"x": x}, "y", [("two", np.float32(2))])


if __name__ == "__main__":
    for part in (quotients, sums, doubles, roots):
        part()
