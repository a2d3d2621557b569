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


def attention(name, q=(2, 3, 4, 8), kv=(2, 3, 6, 8), v=None, attributes=None, mask=None, past=None, lengths=None, outputs=("Y",), opset=23,
              dtype=np.float32, seed=0, spec=False, free=(), edit=None, **more):
    rng = np.random.default_rng(seed)
    value = lambda shape: rng.standard_normal(shape).astype(dtype)
    tensors = {"Q": value(q), "K": value(kv), "V": value(v or kv), "attn_mask": mask(rng) if mask else None}
    if past is not None:
        batch, heads = kv[0], kv[1] if len(kv) == 4 else attributes["kv_num_heads"]
        width = kv[3] if len(kv) == 4 else kv[2] // heads
        tensors |= {"past_key": value((batch, heads, past, width)), "past_value": value((batch, heads, past, width))}
    if lengths is not None:
        tensors |= {"past_key": None, "past_value": None, "nonpad_kv_seqlen": np.array(lengths, np.int64)}
        opset = max(opset, 24)
    if edit:
        edit(tensors)
    last = max(at for at, key in enumerate(tensors) if tensors[key] is not None)
    inputs = {}
    for at, (key, x) in enumerate(tensors.items()):
        if at <= last:
            inputs[key if x is not None else " " * (at + 1)] = x
    node(f"attention_{name}", "Attention", inputs, attributes or {}, outputs=list(outputs), opsets={"": opset}, spec=spec, free=free,
         **({"rtol": 2e-3, "atol": 2e-3} if dtype == np.float16 else {"rtol": 1e-4, "atol": 1e-5}), **more)


def attention_cases():
    flags = lambda *shape: lambda rng: rng.random(shape) < 0.6
    added = lambda *shape: lambda rng: rng.standard_normal(shape).astype(np.float32)
    three = {"q_num_heads": 4, "kv_num_heads": 4}
    grouped = {"q_num_heads": 4, "kv_num_heads": 2}
    every = ("Y", "present_key", "present_value", "scores")
    attention("plain")
    attention("free_batch", free={"Q": 0, "K": 0, "V": 0})
    attention("one_query", q=(1, 2, 1, 4), kv=(1, 2, 3, 4))
    attention("empty_batch", q=(0, 2, 3, 4), kv=(0, 2, 3, 4), spec=True)
    attention("scale", attributes={"scale": 0.1})
    attention("narrow_values", v=(2, 3, 6, 5))
    attention("three_axes", q=(2, 4, 16), kv=(2, 6, 16), attributes=three)
    attention("three_axes_grouped", q=(2, 4, 16), kv=(2, 6, 8), attributes=grouped)
    attention("three_axes_past", q=(2, 4, 16), kv=(2, 3, 16), past=5, attributes=three, outputs=every[:3])
    attention("grouped", q=(2, 4, 3, 8), kv=(2, 2, 6, 8))
    attention("one_kv_head", q=(2, 4, 3, 8), kv=(2, 1, 6, 8), attributes={"is_causal": 1})
    attention("causal", q=(2, 3, 6, 8), attributes={"is_causal": 1})
    attention("causal_short", attributes={"is_causal": 1})
    attention("causal_past", kv=(2, 3, 4, 8), past=3, attributes={"is_causal": 1}, outputs=every[:3])
    attention("causal_mask", q=(2, 3, 6, 8), attributes={"is_causal": 1}, mask=added(6, 6))
    for name, shape in {"flat": (4, 6), "batch": (2, 1, 4, 6), "heads": (3, 4, 6), "all": (2, 3, 4, 6), "row": (1, 1, 1, 6)}.items():
        attention(f"mask_bool_{name}", mask=flags(*shape), spec=True)
        attention(f"mask_float_{name}", mask=added(*shape), spec=name == "row")
    attention("mask_bool_nothing", mask=lambda rng: np.array([[True] * 6, [False] * 6, [False] * 5 + [True], [True] * 6]))
    attention("mask_float_nothing", mask=lambda rng: np.where(np.eye(4, 6) > 0, -np.inf, 0).astype(np.float32) * 1 + np.array([[0], [-np.inf], [0], [0]], np.float32), spec=True)
    attention("mask_short", mask=flags(4, 4), opset=24, spec=True)
    attention("lengths", lengths=[2, 6])
    attention("lengths_zero", lengths=[0, 5])
    attention("lengths_causal", lengths=[5, 6], attributes={"is_causal": 1})
    attention("lengths_mask", lengths=[3, 6], mask=flags(2, 1, 4, 6), spec=True)
    attention("softcap", attributes={"softcap": 0.7})
    attention("softcap_mask", attributes={"softcap": 2.0}, mask=added(4, 6))
    for mode in range(4):
        attention(f"scores_{mode}", attributes={"qk_matmul_output_mode": mode, "softcap": 1.5 if mode else 0.0}, mask=added(4, 6), outputs=("Y", "", "", "scores"))
    attention("scores_causal", q=(2, 3, 6, 8), attributes={"qk_matmul_output_mode": 3, "is_causal": 1}, outputs=("Y", "", "", "scores"))
    attention("precision", attributes={"softmax_precision": 1})
    attention("half", dtype=np.float16, attributes={"is_causal": 1})
    attention("double", dtype=np.float64, spec=True)
    for left, right in ((1, -1), (-1, 1), (2, 0), (0, 0)):
        told = {"left_window_size": left, "right_window_size": right}
        attention(f"window_{left}_{right}".replace("-1", "free"), q=(2, 3, 6, 8), attributes=told, opset=25, spec=True)
    attention("window_past", kv=(2, 3, 4, 8), past=4, attributes={"left_window_size": 2, "is_causal": 1}, opset=25, spec=True)

    def nan(tensors):
        tensors["V"][0, 0, 1, 2] = tensors["Q"][1, 0, 2, 0] = np.nan

    attention("nan", edit=nan, spec=True)


def multi_head(name, heads=2, batch=2, queries=3, keys=3, width=8, given=(), attributes=None, outputs=("y",), seed=0, shapes=None, **more):
    rng = np.random.default_rng(seed)
    value = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    total = keys + (2 if "past" in given else 0)
    known = {
        "bias": value(3 * width), "mask": (rng.random((batch, total)) < 0.7).astype(np.int32), "attention_bias": value(batch, heads, queries, total),
        "past_key": value(batch, heads, 2, width // heads), "past_value": value(batch, heads, 2, width // heads),
    }
    known |= {key: x(rng) for key, x in (shapes or {}).items()}
    wanted = {"past_key": "past", "past_value": "past"}
    tensors = {"query": value(batch, queries, width), "key": value(batch, keys, width), "value": value(batch, keys, width)}
    if "crossed" in given:
        tensors |= {"key": value(batch, heads, keys, width // heads), "value": value(batch, heads, keys, width // heads)}
    tensors |= {key: x if wanted.get(key, key) in given else None for key, x in known.items()}
    last = max(at for at, key in enumerate(tensors) if tensors[key] is not None)
    inputs = {key if x is not None else " " * (at + 1): x for at, (key, x) in enumerate(tensors.items()) if at <= last}
    node(f"multiheadattention_{name}", "MultiHeadAttention", inputs, {"num_heads": heads} | (attributes or {}), domain="com.microsoft",
         opsets={"": 20, "com.microsoft": 1}, outputs=list(outputs), rtol=1e-4, atol=1e-5, stored=["bias"] if "bias" in given else (), **more)


def multi_head_cases():
    multi_head("plain")
    multi_head("crossed_lengths", keys=5)
    multi_head("free_batch", free={"query": 0, "key": 0, "value": 0})
    multi_head("bias", given=("bias",))
    multi_head("scale", attributes={"scale": 0.2})
    multi_head("mask", given=("bias", "mask"))
    multi_head("mask_value", given=("mask",), attributes={"mask_filter_value": -3.0})
    multi_head("mask_lengths", given=("mask",), shapes={"mask": lambda rng: np.array([2, 3], np.int32)})
    multi_head("mask_nothing", given=("mask",), shapes={"mask": lambda rng: np.array([[0, 0, 0], [1, 1, 0]], np.int32)})
    multi_head("scores", given=("attention_bias",), keys=4)
    multi_head("scores_shared", given=("attention_bias", "mask"), shapes={"attention_bias": lambda rng: rng.standard_normal((1, 1, 3, 3)).astype(np.float32)})
    multi_head("causal", attributes={"unidirectional": 1})
    multi_head("causal_mask", given=("mask", "bias"), attributes={"unidirectional": 1})
    multi_head("past", given=("past",), outputs=("y", "present_key", "present_value"))
    multi_head("past_causal_bias", given=("past", "bias"), attributes={"unidirectional": 1}, outputs=("y", "present_key", "present_value"))
    multi_head("crossed", given=("crossed",), keys=5)


def rotary_cases():
    rng = np.random.default_rng(0)
    value = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    angles = rng.uniform(0, 6, (10, 4)).astype(np.float32)
    for name, shape, told in (
        ("plain", (2, 3, 16), {}), ("interleaved", (2, 3, 16), {"interleaved": 1}), ("four_axes", (2, 2, 3, 8), {}),
        ("four_axes_interleaved", (2, 2, 3, 8), {"interleaved": 1}),
        # A scale is refused: ONNX Runtime reads past it.
    ):
        for kind, places in (("offset", np.array([2], np.int64)), ("table", rng.integers(0, 10, (2, 3)).astype(np.int64))):
            inputs = {"x": value(*shape), "places": places, "cos": np.cos(angles), "sin": np.sin(angles)}
            node(f"rotaryembedding_{name}_{kind}", "RotaryEmbedding", inputs, told, domain="com.microsoft", stored=["cos", "sin"], rtol=1e-4, atol=1e-5)
    inputs = {"x": value(2, 3, 16), "places": np.array([0], np.int64), "cos": np.cos(angles)[:, :2], "sin": np.sin(angles)[:, :2]}
    node("rotaryembedding_part", "RotaryEmbedding", inputs, {"rotary_embedding_dim": 4, "num_heads": 2}, domain="com.microsoft", stored=["cos", "sin"], rtol=1e-4, atol=1e-5)
    for name, shape, told, wide in (
        ("plain", (2, 2, 3, 8), {}, 4), ("interleaved", (2, 2, 3, 8), {"interleaved": 1}, 4), ("part", (2, 2, 3, 8), {"rotary_embedding_dim": 4}, 2),
        ("three_axes", (2, 3, 16), {"num_heads": 2}, 4),
    ):
        places = rng.integers(0, 10, (2, 3)).astype(np.int64)
        inputs = {"x": value(*shape), "cos": np.cos(angles)[:, :wide], "sin": np.sin(angles)[:, :wide], "places": places}
        node(f"rotaryembedding_standard_{name}", "RotaryEmbedding", inputs, told, stored=["cos", "sin"], rtol=1e-4, atol=1e-5)
        inputs = inputs | {"cos": np.cos(angles)[places][..., :wide], "sin": np.sin(angles)[places][..., :wide]}
        del inputs["places"]
        node(f"rotaryembedding_standard_{name}_given", "RotaryEmbedding", inputs, told, rtol=1e-4, atol=1e-5)


def scan(name, attributes, inputs, opset=20, axes=None, **more):
    """A running sum that also gives each sum doubled."""
    import onnx
    from onnx import TensorProto, helper

    info = lambda key, shape: helper.make_tensor_value_info(key, TensorProto.FLOAT, shape)
    slices = [np.take(x, 0, axis=(axes or {}).get(at, 0)).shape for at, x in enumerate(list(inputs.values())[1:])]
    state = list(inputs.values())[0].shape
    names = [f"s{at}" for at in range(len(slices))]
    steps = [helper.make_node("Add", ["state", names[0]], ["sum0"])]
    steps += [helper.make_node("Mul", [f"sum{at}", name], [f"sum{at + 1}"]) for at, name in enumerate(names[1:])]
    last = f"sum{len(names) - 1}"
    steps += [helper.make_node("Identity", [last], ["next"]), helper.make_node("Add", [last, last], ["twice"])]
    body = helper.make_graph(steps, "body", [info("state", state), *(info(key, shape) for key, shape in zip(names, slices))], [info("next", state), info("twice", state)])
    node(f"scan_{name}", "Scan", inputs, {"body": body, "num_scan_inputs": len(slices)} | attributes, outputs=["last", "all"], opsets={"": opset}, rtol=1e-4, atol=1e-5, **more)


def scan_cases():
    rng = np.random.default_rng(0)
    value = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    scan("plain", {}, {"first": value(3), "x": value(5, 3)})
    scan("two", {}, {"first": value(3), "x": value(5, 3), "z": value(5, 3)})
    scan("backwards", {"scan_input_directions": [1]}, {"first": value(3), "x": value(5, 3)})
    scan("output_backwards", {"scan_output_directions": [1]}, {"first": value(3), "x": value(5, 3)})
    scan("both_backwards", {"scan_input_directions": [1], "scan_output_directions": [1]}, {"first": value(3), "x": value(5, 3)})
    scan("one_backwards", {"scan_input_directions": [0, 1]}, {"first": value(3), "x": value(5, 3), "z": value(5, 3)})
    scan("axis", {"scan_input_axes": [1]}, {"first": value(3), "x": value(3, 5)}, axes={0: 1})
    scan("axis_negative", {"scan_input_axes": [-1], "scan_output_axes": [-1]}, {"first": value(3), "x": value(3, 5)}, axes={0: -1})
    scan("output_axis", {"scan_output_axes": [1]}, {"first": value(3), "x": value(5, 3)})
    scan("one_step", {}, {"first": value(3), "x": value(1, 3)})
    scan("opset9", {}, {"first": value(2, 3), "x": value(5, 2, 3)}, opset=9)


def sum_cases():
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((2, 3, 4)) * 3).astype(np.float32)
    x[0, 0] += 1000
    x[1, 1, :2] = -np.inf
    for name, axes, told in (("last", [-1], {}), ("middle", [1], {"keepdims": 0}), ("two", [0, 2], {}), ("all", None, {}), ("none", None, {"noop_with_empty_axes": 1})):
        inputs = {"x": x} | ({"axes": np.array(axes, np.int64)} if axes else {})
        node(f"reducelogsumexp_{name}", "ReduceLogSumExp", inputs, told, stored=["axes"] if axes else (), opsets={"": 18})
    node("reducelogsumexp_opset13", "ReduceLogSumExp", {"x": x}, {"axes": [1]}, opsets={"": 13})
    node("reducelogsumexp_infinite", "ReduceLogSumExp", {"x": np.array([[-np.inf, -np.inf], [np.inf, 1], [np.nan, 1]], np.float32)}, {"axes": [1]}, opsets={"": 13})


if __name__ == "__main__":
    sum_cases()
    recurrent_cases()
    attention_cases()
    multi_head_cases()
    rotary_cases()
    scan_cases()
