"""What is asked: a model, rows for it, and each row as a body of each protocol; and whether an answer is right. Rows are asked
in turn, for a processor learns by heart which branches a forest takes on a single one, as it cannot for a server in use.
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
    rows: np.ndarray
    title: str
    folder: Path | None = None  # of a bundled model, with its model.toml

    @cached_property
    def session(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(str(self.file), options, providers=["CPUExecutionProvider"])

    @cached_property
    def wanted(self):
        """The right answer to each row: values by output."""
        names = [port.name for port in self.session.get_outputs()]
        each = [self.session.run(names, {self.input: self.rows[at : at + 1]}) for at in range(len(self.rows))]
        return [dict(zip(names, values)) for values in each]

    @property
    def input(self):
        return self.session.get_inputs()[0].name

    @property
    def numbers(self):
        """How many numbers an answer holds: the floor gives as many."""
        return sum(value.size for value in self.wanted[0].values())


@dataclass(frozen=True)
class Question:
    """A request: where it goes, and the file its bodies are in, for the generators read them from there."""

    model: str
    protocol: str
    path: str
    bodies: tuple
    content_type: str = "application/json"
    headers: tuple = ()
    exact: bool = True  # whether types and shapes of an answer have to be right, too

    @property
    def has_lines(self):
        return self.content_type == "application/json"

    def file(self, folder):
        """All bodies, one on each line. Bytes have no lines: of those the first, an image, on which no speed depends."""
        path = Path(folder) / f"{self.model}.{self.protocol}"
        if not path.exists():
            path.write_bytes(b"\n".join(self.bodies) if self.has_lines else self.bodies[0])
        return path


def question(model, protocol):
    rows, infer = [model.rows[at : at + 1] for at in range(len(model.rows))], f"/v2/models/{model.name}/infer"
    described = {"name": model.input, "shape": rows[0].shape, "datatype": V2[rows[0].dtype.name]}
    if protocol == "v2":
        return Question(model.name, "v2", infer, tuple(compact({"inputs": [described | {"data": decimals(row).ravel().tolist()}]}) for row in rows))
    if protocol == "predict":
        return Question(model.name, "predict", f"/predict/{model.name}", tuple(compact(decimals(row).tolist()) for row in rows))
    if protocol == "rows":
        return Question(model.name, "rows", "/predict", tuple(compact({"x": decimals(row).tolist()}) for row in rows))
    if protocol == "binary":
        sized = described | {"parameters": {"binary_data_size": rows[0].nbytes}}
        head = compact({"inputs": [sized], "parameters": {"binary_data_output": True}})
        length = ((HEADER_LENGTH, str(len(head))),)
        return Question(model.name, "binary", infer, tuple(head + row.tobytes() for row in rows), "application/octet-stream", length)
    raise ValueError(protocol)


def decimals(row):
    """The shortest decimal of each float32, as anyone would write it."""
    return row if row.dtype.kind == "i" else np.array([float(str(x)) for x in row.ravel()]).reshape(row.shape)


def compact(message):
    return json.dumps(message, separators=(",", ":")).encode()


def check(server, model, asked):
    """Asks everything once, and ends the run with the server's name and what it said, if that is wrong."""
    for at in range(len(asked.bodies)):
        status, headers, body = server.put(asked, at)
        fault = f"status {status}" if status != 200 else wrong(server.name, model, asked, headers, body, at)
        if fault:
            raise SystemExit(f"{server.name} answers {asked.path} ({asked.protocol}, row {at}) wrongly: {fault}\n{body[:300]!r}")


def is_right(*answered):
    return not wrong(*answered)


def wrong(server, model, asked, headers, body, at=0):
    """What is wrong with the body of an answer to one of the rows; empty if nothing is."""
    try:
        if asked.protocol == "predict":
            predicted(json.loads(body)["predictions"][0], model, server, at)
        elif asked.protocol == "rows":
            tensors({name: np.array(values) for name, values in json.loads(body).items()}, model, server, at, asked.exact)
        else:
            tensors(read(headers, body), model, server, at, asked.exact)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        return f"{type(error).__name__} {error}"
    return ""


def read(headers, body):
    """The tensors of a V2 answer by name, whichever form they came in."""
    length = int(headers.get(HEADER_LENGTH) or len(body))
    at, found = length, {}
    for output in json.loads(body[:length])["outputs"]:
        kind, size = NUMPY[output["datatype"]], (output.get("parameters") or {}).get("binary_data_size")
        if size is None:
            values = np.array(output["data"], kind)
        else:
            values, at = np.frombuffer(body, kind, size // kind.itemsize, at), at + size
        found[output["name"]] = values.reshape(output["shape"])
    return found


def tensors(found, model, server, at, exact):
    if server == "floor":
        assert sum(value.size for value in found.values()) == model.numbers, "other number of numbers"
        return
    assert found.keys() == model.wanted[at].keys(), f"outputs {list(found)}"
    for name, wanted in model.wanted[at].items():
        assert not exact or (found[name].dtype == wanted.dtype and found[name].shape == wanted.shape), name
        np.testing.assert_allclose(found[name].reshape(wanted.shape), wanted, TOLERANCE, TOLERANCE, err_msg=name)


def predicted(row, model, server, at):
    if server == "floor":
        assert len(row) == model.numbers, "other number of numbers"
        return
    name, wanted = max(model.wanted[at].items(), key=lambda item: item[1].size)
    found = row[name]
    found = list(found.values()) if isinstance(found, dict) else found
    np.testing.assert_allclose(found, wanted[0], TOLERANCE, TOLERANCE, err_msg=name)


def bundled(name, version, rows, title):
    folder = REPOSITORY / "models" / name
    return Model(name, folder / version / "model.onnx", rows.astype(np.float32), title, folder)


def load(cache):
    """All models by name: those that ship with onnxd, and those that models.py made."""
    random = np.random.default_rng(0)
    # Flowers from the range of those that were measured, in centimetres, and images of 17 shades.
    flowers = random.uniform((4.3, 2.0, 1.0, 0.1), (7.9, 4.4, 6.9, 2.5), (256, 4)).round(1)
    images = random.integers(0, 17, (64, 1, 8, 8))
    found = [
        bundled("iris", "2", flowers, "the bundled MLP on iris, 4 numbers"),
        bundled("digits", "1", images, "the bundled CNN on 8x8 digits"),
    ]
    titles = {
        "forest100": "random forest of 100 full trees, 20 features",
        "forest500": "random forest of 500 trees of depth 13, 40 features",
        "boosted": "gradient boosting, 1,500 trees of 31 leaves, 20 features",
        "wide": "MLP 512-2048-2048-512",
        "resnet18": "ResNet-18, 3x224x224",
        "bert": "encoder of 4 layers, 256 wide, 64 tokens",
    }
    for name, title in titles.items():
        found.append(Model(name, cache / f"{name}.onnx", np.load(cache / f"{name}-rows.npy"), title))
    return {model.name: model for model in found}
