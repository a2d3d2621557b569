"""The models of the comparison that do not ship with onnxd, made the same way every time and kept in a cache: together they
are 150 MB. Weights are random but fixed: speed does not depend on what a network knows.

    "$(.ci/venv models/requirements.txt)/bin/python" benches/compare/models.py FOLDER

`run.py` calls this by itself; PYTHON names another interpreter that has the packages of models/requirements.txt.
Beside each `NAME.onnx` lies `NAME-rows.npy`, rows that it can be asked.
"""

import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from skl2onnx import to_onnx
from skl2onnx.common import _container
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from torch import nn

OPSET = 18


# --- trees -----------------------------------------------------------------------------------------------------------


def forest100():
    """100 trees grown to the end on 20 features: what most people mean by a random forest."""
    x, y = make_classification(5000, 20, n_informative=12, n_classes=3, random_state=0)
    return forest(RandomForestClassifier(100, random_state=0, n_jobs=-1).fit(x, y), x)


def forest500():
    """500 trees of up to 13 levels on 40 features: several times what fits the caches of a core."""
    x, y = make_classification(12000, 40, n_informative=25, flip_y=0.1, random_state=1)
    return forest(RandomForestClassifier(500, max_depth=13, random_state=0, n_jobs=-1).fit(x, y), x)


def boosted():
    """500 rounds of boosting for three classes: 1,500 small trees, whose columns are compared with at most 255 keys each."""
    x, y = make_classification(5000, 20, n_informative=12, n_classes=3, random_state=0)
    # Some versions of the converter leave truth values among the integers of an attribute, which onnx refuses.
    write = _container.make_node
    number = lambda value: int(value) if isinstance(value, (bool, np.bool_)) else value
    plain = lambda value: [number(one) for one in value] if isinstance(value, list) else value
    _container.make_node = lambda *at, **named: write(*at, **{name: plain(value) for name, value in named.items()})
    try:
        return forest(HistGradientBoostingClassifier(max_iter=500, early_stopping=False, random_state=0).fit(x, y), x)
    finally:
        _container.make_node = write


def forest(model, x):
    rows = x[:256].round(4).astype(np.float32)
    graph = to_onnx(model, rows[:1], options={"zipmap": False}, target_opset={"": OPSET, "ai.onnx.ml": 3})
    return graph, rows


# --- networks --------------------------------------------------------------------------------------------------------


def wide():
    """A multi-layer perceptron of 6.3 million weights: one row reads all of them, and so do eight."""
    layers = nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 512))
    return from_torch(layers, values(64, 512))


def resnet18():
    return from_torch(ResNet18(), values(1, 3, 224, 224))


def bert():
    """Four layers, 256 wide, 4 heads, 64 tokens: an encoder that gives one vector per sentence."""
    tokens = np.random.default_rng(0).integers(0, 4000, (16, 64))
    return from_torch(Encoder(), tokens)


class Block(nn.Module):
    """Two convolutions and what came in, as in "Deep Residual Learning", table 1."""

    def __init__(self, before, width, stride):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip
        self.skip = nn.Identity()
        if stride != 1 or before != width:
            self.skip = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return torch.relu(self.main(x) + self.skip(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        blocks, before = [], 64
        for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [Block(before, width, stride), Block(width, width, 1)]
            before = width
        self.body = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))

    def forward(self, image):
        return self.body(image)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = torch.softmax(query @ key.transpose(-1, -2) * self.scale, dim=-1)
        return self.out((weights @ value).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attention, self.first, self.second = Attention(width, heads), nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = self.first(x + self.attention(x))
        return self.second(x + self.feed(x))


class Encoder(nn.Module):
    def __init__(self, words=4000, length=64, width=256, heads=4, layers=4):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Parameter(torch.randn(length, width) * 0.02)
        self.layers, self.out = nn.Sequential(*[Layer(width, heads) for _ in range(layers)]), nn.Linear(width, 128)

    def forward(self, tokens):
        return self.out(self.layers(self.words(tokens) + self.places)[:, 0])


def values(*shape):
    """Four decimals each, as in requests that somebody measured; a float32 at random has nine digits."""
    return np.random.default_rng(0).normal(size=shape).round(4).astype(np.float32)


def from_torch(network, rows):
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Two rows: what is traced with one may be specialised to it.
        program = torch.onnx.export(
            network.eval(), (torch.from_numpy(np.repeat(rows[:1], 2, axis=0)),), input_names=["x"], output_names=["y"],
            dynamic_shapes=({0: torch.export.Dim("batch")},), opset_version=OPSET, dynamo=True, verbose=False,
        )  # fmt: skip
    return program.model_proto, rows


# --- go --------------------------------------------------------------------------------------------------------------

MODELS = (forest100, forest500, boosted, wide, resnet18, bert)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for make in MODELS:
        file, asked = folder / f"{make.__name__}.onnx", folder / f"{make.__name__}-rows.npy"
        if file.exists() and asked.exists():
            continue
        print(f"making {make.__name__}", flush=True)
        torch.manual_seed(0)
        model, rows = make()
        for port in [*model.graph.input, *model.graph.output]:
            port.type.tensor_type.shape.dim[0].Clear()
            port.type.tensor_type.shape.dim[0].dim_param = "batch"
        np.save(asked, rows)
        # The model last and at once: what exists is whole.
        onnx.save(model, file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
