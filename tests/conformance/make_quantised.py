"""Cases of quantisation: every operator that `onnxruntime.quantization` writes, the fusions of ONNX Runtime's optimiser,
and small models that were quantised or brought to half precision by the usual tools.

    python make_quantised.py [operators] [rewrites] [quantised] [fp16]

Tolerances of whole models are stated in steps of the output's scale or as parts of its range, see `model`.
"""

import pathlib
import sys

import case
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent / "corpus"
OPERATORS = HERE / "operators"
MS = "com.microsoft"
rng = np.random.default_rng(20)


def f(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def q(dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)


def s(value):
    return np.array(value, np.float32)


def z(dtype, value):
    return np.array(value, dtype)


def op(name, kind, inputs, attributes=None, stored=None, **more):
    """One node; scales and zero points are stored, as the tools do it."""
    parameters = [key for key in inputs if key and ("scale" in key or "zero" in key)]
    more.setdefault("domain", MS)
    case.operator(OPERATORS, name, kind, inputs, attributes, stored=parameters + list(stored or ()), **more)


def steps(name, kind, inputs, attributes=None, stored=(), scale=0.05, zero=None, domain=MS, opset=20, atol=1.0):
    """One node whose bytes are dequantised behind it, because ONNX Runtime's kernels differ from each other where a value
    lies on the border of two steps: the tolerance is one step."""
    names = [key for key in inputs]
    node = helper.make_node(kind, names, ["bytes"], name=kind.lower(), domain=domain, **(attributes or {}))
    after = helper.make_node("DequantizeLinear", ["bytes", "last_scale", "last_zero"], ["y"], name="after")
    given = {key: np.asarray(value) for key, value in inputs.items() if key}
    weights = {key: value for key, value in given.items() if "scale" in key or "zero" in key or key in stored}
    free = {key: value for key, value in given.items() if key not in weights}
    weights |= {"last_scale": s(scale), "last_zero": zero}
    ports = [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in free.items()]
    graph = helper.make_graph(
        [node, after], name, ports, [onnx.ValueInfoProto(name="y")], [case.tensor(k, v) for k, v in weights.items()]
    )
    ids = [helper.make_opsetid("", opset), helper.make_opsetid(MS, 1)]
    model = helper.make_model(graph, opset_imports=ids, ir_version=8)
    answer = case.run(model.SerializeToString(), free)
    del model.graph.output[:]
    model.graph.output.extend([helper.make_tensor_value_info("y", 1, [None] * answer["y"].ndim)])
    case.write(OPERATORS, name, model, [free], rtol=1e-6, atol=atol * scale * 1.001, answers=[answer])


def quantise_linear():
    odd = np.array([[np.nan, np.inf, -np.inf, 2.5, 3.5, -2.5, 1e20, -0.0]], np.float32)
    for dtype in (np.uint8, np.int8, np.uint16, np.int16):
        name = np.dtype(dtype).name
        zero = z(dtype, 3)
        op(f"quantizelinear_{name}", "QuantizeLinear", {"x": f(3, 5, scale=4), "y_scale": s(0.13), "y_zero": zero}, domain="", opsets={"": 21})
        op(f"quantizelinear_odd_{name}", "QuantizeLinear", {"x": odd, "y_scale": s(1), "y_zero": zero}, domain="", opsets={"": 21})
        x = q(dtype, 3, 5)
        op(f"dequantizelinear_{name}", "DequantizeLinear", {"x": x, "x_scale": s(0.13), "x_zero": zero}, domain="", opsets={"": 21}, rtol=0, atol=0)
        op(f"ms_quantizelinear_{name}", "QuantizeLinear", {"x": f(3, 5, scale=4), "y_scale": s(0.13), "y_zero": zero})
        op(f"ms_dequantizelinear_{name}", "DequantizeLinear", {"x": x, "x_scale": s(0.13), "x_zero": zero}, rtol=0, atol=0)
    op("quantizelinear_no_zero", "QuantizeLinear", {"x": f(3, 5, scale=4), "y_scale": s(0.13)}, domain="", opsets={"": 13})
    op("quantizelinear_opset10", "QuantizeLinear", {"x": f(3, 5, scale=4), "y_scale": s(0.13), "y_zero": z(np.int8, -7)}, domain="", opsets={"": 10})
    op("quantizelinear_one_element", "QuantizeLinear", {"x": f(3, 5, scale=4), "y_scale": s([0.13]), "y_zero": np.array([7], np.uint8)}, domain="", opsets={"": 13})
    op("quantizelinear_int32", "QuantizeLinear", {"x": q(np.int32, 3, 5) >> 20, "y_scale": s(13), "y_zero": z(np.int8, -7)}, domain="", opsets={"": 19})
    op("quantizelinear_told", "QuantizeLinear", {"x": f(3, 5, scale=4), "y_scale": s(0.13)}, {"output_dtype": 3}, domain="", opsets={"": 21})
    op("quantizelinear_empty", "QuantizeLinear", {"x": f(0, 5), "y_scale": s(0.13), "y_zero": z(np.int8, 1)}, domain="", opsets={"": 21})
    scales, zeros = np.array([0.1, 0.2, 0.05], np.float32), np.array([1, -2, 3], np.int8)
    for axis, shape in ((0, (3, 4)), (1, (2, 3, 4)), (-1, (2, 2, 3)), (None, (2, 3))):
        more = {} if axis is None else {"axis": axis}
        op(f"quantizelinear_axis_{axis}", "QuantizeLinear", {"x": f(*shape, scale=4), "y_scale": scales, "y_zero": zeros}, more, domain="", opsets={"": 13})
        op(f"dequantizelinear_axis_{axis}", "DequantizeLinear", {"x": q(np.int8, *shape), "x_scale": scales, "x_zero": zeros}, more, domain="", opsets={"": 13}, rtol=0, atol=0)
    for axis, shape, of in ((0, (4, 3), (2, 3)), (1, (2, 6, 2), (2, 2, 2)), (-1, (2, 4), (2, 2))):
        block = 3 if axis == 1 else 2
        more = {"axis": axis, "block_size": block}
        scales, zeros = np.abs(f(*of)) + 0.02, q(np.uint8, *of)
        op(f"quantizelinear_block_{axis}", "QuantizeLinear", {"x": f(*shape, scale=4), "y_scale": scales, "y_zero": zeros}, more, domain="", opsets={"": 21})
        op(f"dequantizelinear_block_{axis}", "DequantizeLinear", {"x": q(np.uint8, *shape), "x_scale": scales, "x_zero": zeros}, more, domain="", opsets={"": 21}, rtol=0, atol=0)
    op("dequantizelinear_int32", "DequantizeLinear", {"x": q(np.int32, 3, 5), "x_scale": s(0.01)}, domain="", opsets={"": 13}, rtol=0, atol=0)
    op("dequantizelinear_opset10", "DequantizeLinear", {"x": q(np.uint8, 3, 5), "x_scale": s(0.01), "x_zero": z(np.uint8, 9)}, domain="", opsets={"": 10}, rtol=0, atol=0)
    case.operator(OPERATORS, "quantizelinear_computed_scale", "QuantizeLinear", {"x": f(3, 5, scale=4), "scale": s(0.13), "zero": z(np.uint8, 9)})
    for at, x in enumerate((f(3, 5), np.abs(f(3, 5)), -np.abs(f(3, 5)), np.zeros((2, 2), np.float32), f(0, 3), odd[:, [0, 3, 4]])):
        case.operator(OPERATORS, f"dynamicquantizelinear_{at}", "DynamicQuantizeLinear", {"x": x}, outputs=3)


def elementwise():
    for dtype in (np.uint8, np.int8):
        name, zc = np.dtype(dtype).name, z(dtype, 5)
        pair = {"a": q(dtype, 2, 3, 4), "a_scale": s(0.03), "a_zero": z(dtype, 3), "b": q(dtype, 3, 1), "b_scale": s(0.07), "b_zero": z(dtype, -9 if dtype == np.int8 else 9)}
        last = {"c_scale": s(0.05), "c_zero": zc}
        for kind in ("QLinearAdd", "QLinearMul"):
            steps(f"{kind.lower()}_{name}", kind, pair | last, zero=zc)
            short = {key: value for key, value in (pair | last).items()}
            short["a_zero"], short["c_zero"] = z(dtype, 0), z(dtype, 0)
            steps(f"{kind.lower()}_zeroes_{name}", kind, short, zero=z(dtype, 0))
        one = {"x": q(dtype, 2, 4, 6, 6), "x_scale": s(0.05), "x_zero": z(dtype, 7)}
        to = {"y_scale": s(0.01), "y_zero": zc}
        steps(f"qlinearsigmoid_{name}", "QLinearSigmoid", one | to, scale=0.01, zero=zc)
        steps(f"qlinearleakyrelu_{name}", "QLinearLeakyRelu", one | to, {"alpha": 0.3}, scale=0.01, zero=zc)
        steps(f"qlinearleakyrelu_default_{name}", "QLinearLeakyRelu", one | to, scale=0.01, zero=zc)
        soft = {"y_scale": s(1 / 256), "y_zero": z(dtype, -128 if dtype == np.int8 else 0)}
        for axis, opset in ((-1, 13), (1, 13), (3, 13)):
            steps(f"qlinearsoftmax_{axis}_{name}", "QLinearSoftmax", one | soft, {"axis": axis, "opset": opset}, scale=1 / 256, zero=soft["y_zero"])
        steps(f"qlinearsoftmax_flat_{name}", "QLinearSoftmax", one | soft, {"axis": 2, "opset": 11}, scale=1 / 256, zero=soft["y_zero"])
        steps(f"qlinearsoftmax_old_{name}", "QLinearSoftmax", one | soft, {"axis": 2, "opset": 11}, scale=1 / 256, zero=soft["y_zero"], opset=12)
        steps(f"qlinearglobalaveragepool_{name}", "QLinearGlobalAveragePool", one | to, {"channels_last": 0}, scale=0.01, zero=zc)
        for at, attributes in enumerate(({"kernel_shape": [2, 2]}, {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1})):
            steps(f"qlinearaveragepool_{at}_{name}", "QLinearAveragePool", one | to, attributes, scale=0.01, zero=zc)
        parts = {"y_scale": s(0.05), "y_zero": zc, "a": q(dtype, 2, 3), "a_scale": s(0.04), "a_zero": z(dtype, 1), "b": q(dtype, 2, 2), "b_scale": s(0.05), "b_zero": zc}
        op(f"qlinearconcat_{name}", "QLinearConcat", parts, {"axis": 1})
        choice = {"condition": np.array([[True], [False]]), "x": q(dtype, 2, 3), "x_scale": s(0.04), "x_zero": z(dtype, 1), "y": q(dtype, 2, 3), "y_scale": s(0.03), "y_zero": z(dtype, 2), "z_scale": s(0.05), "z_zero": zc}
        op(f"qlinearwhere_{name}", "QLinearWhere", choice)


def products():
    for a_type, b_type in ((np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)):
        name = f"{np.dtype(a_type).name}_{np.dtype(b_type).name}"
        za, zb, zc = z(a_type, 11), z(b_type, 0 if b_type == np.int8 else 120), z(a_type, 4)
        a, b, c = q(a_type, 3, 8), q(b_type, 8, 5), q(np.int32, 5) >> 18
        base = {"a": a, "a_scale": s(0.02), "a_zero": za, "b": b, "b_scale": s(0.03), "b_zero": zb}
        per = base | {"b_scale": np.linspace(0.01, 0.05, 5, dtype=np.float32), "b_zero": np.full(5, zb, b_type)}
        to = {"y_scale": s(0.4), "y_zero": zc}
        op(f"qgemm_float_{name}", "QGemm", base | {"c": c}, stored=["b", "c"])
        op(f"qgemm_float_alpha_{name}", "QGemm", base, {"alpha": 0.5}, stored=["b"])
        steps(f"qgemm_{name}", "QGemm", base | {"c": c} | to, stored=["b", "c"], scale=0.4, zero=zc)
        steps(f"qgemm_per_column_{name}", "QGemm", per | {"c": c} | to, stored=["b", "c"], scale=0.4, zero=zc)
        turned = per | {"b": b.T.copy(), "a": a.T.copy()}
        steps(f"qgemm_turned_{name}", "QGemm", turned | {"c": c} | to, {"transA": 1, "transB": 1}, stored=["b", "c"], scale=0.4, zero=zc)
        steps(f"qlinearmatmul_{name}", "QLinearMatMul", base | to, stored=["b"], scale=0.4, zero=zc, domain="")
        steps(f"qlinearmatmul_per_column_{name}", "QLinearMatMul", per | to, stored=["b"], scale=0.4, zero=zc, domain="")
        big = base | {"a": q(a_type, 2, 3, 4, 8), "b": q(b_type, 2, 3, 8, 5)}
        steps(f"qlinearmatmul_4d_{name}", "QLinearMatMul", big | to, scale=0.4, zero=zc, domain="")
        integer = {"a": a, "b": b, "a_zero": za, "b_zero": zb}
        for stored in ((), ("b",)):
            case.operator(OPERATORS, f"matmulinteger_{name}_{len(stored)}", "MatMulInteger", integer, stored=["a_zero", "b_zero", *stored], free=["a"])
            case.operator(OPERATORS, f"matmulinteger_bare_{name}_{len(stored)}", "MatMulInteger", {"a": a, "b": b}, stored=stored)
            case.operator(OPERATORS, f"matmulinteger_per_column_{name}_{len(stored)}", "MatMulInteger", integer | {"b_zero": np.full(5, zb, b_type)}, stored=["a_zero", "b_zero", *stored])
        scaled = {"a": a, "b": b, "a_scale": s(0.02), "b_scale": s(0.03), "a_zero": za, "b_zero": zb, "bias": f(5)}
        op(f"matmulintegertofloat_{name}", "MatMulIntegerToFloat", scaled, stored=["b", "bias"])
        op(f"matmulintegertofloat_per_column_{name}", "MatMulIntegerToFloat", scaled | {"b_scale": per["b_scale"], "b_zero": per["b_zero"]}, stored=["b", "bias"])
        if a_type == np.uint8:
            dynamic = {"a": f(3, 8), "b": b, "b_scale": s(0.03), "b_zero": zb, "bias": f(5)}
            op(f"dynamicquantizematmul_{name}", "DynamicQuantizeMatMul", dynamic, stored=["b", "bias"])
            op(f"dynamicquantizematmul_bare_{name}", "DynamicQuantizeMatMul", {"a": f(2, 3, 8), "b": b, "b_scale": per["b_scale"]}, stored=["b"])
    wide = {"a": np.full((2, 700), 255, np.uint8), "b": np.full((700, 3), 127, np.int8)}
    case.operator(OPERATORS, "matmulinteger_wide", "MatMulInteger", wide, stored=["b"])
    case.operator(OPERATORS, "matmulinteger_vector", "MatMulInteger", {"a": q(np.uint8, 8), "b": q(np.uint8, 8, 3)}, stored=["b"])


def convolutions():
    for x_type, w_type in ((np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)):
        name = f"{np.dtype(x_type).name}_{np.dtype(w_type).name}"
        zx, zw, zy = z(x_type, 11), z(w_type, 0 if w_type == np.int8 else 120), z(x_type, 4)
        x, k = q(x_type, 2, 4, 6, 6), q(w_type, 6, 4, 3, 3)
        base = {"x": x, "x_scale": s(0.02), "x_zero": zx, "w": k, "w_scale": s(0.03), "w_zero": zw, "y_scale": s(0.5), "y_zero": zy}
        per = base | {"w_scale": np.linspace(0.01, 0.05, 6, dtype=np.float32), "w_zero": np.full(6, zw, w_type)}
        bias = {"b": q(np.int32, 6) >> 18}
        conv = lambda tag, inputs, attributes=None, **more: steps(f"qlinearconv_{tag}_{name}", "QLinearConv", inputs, attributes, stored=["w", "b"], scale=0.5, zero=zy, domain="", **more)
        conv("plain", base)
        conv("bias", base | bias, {"pads": [1, 1, 1, 1]})
        conv("per_channel", per | bias, {"strides": [2, 2], "pads": [1, 0, 0, 1], "kernel_shape": [3, 3]})
        conv("dilated", per, {"dilations": [2, 2], "auto_pad": "SAME_UPPER"})
        conv("depthwise", per | {"x": q(x_type, 1, 6, 5, 5), "w": q(w_type, 6, 1, 3, 3)} | bias, {"group": 6, "pads": [1, 1, 1, 1]})
        conv("1d", per | {"x": q(x_type, 1, 4, 9), "w": q(w_type, 6, 4, 3)} | bias)
        integer = {"x": x, "w": k, "x_zero": zx, "w_zero": zw}
        if x_type == np.uint8:
            for tag, inputs, attributes in (
                ("plain", integer, {}),
                ("bare", {"x": x, "w": k}, {"pads": [1, 1, 1, 1]}),
                ("padded", integer, {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
                ("grouped", integer | {"x": q(x_type, 1, 8, 5, 5)}, {"group": 2, "dilations": [2, 1]}),
            ):
                case.operator(OPERATORS, f"convinteger_{tag}_{name}", "ConvInteger", inputs, attributes, stored=[key for key in inputs if key != "x"])


def fused():
    x, k, b = f(2, 4, 6, 6), f(6, 4, 3, 3), f(6)
    for activation, params in (("Relu", None), ("Tanh", None), ("Sigmoid", None), ("LeakyRelu", [0.2]), ("Clip", [-1.0, 2.0]), ("HardSigmoid", [0.3, 0.4]), (None, None)):
        attributes = {"pads": [1, 1, 1, 1]} | ({"activation": activation} if activation else {}) | ({"activation_params": params} if params else {})
        op(f"fusedconv_{activation}", "FusedConv", {"x": x, "w": k, "b": b}, attributes, stored=["w", "b"], atol=1e-5)
    op("fusedconv_sum", "FusedConv", {"x": x, "w": k, "b": b, "z": f(2, 6, 4, 4)}, {"activation": "Relu"}, stored=["w", "b"], atol=1e-5)
    op("fusedconv_grouped", "FusedConv", {"x": x, "w": f(6, 2, 3, 3)}, {"activation": "Relu", "group": 2, "strides": [2, 2]}, stored=["w"], atol=1e-5)
    a, m = f(3, 8), f(8, 5)
    for activation, more in (("Relu", {}), ("LeakyRelu", {"activation_alpha": 0.2}), ("Tanh", {})):
        op(f"fusedgemm_{activation}", "FusedGemm", {"a": a, "b": m, "c": f(5)}, {"activation": activation, "alpha": 0.5, "beta": 2.0} | more, stored=["b", "c"], atol=1e-5)
    op("fusedgemm_turned", "FusedGemm", {"a": a.T.copy(), "b": m.T.copy()}, {"activation": "Relu", "transA": 1, "transB": 1}, stored=["b"], atol=1e-5)
    op("fusedmatmul_plain", "FusedMatMul", {"a": a, "b": m}, {"alpha": 0.25}, stored=["b"], atol=1e-5)
    op("fusedmatmul_turned", "FusedMatMul", {"a": f(2, 3, 8, 4), "b": f(2, 3, 5, 8)}, {"transA": 1, "transB": 1}, atol=1e-5)
    for kind in ("Gelu", "QuickGelu", "FastGelu"):
        op(f"{kind.lower()}_ms", kind, {"x": f(3, 8, scale=3)}, atol=1e-5)
    op("biasgelu_ms", "BiasGelu", {"x": f(3, 8, scale=3), "b": f(8)}, stored=["b"], atol=1e-5)
    op("fastgelu_bias_ms", "FastGelu", {"x": f(3, 8, scale=3), "b": f(8)}, stored=["b"], atol=1e-5)
    op("quickgelu_alpha_ms", "QuickGelu", {"x": f(3, 8, scale=3)}, {"alpha": 1.3}, atol=1e-5)
    norm = {"x": f(2, 3, 8), "skip": f(2, 3, 8), "gamma": f(8), "beta": f(8), "bias": f(8)}
    op("skiplayernormalization", "SkipLayerNormalization", norm, {"epsilon": 1e-5}, stored=["gamma", "beta", "bias"], atol=1e-5)
    op("skiplayernormalization_short", "SkipLayerNormalization", {k: norm[k] for k in ("x", "skip", "gamma")}, stored=["gamma"], atol=1e-5)
    op("skiplayernormalization_sum", "SkipLayerNormalization", {k: norm[k] for k in ("x", "skip", "gamma", "beta")}, stored=["gamma", "beta"], outputs=["y0", "", "", "y3"], atol=1e-5)
    op("skipsimplifiedlayernormalization", "SkipSimplifiedLayerNormalization", {k: norm[k] for k in ("x", "skip", "gamma")}, {"epsilon": 1e-5}, stored=["gamma"], atol=1e-5)
    case.operator(OPERATORS, "simplifiedlayernormalization", "SimplifiedLayerNormalization", {"x": f(2, 3, 8), "gamma": f(8)}, {"axis": -1, "epsilon": 1e-5, "stash_type": 1}, stored=["gamma"], atol=1e-5)
    ids, segments = rng.integers(0, 11, (2, 5)).astype(np.int32), rng.integers(0, 2, (2, 5)).astype(np.int32)
    embed = {"ids": ids, "segments": segments, "words": f(11, 8), "positions": f(7, 8), "types": f(2, 8), "gamma": f(8), "beta": f(8)}
    tables = ["words", "positions", "types", "gamma", "beta"]
    op("embedlayernormalization", "EmbedLayerNormalization", embed, {"epsilon": 1e-5}, stored=tables, outputs=["y0", ""], atol=1e-5)
    op("embedlayernormalization_sum", "EmbedLayerNormalization", embed, {"epsilon": 1e-5}, stored=tables, outputs=["y0", "", "y2"], atol=1e-5)
    op("embedlayernormalization_lengths", "EmbedLayerNormalization", embed, stored=tables, outputs=["y0", "y1"], atol=1e-5)
    hidden, width = 8, 6
    base = {"x": f(2, 5, width), "w": f(width, 3 * hidden), "b": f(3 * hidden)}
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
    op("attention_ms", "Attention", base, {"num_heads": 2}, stored=["w", "b"], atol=1e-5)
    op("attention_ms_scale", "Attention", base, {"num_heads": 4, "scale": 0.3}, stored=["w", "b"], atol=1e-5)
    op("attention_ms_mask", "Attention", base | {"mask": mask}, {"num_heads": 2}, stored=["w", "b"], atol=1e-5)
    op("attention_ms_mask_3d", "Attention", base | {"mask": np.tile(mask[:, None], (1, 5, 1))}, {"num_heads": 2, "mask_filter_value": -5.0}, stored=["w", "b"], atol=1e-5)
    op("attention_ms_sizes", "Attention", base | {"w": f(width, 8 + 8 + 4), "b": f(20)}, {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 4]}, stored=["w", "b"], atol=1e-5)
    op("attention_ms_lengths", "Attention", base | {"mask": np.array([3, 5], np.int32)}, {"num_heads": 2}, stored=["w", "b"], atol=1e-5)
    op("attention_ms_causal", "Attention", base, {"num_heads": 2, "unidirectional": 1}, stored=["w", "b"], atol=1e-5)
    for w_type in (np.uint8, np.int8):
        quant = {"x": q(np.uint8, 2, 5, width), "w": q(w_type, width, 3 * hidden), "b": f(3 * hidden), "x_scale": s(0.01), "w_scale": s(0.01), "mask": mask, "x_zero": z(np.uint8, 120), "w_zero": z(w_type, 3)}
        op(f"qattention_{np.dtype(w_type).name}", "QAttention", quant, {"num_heads": 2}, stored=["w", "b"], atol=1e-4)


def tolerant(write):
    """ONNX Runtime has no kernel for some combinations; they are told and left out."""

    def attempt(*given, **more):
        try:
            write(*given, **more)
        except Exception as error:
            name = next(word for word in given if isinstance(word, str))
            print(f"{name}: left out, ONNX Runtime says {str(error)[:160]!r}")

    return attempt


if __name__ == "__main__":
    case.operator, steps = tolerant(case.operator), tolerant(steps)
    wanted = sys.argv[1:] or ["operators", "rewrites", "quantised", "fp16"]
    if "operators" in wanted:
        quantise_linear()
        elementwise()
        products()
        convolutions()
        fused()
