"""Trains the models that ship with onnxd and writes them, with their `model.toml`, beside this file.

    python -m venv .venv
    .venv/bin/pip install -r models/requirements.txt
    .venv/bin/python models/train.py

All data ships with scikit-learn, so nothing is downloaded. The run is seeded and single-threaded and whatever an
exporter adds on its own (random graph names, source paths, intermediate shapes) is removed: running it again gives the
same bytes. Another kind of processor may round differently in the last bit, which the golden rows' tolerance allows for.

Each model is scored on a quarter of its data that training never sees; a score below the floor given here ends the
run. The golden rows come from that quarter too, and their answers from ONNX Runtime, so that a server which loads a
model can tell whether it computes what the model's author meant.
"""

import os

# Read once, when the numeric libraries load: sums over several threads differ from run to run in the last bit.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import json
import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).parent
SEED = 0
BATCH = "batch"
OPSET = 18
ML_OPSET = 1
TOLERANCE = 1e-5


@dataclass
class Split:
    """A dataset as float32 inputs and targets, a quarter of it held out."""

    train_x: np.ndarray
    test_x: np.ndarray
    train_y: np.ndarray
    test_y: np.ndarray

    @classmethod
    def of(cls, x, y, *, stratify=True):
        parts = train_test_split(
            x.astype(np.float32), y, test_size=0.25, random_state=SEED, stratify=y if stratify else None
        )
        return cls(*parts)


# --- the models ------------------------------------------------------------------------------------------------------


def iris():
    """Two kinds of classifier under one name and one signature, so that versions can be compared."""
    data = load_iris()
    split = Split.of(data.data, data.target)
    write_card(
        "iris",
        title="Iris species",
        features=["sepal_length", "sepal_width", "petal_length", "petal_width"],
        example={"instances": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]},
        labels=[str(name) for name in data.target_names],
        roles={"label": "class", "probabilities": "scores"},
    )
    candidates = {
        1: ("Logistic regression", LogisticRegression(max_iter=1000, random_state=SEED)),
        2: (
            "Multi-layer perceptron (one hidden layer of 16 units)",
            MLPClassifier(hidden_layer_sizes=(16,), solver="lbfgs", alpha=0.1, max_iter=2000, random_state=SEED),
        ),
    }
    for version, (kind, classifier) in candidates.items():
        classifier.fit(split.train_x, split.train_y)
        model = from_sklearn(classifier, "measurements", split, {"zipmap": False}, ["label", "probabilities"])
        accuracy = save(
            "iris", version, model, split, score=lambda out: np.mean(out["label"] == split.test_y), floor=0.95
        )
        describe(
            "iris",
            version,
            f"{kind} that tells three species of iris by the length and width of sepal and petal in centimetres. "
            f"Trained with scikit-learn on {len(split.train_x)} flowers of Fisher's iris data; "
            f"accuracy on the {len(split.test_x)} others: {accuracy:.3f}.",
            golden=rows_of_each_class(split, per_class=2),
        )


def digits():
    """A small convolutional network, exported from PyTorch."""
    data = load_digits()
    split = Split.of(data.images[:, np.newaxis], data.target)
    network = train_digits(split)
    model = from_torch(network, "image", "probabilities", split)
    accuracy = save(
        "digits",
        1,
        model,
        split,
        score=lambda out: np.mean(out["probabilities"].argmax(axis=1) == split.test_y),
        floor=0.97,
    )
    write_card(
        "digits",
        title="Handwritten digits",
        example={"instances": [as_numbers(split.test_x[0])]},
        labels=[str(digit) for digit in range(10)],
        roles={"probabilities": "scores"},
    )
    describe(
        "digits",
        1,
        "Convolutional network that reads a handwritten digit from an image of 8x8 pixels, 0 (paper) to 16 (ink). "
        f"Trained with PyTorch on {len(split.train_x)} images of the UCI digits that ship with scikit-learn; "
        f"accuracy on the {len(split.test_x)} others: {accuracy:.3f}.",
        golden=rows_of_each_class(split, per_class=1)[::3],
    )


class DigitsNetwork(torch.nn.Module):
    """Pixels from 0 to 16 in, probabilities out: scaling and softmax are part of the graph."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.second = torch.nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.pool = torch.nn.MaxPool2d(2)
        self.last = torch.nn.Linear(32 * 2 * 2, 10)

    def logits(self, image):
        x = self.pool(torch.relu(self.first(image / 16)))
        x = self.pool(torch.relu(self.second(x)))
        return self.last(torch.flatten(x, 1))

    def forward(self, image):
        return torch.softmax(self.logits(image), dim=1)


def train_digits(split):
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    network = DigitsNetwork()
    images, targets = torch.from_numpy(split.train_x), torch.from_numpy(split.train_y)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3, weight_decay=1e-4)
    for _ in range(30):
        for rows in torch.randperm(len(images)).split(64):
            loss = torch.nn.functional.cross_entropy(network.logits(images[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def diabetes():
    """A regressor on the raw measurements, so that a request can be written by hand."""
    data = load_diabetes(scaled=False)
    split = Split.of(data.data, data.target, stratify=False)
    regressor = LinearRegression().fit(split.train_x, split.train_y)
    model = from_sklearn(regressor, "measurements", split, {}, ["progression"])
    spread = np.sum((split.test_y - split.test_y.mean()) ** 2)
    explained = save(
        "diabetes",
        1,
        model,
        split,
        score=lambda out: 1 - np.sum((split.test_y - out["progression"][:, 0]) ** 2) / spread,
        floor=0.3,
    )
    features = ["age", "sex", "bmi", "bp", "tc", "ldl", "hdl", "tch", "ltg", "glu"]
    write_card(
        "diabetes",
        title="Progression of diabetes",
        features=features,
        example=[dict(zip(features, as_numbers(split.test_x[0])))],
    )
    describe(
        "diabetes",
        1,
        "Linear regression that estimates how far diabetes has progressed after one year (25 to 346) from age in years, "
        "sex (1 or 2), body mass index, mean blood pressure and six blood values: total cholesterol, LDL, HDL, their "
        "ratio, the logarithm of triglycerides, glucose. "
        f"Trained with scikit-learn on {len(split.train_x)} patients of its diabetes data, unscaled; "
        f"R² on the {len(split.test_x)} others: {explained:.3f}.",
        golden=split.test_x[:5],
    )


def rows_of_each_class(split, *, per_class):
    """The first held-out rows of each class, class by class."""
    classes = np.unique(split.test_y)
    return np.concatenate([split.test_x[split.test_y == c][:per_class] for c in classes])


# --- from a trained model to ONNX ------------------------------------------------------------------------------------


def from_sklearn(estimator, input_name, split, options, output_names):
    model = to_onnx(
        estimator,
        initial_types=[(input_name, FloatTensorType([None, *split.train_x.shape[1:]]))],
        options={id(estimator): options} if options else None,
        target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
    )
    for output, name in zip(model.graph.output, output_names, strict=True):
        rename(model.graph, output.name, name)
    return model


def rename(graph, old, new):
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for output in graph.output:
        if output.name == old:
            output.name = new


def from_torch(network, input_name, output_name, split):
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            network,
            (torch.from_numpy(split.test_x[:2]),),
            file,
            input_names=[input_name],
            output_names=[output_name],
            dynamic_shapes=({0: torch.export.Dim(BATCH)},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return onnx.load(file)


def tidy(model, name):
    """Removes what depends on the run or the machine, and names the dynamic axis."""
    model.graph.name = name
    model.producer_version = model.producer_version.partition("+")[0]  # without the flavour of the build
    model.doc_string = model.graph.doc_string = ""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for part in [*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output]:
        part.doc_string = ""
        del part.metadata_props[:]
    for port in [*model.graph.input, *model.graph.output]:
        port.type.tensor_type.shape.dim[0].dim_param = BATCH


def save(name, version, model, split, *, score, floor):
    """Writes the model and returns its score on the held-out rows, computed from the file by ONNX Runtime."""
    tidy(model, name)
    onnx.checker.check_model(model, full_check=True)
    file = HERE / name / str(version) / "model.onnx"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model.SerializeToString(deterministic=True))
    reached = float(score(run(file, split.test_x)))
    print(f"{file.relative_to(HERE)}: {file.stat().st_size} bytes, score {reached:.4f}")
    if reached < floor:
        raise SystemExit(f"{name} {version} scores {reached:.4f}, less than {floor}")
    return reached


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def run(file, rows):
    """The outputs by name for the model's only input."""
    runtime = session(file)
    names = [output.name for output in runtime.get_outputs()]
    return dict(zip(names, runtime.run(names, {runtime.get_inputs()[0].name: rows})))


# --- model.toml ------------------------------------------------------------------------------------------------------


def write_card(name, *, title, example, features=None, labels=None, roles=None):
    """The words that hold for every version of a model."""
    lines = [f"title = {quote(title)}"]
    if features:
        lines.append(f"features = {toml(features)}")
    lines.append(f"example = '{json.dumps(example)}'")
    if labels:
        lines += ["", "[classes]", f"labels = {toml(labels)}", f"outputs = {toml(roles)}"]
    write(HERE / name / "model.toml", lines)


def describe(name, version, description, *, golden):
    """The words that hold for one version, and rows with the answers it must give."""
    folder = HERE / name / str(version)
    input_name = session(folder / "model.onnx").get_inputs()[0].name
    lines = [f"description = {quote(description)}", "", "[golden]", f"tolerance = {TOLERANCE:.0e}"]
    lines += port_lines("inputs", {input_name: golden})
    lines += port_lines("outputs", run(folder / "model.onnx", golden))
    write(folder / "model.toml", lines)


def port_lines(key, tensors):
    """One table of tensors, one row of a tensor to a line."""
    lines = ["", f"[golden.{key}]"]
    for name, rows in tensors.items():
        if rows.ndim == 1:
            lines.append(f"{name} = {toml(rows)}")
        else:
            lines += [f"{name} = [", *(f"  {toml(row)}," for row in rows), "]"]
    return lines


def write(file, lines):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def quote(text):
    return json.dumps(text, ensure_ascii=False)


def toml(value):
    """A value as TOML; float32 as the shortest decimal that reads back as the same float32."""
    match value:
        case str():
            return quote(value)
        case dict():
            return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
        case list() | np.ndarray():
            return "[" + ", ".join(toml(item) for item in value) + "]"
        case _:
            return str(value)


def as_numbers(array):
    """Nested lists of plain numbers that print as short as float32 allows, whole ones without a fraction."""
    if array.ndim:
        return [as_numbers(item) for item in array]
    number = float(str(array))
    return int(number) if number.is_integer() else number


if __name__ == "__main__":
    iris()
    digits()
    diabetes()
