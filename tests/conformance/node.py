"""ONNX's own tests of its operators, as cases: `node.py FOLDER` makes them from the `onnx` package.

What a model is told once and for all in real exports (axes, shapes, scales, pads...) the tests pass in at run time; here
it becomes an initialiser, as exporters write it. The answers are ONNX's. `FOLDER/ort.txt` lists the cases that ONNX
Runtime, asked the same way, passes; `FOLDER/skipped.txt` those that have inputs or outputs that are no tensors.
"""

import collections
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

import case

# Inputs that exports store, by position; a case keeps its other inputs.
STORED = {
    "AffineGrid": [1], "BlackmanWindow": [0], "CenterCropPad": [1], "Col2Im": [1, 2], "ConstantOfShape": [0],
    "CumProd": [1], "CumSum": [1], "DequantizeLinear": [1, 2], "DFT": [1, 2], "DeformConv": [1, 3], "Dropout": [1, 2],
    "Expand": [1], "HammingWindow": [0], "HannWindow": [0], "Loop": [0, 1], "MaxUnpool": [2],
    "MelWeightMatrix": [0, 1, 2, 3, 4], "NonMaxSuppression": [2, 3, 4], "OneHot": [1], "Pad": [1, 2, 3],
    "QLinearConv": [1, 2, 3, 4, 5, 6, 7, 8], "QLinearMatMul": [1, 2, 4, 5, 6, 7], "QuantizeLinear": [1, 2],
    "Range": [0, 1, 2], "Reshape": [1], "Resize": [1, 2, 3], "STFT": [1, 2, 3], "Slice": [1, 2, 3, 4], "Split": [1],
    "SplitToSequence": [1], "Squeeze": [1], "Tile": [1], "TopK": [1], "Trilu": [1], "Unsqueeze": [1], "Upsample": [1],
    "ConvInteger": [1, 2, 3], "MatMulInteger": [2, 3], "ImageDecoder": [], "DynamicQuantizeLinear": [],
}


def stored(node):
    if node.op_type.startswith("Reduce"):
        return [1]
    return STORED.get(node.op_type, [])


def with_stored(model, question):
    """The model with what exports store as initialisers, and the question without it."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    inputs = {value.name for value in model.graph.input}
    names = {node.input[at] for node in model.graph.node for at in stored(node) if at < len(node.input)}
    for name in sorted(names & inputs & set(question)):
        model.graph.initializer.append(case.tensor(name, question.pop(name)))
        kept = [value for value in model.graph.input if value.name != name]
        del model.graph.input[:]
        model.graph.input.extend(kept)
    return model


def close(got, want, rtol, atol):
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype and want.dtype.kind not in "OSU":
        return False
    if want.dtype.kind in "fc":
        return np.allclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    return bool(np.all(got == want))


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    passed, skipped, counts = [], [], collections.Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = sorted(collect_testcases(), key=lambda test: test.name)
    for test in tests:
        if test.model is None:
            continue
        rtol, atol = max(test.rtol, 1e-3), max(test.atol or 0, 1e-6)
        if any(getattr(x, "data_type", 0) == onnx.TensorProto.FLOAT16 or getattr(x, "dtype", None) == np.float16
               for _, wanted in test.data_sets for x in wanted):
            # Two steps of half precision: the answers are rounded after every step, ours once at the end.
            rtol = max(rtol, 2e-3)
        inputs = [value.name for value in test.model.graph.input]
        outputs = [value.name for value in test.model.graph.output]
        questions, answers, model, plain = [], [], test.model, True
        for given, wanted in test.data_sets:
            proto = lambda x: numpy_helper.to_array(x) if isinstance(x, onnx.TensorProto) else x
            given, wanted = [proto(x) for x in given], [proto(x) for x in wanted]
            plain &= all(isinstance(x, (np.ndarray, np.generic)) for x in given + wanted)
            question = dict(zip(inputs, given))
            model = with_stored(test.model, question) if plain else test.model
            questions.append(question)
            answers.append(dict(zip(outputs, wanted)))
        if not plain:
            skipped.append(test.name)
            continue
        try:
            case.write(folder, test.name, model, questions, rtol, atol, answers)
        except Exception as error:  # a type that the messages cannot hold
            print(f"{test.name}: {error}", file=sys.stderr)
            skipped.append(test.name)
            continue
        counts["written"] += 1
        try:
            got = [case.run(model.SerializeToString(), question) for question in questions]
            right = all(close(g[k], w[k], rtol, atol) for g, w in zip(got, answers) for k in w)
        except Exception:
            right = False
        if right:
            passed.append(test.name)
    (folder / "ort.txt").write_text("".join(f"{name}\n" for name in passed))
    (folder / "skipped.txt").write_text("".join(f"{name}\n" for name in skipped))
    print(f"{counts['written']} cases, {len(passed)} of them right in ONNX Runtime, {len(skipped)} left out")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
