"""Makes the one-node cases of `ai.onnx.ml`, except its tree ensembles: `make_ml.py` writes them into the corpus."""

import pathlib

import numpy as np
from onnx import numpy_helper

import case

FOLDER = pathlib.Path(__file__).parent / "corpus" / "operators"
ML = "ai.onnx.ml"
RNG = np.random.default_rng(7)
KINDS = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}


def ml(name, op, x, outputs=1, version=3, free=True, rtol=1e-5, atol=1e-6, **attributes):
    inputs = x if isinstance(x, dict) else {"x": x}
    free = list(inputs) if free is True else free or ()
    case.operator(FOLDER, f"{op}_{name}", op, inputs, attributes, outputs, ML, {ML: version}, free=free,
                  rtol=rtol, atol=atol)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def numbers(*shape):
    """Whole numbers, so that every type holds them."""
    return RNG.integers(-4, 5, size=shape)


def words(*values):
    return np.array(values, object)


def array_feature_extractor():
    x = numbers(3, 5)
    for kind, dtype in {**KINDS, "text": str}.items():
        values = np.array([[f"w{n}" for n in row] for row in x], object) if dtype is str else x.astype(dtype)
        case.operator(
            FOLDER, f"ArrayFeatureExtractor_{kind}", "ArrayFeatureExtractor", {"x": values, "y": np.array([4, 0, 0])},
            domain=ML, stored=["y"], free=["x"],
        )
    for name, shape, places in [("row", (5,), [1, 3]), ("cube", (2, 3, 4), [3, 1]), ("one", (3, 5), [2])]:
        inputs = {"x": normal(*shape), "y": np.array(places)}
        case.operator(FOLDER, f"ArrayFeatureExtractor_{name}", "ArrayFeatureExtractor", inputs, domain=ML, stored=["y"])
    inputs = {"x": normal(2, 4), "y": np.array([[1, 2]])}
    case.operator(FOLDER, "ArrayFeatureExtractor_given", "ArrayFeatureExtractor", inputs, domain=ML, free=["x"])


def small():
    x = normal(4, 3)
    ml("usual", "Binarizer", x)
    ml("threshold", "Binarizer", np.array([[0.5, 0.25, np.inf], [-np.inf, 0.250001, 0]], np.float32), threshold=0.25)
    ml("empty", "Binarizer", normal(0, 3))
    categories = dict(cats_strings=["cat", "dog", "cow"], cats_int64s=[5, 3, -7])
    ml("words", "CategoryMapper", words("cow", "cat", "rat", ""), default_int64=-9, **categories)
    ml("numbers", "CategoryMapper", np.array([[5, -7], [3, 4]]), default_string="?", **categories)
    ml("usual_words", "CategoryMapper", words("cow", "rat"), **categories)
    ml("usual_numbers", "CategoryMapper", np.array([4, 3]), **categories)
    parts = {"a": numbers(2, 3).astype(np.float32), "b": numbers(2, 2), "c": numbers(2, 1).astype(np.float64)}
    # ONNX Runtime wants the inputs of one type.
    for kind, dtype in KINDS.items():
        ml(kind, "FeatureVectorizer", {k: v.astype(dtype) for k, v in parts.items()}, inputdimensions=[3, 2, 1])
    floats = {k: v.astype(np.float32) for k, v in parts.items()}
    ml("cut_and_filled", "FeatureVectorizer", floats, inputdimensions=[2, 4, 1])
    ml("row", "FeatureVectorizer", {"a": normal(3), "b": normal(2)}, free=False, inputdimensions=[3, 2])


def imputer():
    x = np.array([[1, np.nan, 3], [np.nan, 0, -0.0], [np.inf, -np.inf, 7]], np.float32)
    nan = float("nan")
    ml("nan_by_column", "Imputer", x, imputed_value_floats=[10.0, 20.0, 30.0], replaced_value_float=nan)
    ml("nan_by_one", "Imputer", x, imputed_value_floats=[5.0], replaced_value_float=nan)
    ml("zero", "Imputer", x, imputed_value_floats=[5.0])
    ml("infinite", "Imputer", x, imputed_value_floats=[1.0, 2.0, 3.0], replaced_value_float=float("inf"))
    ml("row", "Imputer", x[0], free=False, imputed_value_floats=[1.0, 2.0, 3.0], replaced_value_float=nan)
    ml("empty", "Imputer", x[:0], imputed_value_floats=[1.0, 2.0, 3.0], replaced_value_float=nan)
    n = np.array([[1, -1, 3], [-1, 0, -1]])
    ml("integers", "Imputer", n, imputed_value_int64s=[10, 20, 30], replaced_value_int64=-1)
    ml("integers_by_one", "Imputer", n, imputed_value_int64s=[2**53 + 1], replaced_value_int64=-1)
    wide = x.astype(np.float64)
    filled = np.where(np.isnan(wide), [[10.0, 20.0, 30.0]], wide)
    attributes = dict(imputed_value_floats=[10.0, 20.0, 30.0], replaced_value_float=nan)
    # ONNX Runtime has neither of these types, the standard both.
    case.operator(FOLDER, "Imputer_f64", "Imputer", {"x": wide}, attributes, domain=ML, answers=[{"y0": filled}])
    attributes = dict(imputed_value_int64s=[10, 20, 30], replaced_value_int64=-1)
    narrow = n.astype(np.int32)
    filled = np.where(narrow == -1, [[10, 20, 30]], narrow).astype(np.int32)
    case.operator(FOLDER, "Imputer_i32", "Imputer", {"x": narrow}, attributes, domain=ML, answers=[{"y0": filled}])


def label_encoder():
    word, number, real = ["a", "b", "é"], [3, 1, -2], [0.5, -0.0, 1e30]
    keys = {"string": word, "int64": number, "float": real}
    asked = {
        "string": words("é", "x", "a", ""),
        "int64": np.array([[1, 7], [-2, 3]]),
        "float": np.array([1e30, 0, 0.25, np.nan, 0.5], np.float32),
    }
    defaults = {"string": "other", "int64": 42, "float": 4.5}
    for key, listed in keys.items():
        for value, values in keys.items():
            attributes = {f"keys_{key}s": listed, f"values_{value}s": values}
            version = 2 if key != value else 4
            ml(f"{key}_{value}", "LabelEncoder", asked[key], version=version, **attributes)
            more = {f"default_{value}": defaults[value]}
            ml(f"{key}_{value}_default", "LabelEncoder", asked[key], version=4, **attributes, **more)
    ml("repeated", "LabelEncoder", asked["string"], version=2, keys_strings=["a", "a"], values_int64s=[1, 2])
    for version in [2, 4]:
        attributes = dict(keys_floats=[1.0, float("nan")], values_int64s=[1, 2])
        x = np.array([np.nan, 1, 2], np.float32)
        ml(f"nan_{version}", "LabelEncoder", x, version=version, **attributes)
    asked = words("b", "z", "a")
    ml("positions", "LabelEncoder", asked, version=1, classes_strings=["a", "b"], default_int64=-5)
    ml("positions_usual", "LabelEncoder", asked, version=1, classes_strings=["a", "b"])
    ml("positions_back", "LabelEncoder", np.array([1, 0, 2, -1]), version=1, classes_strings=["a", "b"])
    made = lambda name, values, dtype=None: numpy_helper.from_array(np.array(values, dtype), name)
    strings = lambda values: case.tensor("t", words(*values))
    variants = {
        "string_int16": (strings(word), made("v", number, np.int16), made("d", [9], np.int16), asked),
        "string_double": (strings(word), made("v", real, np.float64), made("d", [9], np.float64), asked),
        "double_string": (made("k", real, np.float64), strings(word), strings(["?"]), np.array([0.5, 0, 3])),
        "double_double": (made("k", real, np.float64), made("v", real, np.float64), None, np.array([0.5, np.nan])),
        "string_int64": (strings(word), made("v", number, np.int64), None, asked),
        "int64_float": (made("k", number, np.int64), made("v", real, np.float32), None, np.array([1, 2])),
        "float_float": (made("k", [np.nan, 1], np.float32), made("v", [0.0, 5], np.float32), made("d", [7], np.float32),
                        np.array([np.nan, 1, 2], np.float32)),
    }
    for name, (key, value, default, x) in variants.items():
        attributes = dict(keys_tensor=key, values_tensor=value) | ({"default_tensor": default} if default else {})
        try:
            ml(f"tensor_{name}", "LabelEncoder", x, version=4, **attributes)
        except Exception as error:
            print(f"LabelEncoder_tensor_{name}: {str(error)[:200]}")


TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]


def linear():
    x, weights = normal(5, 4), [float(w) for w in normal(12)]
    # Probabilities, which is what PROBIT is for.
    small, even = np.abs(x) * 0.1, [0.25, 0.5, 0.75, 1.0]
    for transform in TRANSFORMS:
        given, line = (small, [abs(w) * 0.1 for w in weights]) if transform == "PROBIT" else (x, weights)
        attributes = dict(coefficients=line, intercepts=[0.1, 0.2, 0.3], post_transform=transform)
        ml(f"3_{transform.lower()}", "LinearClassifier", given, 2, classlabels_ints=[5, 6, 7], **attributes)
        ml(f"3_{transform.lower()}", "LinearRegressor", given, targets=3, **attributes)
        attributes |= dict(coefficients=line[:4], intercepts=[0.1])
        ml(f"1_{transform.lower()}", "LinearRegressor", given, targets=1, **attributes)
        if transform != "PROBIT":
            ml(f"2_from_1_{transform.lower()}", "LinearClassifier", given, 2, classlabels_ints=[-1, 1], **attributes)
        attributes |= dict(coefficients=line[:8], intercepts=[0.1, 0.2], multi_class=1)
        ml(f"2_{transform.lower()}", "LinearClassifier", given, 2, classlabels_strings=["no", "yes"], **attributes)
    attributes = dict(coefficients=[0.5, -0.5, 1.0, 2.0], intercepts=[0.0])
    for kind, dtype in KINDS.items():
        given = numbers(4, 4).astype(dtype)
        ml(kind, "LinearClassifier", given, 2, classlabels_strings=["no", "yes"], **attributes)
    given = numbers(3, 4)
    answer = given.astype(np.float32) @ np.array([[0.5], [-0.5], [1.0], [2.0]], np.float32)
    for kind, dtype in KINDS.items():
        # ONNX Runtime takes single precision alone, the standard all four.
        inputs = {"x": given.astype(dtype)}
        plain = dict(coefficients=attributes["coefficients"])
        case.operator(FOLDER, f"LinearRegressor_{kind}", "LinearRegressor", inputs, plain, domain=ML,
                      answers=[{"y0": answer}])
    zeros = np.zeros((2, 4), np.float32)
    ml("ties", "LinearClassifier", zeros, 2, classlabels_ints=[3, 4], coefficients=even * 2, intercepts=[1.0, 1.0])
    ml("zero_score", "LinearClassifier", zeros, 2, classlabels_ints=[3, 4], coefficients=even, intercepts=[0.0])
    ml("row", "LinearClassifier", x[0], 2, free=False, classlabels_ints=[3, 4], coefficients=even, intercepts=[0.0])
    ml("empty", "LinearClassifier", x[:0], 2, classlabels_ints=[3, 4], coefficients=even, intercepts=[0.0])
    ml("row", "LinearRegressor", x[0], free=False, coefficients=even, intercepts=[0.5])
    ml("empty", "LinearRegressor", x[:0], coefficients=even, intercepts=[0.5])
    nan = np.array([[np.nan, 1, 1, 1], [np.inf, 0, 0, -np.inf]], np.float32)
    ml("nan", "LinearRegressor", nan, coefficients=even)
    ml("nan", "LinearClassifier", nan, 2, classlabels_ints=[3, 4], coefficients=even * 2, intercepts=[1.0, 2.0])


def tables():
    x = np.array([[1, -2, 3], [0, 0, 0], [-4, 2, 2], [-1, -1, -2]])
    for norm in ["MAX", "L1", "L2"]:
        for kind, dtype in KINDS.items():
            ml(f"{norm}_{kind}", "Normalizer", x.astype(dtype), norm=norm)
    ml("usual", "Normalizer", normal(3, 4))
    ml("row", "Normalizer", normal(4), free=False, norm="L2")
    ml("nan", "Normalizer", np.array([[np.nan, 1], [np.inf, 1]], np.float32), norm="L2")
    ml("empty", "Normalizer", normal(0, 4), norm="L1")
    for kind, dtype in KINDS.items():
        ml(f"by_column_{kind}", "Scaler", x.astype(dtype), offset=[0.1, 0.2, 0.3], scale=[1.0, 2.0, 0.5])
        ml(f"by_one_{kind}", "Scaler", x.astype(dtype), offset=[0.1], scale=[0.3])
    ml("large", "Scaler", np.array([[1e9 + 1, 1e9 + 2]], np.float64), offset=[1e9, 1e9], scale=[1.0, 1.0])
    ml("nan", "Scaler", np.array([[np.nan, np.inf]], np.float32), offset=[1.0, 1.0], scale=[1.0, 1.0])
    ml("empty", "Scaler", normal(0, 2), offset=[1.0, 1.0], scale=[1.0, 1.0])
    ml("words", "OneHotEncoder", words("b", "x", "a"), cats_strings=["a", "b", "c"])
    ml("words_table", "OneHotEncoder", np.array([["b", "a"], ["", "c"]], object), cats_strings=["a", "b", "c"], zeros=1)
    ml("repeated", "OneHotEncoder", words("b", "a"), cats_strings=["a", "b", "a"])
    ml("known", "OneHotEncoder", np.array([[2, 1]]), cats_int64s=[1, 2], zeros=0)
    ml("i64", "OneHotEncoder", np.array([[2], [-3], [7]]), cats_int64s=[7, -3, 1])
    cut = np.array([[2.7], [-3.9], [7.0], [np.inf], [-0.5]])
    ml("f32", "OneHotEncoder", cut.astype(np.float32), cats_int64s=[7, -3, 2, 0])
    ml("f64", "OneHotEncoder", cut, cats_int64s=[7, -3, 2, 0])
    ml("nan", "OneHotEncoder", np.array([[np.nan], [0]], np.float32), cats_int64s=[7, 0])
    answer = np.eye(3, dtype=np.float32)[[[2], [1]]]
    inputs = {"x": np.array([[5], [4]], np.int32)}
    case.operator(FOLDER, "OneHotEncoder_i32", "OneHotEncoder", inputs, dict(cats_int64s=[3, 4, 5]), domain=ML,
                  answers=[{"y0": answer}])
    ml("empty", "OneHotEncoder", np.zeros((0, 1), np.int64), cats_int64s=[3, 4])


def svm():
    columns = 3
    for classes, counts in [(2, [2, 3]), (3, [2, 1, 2]), (4, [1, 2, 2, 1])]:
        total, pairs = sum(counts), classes * (classes - 1) // 2
        model = dict(
            vectors_per_class=counts,
            support_vectors=[float(v) for v in normal(total * columns)],
            coefficients=[float(v) for v in normal((classes - 1) * total)],
            rho=[float(v) for v in normal(pairs) * 0.1],
            kernel_params=[0.5, 0.25, 3.0],
        )
        chances = dict(prob_a=[-1.5] * pairs, prob_b=[0.1] * pairs)
        x = normal(6, columns)
        for kernel in ["LINEAR", "POLY", "RBF", "SIGMOID"]:
            name = f"{classes}_{kernel.lower()}"
            labels = dict(classlabels_ints=list(range(10, 10 + classes)))
            ml(name, "SVMClassifier", x, 2, kernel_type=kernel, **model, **labels)
            labels = dict(classlabels_strings=["a", "b", "c", "d"][:classes])
            ml(f"{name}_proba", "SVMClassifier", x, 2, kernel_type=kernel, **model, **labels, **chances)
        for transform in TRANSFORMS[1:]:
            name = f"{classes}_{transform.lower()}"
            more = dict(kernel_type="RBF", post_transform=transform, classlabels_ints=list(range(classes)))
            if transform != "PROBIT":
                ml(name, "SVMClassifier", x, 2, **model, **more)
            # The normal distribution's inverse is steep where probabilities are small.
            loose = dict(rtol=1e-3, atol=1e-4) if transform == "PROBIT" else {}
            ml(f"{name}_proba", "SVMClassifier", x, 2, **model, **more, **chances, **loose)
        if classes == 3:
            more = dict(kernel_type="RBF", classlabels_ints=[1, 2, 3])
            for kind, dtype in KINDS.items():
                ml(kind, "SVMClassifier", numbers(4, columns).astype(dtype), 2, **model, **more)
            ml("row", "SVMClassifier", x[0], 2, free=False, **model, **more)
            ml("empty", "SVMClassifier", x[:0], 2, **model, **more)
        for sign in [1, -1]:
            weights = [abs(float(v)) * sign for v in normal(classes * columns)]
            name = f"{classes}_without_vectors_{'positive' if sign > 0 else 'negative'}"
            labels = dict(classlabels_ints=list(range(classes)))
            both = np.concatenate([x, -x])
            ml(name, "SVMClassifier", both, 2, coefficients=weights, rho=[0.2], kernel_params=[0.0, 0.0, 0.0], **labels)
        weights = [float(v) for v in normal(classes * columns)]
        more = dict(classlabels_strings=["a", "b", "c", "d"][:classes], kernel_params=[0.0, 0.0, 0.0])
        for transform in TRANSFORMS[:4]:
            name = f"{classes}_without_vectors_{transform.lower()}"
            ml(name, "SVMClassifier", x, 2, coefficients=weights, rho=[-0.1], post_transform=transform, **more)
    x = normal(6, columns)
    model = dict(support_vectors=[float(v) for v in normal(4 * columns)], coefficients=[0.5, -1.0, 2.0, 0.25],
                 rho=[0.1], n_supports=4)
    for kernel in ["LINEAR", "POLY", "RBF", "SIGMOID"]:
        for degree in [2.0, 3.0, 4.0]:
            if degree == 3.0 or kernel == "POLY":
                more = dict(kernel_type=kernel, kernel_params=[0.5, 0.25, degree])
                ml(f"{kernel.lower()}_{degree:g}", "SVMRegressor", x, **model, **more)
        ml(f"{kernel.lower()}_one_class", "SVMRegressor", x, one_class=1, **model, **more)
    ml("without_vectors", "SVMRegressor", x, coefficients=[1.0, 2.0, -3.0], rho=[0.5], n_supports=0,
       kernel_params=[0.0, 0.0, 0.0])
    ml("row", "SVMRegressor", x[0], free=False, **model, **more)
    ml("empty", "SVMRegressor", x[:0], **model, **more)


def log_sum_exp():
    x = np.array([[1, -2, 3], [1000, 1000, -1000], [-1000, -1000, -1000], [np.inf, 1, 2], [-np.inf] * 3], np.float32)
    make = lambda name, x, attributes, axes=None, opset=18, free=("x",): case.operator(
        FOLDER, f"ReduceLogSumExp_{name}", "ReduceLogSumExp", {"x": x} | ({} if axes is None else {"axes": np.array(axes)}),
        attributes, opsets={"": opset}, stored=["axes"] if axes is not None else (), free=free,
    )
    make("rows", x, dict(keepdims=0), [1])
    make("last", x, {}, [-1])
    make("columns", x[:3], {}, [0])
    make("all", x[:3], dict(keepdims=0), free=())
    make("nothing", x[:3], dict(noop_with_empty_axes=1))
    make("before_18", x, dict(axes=[1], keepdims=1), opset=13)
    make("cube", normal(2, 3, 4), dict(keepdims=0), [0, 2])
    make("f64", normal(3, 4).astype(np.float64), {}, [1])
    make("empty", x[:0], {}, [1])
    nan = np.array([[np.nan, 1], [np.inf, np.nan]], np.float32)
    make("nan", nan, {}, [1])


def distances():
    a, b = normal(4, 3), normal(2, 3)
    for metric in ["euclidean", "sqeuclidean"]:
        for dtype in [np.float32, np.float64]:
            # ONNX Runtime subtracts squares.
            case.operator(FOLDER, f"CDist_{metric}_{np.dtype(dtype)}", "CDist", {"a": a.astype(dtype), "b": b.astype(dtype)},
                          dict(metric=metric), domain="com.microsoft", free=["a"], rtol=1e-4, atol=1e-5)


def hashes():
    x = np.array([[0, 1, -5], [2**31 - 1, 7, 12345]])
    make = lambda name, x, **attributes: case.operator(FOLDER, f"MurmurHash3_{name}", "MurmurHash3", {"x": x}, attributes,
                                                       domain="com.microsoft", free=["x"])
    for kind, dtype in KINDS.items():
        make(kind, x.astype(dtype), positive=0)
    make("u32", np.abs(x).astype(np.uint32), seed=42)
    make("u64", np.abs(x).astype(np.uint64))
    make("words", words("", "a", "ab", "abc", "abcd", "grün", "a longer text"), positive=0, seed=7)


def doubles():
    """What is there in single precision alone unless we see to it."""
    x = np.array([[0, 1, -2], [800, -800, np.nan]])
    for dtype in [np.float32, np.float64]:
        kind = np.dtype(dtype)
        case.operator(FOLDER, f"Sigmoid_{kind}", "Sigmoid", {"x": np.nan_to_num(x).astype(dtype)}, free=["x"])
        case.operator(FOLDER, f"IsNaN_{kind}", "IsNaN", {"x": x.astype(dtype)}, free=["x"])
        a, b, c = (normal(*shape).astype(dtype) for shape in [(3, 4), (4, 2), (2,)])
        gemm = lambda name, inputs, attributes={}: case.operator(
            FOLDER, f"Gemm_{name}_{kind}", "Gemm", inputs, attributes, stored=[key for key in inputs if key != "a"], rtol=1e-4, atol=1e-5)
        gemm("plain", {"a": a, "b": b})
        gemm("sum", {"a": a, "b": b, "c": c})
        gemm("factors", {"a": a, "b": b, "c": c}, dict(alpha=0.5, beta=-2.0))
        gemm("no_sum", {"a": a, "b": b, "c": c}, dict(beta=0.0))
        gemm("turned", {"a": a.T, "b": b.T, "c": normal(3, 1).astype(dtype)}, dict(transA=1, transB=1))
        gemm("scalar", {"a": a, "b": b, "c": np.array(0.5, dtype)}, dict(alpha=3.0))


if __name__ == "__main__":
    doubles()
    hashes()
    log_sum_exp()
    distances()
    array_feature_extractor()
    small()
    imputer()
    label_encoder()
    linear()
    tables()
    svm()
