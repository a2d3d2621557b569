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
        # Not by `make_tensor`, which loses zeros at the end of a string.
        return TensorProto(name=name, data_type=TensorProto.STRING, dims=value.shape, string_data=flat)
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


def operator(folder, name, op, inputs, attributes=None, outputs=1, domain="", opsets=None, stored=(), free=(), **more):
    """A case of one node. `inputs` is {name: array}, an empty name standing for an input left out; those in `stored`
    become initialisers; those in `free` get a free first axis. `opsets` is {domain: version}; `outputs` is a count, or
    names of which empty ones are left out."""
    names = outputs if isinstance(outputs, (list, tuple)) else [f"y{at}" for at in range(outputs)]
    node = helper.make_node(op, list(inputs), names, name=op.lower(), domain=domain, **(attributes or {}))
    opsets = {"": 20, "ai.onnx.ml": 3, "com.microsoft": 1} | (opsets or {})
    given = {key: np.asarray(value) for key, value in inputs.items() if key}
    kind = lambda value: TensorProto.STRING if value.dtype.kind in "OSU" else helper.np_dtype_to_tensor_dtype(value.dtype)
    shape = lambda key, value: ["N", *value.shape[1:]] if key in free else list(value.shape)
    ports = [helper.make_tensor_value_info(k, kind(v), shape(k, v)) for k, v in given.items() if k not in stored]
    weights = [tensor(key, given[key]) for key in stored]
    ids = [helper.make_opsetid(key, value) for key, value in opsets.items()]
    # ONNX Runtime infers the types of the outputs; tract and readers want them declared.
    bare = [onnx.ValueInfoProto(name=name) for name in names if name]
    model = helper.make_model(helper.make_graph([node], name, ports, bare, weights), opset_imports=ids, ir_version=10)
    question = {key: value for key, value in given.items() if key not in stored}
    answer = more.pop("answers", None)
    answer = answer[0] if answer else run(model.SerializeToString(), question)
    declared = [
        helper.make_tensor_value_info(key, kind(np.asarray(value)), [None] * np.ndim(value)) for key, value in answer.items()
    ]
    del model.graph.output[:]
    model.graph.output.extend(declared)
    write(folder, name, model, [question], answers=[answer], **more)
