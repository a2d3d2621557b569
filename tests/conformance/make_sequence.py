"""Cases of recurrent layers and attention, one node each. `make_sequence.py` writes `corpus/operators/`.

ONNX Runtime runs recurrent layers in the time-major layout only; the answers of the other one are the same, transposed.
"""

import pathlib

import numpy as np

import case

FOLDER = pathlib.Path(__file__).parent / "corpus" / "operators"
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ORDER = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
OUTPUTS = {"RNN": ["Y", "Y_h"], "GRU": ["Y", "Y_h"], "LSTM": ["Y", "Y_h", "Y_c"]}


def recurrent(name, op, given="B", attributes=None, time=5, batch=3, width=4, hidden=6, lens=None, outputs=None, seed=0,
              dtype=np.float32, stored="WRBP", scale=0.6, edit=None, opset=22, layout=0, **more):
    """`given` holds letters: B, s(equence_lens), h, c, P."""
    rng = np.random.default_rng(seed)
    attributes = dict(attributes or {})
    gates, dirs = GATES[op], 2 if attributes.get("direction") == "bidirectional" else 1
    value = lambda *shape: (rng.standard_normal(shape) * scale).astype(dtype)
    tensors = {"X": value(time, batch, width), "W": value(dirs, gates * hidden, width), "R": value(dirs, gates * hidden, hidden)}
    optional = {
        "B": value(dirs, 2 * gates * hidden),
        "sequence_lens": np.array(lens if lens is not None else rng.integers(1, time + 1, batch), np.int32),
        "initial_h": value(dirs, batch, hidden), "initial_c": value(dirs, batch, hidden), "P": value(dirs, 3 * hidden),
    }
    letters = {"B": "B", "sequence_lens": "s", "initial_h": "h", "initial_c": "c", "P": "P"}
    tensors |= {key: optional[key] for key, letter in letters.items() if letter in given}
    if edit:
        edit(tensors)
    attributes["hidden_size"] = hidden
    last = max(ORDER.index(key) for key in tensors)
    inputs, blank = {}, 0
    for key in ORDER[: last + 1]:
        inputs[key if key in tensors else " " * (blank := blank + 1)] = tensors.get(key)
    names = outputs or OUTPUTS[op]
    keep = dict(stored=[key for key in tensors if key[0] in stored and key in "WRBP"], opsets={"": opset}, outputs=names, **more)
    if layout == 0:
        node(name, op, inputs, attributes, **keep)
        return
    # The question the other way round, and the answer to it.
    swap = lambda key, x: x.transpose(1, 0, 2) if key in ("X", "initial_h", "initial_c", "Y_h", "Y_c") else x.transpose(2, 0, 1, 3) if key == "Y" else x
    answer = node(name, op, inputs, attributes, dry=True, **keep)
    inputs = {key: None if x is None else np.ascontiguousarray(swap(key, x)) for key, x in inputs.items()}
    answer = {key: np.ascontiguousarray(swap(key, x)) for key, x in answer.items()}
    node(name, op, inputs, attributes | {"layout": 1}, answers=[answer], **keep)


def node(name, op, inputs, attributes, dry=False, **more):
    """`case.operator` with inputs left out in the middle: those whose name is blank."""
    import onnx
    from onnx import TensorProto, helper

    names = [key.strip() for key in inputs]
    given = {key: np.asarray(value) for key, value in inputs.items() if key.strip()}
    outputs = more.pop("outputs", ["y"])
    opsets = {"": 23} | more.pop("opsets", {})
    stored, domain = more.pop("stored", ()), more.pop("domain", "")
    answers = more.pop("answers", None)
    spec = more.pop("spec", False)
    free = more.pop("free", ())
    made = helper.make_node(op, names, outputs, name=op.lower(), domain=domain, **attributes)
    kind = lambda value: helper.np_dtype_to_tensor_dtype(value.dtype)
    shape = lambda k, v: [dim if at != free[k] else "N" for at, dim in enumerate(v.shape)] if k in free else list(v.shape)
    ports = [helper.make_tensor_value_info(k, kind(v), shape(k, v)) for k, v in given.items() if k not in stored]
    bare = [onnx.ValueInfoProto(name=key) for key in outputs if key]
    ids = [helper.make_opsetid(key, value) for key, value in opsets.items()]
    weights = [case.tensor(key, given[key]) for key in stored]
    model = helper.make_model(helper.make_graph([made], name, ports, bare, weights), opset_imports=ids, ir_version=10)
    question = {key: value for key, value in given.items() if key not in stored}
    run = by_the_standard if spec else lambda model, question: case.run(model.SerializeToString(), question)
    answer = answers[0] if answers else run(model, question)
    if dry:
        return answer
    declared = [helper.make_tensor_value_info(k, kind(np.asarray(v)), [None] * np.ndim(v)) for k, v in answer.items()]
    del model.graph.output[:]
    model.graph.output.extend(declared)
    case.write(FOLDER, name, model, [question], answers=[answer], **more)
    return answer


def by_the_standard(model, question):
    """Answers of the implementation that comes with ONNX: ONNX Runtime's fast functions make numbers of NaN."""
    from onnx.reference import ReferenceEvaluator

    bound = ReferenceEvaluator(model)
    return dict(zip(bound.output_names, bound.run(None, question)))


def recurrent_cases():
    for op in GATES:
        low = op.lower()
        states = "hc" if op == "LSTM" else "h"
        for direction in ("forward", "reverse", "bidirectional"):
            told = {"direction": direction}
            recurrent(f"{low}_{direction}", op, "", told)
            recurrent(f"{low}_{direction}_bias_states", op, "B" + states, told, seed=1)
            recurrent(f"{low}_{direction}_lengths", op, "Bs" + states, told, lens=[2, 5, 1], seed=2)
            recurrent(f"{low}_{direction}_batch_first", op, "Bs" + states, told, lens=[2, 5, 1], layout=1, seed=3)
        recurrent(f"{low}_no_lengths", op, "s", lens=[0, 0, 0])
        recurrent(f"{low}_one_empty", op, "Bs" + states, {"direction": "bidirectional"}, lens=[0, 5, 3])
        recurrent(f"{low}_one_row", op, "B", batch=1, seed=4)
        recurrent(f"{low}_one_step", op, "B", time=1, seed=5)
        recurrent(f"{low}_free_batch", op, "B", seed=6, free={"X": 1})
        recurrent(f"{low}_free_time", op, "B", seed=6, free={"X": 0})
        recurrent(f"{low}_wide", op, "B", hidden=40, width=19, batch=9, time=7, seed=7, rtol=1e-4)
        recurrent(f"{low}_weights_at_run_time", op, "B", stored="", seed=8)
        recurrent(f"{low}_clip", op, "B" + states, {"clip": 0.3, "direction": "bidirectional"}, scale=1.5, seed=9)
        recurrent(f"{low}_last_only", op, "B", outputs=["", "Y_h"], seed=10)
        recurrent(f"{low}_sequence_only", op, "B", outputs=["Y"], seed=11)
        recurrent(f"{low}_opset7", op, "B", opset=7, seed=12)
        recurrent(f"{low}_opset14", op, "B", opset=14, seed=13)
        recurrent(f"{low}_large_values", op, "B", scale=30.0, seed=14, atol=1e-5)

        def nan(tensors):
            tensors["X"][1, 1, 2] = np.nan
            tensors["X"][3, 0, 0] = np.inf

        recurrent(f"{low}_nan", op, "B", edit=nan, seed=15, spec=True)
        if op == "LSTM":
            recurrent("lstm_memory_only", op, "B", outputs=["", "", "Y_c"], seed=16)
            for name, given in (("bare", ""), ("full", "Bshc")):
                for direction in ("forward", "bidirectional"):
                    recurrent(f"lstm_peepholes_{name}_{direction}", op, given + "P", {"direction": direction}, seed=17)
            recurrent("lstm_input_forget", op, "BhcP", {"input_forget": 1, "clip": 0.9}, seed=18)
            recurrent("lstm_input_forget_plain", op, "B", {"input_forget": 1}, seed=19)
        if op == "GRU":
            for direction in ("forward", "reverse", "bidirectional"):
                told = {"direction": direction, "linear_before_reset": 1}
                recurrent(f"gru_linear_{direction}", op, "Bsh", told, seed=20)
                recurrent(f"gru_linear_{direction}_bare", op, "", told, seed=21)
            recurrent("gru_linear_clip", op, "Bh", {"linear_before_reset": 1, "clip": 0.3}, scale=1.5, seed=22)

    plain = ["Affine", "Elu", "HardSigmoid", "LeakyRelu", "Relu", "ScaledTanh", "Sigmoid", "Softplus", "Softsign", "Tanh", "ThresholdedRelu"]
    takes = {"Affine": "ab", "Elu": "a", "HardSigmoid": "ab", "LeakyRelu": "a", "ScaledTanh": "ab", "ThresholdedRelu": "a"}
    for name in plain:
        # For the others nobody agrees on the parameters, so they are refused without.
        if name not in ("Affine", "ScaledTanh", "ThresholdedRelu"):
            recurrent(f"rnn_act_{name.lower()}", "RNN", "B", {"activations": [name]}, seed=23)
        if name in takes:
            told = {"activations": [name], "activation_alpha": [0.7]} | ({"activation_beta": [0.4]} if "b" in takes[name] else {})
            recurrent(f"rnn_act_{name.lower()}_told", "RNN", "B", told, seed=24)
    recurrent("rnn_act_both_ways", "RNN", "Bh", {"direction": "bidirectional", "activations": ["LeakyRelu", "Affine"],
                                                 "activation_alpha": [0.3, 0.8], "activation_beta": [0.1]}, seed=25)
    recurrent("gru_act", "GRU", "Bh", {"activations": ["HardSigmoid", "ScaledTanh"], "activation_alpha": [0.25, 1.2],
                                       "activation_beta": [0.45, 0.7]}, seed=26)
    recurrent("gru_act_both_ways", "GRU", "B", {"direction": "bidirectional", "linear_before_reset": 1,
                                                "activations": ["hardsigmoid", "relu", "Sigmoid", "Softsign"]}, seed=27)
    recurrent("lstm_act", "LSTM", "B", {"activations": ["HardSigmoid", "Softsign", "Relu"]}, seed=28)
    recurrent("lstm_act_both_ways", "LSTM", "BhcP", {
        "direction": "bidirectional", "activations": ["Sigmoid", "LeakyRelu", "Tanh", "HardSigmoid", "Tanh", "Elu"],
        "activation_alpha": [0.1, 0.3, 0.9], "activation_beta": [0.4]}, seed=29)


if __name__ == "__main__":
    recurrent_cases()
