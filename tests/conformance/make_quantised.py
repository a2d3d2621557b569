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
        conv("dilated", per, {"dilations": [2, 2], "pads": [2, 2, 2, 2]})
        conv("same", per | bias, {"auto_pad": "SAME_UPPER", "strides": [2, 2]})
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
    for alpha in (1.0, 2.0, 0.5):
        case.operator(OPERATORS, f"celu_{int(10 * alpha)}", "Celu", {"x": f(3, 5, scale=2)}, {"alpha": alpha})
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


# --- whole models ----------------------------------------------------------------------------------------------------


def networks():
    """Small networks by name: torch module, example inputs (the first axis is the batch)."""
    import torch
    from torch import nn

    torch.manual_seed(7)
    relu6 = nn.ReLU6

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
            self.a = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8))
            self.b = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 12, 3, 1, 1), nn.BatchNorm2d(12))
            self.short = nn.Conv2d(8, 12, 1, 2)
            self.head = nn.Linear(12, 5)

        def forward(self, x):
            x = self.stem(x)
            x = torch.relu(x + self.a(x))
            x = torch.relu(self.short(x) + self.b(x))
            return self.head(x.mean((2, 3)))

    class Lstm(nn.Module):
        def __init__(self, both=False):
            super().__init__()
            self.rnn = nn.LSTM(6, 8, batch_first=True, bidirectional=both)
            self.head = nn.Linear(16 if both else 8, 3)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    class Unet(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(3, 6, 3, 1, 1), nn.Conv2d(6, 8, 3, 2, 1), nn.Conv2d(14, 4, 1)

        def forward(self, x):
            a = torch.relu(self.a(x))
            b = nn.functional.interpolate(torch.relu(self.b(a)), scale_factor=2.0, mode="nearest")
            return torch.sigmoid(self.c(torch.cat([a, b], 1)))

    class Encoder(nn.Module):
        def __init__(self, width=16, heads=2):
            super().__init__()
            self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.up, self.down, self.head = nn.Linear(width, 32), nn.Linear(32, width), nn.Linear(width, 4)

        def forward(self, x):
            n, t, w = x.shape
            q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
            weights = torch.softmax(q @ k.transpose(-1, -2) / (w // self.heads) ** 0.5, -1)
            x = self.n1(x + self.out((weights @ v).transpose(1, 2).reshape(n, t, w)))
            x = self.n2(x + self.down(nn.functional.gelu(self.up(x))))
            return self.head(x[:, 0])

    conv = lambda i, o, g=1, s=1, k=3: nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, groups=g), nn.BatchNorm2d(o), relu6())
    made = {
        "mlp": (nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)), f(64, 10)),
        "softmax": (nn.Sequential(nn.Linear(10, 16), nn.LeakyReLU(0.1), nn.Linear(16, 4), nn.Softmax(-1)), f(64, 10)),
        "cnn": (nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 5)), f(32, 1, 14, 14)),
        "sigmoid": (nn.Sequential(nn.Conv1d(3, 6, 3, padding=1), nn.Sigmoid(), nn.Conv1d(6, 4, 3), nn.LeakyReLU(0.2), nn.AdaptiveAvgPool1d(1), nn.Flatten()), f(32, 3, 12)),
        "residual": (Residual(), f(32, 3, 16, 16)),
        "mobile": (nn.Sequential(conv(3, 8, s=2), conv(8, 8, g=8), conv(8, 12, k=1), conv(12, 12, g=12, s=2), conv(12, 16, k=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)), f(32, 3, 16, 16)),
        "lstm": (Lstm(), f(32, 7, 6)),
        "bilstm": (Lstm(True), f(32, 7, 6)),
        "unet": (Unet(), f(16, 3, 8, 8)),
        "encoder": (Encoder(), f(32, 6, 16)),
    }
    for name, (module, x) in made.items():
        module.train()
        for _ in range(3):
            module(torch.from_numpy(x))
        yield name, module.eval(), x


def exported(module, x, opset=17):
    import io
    import warnings

    import torch

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.from_numpy(x[:1]),), buffer, input_names=["x"], output_names=["y"], opset_version=opset,
            dynamo=False, dynamic_axes={"x": {0: "N"}, "y": {0: "N"}},
        )
    model = onnx.load_from_string(buffer.getvalue())
    for node in model.graph.node:
        node.doc_string = ""
    return model


class Rows:
    """Calibration data."""

    def __init__(self, name, x):
        self.left = iter([{name: x[at : at + 8]} for at in range(0, len(x), 8)])

    def get_next(self):
        return next(self.left, None)


def last_scale(model):
    """The step of the output, where the file ends in a dequantiser."""
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    maker = next(node for node in model.graph.node if model.graph.output[0].name in node.output)
    if maker.op_type == "DequantizeLinear" and maker.input[1] in weights:
        return float(weights[maker.input[1]].max())
    return None


def model(folder, name, quantised, x, input_name="x", share=0.005):
    """A case of one and of five rows. The tolerance is one step of the output where the file says what a step is, or else
    a share of the range of the outputs: a value that lies on the border of two steps somewhere inside may be rounded
    either way, by kernels of ONNX Runtime as well. Layers that it quantises at every step of a sequence, and the engine
    only by their weights, get 2 %. An encoder has a dozen places to round in one row, and gets two steps."""
    data = quantised if isinstance(quantised, bytes) else quantised.SerializeToString(deterministic=True)
    questions = [{input_name: x[:1]}, {input_name: x[3:8]}]
    answers = [case.run(data, question) for question in questions]
    floats = [value for answer in answers for value in answer.values() if value.dtype.kind == "f"]
    span = max(float(np.ptp(value.astype(np.float32))) for value in floats) or 1.0
    step = last_scale(onnx.load_from_string(data))
    atol = (2 if "encoder" in name else 1) * 1.001 * step if step else share * span
    case.write(HERE / folder, name, data, questions, rtol=1e-5, atol=atol, answers=answers)


def quantised_models():
    import logging
    import tempfile

    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logging.disable(logging.WARNING)
    folder = pathlib.Path(tempfile.mkdtemp())
    kinds = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8, "u16": QuantType.QUInt16, "s16": QuantType.QInt16}

    def write(name, floats, x, input_name="x"):
        source, target = folder / f"{name}.onnx", folder / f"{name}.q.onnx"
        raw = folder / f"{name}.raw.onnx"
        onnx.save(floats, raw)
        quant_pre_process(str(raw), str(source), skip_symbolic_shape=True)
        recurrent = "lstm" in name
        for kind, per in (("s8", False), ("u8", True)) if name in ("mlp", "cnn", "encoder", "lstm") else (("s8", False),):
            quantize_dynamic(str(source), str(target), weight_type=kinds[kind], per_channel=per)
            model("quantised", f"dynamic_{name}_{kind}{'_per_channel' if per else ''}", onnx.load(target), x, input_name, share=0.02 if recurrent else 0.002)
        if recurrent:
            return
        plans = [(QuantFormat.QDQ, "s8", "s8", False), (QuantFormat.QDQ, "u8", "s8", True), (QuantFormat.QOperator, "u8", "u8", False)]
        if name in ("mlp", "cnn", "mobile", "residual"):
            plans += [(QuantFormat.QDQ, "u8", "u8", False), (QuantFormat.QDQ, "s8", "s8", True), (QuantFormat.QOperator, "s8", "s8", True), (QuantFormat.QOperator, "u8", "s8", True)]
        if name in ("mlp", "cnn"):
            plans += [(QuantFormat.QDQ, "u16", "s8", False), (QuantFormat.QDQ, "s16", "s16", False)]
        for style, activations, weights, per in plans:
            tag = f"{'qdq' if style == QuantFormat.QDQ else 'qop'}_{name}_{activations}{weights}{'_per_channel' if per else ''}"
            options = {"UseQDQContribOps": True} if "16" in activations else {}
            try:
                quantize_static(
                    str(source), str(target), Rows(input_name, x), quant_format=style, activation_type=kinds[activations],
                    weight_type=kinds[weights], per_channel=per, extra_options=options,
                )
                model("quantised", tag, onnx.load(target), x, input_name)
            except Exception as error:
                print(f"{tag}: left out, {str(error)[:200]!r}")

    for name, module, x in networks():
        write(name, exported(module, x), x)
    write("opset13", exported(*list(networks())[0][1:], opset=13), f(64, 10))
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPRegressor

    rows = f(80, 6)
    regressor = MLPRegressor(hidden_layer_sizes=(12,), max_iter=300, random_state=0).fit(rows, rows @ f(6, 2))
    write("sklearn", to_onnx(regressor, rows[:1], target_opset=17), rows, "X")
    optimised_models(folder, kinds)


def optimised_models(folder, kinds):
    """Models that ONNX Runtime has optimised and saved: its fused operators, of the level that any machine can run."""
    import onnxruntime as ort

    old = [(f"{name}_opset13", module, x, 13) for name, module, x in networks() if name in ("encoder", "softmax")]
    for name, module, x, opset in [(*network, 17) for network in networks()] + old:
        if name in ("lstm", "bilstm"):
            continue
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(folder / f"{name}.opt.onnx")
        options.log_severity_level = 4
        ort.InferenceSession(exported(module, x, opset).SerializeToString(), options, providers=["CPUExecutionProvider"])
        case.write(HERE / "quantised", f"optimised_{name}", onnx.load(folder / f"{name}.opt.onnx"), [{"x": x[:1]}, {"x": x[3:8]}], rtol=1e-4, atol=1e-5)


def fp16_models():
    import torch
    from onnxconverter_common import float16

    for name, module, x in networks():
        floats = exported(module, x)
        for keep in (False, True):
            try:
                half = float16.convert_float_to_float16(onnx.ModelProto.FromString(floats.SerializeToString()), keep_io_types=keep)
                data = x if keep else x.astype(np.float16)
                model("fp16", f"converted_{name}{'_io32' if keep else ''}", half, data, share=0.003)
            except Exception as error:
                print(f"converted_{name} {keep}: left out, {str(error)[:200]!r}")
        try:
            module = module.half()
            wide = torch.from_numpy(x.astype(np.float16)).numpy()
            model("fp16", f"torch_{name}", exported(module, wide), wide, share=0.003)
        except Exception as error:
            print(f"torch_{name}: left out, {str(error)[:200]!r}")
    # What a cast to half says is done: it rounds, and overflows.
    x = np.array([[1.0001, 70000.0, -70000.0, 6e-8, 1e-9]], np.float32)
    for back in (TensorProto.FLOAT,):
        nodes = [helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16), helper.make_node("Cast", ["h"], ["y"], to=back)]
        case.write(HERE / "fp16", "rounds", small(nodes, {"x": x}, {"y": (1, [None, 5])}), [{"x": x}], rtol=0, atol=0)
    nodes = [helper.make_node("Cast", ["x"], ["h"], to=10), helper.make_node("Gemm", ["h", "w", "b"], ["y"], transB=1)]
    weights = {"w": f(4, 3).astype(np.float16), "b": f(4).astype(np.float16)}
    case.write(HERE / "fp16", "gemm", small(nodes, {"x": f(2, 3)}, {"y": (10, [None, 4])}, weights), [{"x": f(2, 3)}], rtol=2e-3, atol=2e-3)
    far = small(nodes, {"x": f(2, 3)}, {"y": (10, [None, 4])}, weights)
    case.write(HERE / "fp16", "external", far, [{"x": f(2, 3)}], rtol=2e-3, atol=2e-3)
    onnx.save(far, HERE / "fp16" / "external.onnx", save_as_external_data=True, location="external.weights", size_threshold=0)
    like = [helper.make_node("Abs", ["h"], ["l"]), helper.make_node("CastLike", ["x", "l"], ["c"]), helper.make_node("Cast", ["c"], ["y"], to=1)]
    given = {"x": f(2, 3), "h": f(2, 3).astype(np.float16)}
    case.write(HERE / "fp16", "cast_like", small(like, given, {"y": (1, [None, 3])}), [given], rtol=0, atol=0)
    brain = small([helper.make_node("Cast", ["x"], ["b"], to=16), helper.make_node("MatMul", ["b", "w"], ["m"]), helper.make_node("Cast", ["m"], ["y"], to=1)], {"x": x}, {"y": (1, [None, 2])})
    import ml_dtypes

    x, w = f(2, 5), f(5, 2)
    brain.graph.initializer.append(helper.make_tensor("w", 16, w.shape, w.reshape(-1)))
    wide = lambda value: value.astype(ml_dtypes.bfloat16).astype(np.float32)
    case.write(HERE / "fp16", "bfloat16_inside", brain, [{"x": x}], rtol=1e-5, answers=[{"y": wide(x) @ wide(w)}])
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    x = f(2, 3).astype(np.float16)
    case.write(HERE / "fp16", "identity", small(nodes, {"x": x}, {"y": (10, [None, 3])}), [{"x": x}], rtol=0, atol=0)


def small(nodes, inputs, outputs, weights=None, opset=17, functions=(), more=(), sparse=()):
    """A model of these nodes. The first axis of inputs is free."""
    ports = [
        helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), ["N", *v.shape[1:]] if v.ndim else [])
        for k, v in inputs.items()
    ]
    results = [helper.make_tensor_value_info(k, kind, shape) for k, (kind, shape) in outputs.items()]
    stored = [case.tensor(k, v) for k, v in (weights or {}).items()]
    graph = helper.make_graph(nodes, "small", ports, results, stored, sparse_initializer=list(sparse))
    ids = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in more)]
    return helper.make_model(graph, opset_imports=ids, ir_version=8, functions=list(functions))


# --- rewrites ---------------------------------------------------------------------------------------------------------


def rewrites():
    write = tolerant(lambda name, model, *questions, **more: case.write(HERE / "rewrites", name, model, list(questions), **more))
    node, ids = helper.make_node, [helper.make_opsetid("", 17)]
    x = f(2, 3)
    fp = lambda name, *shape: helper.make_tensor_value_info(name, 1, list(shape))

    def by_attribute(made, name, reference, kind=onnx.AttributeProto.FLOAT):
        made.attribute.append(onnx.AttributeProto(name=name, ref_attr_name=reference, type=kind))
        return made

    slope = helper.make_function("f", "Slope", ["a"], ["b"], [by_attribute(node("LeakyRelu", ["a"], ["b"]), "alpha", "slope")], ids, ["slope"])
    defaulted = helper.make_function("f", "Defaulted", ["a"], ["b"], [by_attribute(node("LeakyRelu", ["a"], ["b"]), "alpha", "slope")], ids, [], [helper.make_attribute("slope", 0.25)])
    twice = helper.make_function("f", "Twice", ["a"], ["b"], [node("Slope", ["a"], ["t"], domain="f", slope=0.5), node("Slope", ["t"], ["b"], domain="f", slope=0.5)], [*ids, helper.make_opsetid("f", 1)])
    pick = helper.make_function("f", "Clipped", ["a", "low", "high"], ["b", "c"], [node("Clip", ["a", "low", "high"], ["b"]), node("Neg", ["b"], ["c"])], ids)
    branch = lambda name, op: helper.make_graph([node(op, ["a"], [f"{name}_out"])], name, [], [fp(f"{name}_out", None, 3)])
    choose = helper.make_function("f", "Choose", ["a", "c"], ["b"], [node("If", ["c"], ["b"], then_branch=branch("yes", "Neg"), else_branch=branch("no", "Exp"))], ids)
    y = {"y": (1, [None, 3])}
    calls = lambda *nodes, functions, **more: small(list(nodes), {"x": x}, y, more=["f"], functions=functions, **more)
    write("function_attribute", calls(node("Slope", ["x"], ["y"], domain="f", slope=0.3), functions=[slope]), {"x": x})
    write("function_default", calls(node("Defaulted", ["x"], ["y"], domain="f"), functions=[defaulted]), {"x": x})
    write("function_default_given", calls(node("Defaulted", ["x"], ["y"], domain="f", slope=0.7), functions=[defaulted]), {"x": x})
    write("function_in_function", calls(node("Twice", ["x"], ["t"], domain="f"), node("Twice", ["t"], ["y"], domain="f"), functions=[slope, twice]), {"x": x})
    write("function_input_left_out", calls(node("Clipped", ["x", "", "h"], ["t", "u"], domain="f"), node("Add", ["t", "u"], ["v"]), node("Add", ["v", "t"], ["y"]), functions=[pick], weights={"h": s(0.5)}), {"x": x})
    write("function_output_left_out", calls(node("Clipped", ["x", "", "h"], ["", "y"], domain="f"), functions=[pick], weights={"h": s(0.5)}), {"x": x})
    write("function_names_clash", calls(node("Neg", ["x"], ["t"]), node("Twice", ["t"], ["b"], domain="f"), node("Slope", ["b"], ["a"], domain="f", slope=0.1), node("Add", ["a", "t"], ["y"]), functions=[slope, twice]), {"x": x})
    for name, value in (("yes", True), ("no", False)):
        write(f"function_branches_{name}", calls(node("Choose", ["x", "c"], ["y"], domain="f"), functions=[choose], weights={"c": np.array(value)}), {"x": x})
    older = helper.make_function("f", "Older", ["a"], ["b"], [node("Relu", ["a"], ["t"]), node("Mul", ["t", "a"], ["b"])], [helper.make_opsetid("", 14)])
    write("function_older_set", small([node("Older", ["x"], ["y"], domain="f")], {"x": x}, y, more=["f"], functions=[older]), {"x": x})

    # Branches and loops.
    outer = lambda name, op: helper.make_graph([node(op, ["x", f"{name}_w"], [f"{name}_t"]), node("Relu", [f"{name}_t"], [f"{name}_out"])], name, [], [fp(f"{name}_out", None, 3)], [case.tensor(f"{name}_w", f(3))])
    for name, value in (("then", True), ("else", False)):
        write(f"if_{name}", small([node("If", ["c"], ["t"], then_branch=outer("yes", "Mul"), else_branch=outer("no", "Add")), node("Neg", ["t"], ["y"])], {"x": x}, y, {"c": np.array(value)}), {"x": x})
    through_graph = helper.make_graph([], "same", [], [fp("x", None, 3)])
    integer = helper.make_tensor_value_info("i", 7, [])
    boolean = lambda name: helper.make_tensor_value_info(name, 9, [])
    body_nodes = [
        node("Cast", ["i"], ["if"], to=1),
        node("Add", ["v", "if"], ["t"]),
        node("Mul", ["t", "k"], ["w"]),
        node("ReduceMean", ["w"], ["m"], axes=[1], keepdims=0),
    ]
    k = f(3)

    def loop(condition, after=(), scan=True):
        outputs = [boolean("go"), fp("w", None, 3), *([fp("m", None)] if scan else [])]
        return helper.make_graph([*body_nodes[: 4 if scan else 3], *after], "body", [integer, boolean("c"), fp("v", None, 3)], outputs)

    same = [node("Identity", ["c"], ["go"])]
    lists = {"y": (1, [None, 3]), "z": (1, [None, None])}
    for name, count, cond in (("cond", 3, "c0"), ("no_cond", 5, ""), ("once", 1, "c0")):
        model_ = small([node("Loop", ["n", cond, "x"], ["y", "z"], body=loop("c", same))], {"x": x}, lists, {"n": np.array(count), "c0": np.array(True), "k": k})
        write(f"loop_{name}", model_, {"x": x})
    always = [node("Constant", [], ["go"], value=case.tensor("", np.array(True)))]
    write("loop_always", small([node("Loop", ["n", "", "x"], ["y", "z"], body=loop("c", always))], {"x": x}, lists, {"n": np.array([4]), "k": k}), {"x": x})
    write("loop_old_set", small([node("Loop", ["n", "", "x"], ["y", "z"], body=loop("c", always))], {"x": x}, lists, {"n": np.array([2]), "k": k}, opset=12), {"x": x})
    write("loop_never", small([node("Loop", ["n", "c0", "x"], ["t"], body=loop("c", same, scan=False)), node("Neg", ["t"], ["y"])], {"x": x}, y, {"n": np.array(3), "c0": np.array(False), "k": k}), {"x": x})
    inner = helper.make_graph([node("Identity", ["c2"], ["go2"]), node("Add", ["p", "v"], ["q"])], "inner", [helper.make_tensor_value_info("j", 7, []), boolean("c2"), fp("p", None, 3)], [boolean("go2"), fp("q", None, 3)])
    nested = helper.make_graph([node("Constant", [], ["two"], value_int=2), node("Loop", ["two", "", "v"], ["w"], body=inner), node("Identity", ["c"], ["go"])], "outer", [integer, boolean("c"), fp("v", None, 3)], [boolean("go"), fp("w", None, 3)])
    write("loop_in_loop", small([node("Loop", ["n", "", "x"], ["y"], body=nested)], {"x": x}, y, {"n": np.array(3)}), {"x": x})
    write("loop_counted_by_constants", small([node("Constant", [], ["three"], value_float=3.0), node("Constant", [], ["raw"], value_ints=[3]), node("Squeeze", ["raw"], ["n"]), node("Loop", ["n", "", "x"], ["y"], body=loop("c", same, scan=False))], {"x": x}, y, {"k": k}), {"x": x})
    less = [node("Less", ["i", "limit"], ["go"])]
    write("loop_by_values", small([node("Loop", ["n", "", "x"], ["y"], body=loop("c", less, scan=False))], {"x": x}, y, {"n": np.array(5), "k": k, "limit": np.array(1)}), {"x": x})

    # Stored values in other forms.
    sparse = helper.make_sparse_tensor(helper.make_tensor("w", 1, [3], [1.0, 2.5, -3.0]), helper.make_tensor("w_at", 7, [3], [0, 4, 7]), [3, 3])
    write("sparse_linear", small([node("MatMul", ["x", "w"], ["y"])], {"x": x}, y, sparse=[sparse]), {"x": x})
    pairs = helper.make_sparse_tensor(helper.make_tensor("w", 1, [2], [1.0, 2.5]), helper.make_tensor("w_at", 7, [2, 2], [0, 2, 1, 1]), [3, 3])
    write("sparse_pairs", small([node("MatMul", ["x", "w"], ["y"])], {"x": x}, y, sparse=[pairs]), {"x": x}, answers=[{"y": x @ np.array([[0, 0, 1.0], [0, 2.5, 0], [0, 0, 0]], np.float32)}])
    constant = helper.make_sparse_tensor(helper.make_tensor("v", 1, [2], [1.5, -2.0]), helper.make_tensor("v_at", 7, [2], [0, 2]), [3])
    write("constant_sparse", small([node("Constant", [], ["w"], sparse_value=constant), node("Add", ["x", "w"], ["y"])], {"x": x}, y), {"x": x})
    for name, attributes, more in (("float", {"value_float": 1.5}, []), ("floats", {"value_floats": [1.0, 2.0, 3.0]}, []), ("int", {"value_int": 3}, ["Cast"]), ("ints", {"value_ints": [1, 2, 3]}, ["Cast"])):
        nodes = [node("Constant", [], ["w"], **attributes)]
        nodes += [node("Cast", ["w"], ["u"], to=1)] if more else [node("Identity", ["w"], ["u"])]
        write(f"constant_{name}", small([*nodes, node("Add", ["x", "u"], ["y"])], {"x": x}, y), {"x": x})
    words = helper.make_tensor_value_info("y", 8, [None])
    text = small([node("Constant", [], ["w"], value_strings=["a", "b"]), node("Gather", ["w", "x"], ["y"])], {"x": np.array([1, 0, 1])}, {"y": (8, [None])})
    write("constant_strings", text, {"x": np.array([1, 0, 1])})
    for kind, dtype in ((12, np.uint32), (13, np.uint64)):
        weight = helper.make_tensor("w", kind, [3], [1, 2, 3])
        stored = small([node("Cast", ["w"], ["u"], to=1), node("Add", ["x", "u"], ["y"])], {"x": x}, y)
        stored.graph.initializer.append(weight)
        write(f"weights_{np.dtype(dtype).name}", stored, {"x": x})
    listed = small([node("Add", ["x", "w"], ["y"])], {"x": x, "w": f(3)}, y, {"w": f(3)})
    listed.ir_version = 3
    listed.graph.input[1].type.tensor_type.shape.dim[0].Clear()
    write("weight_listed_as_input", listed, {"x": x})


def pack(codes, bits):
    """Codes of so many bits, from the lowest bits of each byte on; every row begins with a byte."""
    codes = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % (8 // bits))])
    codes = codes.reshape(*codes.shape[:-1], -1, 8 // bits)
    return np.bitwise_or.reduce(codes << np.arange(0, 8, bits, dtype=np.uint8), -1).astype(np.uint8)


def packed():
    """Weights of a few bits in blocks. The answers are computed here in double precision; ONNX Runtime must agree."""
    draw = np.random.default_rng(31)

    def weights(rows, columns, bits, block, zero, halves=False):
        """Codes, scales, zero points, and what they stand for. `zero` says how the points are stored."""
        blocks = -(-columns // block)
        codes = draw.integers(0, 2**bits, (*rows, blocks * block)).astype(np.uint8)
        scales = draw.uniform(0.01, 0.1, (*rows, blocks)).astype(np.float32)
        scales = scales.astype(np.float16).astype(np.float32) if halves else scales
        points = draw.integers(0, 2**bits, (*rows, blocks)).astype(np.uint8)
        stored = {"packed": pack(points, bits), "floats": points + s(0.25)}.get(zero)
        points = {"packed": points, "floats": stored}.get(zero, np.full(points.shape, 2 ** (bits - 1)))
        spread = lambda values: np.repeat(values.astype(np.float64), block, -1)
        return codes, scales, stored, ((codes - spread(points)) * spread(scales))[..., :columns]

    def product(name, columns, bits, block, zero=None, lead=(3,), bias=False, halves=False, **attributes):
        codes, scales, points, dense = weights((7,), columns, bits, block, zero, halves)
        inputs = {"a": draw.normal(size=(*lead, columns)).astype(np.float32), "b": pack(codes, bits).reshape(7, len(scales[0]), -1)}
        # Inputs that are left out have empty names, which a dict holds once.
        order, inputs = ["a", "b", "scales"], inputs | {"scales": scales}
        answer = inputs["a"] @ dense.T
        if points is not None:
            order, inputs = [*order, "zero"], inputs | {"zero": points}
        if bias:
            order, inputs = [*order, *[""] * (5 - len(order)), "bias"], inputs | {"bias": draw.normal(size=7).astype(np.float32)}
            answer = answer + inputs["bias"]
        attributes = {"K": columns, "N": 7, "bits": bits, "block_size": block} | attributes
        node = helper.make_node("MatMulNBits", order, ["y"], name="product", domain=MS, **attributes)
        ports = [helper.make_tensor_value_info("a", 1, ["N", *lead[1:], columns])]
        result = [helper.make_tensor_value_info("y", 1, [None] * answer.ndim)]
        graph = helper.make_graph([node], name, ports, result, [case.tensor(key, inputs[key]) for key in inputs if key != "a"])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid(MS, 1)], ir_version=10)
        # Sums of larger numbers, of which some nearly cancel each other.
        atol = 2e-4 if bits == 8 else 2e-5
        agrees(model.SerializeToString(), {"a": inputs["a"]}, answer, atol / 2)
        case.write(OPERATORS, f"matmulnbits_{name}", model, [{"a": inputs["a"]}], atol=atol, answers=[{"y": answer.astype(np.float32)}])

    def rows(name, columns, bits, block, zero=None, inner=(), shape=(3,), kind=np.int64, stored=True):
        codes, scales, points, dense = weights((9, *inner), columns, bits, block, zero)
        at = np.asarray(draw.integers(-9, 9, shape), kind)
        inputs = {"data": pack(codes[..., :columns], bits), "at": at, "scales": scales}
        inputs |= {} if points is None else {"zero": points}
        attributes = {"bits": bits, "block_size": block, "gather_axis": 0, "quantize_axis": len(inner) + 1}
        kept = [key for key in inputs if stored and key != "at"]
        name, answer = f"gatherblockquantized_{name}", dense[at].astype(np.float32)
        case.operator(OPERATORS, name, "GatherBlockQuantized", inputs, attributes, domain=MS, stored=kept, answers=[{"y0": answer}])
        question = {key: value for key, value in inputs.items() if key not in kept}
        agrees((OPERATORS / f"{name}.onnx").read_bytes(), question, answer, 0)

    def agrees(model, question, answer, atol):
        got = next(iter(case.run(model, question).values()))
        assert np.allclose(got, answer, rtol=1e-5 if atol else 0, atol=atol), abs(got - answer).max()

    # Blocks of 32 whose scales half precision would round, and whose it would not.
    product("scales", 64, 4, 32)
    product("scales_zero", 64, 4, 32, "packed")
    product("halves", 64, 4, 32, halves=True)
    product("halves_zero", 64, 4, 32, "packed", lead=(2, 3), halves=True)
    product("one_row", 64, 4, 32, "packed", lead=(1,))
    product("bias", 64, 4, 32, bias=True, lead=(2, 3))
    product("bias_zero", 64, 4, 32, "packed", bias=True)
    product("float_zero", 64, 4, 32, "floats")
    product("cut", 80, 4, 32, "packed")
    product("cut_byte", 37, 4, 16, "packed")
    for block in (16, 64, 128):
        product(f"block_{block}", 128, 4, block, "packed")
    for bits in (2, 8):
        product(f"bits_{bits}", 64, bits, 32)
        product(f"bits_{bits}_zero", 96, bits, 32, "packed")
    product("bits_2_cut", 96, 2, 64, "packed")
    product("level", 64, 4, 32, accuracy_level=1, weight_prepacked=0)
    rows("scales", 64, 4, 32)
    rows("scales_zero", 64, 4, 32, "packed")
    rows("scales_asked", 64, 4, 32, "packed", stored=False)
    rows("int32", 64, 4, 16, "packed", kind=np.int32, shape=(2, 2))
    rows("one", 64, 4, 128, shape=())
    rows("cut", 80, 4, 32, "packed")
    rows("inner", 64, 4, 32, "packed", inner=(3,), shape=(2, 2))
    for bits in (2, 8):
        rows(f"bits_{bits}", 64, bits, 32)
        rows(f"bits_{bits}_zero", 64, bits, 32, "packed")


def small_norms():
    """Normalisations of values whose variance an epsilon too large would hide, and with every input that may be left out."""
    draw = np.random.default_rng(32)
    x, gamma = s([[1e-3, 2e-3, 3e-3, 4e-3]]), np.ones(4, np.float32)
    bias, beta = draw.normal(size=4).astype(np.float32), draw.normal(size=4).astype(np.float32)
    inputs = {"x": x, "skip": x[:, ::-1] / 2, "gamma": gamma}
    for kind in ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"):
        op(f"{kind.lower()}_small", kind, inputs, stored=["gamma"], free=["x", "skip"])
    simplified, plain = "SkipSimplifiedLayerNormalization", "SkipLayerNormalization"
    op(f"{simplified.lower()}_bias", simplified, inputs | {"bias": bias}, stored=["gamma", "bias"], outputs=["y0", "", "", "y3"])
    op(f"{plain.lower()}_bias_alone", plain, inputs | {"": 0, "bias": bias}, stored=["gamma", "bias"], outputs=["y0", "", "", "y3"], atol=1e-5)
    op(f"{plain.lower()}_all", plain, inputs | {"beta": beta, "bias": bias}, stored=["gamma", "beta", "bias"], atol=1e-5)


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
        packed()
        small_norms()
    if "rewrites" in wanted:
        rewrites()
    if "quantised" in wanted:
        quantised_models()
    if "fp16" in wanted:
        fp16_models()
