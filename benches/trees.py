"""Tree ensembles here and in ONNX Runtime, one thread each, in turns on one core.

`trees.py make FOLDER` makes the models, the same ones every time: `forest`, 100 trees of scikit-learn on its digits;
`boosting`, 1,000 trees of XGBoost, depth 6; `leaves`, 100 trees of LightGBM, 31 leaves, binary. They are large, and stay
out of the repository. `trees.py run FOLDER BENCH [CORE]` runs the program `BENCH` (from `cargo bench --no-run`), checks
that both answer alike, and prints a table.

ONNX Runtime is called through its C interface, with inputs and outputs that exist beforehand; what a call through
ctypes costs by itself is measured on a function that does nothing, and taken off.
"""

import ctypes
import glob
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

BATCHES = (1, 8, 32, 128, 1024)
BLOCK = 150  # milliseconds
ROUNDS = int(os.environ.get("ROUNDS", 9))


def make(folder):
    import lightgbm
    import xgboost
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from skl2onnx import to_onnx
    from sklearn.datasets import load_digits, make_classification
    from sklearn.ensemble import RandomForestClassifier

    folder.mkdir(parents=True, exist_ok=True)

    def write(name, model, x):
        # Some exporters declare one row.
        for output in model.graph.output:
            output.type.tensor_type.shape.dim[0].Clear()
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
        rows = x[np.arange(1024) * 7 % len(x)].astype(np.float32)
        (folder / f"{name}.x").write_bytes(np.ascontiguousarray(rows).tobytes())

    x, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(100, random_state=0).fit(x, y)
    write("forest", to_onnx(forest, x[:1].astype(np.float32), options={"zipmap": False}), x)

    x, y = make_classification(20000, 40, n_informative=25, flip_y=0.1, random_state=1)
    floats = [("x", FloatTensorType([None, 40]))]
    boosting = xgboost.XGBClassifier(n_estimators=1000, max_depth=6, learning_rate=0.02, n_jobs=1, random_state=0)
    write("boosting", convert_xgboost(boosting.fit(x, y), initial_types=floats, target_opset=15), x)

    leaves = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=1, random_state=0, verbose=-1)
    write("leaves", convert_lightgbm(leaves.fit(x, y), initial_types=floats, target_opset=15, zipmap=False), x)


class Runtime:
    """ONNX Runtime's C interface: as much of it as it takes to run a model of one input."""

    # Positions in the table of functions, which never change.
    ERROR, ENV, SESSION, RUN, OPTIONS, INTRA, INTER, TENSOR, MEMORY = 2, 3, 7, 9, 10, 24, 25, 49, 69
    TYPES = {"float32": 1, "int64": 7}

    def __init__(self):
        import onnxruntime

        self.python = onnxruntime
        folder = pathlib.Path(onnxruntime.__file__).parent / "capi"
        library = ctypes.CDLL(sorted(glob.glob(f"{folder}/libonnxruntime.so*"))[-1])
        library.OrtGetApiBase.restype = ctypes.POINTER(ctypes.c_void_p)
        get_api = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_uint32)(library.OrtGetApiBase()[0])
        self.table = get_api(17)
        self.environment, self.memory = ctypes.c_void_p(), ctypes.c_void_p()
        self.call(self.ENV, 3, b"bench", ctypes.byref(self.environment))
        self.call(self.MEMORY, 1, 0, ctypes.byref(self.memory))

    def call(self, at, *arguments):
        status = ctypes.CFUNCTYPE(ctypes.c_void_p)(self.table[at])
        status.argtypes = None
        failed = status(*arguments)
        if failed:
            message = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(self.table[self.ERROR])(failed)
            raise RuntimeError(message.decode())

    def session(self, path):
        options, session = ctypes.c_void_p(), ctypes.c_void_p()
        self.call(self.OPTIONS, ctypes.byref(options))
        self.call(self.INTRA, options, 1)
        self.call(self.INTER, options, 1)
        self.call(self.SESSION, self.environment, str(path).encode(), options, ctypes.byref(session))
        return session

    def tensor(self, array):
        value, shape = ctypes.c_void_p(), (ctypes.c_int64 * array.ndim)(*array.shape)
        kind, size = self.TYPES[array.dtype.name], ctypes.c_size_t(array.nbytes)
        data = ctypes.c_void_p(array.ctypes.data)
        self.call(self.TENSOR, self.memory, data, size, shape, ctypes.c_size_t(array.ndim), kind, ctypes.byref(value))
        return value

    def prepared(self, session, path, questions):
        """A function that runs the session, its arguments for each question, and the outputs by name."""
        x = questions[0]
        ports = self.python.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [output.name for output in ports.get_outputs()]
        outputs = {name: np.empty_like(value) for name, value in zip(names, ports.run(None, {ports.get_inputs()[0].name: x}))}
        values = [self.tensor(value) for value in outputs.values()]
        inputs = (ctypes.c_char_p * 1)(ports.get_inputs()[0].name.encode())
        given = [(ctypes.c_void_p * 1)(self.tensor(x)) for x in questions]
        wanted = (ctypes.c_char_p * len(names))(*[name.encode() for name in names])
        answers = (ctypes.c_void_p * len(names))(*values)
        kinds = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
                 ctypes.c_size_t, ctypes.c_void_p]
        run = ctypes.CFUNCTYPE(ctypes.c_void_p, *kinds)(self.table[self.RUN])
        pointer = lambda x: ctypes.cast(x, ctypes.c_void_p)
        arguments = [(session, None, pointer(inputs), pointer(x), 1, pointer(wanted), len(names), pointer(answers))
                     for x in given]
        nothing = ctypes.CFUNCTYPE(ctypes.c_void_p, *kinds)(("ffs", ctypes.CDLL(None)))
        return run, nothing, arguments, outputs, (questions, inputs, given, wanted, answers)


def clock(function, arguments, milliseconds):
    """Median and least time of a call, with other arguments each time: a processor learns the branches that a few
    rows take by heart."""
    now, times = time.perf_counter_ns, []
    end = now() + milliseconds * 1_000_000
    for some in itertools.cycle(arguments):
        start = now()
        if start > end:
            break
        function(*some)
        times.append(now() - start)
    return statistics.median(times), min(times)


def run(folder, bench, core):
    os.sched_setaffinity(0, {core})
    ours = subprocess.Popen([bench, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(line):
        ours.stdin.write(line + "\n")
        ours.stdin.flush()
        return ours.stdout.readline().split()

    runtime, rows = Runtime(), []
    print(f"{'model':10} {'rows':>5} {'onnxd us':>10} {'ORT us':>10} {'ratio':>6} {'(least)':>8}  of medians; below 1, onnxd is faster")
    for name in ("forest", "boosting", "leaves"):
        path = folder / f"{name}.onnx"
        questions = np.frombuffer((folder / f"{name}.x").read_bytes(), np.float32).reshape(1024, -1)
        session = runtime.session(path)
        for batch in BATCHES:
            parts = [questions[at : at + batch].copy() for at in range(0, 1024, batch)]
            call, nothing, arguments, outputs, alive = runtime.prepared(session, path, parts)
            assert call(*arguments[0]) is None
            assert ask(f"answer {name} {batch}") == ["done"]
            for output, wanted in outputs.items():
                got = np.frombuffer((folder / f"{name}.{output}.got").read_bytes(), wanted.dtype).reshape(wanted.shape)
                if wanted.dtype.kind == "i":
                    assert (got == wanted).all(), (name, batch, output)
                else:
                    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6, err_msg=f"{name} {batch} {output}")
            cost = clock(nothing, arguments, BLOCK)
            turns = []
            for _ in range(ROUNDS):
                theirs = [total - cost[at] for at, total in enumerate(clock(call, arguments, BLOCK))]
                turns.append((theirs, [int(x) for x in ask(f"time {name} {batch} {BLOCK}")]))
            middle = lambda side, at: statistics.median(turn[side][at] for turn in turns) / 1000
            ratios = sorted(mine[0] / theirs[0] for theirs, mine in turns)
            least = min(mine[1] for _, mine in turns) / min(theirs[1] for theirs, _ in turns)
            ratio = statistics.median(ratios)
            rows.append(dict(model=name, rows=batch, onnxd_us=middle(1, 0), ort_us=middle(0, 0), ratio=ratio,
                             lowest=ratios[0], highest=ratios[-1], of_least=least, call_us=cost[0] / 1000))
            print(f"{name:10} {batch:5} {middle(1, 0):10.2f} {middle(0, 0):10.2f} {ratio:6.2f} {least:8.2f}", flush=True)
    (folder / "result.json").write_text(json.dumps(rows, indent=1))
    ours.stdin.close()
    ours.wait()


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(pathlib.Path(sys.argv[2]))
    else:
        run(pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else os.cpu_count() - 1)
