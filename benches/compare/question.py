"""What is asked: a model, one row for it, and that row as the bodies of each protocol; and whether an answer is right.
Right is what ONNX Runtime says in this process, to 1e-4, by name and type for V2. The floor's answers are constants, of
which only the number is looked at.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
TOLERANCE = 1e-4
V2 = {"float32": "FP32", "int64": "INT64"}
NUMPY = {name: np.dtype(kind) for kind, name in V2.items()}
HEADER_LENGTH = "inference-header-content-length"


@dataclass(frozen=True)
class Model:
    name: str
    file: Path
    row: np.ndarray
    title: str
    folder: Path | None = None  # of a bundled model, with its model.toml

    @cached_property
    def session(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(str(self.file), options, providers=["CPUExecutionProvider"])

    @cached_property
    def wanted(self):
        names = [port.name for port in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, {self.input: self.row})))

    @property
    def input(self):
        return self.session.get_inputs()[0].name

    @property
    def numbers(self):
        """How many numbers an answer holds: the floor gives as many."""
        return sum(value.size for value in self.wanted.values())


@dataclass(frozen=True)
class Question:
    """A request: where it goes, and the file its body is in, for the generators read it from there."""

    protocol: str
    path: str
    body: bytes
    content_type: str = "application/json"
    headers: tuple = ()

    def file(self, folder):
        path = Path(folder) / f"{self.path.strip('/').replace('/', '-')}.{self.protocol}"
        if not path.exists():
            path.write_bytes(self.body)
        return path


def question(model, protocol):
    row, name = model.row, model.name
    # The shortest decimal of a float32, as anyone would write it.
    values = [int(x) if row.dtype.kind == "i" else float(str(x)) for x in row.ravel()]
    described = {"name": model.input, "shape": row.shape, "datatype": V2[row.dtype.name]}
    infer = f"/v2/models/{name}/infer"
    if protocol == "v2":
        return Question("v2", infer, compact({"inputs": [described | {"data": values}]}))
    if protocol == "predict":
        return Question("predict", f"/predict/{name}", compact(np.reshape(values, row.shape).tolist()))
    if protocol == "binary":
        sized = described | {"parameters": {"binary_data_size": row.nbytes}}
        head = compact({"inputs": [sized], "parameters": {"binary_data_output": True}})
        length = ((HEADER_LENGTH, str(len(head))),)
        return Question("binary", infer, head + row.tobytes(), "application/octet-stream", length)
    raise ValueError(protocol)


def compact(message):
    return json.dumps(message, separators=(",", ":")).encode()


def check(server, model, asked, status, headers, body):
    """Ends the run with the server's name and what it said, if that is wrong."""
    fault = f"status {status}" if status != 200 else wrong(server, model, asked, headers, body)
    if fault:
        raise SystemExit(f"{server} answers {asked.path} ({asked.protocol}) wrongly: {fault}\n{body[:300]!r}")


def is_right(*answered):
    return not wrong(*answered)


def wrong(server, model, asked, headers, body):
    """What is wrong with the body of an answer; empty if nothing is."""
    try:
        if asked.protocol == "predict":
            predicted(json.loads(body)["predictions"][0], model, server)
        else:
            tensors(read(headers, body), model, server)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        return f"{type(error).__name__} {error}"
    return ""


def read(headers, body):
    """The tensors of a V2 answer by name, whichever form they came in."""
    length = int(headers.get(HEADER_LENGTH) or len(body))
    at, found = length, {}
    for output in json.loads(body[:length])["outputs"]:
        kind, size = NUMPY[output["datatype"]], output.get("parameters", {}).get("binary_data_size")
        if size is None:
            values = np.array(output["data"], kind)
        else:
            values, at = np.frombuffer(body, kind, size // kind.itemsize, at), at + size
        found[output["name"]] = values.reshape(output["shape"])
    return found


def tensors(found, model, server):
    if server == "floor":
        assert sum(value.size for value in found.values()) == model.numbers, "other number of numbers"
        return
    assert found.keys() == model.wanted.keys(), f"outputs {list(found)}"
    for name, wanted in model.wanted.items():
        assert found[name].dtype == wanted.dtype and found[name].shape == wanted.shape, name
        np.testing.assert_allclose(found[name], wanted, TOLERANCE, TOLERANCE, err_msg=name)


def predicted(row, model, server):
    if server == "floor":
        assert len(row) == model.numbers, "other number of numbers"
        return
    name, wanted = max(model.wanted.items(), key=lambda item: item[1].size)
    found = row[name]
    found = list(found.values()) if isinstance(found, dict) else found
    np.testing.assert_allclose(found, wanted[0], TOLERANCE, TOLERANCE, err_msg=name)


def bundled(name, version, row, title):
    folder = REPOSITORY / "models" / name
    return Model(name, folder / version / "model.onnx", np.array(row, np.float32), title, folder)


def load(cache):
    """All models by name: those that ship with onnxd, and those that models.py made."""
    example = REPOSITORY / "models" / "digits" / "model.toml"
    image = json.loads(next(line for line in example.read_text().splitlines() if line.startswith("example")).split("'")[1])
    found = [
        bundled("iris", "2", [[5.1, 3.5, 1.4, 0.2]], "the bundled MLP on iris, 4 numbers"),
        bundled("digits", "1", image["instances"], "the bundled CNN on 8x8 digits"),
    ]
    titles = {
        "forest100": "random forest of 100 full trees, 20 features",
        "forest500": "random forest of 500 trees of depth 13, 40 features",
        "wide": "MLP 512-2048-2048-512",
        "resnet18": "ResNet-18, 3x224x224",
        "bert": "encoder of 4 layers, 256 wide, 64 tokens",
    }
    for name, title in titles.items():
        found.append(Model(name, cache / f"{name}.onnx", np.load(cache / f"{name}.npy"), title))
    return {model.name: model for model in found}
