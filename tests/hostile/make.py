"""Writes `models/`, files that no server may be hurt by, and `inputs/`, good models for clients that mean no good. Each
of `models/` is refused in words, within seconds and little memory, while a server that was told to load it goes on
answering; large ones are made by `tests/process/hostile.rs` when they are needed. A second run gives the same bytes.

    .venv/bin/python tests/hostile/make.py
"""

import random
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent / "models"
FP32, INT64, BOOL, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
OPSET = 17
HUGE = 2**40
node = helper.make_node


def ports(described):
    return [helper.make_tensor_value_info(name, code, shape) for name, (code, shape) in described.items()]


def build(nodes, inputs=None, outputs=None, weights=None, opset=OPSET, domains=(), **more):
    """A model over `x` of shape [N, 4] that makes `y`, unless told otherwise."""
    inputs = {"x": (FP32, ["N", 4])} if inputs is None else inputs
    outputs = {"y": (FP32, None)} if outputs is None else outputs
    weights = [value if isinstance(value, TensorProto) else numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()]
    graph = helper.make_graph(nodes, "hostile", ports(inputs), ports(outputs), weights)
    opsets = [helper.make_opsetid("", opset)] if opset is not None else []
    return helper.make_model(graph, opset_imports=opsets + [helper.make_opsetid(d, 1) for d in domains], ir_version=8, **more)


def save(name, model):
    data = model if isinstance(model, bytes) else model.SerializeToString(deterministic=True)
    assert len(data) < 100_000, (name, len(data))
    (HERE / f"{name}.onnx").write_bytes(data)


def ints(*values):
    return np.array(values, np.int64)


def floats(*shape):
    return np.ones(shape, np.float32)


def bytes_of_files():
    good = build([node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])], weights={"w": floats(4, 4)}).SerializeToString(deterministic=True)
    save("empty", b"")
    save("truncated", good[: len(good) // 2])
    save("truncated_by_one", good[:-1])
    save("garbage", random.Random(0).randbytes(4000))
    save("text", b"This is not a model.\n" * 20)
    save("zip", b"PK\x03\x04" + bytes(200))
    save("zeros", bytes(1000))
    for seed in range(6):
        flipped = bytearray(good)
        chance = random.Random(seed)
        for _ in range(6):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        save(f"flipped_{seed}", bytes(flipped))
    # A length that reaches beyond the file, and one that does not fit 64 bits.
    save("length_beyond_the_end", b"\x3a\xff\xff\xff\x7f")
    save("length_overflow", b"\x3a" + b"\xff" * 9 + b"\x01")
    # A graph attribute in a node in a graph ..., deeper than any stack.
    nested = b""
    for _ in range(3000):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # AttributeProto.g, NodeProto.attribute, GraphProto.node
            nested = tag + varint(len(nested)) + nested
    save("deep_message", b"\x3a" + varint(len(nested)) + nested)


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def wiring():
    relu = node("Relu", ["x"], ["y"])
    save("cycle", build([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])]))
    save("self_input", build([node("Add", ["x", "y"], ["y"])]))
    save("made_twice", build([relu, node("Neg", ["x"], ["y"])]))
    save("input_made_again", build([node("Relu", ["x"], ["x"])], outputs={"x": (FP32, ["N", 4])}))
    save("output_from_nowhere", build([relu], outputs={"z": (FP32, None)}))
    save("input_from_nowhere", build([node("Add", ["x", "nothing"], ["y"])]))
    save("two_outputs_of_one_name", build([relu], outputs={"y": (FP32, None)}))
    model = build([relu])
    model.graph.output.append(model.graph.output[0])
    save("two_outputs_of_one_name", model)
    model = build([relu])
    model.graph.input.append(model.graph.input[0])
    save("two_inputs_of_one_name", model)
    model = build([node("Add", ["x", "w"], ["y"])], weights={"w": floats(4)})
    model.graph.initializer.append(model.graph.initializer[0])
    save("two_weights_of_one_name", model)
    model = build([relu])
    model.graph.ClearField("output")
    save("no_outputs", model)
    save("no_graph", onnx.ModelProto(ir_version=8))
    save("too_few_inputs", build([node("MatMul", ["x"], ["y"])]))
    save("too_many_inputs", build([node("Relu", ["x", "x", "x"], ["y"])]))
    save("no_inputs", build([node("Concat", [], ["y"], axis=0)]))
    save("too_many_outputs", build([node("Relu", ["x"], ["y", "y2", "y3"])]))
    save("nameless_output", build([node("Relu", ["x"], [""])], outputs={"": (FP32, None)}))


def versions_and_domains():
    relu = node("Relu", ["x"], ["y"])
    save("opset_none", build([relu], opset=None))
    for word, version in {"zero": 0, "negative": -3, "billion": 10**9}.items():
        save(f"opset_{word}", build([relu], opset=version))
    save("unknown_operator", build([node("Frobnicate", ["x"], ["y"])]))
    save("unknown_domain", build([node("Relu", ["x"], ["y"], domain="com.example.evil")], domains=["com.example.evil"]))
    save("own_operator_by_its_inner_name", build([node("ai.onnx.ml.Scaler", ["x"], ["y"])]))
    save("operator_name_with_nul", build([node("Re\0lu", ["x"], ["y"])]))
    save("recursive_function", recursive())
    save("functions_doubling", doubling())


def recursive():
    opset = [helper.make_opsetid("", OPSET), helper.make_opsetid("mine", 1)]
    once = helper.make_function("mine", "F", ["a"], ["b"], [node("F", ["a"], ["b"], domain="mine")], opset)
    twice = helper.make_function("mine", "G", ["a"], ["b"], [node("F", ["a"], ["c"], domain="mine"), node("G", ["c"], ["b"], domain="mine")], opset)
    return build([node("G", ["x"], ["y"], domain="mine")], domains=["mine"], functions=[once, twice])


def doubling():
    """Functions that each call the one before twice: 2^40 nodes when they are written out."""
    opset = [helper.make_opsetid("", OPSET), helper.make_opsetid("mine", 1)]
    functions = [helper.make_function("mine", "F0", ["a"], ["b"], [node("Relu", ["a"], ["b"])], opset)]
    for at in range(1, 40):
        twice = [node(f"F{at - 1}", ["a"], ["c"], domain="mine"), node(f"F{at - 1}", ["c"], ["b"], domain="mine")]
        functions.append(helper.make_function("mine", f"F{at}", ["a"], ["b"], twice, opset))
    return build([node("F39", ["x"], ["y"], domain="mine")], domains=["mine"], functions=functions)


def shapes():
    relu = node("Relu", ["x"], ["y"])
    save("huge_input", build([relu], inputs={"x": (FP32, [HUGE, HUGE])}))
    save("large_input", build([relu], inputs={"x": (FP32, [2**16, 2**16])}))
    save("overflowing_input", build([relu], inputs={"x": (FP32, [2**32, 2**32, 2**32])}))
    save("rank_of_five_thousand", build([relu], inputs={"x": (FP32, [1] * 5000)}))
    save("unknown_element_type", build([relu], inputs={"x": (77, ["N", 4])}))
    save("negative_element_type", build([relu], inputs={"x": (-7, ["N", 4])}))

    def weight(dims, raw=b"", code=FP32):
        return TensorProto(name="w", dims=dims, data_type=code, raw_data=raw)

    add = node("Add", ["x", "w"], ["y"])
    for name, stored in {
        "weight_huge": weight([HUGE, HUGE]),
        "weight_larger_than_its_data": weight([2**28], bytes(16)),
        "weight_smaller_than_its_data": weight([2], bytes(16)),
        "weight_negative": weight([-4], bytes(16)),
        "weight_overflowing": weight([2**32, 2**32, 16], bytes(16)),
        "weight_zero_times_huge": weight([0, 2**62, 2**62]),
        "weight_without_type": weight([4], bytes(16), 0),
        "weight_of_strings_in_raw_data": weight([4], bytes(16), STRING),
        "weight_of_odd_bytes": weight([4], bytes(15)),
        "weight_typed_data_missing": TensorProto(name="w", dims=[2**30], data_type=FP32, float_data=[1.0]),
        "weight_in_segments": TensorProto(name="w", dims=[4], data_type=FP32, raw_data=bytes(8), segment=TensorProto.Segment(begin=0, end=2)),
    }.items():
        save(name, build([add], weights={"w": stored}))
    sparse = onnx.SparseTensorProto(dims=[HUGE, HUGE], values=numpy_helper.from_array(floats(1), "w"), indices=numpy_helper.from_array(ints(2**62)))
    model = build([add])
    model.graph.sparse_initializer.append(sparse)
    save("weight_sparse", model)
    save("constant_sparse", build([node("Constant", [], ["w"], sparse_value=sparse), add]))



def external():
    def outside(name, **entries):
        stored = TensorProto(name="w", dims=[4], data_type=FP32, data_location=TensorProto.EXTERNAL)
        for key, value in entries.items():
            stored.external_data.add(key=key, value=str(value))
        save(f"external_{name}", build([node("Add", ["x", "w"], ["y"])], weights={"w": stored}))

    (HERE / "weights.bin").write_bytes(bytes(64))
    outside("above", location="../make.py", length=16)
    outside("above_by_detour", location="inner/../../make.py", length=16)
    outside("absolute", location="/etc/passwd", length=16)
    outside("device", location="/dev/zero", length=16)
    outside("missing", location="nowhere.bin", length=16)
    outside("folder", location=".", length=16)
    outside("itself_above", location="", length=16)
    outside("nul", location="weights.bin\0.png", length=16)
    outside("offset_beyond", location="weights.bin", offset=1000, length=16)
    outside("offset_negative", location="weights.bin", offset=-16, length=16)
    outside("offset_huge", location="weights.bin", offset=2**63, length=16)
    outside("length_beyond", location="weights.bin", offset=0, length=2**40)
    outside("length_negative", location="weights.bin", length=-1)
    outside("length_wrong", location="weights.bin", length=32)
    outside("length_overflow", location="weights.bin", offset=2**63, length=2**63)
    outside("no_location", length=16)
    # `tests/process/hostile.rs` makes this a link to a file outside.
    outside("link", location="link.bin", length=16)


def constants():
    """Constants that grow while they are folded."""
    def chain(name, first, step, times=36, weights=None):
        nodes, last = first, "v0"
        for at in range(1, times + 1):
            nodes = nodes + [step(last, f"v{at}")]
            last = f"v{at}"
        reduced = node("ReduceSum", [last], ["total"], keepdims=0)
        save(name, build(nodes + [reduced, node("Cast", ["total"], ["t"], to=FP32), node("Add", ["x", "t"], ["y"])], weights=weights))

    double = lambda a, b: node("Concat", [a, a], [b], axis=0)
    chain("concat_of_constants_doubling", [], double, weights={"v0": floats(8)})
    chain("concat_of_shapes_doubling", [node("Shape", ["x"], ["v0"])], double)
    chain("tile_doubling", [], lambda a, b: node("Tile", [a, "two"], [b]), weights={"v0": floats(8), "two": ints(2)})
    chain("outer_product_doubling", [], lambda a, b: node("Tile", [a, "many"], [b]), times=4, weights={"v0": floats(8), "many": ints(2**12)})
    chain("pad_doubling", [], lambda a, b: node("Pad", [a, "pads"], [b]), times=30, weights={"v0": floats(8), "pads": ints(2**24, 2**24)})

    def one(name, made, weights, tail=True):
        nodes = [made, node("ReduceSum", ["made"], ["total"], keepdims=0), node("Cast", ["total"], ["t"], to=FP32), node("Add", ["x", "t"], ["y"])]
        save(name, build(nodes if tail else [made], weights=weights))

    one("constant_of_huge_shape", node("ConstantOfShape", ["s"], ["made"]), {"s": ints(HUGE)})
    one("constant_of_large_shape", node("ConstantOfShape", ["s"], ["made"]), {"s": ints(2**16, 2**16)})
    one("constant_of_overflowing_shape", node("ConstantOfShape", ["s"], ["made"]), {"s": ints(HUGE, HUGE)})
    one("constant_of_negative_shape", node("ConstantOfShape", ["s"], ["made"]), {"s": ints(-1)})
    one("tile_huge", node("Tile", ["w", "r"], ["made"]), {"w": floats(4), "r": ints(HUGE)})
    one("tile_negative", node("Tile", ["w", "r"], ["made"]), {"w": floats(4), "r": ints(-2)})
    one("expand_huge", node("Expand", ["w", "s"], ["made"]), {"w": floats(1), "s": ints(2**20, 2**20)})
    one("pad_huge", node("Pad", ["w", "p"], ["made"]), {"w": floats(4), "p": ints(0, HUGE)})
    one("pad_minus_more_than_there_is", node("Pad", ["w", "p"], ["made"]), {"w": floats(4), "p": ints(-3, -3)})
    one("range_huge", node("Range", ["a", "b", "c"], ["made"]), {"a": np.int64(1), "b": np.int64(10**18), "c": np.int64(1)})
    one("range_of_floats_huge", node("Range", ["a", "b", "c"], ["made"]), {"a": np.float32(0), "b": np.float32(1), "c": np.float32(1e-30)})
    one("range_without_step", node("Range", ["a", "b", "c"], ["made"]), {"a": np.int64(1), "b": np.int64(9), "c": np.int64(0)})
    one("one_hot_huge", node("OneHot", ["i", "d", "v"], ["made"]), {"i": ints(1, 2), "d": np.int64(HUGE), "v": floats(2)})
    one("eye_like_huge", node("EyeLike", ["c"], ["made"]), {"c": floats(2, 2, 2)})
    one("random_huge", node("RandomUniform", [], ["made"], shape=[2**20, 2**20]), {})
    save("resize_scales_billion", build([node("Resize", ["x", "", "s"], ["y"], mode="nearest")], weights={"s": np.array([1, 1e9], np.float32)}))
    save("resize_scales_not_numbers", build([node("Resize", ["x", "", "s"], ["y"], mode="nearest")], weights={"s": np.array([1, np.nan], np.float32)}))
    save("resize_scales_negative", build([node("Resize", ["x", "", "s"], ["y"], mode="nearest")], weights={"s": np.array([1, -2], np.float32)}))
    save("resize_sizes_huge", build([node("Resize", ["x", "", "", "s"], ["y"], mode="nearest")], weights={"s": ints(1, HUGE)}))
    save("expand_of_input_huge", build([node("Unsqueeze", ["x", "a"], ["u"]), node("Expand", ["u", "s"], ["y"])], weights={"a": ints(2), "s": ints(1, 1, HUGE)}))
    save("reshape_to_more", build([node("Reshape", ["x", "s"], ["y"])], weights={"s": ints(7, 2**50)}))
    save("reshape_two_wildcards", build([node("Reshape", ["x", "s"], ["y"])], weights={"s": ints(-1, -1)}))
    save("reshape_to_minus_five", build([node("Reshape", ["x", "s"], ["y"])], weights={"s": ints(-5, 4)}))
    save("top_k_of_more", build([node("TopK", ["x", "k"], ["y", "i"])], weights={"k": ints(HUGE)}))
    save("top_k_negative", build([node("TopK", ["x", "k"], ["y", "i"])], weights={"k": ints(-1)}))


def windows():
    image = {"x": (FP32, ["N", 1, 8, 8])}

    def conv(name, operator="Conv", kernel=(1, 1, 3, 3), **attributes):
        save(f"{operator.lower()}_{name}", build([node(operator, ["x", "w"], ["y"], **attributes)], inputs=image, weights={"w": floats(*kernel)}))

    conv("pads_huge", pads=[HUGE] * 4)
    conv("pads_large", pads=[2**16] * 4)
    conv("pads_overflowing", pads=[2**63 - 1] * 4)
    conv("pads_negative", pads=[-(2**40)] * 4)
    conv("pads_too_few", pads=[1])
    conv("stride_zero", strides=[0, 0])
    conv("stride_negative", strides=[-1, -1])
    conv("strides_too_few", strides=[1])
    conv("dilation_zero", dilations=[0, 0])
    conv("dilation_negative", dilations=[-1, -1])
    conv("dilation_huge", dilations=[2**62, 2**62])
    conv("group_zero", group=0)
    conv("group_negative", group=-1)
    conv("group_not_dividing", group=3)
    conv("kernel_shape_of_its_own", kernel_shape=[5, 5])
    conv("kernel_empty", kernel=(1, 1, 0, 0))
    conv("kernel_of_rank_one", kernel=(9,))
    conv("auto_pad_unknown", auto_pad="SOMEHOW")
    conv("pads_huge", "ConvTranspose", output_padding=[HUGE, HUGE])
    conv("stride_huge", "ConvTranspose", strides=[HUGE, HUGE])
    conv("output_shape_huge", "ConvTranspose", output_shape=[HUGE, HUGE])

    def pool(name, **attributes):
        attributes = {"kernel_shape": [2, 2], **attributes}
        save(f"pool_{name}", build([node("MaxPool", ["x"], ["y"], **attributes)], inputs=image))

    pool("kernel_zero", kernel_shape=[0, 0])
    pool("kernel_negative", kernel_shape=[-2, -2])
    save("pool_kernel_missing", build([node("MaxPool", ["x"], ["y"])], inputs=image))
    pool("kernel_huge", kernel_shape=[HUGE, HUGE], pads=[HUGE] * 4)
    pool("stride_zero", strides=[0, 0])
    pool("strides_too_few", strides=[2])
    pool("pads_huge", pads=[HUGE] * 4)


def axes():
    def one(name, operator, more=(), weights=None, **attributes):
        save(name, build([node(operator, ["x", *more], ["y"], **attributes)], weights=weights))

    one("transpose_out_of_range", "Transpose", perm=[5, 1])
    one("transpose_twice_the_same", "Transpose", perm=[0, 0])
    one("transpose_too_short", "Transpose", perm=[0])
    one("transpose_negative", "Transpose", perm=[-1, -2**62])
    one("reduce_axis_out_of_range", "ReduceMax", axes=[9])
    one("reduce_axis_negative", "ReduceMean", axes=[-9])
    one("unsqueeze_out_of_range", "Unsqueeze", ["a"], {"a": ints(9)})
    one("squeeze_what_is_not_one", "Squeeze", ["a"], {"a": ints(1)})
    one("softmax_axis_out_of_range", "Softmax", axis=7)
    one("flatten_axis_out_of_range", "Flatten", axis=-9)
    one("slice_step_zero", "Slice", ["s", "e", "a", "t"], {"s": ints(0), "e": ints(4), "a": ints(1), "t": ints(0)})
    one("slice_axis_out_of_range", "Slice", ["s", "e", "a"], {"s": ints(0), "e": ints(4), "a": ints(9)})
    one("slice_lists_differ", "Slice", ["s", "e"], {"s": ints(0, 0, 0), "e": ints(4)})
    save("split_of_other_sum", build([node("Split", ["x", "s"], ["y", "z"], axis=1)], weights={"s": ints(1, 9)}))
    save("split_negative", build([node("Split", ["x", "s"], ["y", "z"], axis=1)], weights={"s": ints(-1, 5)}))
    save("gather_index_out_of_range", build([node("Gather", ["w", "i"], ["g"]), node("Add", ["x", "g"], ["y"])], weights={"w": floats(3), "i": ints(7)}))
    one("gather_axis_out_of_range", "Gather", ["i"], {"i": ints(0)}, axis=9)
    one("concat_axis_out_of_range", "Concat", axis=9)
    one("concat_without_axis", "Concat")
    one("cast_to_nothing", "Cast", to=0)
    one("cast_without_type", "Cast")
    one("depth_to_space_zero", "DepthToSpace", blocksize=0)
    one("depth_to_space_without_size", "DepthToSpace")
    one("instance_norm_of_too_little", "InstanceNormalization", ["w", "w"], {"w": floats(1)})
    one("batch_norm_of_other_width", "BatchNormalization", ["w", "w", "w", "w"], {"w": floats(3)})
    one("layer_norm_axis_out_of_range", "LayerNormalization", ["w"], {"w": floats(4)}, axis=12)
    one("matmul_of_other_sides", "MatMul", ["w"], {"w": floats(3, 3)})
    one("gemm_of_rank_five", "Gemm", ["w"], {"w": floats(1, 1, 1, 4, 4)})
    for word, equation in {"nonsense": ")(*&^%", "unknown_output": "ij->k", "many": "ij" + ",ij" * 30 + "->ij", "unequal": "iii->i", "empty": "", "arrows": "->->->"}.items():
        one(f"einsum_{word}", "Einsum", equation=equation)


def attributes():
    def changed(name, operator, attribute, more=(), weights=None):
        made = node(operator, ["x", *more], ["y"])
        made.attribute.append(attribute)
        save(name, build([made], weights=weights))

    kind = onnx.AttributeProto
    changed("axis_as_float", "Softmax", kind(name="axis", type=kind.FLOAT, f=1.5))
    changed("perm_as_text", "Transpose", kind(name="perm", type=kind.STRING, s=b"1,0"))
    changed("axis_of_unknown_kind", "Softmax", kind(name="axis", i=10**18))
    changed("equation_no_utf8", "Einsum", kind(name="equation", type=kind.STRING, s=b"\xff\xfe"))
    changed("branch_as_number", "If", kind(name="then_branch", type=kind.INT, i=1))
    changed("constant_value_missing", "Constant", kind(name="value", type=kind.TENSOR))
    save("constant_of_nothing", build([node("Constant", [], ["w"]), node("Add", ["x", "w"], ["y"])]))
    lstm = node("LSTM", ["x3", "w", "r"], ["y"], hidden_size=2**40)
    save("lstm_hidden_size_huge", build([lstm], inputs={"x3": (FP32, [5, "N", 3])}, weights={"w": floats(1, 8, 3), "r": floats(1, 8, 2)}))
    lstm = node("LSTM", ["x3", "w", "r"], ["y"], hidden_size=-2)
    save("lstm_hidden_size_negative", build([lstm], inputs={"x3": (FP32, [5, "N", 3])}, weights={"w": floats(1, 8, 3), "r": floats(1, 8, 2)}))
    save("dft_length_huge", build([node("Unsqueeze", ["x", "a"], ["u"]), node("DFT", ["u", "l"], ["y"], axis=1)], weights={"a": ints(2), "l": np.int64(HUGE)}))


def trees():
    def ensemble(name, operator="TreeEnsembleRegressor", **changes):
        tree = {
            "n_targets": 1,
            "nodes_treeids": [0, 0, 0],
            "nodes_nodeids": [0, 1, 2],
            "nodes_featureids": [0, 0, 0],
            "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
            "nodes_values": [0.5, 0.0, 0.0],
            "nodes_truenodeids": [1, 0, 0],
            "nodes_falsenodeids": [2, 0, 0],
            "target_treeids": [0, 0],
            "target_nodeids": [1, 2],
            "target_ids": [0, 0],
            "target_weights": [1.0, 2.0],
            **changes,
        }
        save(f"tree_{name}", build([node(operator, ["x"], ["y"], domain="ai.onnx.ml", **tree)], domains=["ai.onnx.ml"]))

    ensemble("its_own_child", nodes_truenodeids=[0, 0, 0])
    ensemble("cyclic", nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0])
    ensemble("child_out_of_range", nodes_truenodeids=[99, 0, 0])
    ensemble("child_negative", nodes_truenodeids=[-1, 0, 0])
    ensemble("feature_out_of_range", nodes_featureids=[10**9, 0, 0])
    ensemble("feature_negative", nodes_featureids=[-1, 0, 0])
    ensemble("lists_differ", nodes_values=[0.5])
    ensemble("targets_huge", n_targets=2**60)
    ensemble("target_out_of_range", target_ids=[0, 7])
    ensemble("mode_unknown", nodes_modes=["BRANCH_MAYBE", "LEAF", "LEAF"])
    ensemble("id_huge", nodes_nodeids=[0, 1, 2**62])


def inner_graphs():
    def graph(name, nodes, output, inputs=(), shape=None):
        return helper.make_graph(nodes, name, list(inputs), [helper.make_tensor_value_info(output, FP32, shape)])

    conditional = {"c": (BOOL, []), "x": (FP32, ["N", 4])}
    both = graph("t", [node("Relu", ["x"], ["a0"])], "a0")
    save("if_without_else", build([node("If", ["c"], ["y"], then_branch=both)], inputs=conditional))
    save("if_branch_without_outputs", build([node("If", ["c"], ["y"], then_branch=helper.make_graph([], "t", [], []), else_branch=helper.make_graph([], "e", [], []))], inputs=conditional))

    def body(nodes, outputs):
        information = helper.make_tensor_value_info
        inputs = [information("i", INT64, []), information("go", BOOL, []), information("v", FP32, None)]
        return helper.make_graph(nodes, "body", inputs, [information("more", BOOL, []), *(information(name, FP32, None) for name in outputs)])

    endless = body([node("Identity", ["go"], ["more"]), node("Relu", ["v"], ["v2"])], ["v2"])
    save("loop_without_end", build([node("Loop", ["", "yes", "x"], ["y"], body=endless)], weights={"yes": np.array(True)}))
    save("loop_of_a_quintillion", build([node("Loop", ["times", "", "x"], ["y"], body=endless)], weights={"times": np.int64(10**18)}))
    last = endless
    for level in range(6):
        outer = [node("Identity", ["go"], ["more"]), node("Loop", ["times", "", "v"], ["v2"], body=last, name=f"level{level}")]
        last = body(outer, ["v2"])
    save("loop_in_loop_in_loop", build([node("Loop", ["times", "", "x"], ["y"], body=last)], weights={"times": np.int64(100)}))
    doubling = body([node("Identity", ["go"], ["more"]), node("Concat", ["v", "v"], ["v2"], axis=0)], ["v2"])
    save("loop_doubling", build([node("Loop", ["times", "", "x"], ["y"], body=doubling)], weights={"times": np.int64(60)}))
    growing = body([node("Identity", ["go"], ["more"]), node("Identity", ["v"], ["v2"]), node("Identity", ["v"], ["out"])], ["v2", "out"])
    save("loop_collecting", build([node("Loop", ["times", "", "x"], ["last", "y"], body=growing)], weights={"times": np.int64(10**15)}))
    scan = helper.make_graph([node("Relu", ["a"], ["b"])], "body", [helper.make_tensor_value_info("a", FP32, None)], [helper.make_tensor_value_info("b", FP32, None)])
    save("scan_of_more_inputs", build([node("Scan", ["x"], ["y"], body=scan, num_scan_inputs=7)]))
    save("scan_of_minus_one", build([node("Scan", ["x"], ["y"], body=scan, num_scan_inputs=-1)]))


def inputs():
    """Good models, each with an operator that a client's values can lead astray: `tests/api/hostile.rs` has the values."""
    global HERE
    HERE = HERE.parent / "inputs"
    HERE.mkdir(exist_ok=True)
    rows = {"i": (INT64, ["N"])}
    save("gather", build([node("Gather", ["w", "i"], ["y"])], rows, weights={"w": floats(3)}))
    save("embedding", build([node("Gather", ["w", "i"], ["y"])], {"i": (INT64, ["N", "T"])}, weights={"w": floats(10, 4)}))
    save("gather_elements", build([node("GatherElements", ["w", "i"], ["y"])], {"i": (INT64, ["N", 4])}, weights={"w": floats(4, 4)}))
    save("gather_nd", build([node("GatherND", ["w", "i"], ["y"])], {"i": (INT64, ["N", 2])}, weights={"w": floats(3, 3)}))
    updates = {"i": (INT64, ["N"]), "u": (FP32, ["N"])}
    save("scatter_elements", build([node("ScatterElements", ["w", "i", "u"], ["y"])], updates, weights={"w": floats(4)}))
    updates = {"i": (INT64, ["N", 1]), "u": (FP32, ["N"])}
    save("scatter_nd", build([node("ScatterND", ["w", "i", "u"], ["y"])], updates, weights={"w": floats(4)}))
    save("one_hot", build([node("OneHot", ["i", "d", "v"], ["y"])], rows, weights={"d": np.int64(3), "v": np.array([0, 1], np.float32)}))
    for name, code in {"int64": INT64, "int32": TensorProto.INT32, "int8": TensorProto.INT8}.items():
        pair = {"a": (code, ["N"]), "b": (code, ["N"])}
        save(f"div_{name}", build([node("Div", ["a", "b"], ["y"])], pair, {"y": (code, None)}))
        save(f"mod_{name}", build([node("Mod", ["a", "b"], ["y"])], pair, {"y": (code, None)}))
    pair = {"a": (INT64, ["N"]), "b": (INT64, ["N"])}
    save("pow_int64", build([node("Pow", ["a", "b"], ["y"])], pair, {"y": (INT64, None)}))
    save("mul_int64", build([node("Mul", ["a", "b"], ["y"])], pair, {"y": (INT64, None)}))
    bounds = {"a": (INT64, []), "b": (INT64, []), "c": (INT64, [])}
    save("range", build([node("Range", ["a", "b", "c"], ["y"])], bounds, {"y": (INT64, None)}))
    bounds = {"a": (FP32, []), "b": (FP32, []), "c": (FP32, [])}
    save("range_of_floats", build([node("Range", ["a", "b", "c"], ["y"])], bounds))
    save("top_k", build([node("TopK", ["x", "k"], ["y", "i"])], {"x": (FP32, ["N", 4]), "k": (INT64, [1])}))
    save("tile", build([node("Tile", ["x", "r"], ["y"])], {"x": (FP32, ["N", 4]), "r": (INT64, [2])}))
    save("expand", build([node("Expand", ["x", "s"], ["y"])], {"x": (FP32, ["N", 1]), "s": (INT64, [2])}, {"y": (FP32, [None, None])}))
    save("reshape", build([node("Reshape", ["x", "s"], ["y"])], {"x": (FP32, ["N", 4]), "s": (INT64, [2])}, {"y": (FP32, [None, None])}))
    save("constant_of_shape", build([node("ConstantOfShape", ["s"], ["y"])], {"s": (INT64, [2])}, {"y": (FP32, [None, None])}))
    save("pad", build([node("Pad", ["x", "p"], ["y"])], {"x": (FP32, ["N", 4]), "p": (INT64, [4])}, {"y": (FP32, [None, None])}))
    save("resize", build([node("Resize", ["x", "", "", "s"], ["y"], mode="nearest")], {"x": (FP32, ["N", 1, 2, 2]), "s": (INT64, [4])}, {"y": (FP32, [None] * 4)}))
    save("slice", build([node("Slice", ["x", "s", "e", "a", "t"], ["y"])], {"x": (FP32, ["N", 4]), **{name: (INT64, [1]) for name in "seat"}}, {"y": (FP32, [None, None])}))
    save("cumsum", build([node("CumSum", ["x", "a"], ["y"])], {"x": (FP32, ["N", 4]), "a": (INT64, [])}))
    save("trilu", build([node("Trilu", ["x", "k"], ["y"])], {"x": (FP32, ["N", 4]), "k": (INT64, [])}))
    save("compress", build([node("Compress", ["x", "c"], ["y"], axis=0)], {"x": (FP32, ["N", 4]), "c": (BOOL, ["M"])}))
    save("bit_shift", build([node("BitShift", ["a", "b"], ["y"], direction="LEFT")], {"a": (TensorProto.UINT64, ["N"]), "b": (TensorProto.UINT64, ["N"])}, {"y": (TensorProto.UINT64, None)}))
    save("cast", build([node("Cast", ["x"], ["y"], to=INT64)], outputs={"y": (INT64, None)}))
    save("reduce_max", build([node("ReduceMax", ["x"], ["y"], axes=[0], keepdims=0)]))
    save("arg_max", build([node("ArgMax", ["x"], ["y"], axis=0, keepdims=0)], outputs={"y": (INT64, None)}))
    boxes = {"b": (FP32, [1, "K", 4]), "s": (FP32, [1, 1, "K"])}
    nms = node("NonMaxSuppression", ["b", "s", "most", "iou", "score"], ["y"])
    save("non_max_suppression", build([nms], boxes, {"y": (INT64, None)}, {"most": ints(5), "iou": np.array([0.5], np.float32), "score": np.array([0.1], np.float32)}))
    # Small requests that ask for much.
    line = {"x": (FP32, ["N"])}
    nodes = [node("Unsqueeze", ["x", "one"], ["column"]), node("Unsqueeze", ["x", "zero"], ["row"]), node("MatMul", ["column", "row"], ["y"])]
    save("outer_product", build(nodes, line, weights={"one": ints(1), "zero": ints(0)}))
    nodes = [node("NonZero", ["x"], ["found"]), node("Cast", ["found"], ["row"], to=FP32), node("Transpose", ["row"], ["column"]), node("MatMul", ["column", "row"], ["y"])]
    save("outer_product_of_found", build(nodes, line))
    nodes = [node("Shape", ["x"], ["n"]), node("Mul", ["n", "n"], ["nn"]), node("Mul", ["nn", "n"], ["nnn"]), node("ConstantOfShape", ["nnn"], ["z"], value=numpy_helper.from_array(np.zeros(1, np.float32))), node("ReduceSum", ["z"], ["y"], keepdims=0)]
    save("cube_of_zeros", build(nodes, line))
    nodes = [node("Size", ["x"], ["n"]), node("Mul", ["n", "n"], ["nn"]), node("Range", ["zero", "nn", "one"], ["r"]), node("Cast", ["r"], ["f"], to=FP32), node("ReduceSum", ["f"], ["y"], keepdims=0)]
    save("range_of_square", build(nodes, line, weights={"zero": np.int64(0), "one": np.int64(1)}))
    save("enlarge", build([node("Resize", ["x", "", "s"], ["y"], mode="nearest")], {"x": (FP32, ["N", 1, "H", "W"])}, weights={"s": np.array([1, 1, 100, 100], np.float32)}))
    save("pad_a_million", build([node("Pad", ["x", "p"], ["y"])], {"x": (FP32, ["N", 1])}, weights={"p": ints(0, 0, 0, 10**6)}))
    save("tile_a_million", build([node("Tile", ["x", "r"], ["y"])], {"x": (FP32, ["N", 1])}, weights={"r": ints(1, 10**6)}))
    save("strings", build([node("Identity", ["s"], ["y"])], {"s": (STRING, ["N"])}, {"y": (STRING, None)}))
    lstm = node("LSTM", ["x", "w", "r", "", "lengths"], ["y"], hidden_size=2)
    save("lstm_lengths", build([lstm], {"x": (FP32, [5, 1, 3]), "lengths": (TensorProto.INT32, [1])}, weights={"w": floats(1, 8, 3), "r": floats(1, 8, 2)}))
    save("reverse_sequence", build([node("ReverseSequence", ["x", "lengths"], ["y"], batch_axis=0, time_axis=1)], {"x": (FP32, ["N", 4]), "lengths": (INT64, ["N"])}))


HERE.mkdir(exist_ok=True)
for group in (bytes_of_files, wiring, versions_and_domains, shapes, external, constants, windows, axes, attributes, trees, inner_graphs, inputs):
    group()
