"""What a case of the corpus is: `NAME.onnx`, and `NAME.pb` with inputs and the outputs they must give.

The second file is an ONNX `GraphProto` without nodes. Its initialisers are the tensors, called `SET/in/INPUT` and
`SET/out/OUTPUT`, where SET numbers the questions from 0; its doc_string is `rtol=... atol=...`. The outputs come from
ONNX Runtime unless whoever makes the case knows them better, as ONNX's own node tests do.
"""

import pathlib

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper


def tensor(name, value):
    value = np.asarray(value)
    if value.dtype.kind in "OSU":
        flat = [str(x).encode() if not isinstance(x, bytes) else x for x in value.reshape(-1)]
        return helper.make_tensor(name, TensorProto.STRING, value.shape, flat)
    return numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)


def table(maps):
    """The scores behind a list of maps, in the order of the labels of its first row."""
    labels = list(maps[0])
    return np.array([[row[label] for label in labels] for row in maps], np.float32)


def run(model_bytes, inputs, names=None):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])
    wanted = names or [output.name for output in session.get_outputs()]
    answers = session.run(wanted, inputs)
    answers = [table(x) if isinstance(x, list) and x and isinstance(x[0], dict) else x for x in answers]
    return dict(zip(wanted, answers))


def write(folder, name, model, questions, rtol=1e-5, atol=1e-6, answers=None, external=None):
    """Writes a case. `questions` is a list of {input: array}; `answers`, when given, of {output: array} beside them."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data = model if isinstance(model, bytes) else model.SerializeToString(deterministic=True)
    answers = answers or [run(data, question) for question in questions]
    tensors = []
    for number, (question, answer) in enumerate(zip(questions, answers)):
        tensors += [tensor(f"{number}/in/{key}", value) for key, value in question.items()]
        tensors += [tensor(f"{number}/out/{key}", value) for key, value in answer.items()]
    graph = onnx.GraphProto(name=name, initializer=tensors, doc_string=f"rtol={rtol:g} atol={atol:g}")
    (folder / f"{name}.onnx").write_bytes(data)
    (folder / f"{name}.pb").write_bytes(graph.SerializeToString(deterministic=True))
