"""What the client tests share: where the server is, the expected answers, and how close is close enough.

The server is an onnxd that already runs with the repository's `models/`. Its base URL is `--url` or `ONNXD_URL`.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

# The server under test is never behind a proxy.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"

EXPECTED = Path(__file__).parent.parent / "fixtures" / "expected"
DTYPES = {"FP32": np.float32, "INT64": np.int64}


def pytest_addoption(parser):
    default = os.environ.get("ONNXD_URL", "http://127.0.0.1:8080")
    parser.addoption("--url", default=default, help="base URL of the server")


def pytest_generate_tests(metafunc):
    """A test that takes `case` runs for every bundled model, version and batch size."""
    if "case" in metafunc.fixturenames:
        cases = [Case(file) for file in sorted(EXPECTED.glob("*.json"))]
        metafunc.parametrize("case", cases, ids=lambda case: f"{case.model}-{case.version}-{case.batch}")


class Case:
    """Inputs for one model version, and what ONNX Runtime answers."""

    def __init__(self, file):
        self.model, self.version, self.batch = file.stem.split("-")
        answers = json.loads(file.read_text(encoding="utf-8"))
        self.inputs, self.outputs = as_arrays(answers["inputs"]), as_arrays(answers["outputs"])

    def check(self, outputs):
        """Fails unless these arrays or nested lists, by name, are the expected outputs."""
        assert outputs.keys() == self.outputs.keys()
        for name, expected in self.outputs.items():
            assert_close(outputs[name], expected)


def as_arrays(tensors):
    return {
        name: np.array(tensor["data"], DTYPES[tensor["datatype"]]).reshape(tensor["shape"])
        for name, tensor in tensors.items()
    }


def assert_close(got, expected):
    """Integers equal; floats within 1e-5, relative where they are larger than 1."""
    got = np.asarray(got)
    assert got.shape == expected.shape, f"shape {got.shape}, expected {expected.shape}"
    if expected.dtype.kind == "f":
        error = np.abs(got - expected) / np.maximum(1, np.abs(expected))
        assert error.max(initial=0) <= 1e-5, f"off by {error.max()}"
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.fixture(scope="session")
def url(request):
    return request.config.getoption("--url").rstrip("/")
