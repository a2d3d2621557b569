"""Writes the models that `tests/engine.rs` reads beside the common fixtures: recurrent layers as PyTorch exports them,
and files that do their best to make a loader fall over. A second run gives the same bytes.

    .venv/bin/python tests/engine/make.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent / "models"
FP32, INT64 = TensorProto.FLOAT, TensorProto.INT64
OPSET = 17


class Last(torch.nn.Module):
    """A recurrent layer over a batch of sequences, and a linear layer on its last step."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.head = torch.nn.Linear(layer.hidden_size * (2 if layer.bidirectional else 1), 2)

    def forward(self, x):
        steps, _ = self.layer(x)
        return self.head(steps[:, -1])


def recurrent():
    layers = {
        "lstm": torch.nn.LSTM,
        "gru": torch.nn.GRU,
    }
    for name, layer in layers.items():
        for both in (False, True):
            torch.manual_seed(0)
            model = Last(layer(3, 4, batch_first=True, bidirectional=both)).eval()
            file = HERE / f"{name}{'_bidirectional' if both else ''}.onnx"
            torch.onnx.export(
                model,
                (torch.zeros(1, 6, 3),),
                file,
                input_names=["x"],
                output_names=["y"],
                dynamic_axes={"x": {0: "batch"}},
                opset_version=OPSET,
                dynamo=False,
            )
            rows = np.random.default_rng(0).standard_normal((5, 6, 3)).astype(np.float32)
            answers = onnxruntime.InferenceSession(file).run(None, {"x": rows})[0]
            text = json.dumps({"inputs": {"x": wire(rows)}, "outputs": {"y": wire(answers)}})
            file.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def wire(array):
    return {"datatype": "FP32", "shape": list(array.shape), "data": [float(str(value)) for value in array.flat]}


def save(name, nodes, inputs, outputs, weights=None, **model):
    def ports(described):
        return [helper.make_tensor_value_info(name, code, shape) for name, (code, shape) in described.items()]

    weights = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, name, ports(inputs), ports(outputs), weights)
    opsets = [helper.make_opsetid("", OPSET)]
    if "functions" in model:
        opsets.append(helper.make_opsetid("f", 1))
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, **model)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    return model


def hostile():
    relu = helper.make_node("Relu", ["x"], ["y"])

    nested = "(" * 20_000 + "N" + ")" * 20_000
    save("nested_dims", [relu], {"x": (FP32, [nested, 2])}, {"y": (FP32, [nested, 2])})

    save("output_from_nowhere", [relu], {"x": (FP32, ["N"])}, {"z": (FP32, ["N"])})
    save("input_from_nowhere", [helper.make_node("Add", ["x", "w"], ["y"])], {"x": (FP32, ["N"])}, {"y": (FP32, ["N"])})
    save("no_rank", [relu], {"x": (FP32, None)}, {"y": (FP32, None)})
    save("huge_input", [relu], {"x": (FP32, [2**40, 2**40])}, {"y": (FP32, [2**40, 2**40])})
    save("wrong_output_type", [relu], {"x": (FP32, ["N"])}, {"y": (INT64, ["N"])})
    save("bad_permutation", [helper.make_node("Transpose", ["x"], ["y"], perm=[5, 1])], {"x": (FP32, ["N", 2])}, {"y": (FP32, [2, "N"])})
    save("zero_stride", [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[0, 0])], {"x": (FP32, ["N", 1, 4, 4])}, {"y": (FP32, ["N", 1, 2, 2])})

    # About as deep as a reader of the format follows.
    branch = [helper.make_node("Relu", ["x"], ["y0"])]
    for level in range(1, 30):
        result = f"y{level - 1}"
        then_branch = helper.make_graph(branch, f"then{level}", [], [helper.make_tensor_value_info(result, FP32, None)])
        other = [helper.make_node("Neg", ["x"], [f"{result}n"])]
        else_branch = helper.make_graph(other, f"else{level}", [], [helper.make_tensor_value_info(f"{result}n", FP32, None)])
        branch = [helper.make_node("If", ["yes"], [f"y{level}"], then_branch=then_branch, else_branch=else_branch)]
    save("nested_branches", branch, {"yes": (TensorProto.BOOL, []), "x": (FP32, ["N"])}, {"y29": (FP32, ["N"])})

    outside = numpy_helper.from_array(np.zeros(2, np.float32), "w")
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "../lstm.onnx", "length": "8"}.items():
        outside.external_data.add(key=key, value=value)
    add = helper.make_node("Add", ["x", "w"], ["y"])
    model = save("data_outside", [add], {"x": (FP32, ["N", 2])}, {"y": (FP32, ["N", 2])})
    model.graph.initializer.append(outside)
    (HERE / "data_outside.onnx").write_bytes(model.SerializeToString(deterministic=True))


def peculiar():
    # Rows bear on each other, but only where one of them is large.
    save(
        "scaled_by_a_large_batch",
        [
            helper.make_node("ReduceL2", ["x"], ["length"], keepdims=0),
            helper.make_node("Max", ["length", "least"], ["divisor"]),
            helper.make_node("Div", ["x", "divisor"], ["y"]),
        ],
        {"x": (FP32, ["N", 2])},
        {"y": (FP32, ["N", 2])},
        {"least": np.array(50, np.float32)},
    )
    # Declared for one row, as a tracing exporter leaves it, although any number works.
    save("one_row_declared", [helper.make_node("Relu", ["x"], ["y"])], {"x": (FP32, ["N", 2])}, {"y": (FP32, [1, 2])})
    # A recurrent layer without initial states: the engine makes them itself, and must know the batch to do so.
    random = np.random.default_rng(0)
    save(
        "lstm_stateless",
        [helper.make_node("LSTM", ["x", "w", "r"], ["", "last"], hidden_size=2), helper.make_node("Squeeze", ["last", "zero"], ["y"])],
        {"x": (FP32, [5, "N", 3])},
        {"y": (FP32, None)},
        {
            "w": random.standard_normal((1, 8, 3)).astype(np.float32),
            "r": random.standard_normal((1, 8, 2)).astype(np.float32),
            "zero": np.array([0]),
        },
    )
    # The same with the batch first among the axes.
    save(
        "lstm_stateless_batch_first",
        [
            helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
            helper.make_node("LSTM", ["t", "w", "r"], ["", "last"], hidden_size=2),
            helper.make_node("Squeeze", ["last", "zero"], ["y"]),
        ],
        {"x": (FP32, ["N", 5, 3])},
        {"y": (FP32, None)},
        {
            "w": random.standard_normal((1, 8, 3)).astype(np.float32),
            "r": random.standard_normal((1, 8, 2)).astype(np.float32),
            "zero": np.array([0]),
        },
    )
    # As many rows out as there are numbers above zero: axis 0 of the output is not the batch.
    save(
        "rows_by_value",
        [helper.make_node("NonZero", ["x"], ["indices"]), helper.make_node("Transpose", ["indices"], ["y"])],
        {"x": (FP32, ["N"])},
        {"y": (INT64, ["M", 1])},
    )
    # The shape of the input as an output: tract counts in symbols.
    save("shape", [helper.make_node("Shape", ["x"], ["y"])], {"x": (FP32, ["N", "M"])}, {"y": (INT64, [2])})
    # A convolution over sides of any length that needs them to be at least 12.
    save(
        "free_sides",
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        {"x": (FP32, ["N", 1, "H", "W"])},
        {"y": (FP32, ["N", 1, None, None])},
        {"w": np.ones((1, 1, 12, 12), np.float32)},
    )
    # Windows over sides of any length: with padding of its own, rounding up, the other way round, and in a branch.
    sides = {"x": (FP32, ["N", 1, "H", "W"])}
    answer = {"y": (FP32, ["N", 1, None, None])}
    five = {"w": np.ones((1, 1, 5, 5), np.float32)}
    save("free_sides_padded", [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])], sides, answer, five)
    pool = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    save("free_sides_pooled", [pool], sides, answer)
    average = helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[5, 5])
    save("free_sides_averaged", [average], sides, answer)
    transposed = helper.make_node("ConvTranspose", ["x", "w"], ["y"], pads=[4, 4, 4, 4])
    save("free_sides_transposed", [transposed], sides, answer, five)

    def branch(name, node):
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info(node.output[0], FP32, None)])

    yes = branch("yes", helper.make_node("Conv", ["x", "w"], ["a"]))
    no = branch("no", helper.make_node("MaxPool", ["x"], ["b"], kernel_shape=[5, 5]))
    choice = helper.make_node("If", ["yes"], ["y"], then_branch=yes, else_branch=no)
    save("free_sides_in_branch", [choice], {"yes": (TensorProto.BOOL, []), **sides}, {"y": (FP32, None)}, five)
    # A convolution over as many columns as there are numbers above zero.
    save(
        "sides_by_value",
        [
            helper.make_node("NonZero", ["x"], ["indices"]),
            helper.make_node("Cast", ["indices"], ["columns"], to=FP32),
            helper.make_node("Unsqueeze", ["columns", "zero"], ["row"]),
            helper.make_node("Conv", ["row", "w"], ["y"]),
        ],
        {"x": (FP32, ["N"])},
        {"y": (FP32, [1, 1, None])},
        {"w": np.ones((1, 1, 5), np.float32), "zero": np.array([0])},
    )
    # A batch beside an image of free sides: the batch may be empty while the image is there and too small.
    save(
        "image_beside_rows",
        [helper.make_node("Conv", ["x", "w"], ["y"]), helper.make_node("Relu", ["r"], ["z"])],
        {"r": (FP32, ["N", 2]), "x": (FP32, [1, 1, "H", "W"])},
        {"z": (FP32, ["N", 2]), "y": (FP32, [1, 1, None, None])},
        {"w": np.ones((1, 1, 12, 12), np.float32)},
    )
    # Indices of a client into a table of three rows.
    table = helper.make_node("Gather", ["w", "x"], ["y"])
    save("table", [table], {"x": (INT64, ["N"])}, {"y": (FP32, ["N"])}, {"w": np.array([1, 2, 3], np.float32)})
    # A weight that is also listed as an input, as old exporters do.
    save(
        "weight_as_input",
        [helper.make_node("Add", ["x", "w"], ["y"])],
        {"x": (FP32, [None, 2]), "w": (FP32, [2])},
        {"y": (FP32, [None, None])},
        {"w": np.array([1, 2], np.float32)},
    )
    # An answer that is the input itself, and one that is stored in the file.
    save("nothing_to_do", [], {"x": (FP32, ["N"])}, {"x": (FP32, ["N"]), "w": (FP32, [2])}, {"w": np.array([1, 2], np.float32)})


def function(name, inputs, outputs, nodes):
    return helper.make_function("f", name, inputs, outputs, nodes, [helper.make_opsetid("", OPSET)])


def divisions():
    """What ends a process that divides as the processor does: the smallest integer, which comes of 1e30, by -1."""
    whole = helper.make_node("Cast", ["x"], ["c"], to=INT64)
    divide = helper.make_node("Div", ["c", "d"], ["q"])
    inputs = {"x": (FP32, ["N"]), "d": (INT64, ["N"])}
    save("divide_computed", [whole, divide], inputs, {"q": (INT64, ["N"])})
    ratio = function("Ratio", ["x", "d"], ["q"], [whole, divide])
    call = helper.make_node("Ratio", ["x", "d"], ["q"], name="call", domain="f")
    save("divide_in_function", [call], inputs, {"q": (INT64, ["N"])}, functions=[ratio])
    # By a number of rows, which is never -1; and floats, in a function that does not say that they are.
    share = function("Share", ["a", "b"], ["c"], [helper.make_node("Div", ["a", "b"], ["c"])])
    by_size = [
        whole,
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["d"]),
        divide,
        helper.make_node("ReduceSum", ["x"], ["total"]),
        helper.make_node("Share", ["x", "total"], ["share"], domain="f"),
    ]
    outputs = {"q": (INT64, ["N"]), "share": (FP32, ["N"])}
    save("divide_by_size", by_size, {"x": (FP32, ["N"])}, outputs, {"zero": np.array(0)}, functions=[share])


def unfolded():
    # Only the call tells how often the function repeats what it is given.
    times = function("Times", ["a", "n"], ["b"], [helper.make_node("Tile", ["a", "n"], ["b"])])
    call = helper.make_node("Times", ["x", "n"], ["y"], domain="f")
    save("tiled_in_function", [call], {"x": (FP32, ["N"])}, {"y": (FP32, [None])}, {"n": np.array([1 << 40])}, functions=[times])


def far_out():
    """Logarithms of Sigmoid where ONNX Runtime's own is off by a sixth or zero, so the answers are numpy's."""
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["s"]),
        helper.make_node("Log", ["s"], ["log"]),
        helper.make_node("Unsqueeze", ["s", "last"], ["moved"]),
        helper.make_node("Reciprocal", ["moved"], ["odds"]),
        helper.make_node("Log", ["odds"], ["turned"]),
    ]
    outputs = {"log": (FP32, ["N", 6]), "turned": (FP32, ["N", 6, 1])}
    save("far_out", nodes, {"x": (FP32, ["N", 6])}, outputs, {"last": np.array([2])})
    rows = np.array([[-40, -25, -17, 1, -1, 0.5]], np.float32)
    log = -np.log1p(np.exp(-rows.astype(np.float64)))
    answers = {"log": log, "turned": -log[..., None]}
    answers = {name: wire(answer.astype(np.float32)) for name, answer in answers.items()}
    text = json.dumps({"inputs": {"x": wire(rows)}, "outputs": answers})
    (HERE / "far_out.json").write_text(text + "\n", encoding="utf-8")


warnings.simplefilter("ignore")
HERE.mkdir(exist_ok=True)
recurrent()
hostile()
peculiar()
divisions()
unfolded()
far_out()
