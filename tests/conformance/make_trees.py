"""Cases of tree ensembles: `make_trees.py [operators] [sklearn] [xgboost] [lightgbm]` writes those families below
`corpus/`, all of them without arguments. A few small trees each; everything is drawn from fixed seeds.
"""

import itertools
import pathlib
import sys
import warnings

import numpy as np
from onnx import TensorProto, ValueInfoProto, helper

import case

HERE = pathlib.Path(__file__).parent / "corpus"
OPERATORS = HERE / "operators"
ML = "ai.onnx.ml"
INF, NAN = np.inf, np.nan


# ---------------------------------------------------------------- ensembles made by hand


def forest(rng, trees, depth, features, thresholds, modes, targets, votes="one", missing=None, weight=None):
    """Random trees as lists of nodes. `votes`: "one" target of a leaf at random, "tree" the same for a whole tree,
    "all" targets, "some" of them. `weight` draws a weight."""
    weight = weight or (lambda: float(np.float32(rng.normal())))
    nodes, leaves = [], []
    for tree in range(trees):
        own = int(rng.integers(targets))
        count = 0

        def grow(level):
            nonlocal count
            at, count = count, count + 1
            node = dict(tree=tree, id=at, feature=0, value=0.0, mode="LEAF", yes=0, no=0, missing=0)
            nodes.append(node)
            if level == 0 or (level < depth and rng.random() < 0.2):
                voted = {"one": [int(rng.integers(targets))], "tree": [own], "all": range(targets)}.get(votes)
                if voted is None:
                    voted = rng.permutation(targets)[: rng.integers(1, targets + 1)]
                leaves.extend((tree, at, int(target), weight()) for target in voted)
            else:
                node.update(
                    mode=str(rng.choice(modes)),
                    feature=int(rng.integers(features)),
                    value=float(rng.choice(thresholds)),
                    missing=int(rng.random() < 0.5) if missing is None else missing,
                )
                node["yes"] = grow(level - 1)
                node["no"] = grow(level - 1)
            return at

        grow(depth)
    return nodes, leaves


def attributes(nodes, leaves, prefix, wide=False, missing=True):
    get = lambda key: [node[key] for node in nodes]
    found = {
        "nodes_treeids": get("tree"),
        "nodes_nodeids": get("id"),
        "nodes_featureids": get("feature"),
        "nodes_modes": get("mode"),
        "nodes_truenodeids": get("yes"),
        "nodes_falsenodeids": get("no"),
        f"{prefix}_treeids": [leaf[0] for leaf in leaves],
        f"{prefix}_nodeids": [leaf[1] for leaf in leaves],
        f"{prefix}_ids": [leaf[2] for leaf in leaves],
    }
    if missing:
        found["nodes_missing_value_tracks_true"] = get("missing")
    floats = {"nodes_values": get("value"), f"{prefix}_weights": [leaf[3] for leaf in leaves]}
    for name, values in floats.items():
        if wide:
            found[f"{name}_as_tensor"] = helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)
        else:
            found[name] = values
    return found


THRESHOLDS = [-1.5, -0.5, 0.0, 0.25, 1.0, 2.0]


def questions(rng, rows, features, dtype=np.float32, odd=True):
    """Values that hit thresholds, and missing and infinite ones where the type has them."""
    if np.dtype(dtype).kind == "i":
        return rng.integers(-3, 4, (rows, features)).astype(dtype)
    values = THRESHOLDS + [-0.0, -2.0, 0.1, 3.0] + ([NAN, NAN, INF, -INF] if odd else [])
    return rng.choice(values, (rows, features)).astype(dtype)


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]
AGGREGATES = ["SUM", "AVERAGE", "MIN", "MAX"]
# By name: which input, and whether thresholds and weights are tensors of double precision.
TYPES = {"f32": (np.float32, False), "f64": (np.float64, False), "f64_tensors": (np.float64, True),
         "i64": (np.int64, False), "i32": (np.int32, False)}


def ask(operator, x, given, opset):
    """What ONNX Runtime answers, for inputs of types it lacks."""
    node = helper.make_node(operator, ["x"], ["y0"], domain=ML, **given)
    port = helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), [None, x.shape[1]])
    graph = helper.make_graph([node], operator, [port], [ValueInfoProto(name="y0")])
    opsets = [helper.make_opsetid(ML, opset), helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return case.run(model.SerializeToString(), {"x": x})


def regressor(name, x, nodes, leaves, wide=False, missing=True, opset=3, **more):
    given = attributes(nodes, leaves, "target", wide, missing) | more
    if x.dtype.kind == "i":
        more = {"answers": [ask("TreeEnsembleRegressor", x.astype(np.float32), given, opset)]}
    else:
        more = {}
    case.operator(OPERATORS, f"treeensembleregressor_{name}", "TreeEnsembleRegressor", {"x": x}, given, domain=ML,
                  opsets={ML: opset}, free=["x"], **more)


def classifier(name, x, nodes, leaves, wide=False, missing=True, opset=3, **more):
    given = attributes(nodes, leaves, "class", wide, missing) | more
    case.operator(OPERATORS, f"treeensembleclassifier_{name}", "TreeEnsembleClassifier", {"x": x}, given, domain=ML,
                  outputs=["label", "scores"], opsets={ML: opset}, free=["x"])


def regressors():
    rng = np.random.default_rng(1)
    for mode, (word, nan) in itertools.product(MODES, {"mixed": None, "absent": 0, "no": 0, "yes": 1}.items()):
        nodes, leaves = forest(rng, 3, 4, 3, THRESHOLDS, [mode], 1, missing=nan)
        name = f"{mode[7:].lower()}_nan_{word}"
        regressor(name, questions(rng, 40, 3), nodes, leaves, missing=word != "absent", n_targets=1)
    for kind, (dtype, wide) in TYPES.items():
        nodes, leaves = forest(rng, 12, 5, 4, THRESHOLDS, MODES, 1)
        regressor(f"modes_{kind}", questions(rng, 37, 4, dtype), nodes, leaves, wide, n_targets=1)
        nodes, leaves = forest(rng, 6, 4, 4, THRESHOLDS, MODES[:2], 3, "some")
        regressor(f"targets_{kind}", questions(rng, 21, 4, dtype), nodes, leaves, wide, n_targets=3)
    for rows in (0, 1, 7, 8, 9, 70):
        nodes, leaves = forest(rng, 9, 4, 3, THRESHOLDS, MODES[:1], 1)
        regressor(f"rows_{rows}", questions(rng, rows, 3), nodes, leaves, n_targets=1)
    for aggregate, targets, base in itertools.product(AGGREGATES, (1, 3), (False, True)):
        for votes in ["tree"] if targets == 1 else ["tree", "all", "some"]:
            if base and votes != "all" and targets > 1:
                continue
            nodes, leaves = forest(rng, 7, 3, 3, THRESHOLDS, MODES[:2], targets, votes)
            more = {"base_values": [0.5, -1.25, 3.0][:targets]} if base else {}
            name = f"{aggregate.lower()}_{targets}_{votes}{'_base' if base else ''}"
            regressor(name, questions(rng, 19, 3), nodes, leaves, n_targets=targets, aggregate_function=aggregate, **more)
    probability = lambda: float(np.float32(rng.uniform(0.01, 0.2)))
    for transform, votes in itertools.product(TRANSFORMS, ["all", "some"]):
        nodes, leaves = forest(rng, 4, 3, 3, THRESHOLDS, MODES[:1], 3, votes, weight=probability)
        regressor(f"{transform.lower()}_{votes}", questions(rng, 11, 3), nodes, leaves, n_targets=3, post_transform=transform)
    nodes, leaves = forest(rng, 4, 3, 3, THRESHOLDS, MODES[:1], 1, weight=probability)
    regressor("probit_1", questions(rng, 11, 3), nodes, leaves, n_targets=1, post_transform="PROBIT")
    nodes, leaves = forest(rng, 4, 3, 3, THRESHOLDS, MODES[:1], 2, "all")
    hits = helper.make_tensor("h", TensorProto.DOUBLE, [len(nodes)], [1.0] * len(nodes))
    base = helper.make_tensor("b", TensorProto.DOUBLE, [2], [0.1, 1e-9])
    regressor("base_tensor", questions(rng, 11, 3, np.float64), nodes, leaves, True, n_targets=2,
              base_values_as_tensor=base, nodes_hitrates_as_tensor=hits)
    nodes, leaves = forest(rng, 4, 3, 3, THRESHOLDS, MODES[:1], 1)
    regressor("opset_1", questions(rng, 11, 3), nodes, leaves, opset=1, n_targets=1, nodes_hitrates=[1.0] * len(nodes))
    # Node numbers in no order and not from nought on; trees that are a single leaf.
    for node in nodes:
        for key in ("id", "yes", "no"):
            node[key] = (node[key] * 7 + 3) % 31
    leaves = [(tree, (at * 7 + 3) % 31, target, weight) for tree, at, target, weight in leaves]
    nodes = [dict(node, tree=9 - node["tree"]) for node in nodes]
    leaves = [(9 - tree, at, target, weight) for tree, at, target, weight in leaves]
    regressor("numbers", questions(rng, 11, 3), nodes, leaves, n_targets=1)
    nodes, leaves = forest(rng, 3, 0, 1, [0.0], MODES[:1], 1)
    regressor("leaves_only", questions(rng, 3, 1), nodes, leaves, n_targets=1)
    # Thresholds next to each other, the largest, the smallest, infinite ones.
    edges = [float(x) for x in np.array([0, 1e-45, -1e-45, 1, 3.4028235e38, -3.4028235e38, INF, -INF], np.float32)]
    edges += [float(np.nextafter(np.float32(1), np.float32(direction))) for direction in (0, 2)]
    nodes, leaves = forest(rng, 30, 4, 2, edges, MODES, 1)
    x = rng.choice(edges + [NAN], (64, 2)).astype(np.float32)
    regressor("edges_f32", x, nodes, leaves, n_targets=1)
    x = np.nextafter(x.astype(np.float64), rng.choice([-INF, INF], (64, 2)))
    regressor("edges_f64", x, nodes, leaves, n_targets=1)
    # More trees and rows than one block holds, and a long thin tree.
    nodes, leaves = forest(rng, 40, 5, 6, THRESHOLDS, MODES[:1], 1)
    regressor("many", questions(rng, 150, 6), nodes, leaves, n_targets=1)
    chain, votes = [], []
    for at in range(60):
        chain.append(dict(tree=0, id=2 * at, feature=0, value=at / 8, mode="BRANCH_LEQ", yes=2 * at + 1, no=2 * at + 2, missing=0))
        chain.append(dict(tree=0, id=2 * at + 1, feature=0, value=0, mode="LEAF", yes=0, no=0, missing=0))
        votes.append((0, 2 * at + 1, 0, float(at)))
    chain.append(dict(tree=0, id=120, feature=0, value=0, mode="LEAF", yes=0, no=0, missing=0))
    regressor("chain", rng.uniform(-1, 9, (50, 1)).astype(np.float32), chain, votes + [(0, 120, 0, -1.0)], n_targets=1)


def classifiers():
    rng = np.random.default_rng(2)
    positive = lambda: float(np.float32(rng.uniform(0.01, 0.25)))
    words, numbers = ["no", "maybe", "ja", "ü"], [7, -1, 3, 12]
    for transform, votes, base in itertools.product(TRANSFORMS, ["all", "tree", "one"], [False, True]):
        nodes, leaves = forest(rng, 4, 3, 3, THRESHOLDS, MODES[:2], 3, votes, weight=positive if transform == "PROBIT" else None)
        more = {"base_values": [0.05, 0.1, -0.02]} if base else {}
        name = f"3_{transform.lower()}_{votes}{'_base' if base else ''}"
        classifier(name, questions(rng, 13, 3), nodes, leaves, classlabels_int64s=numbers[:3], post_transform=transform, **more)
    for sign, transform, base in itertools.product(["positive", "mixed"], TRANSFORMS[:4], [None, 0.2, -0.3]):
        if (sign, transform) == ("positive", "LOGISTIC"):
            continue
        nodes, leaves = forest(rng, 4, 3, 3, THRESHOLDS, MODES[:2], 1, weight=positive if sign == "positive" else None)
        more = {} if base is None else {"base_values": [base]}
        name = f"2_{sign}_{transform.lower()}_{'no' if base is None else 'minus' if base < 0 else 'plus'}_base"
        classifier(name, questions(rng, 13, 3), nodes, leaves, classlabels_int64s=numbers[:2], post_transform=transform, **more)
        if base is None:
            second = [(tree, at, 1, weight) for tree, at, _, weight in leaves]
            classifier(f"2_{sign}_{transform.lower()}_second", questions(rng, 13, 3), nodes, second,
                       classlabels_strings=words[:2], post_transform=transform)
    for kind, (dtype, wide) in TYPES.items():
        nodes, leaves = forest(rng, 12, 5, 4, THRESHOLDS, MODES, 4, "all")
        classifier(f"4_{kind}", questions(rng, 21, 4, dtype), nodes, leaves, wide, classlabels_strings=words)
        nodes, leaves = forest(rng, 12, 5, 4, THRESHOLDS, MODES, 1)
        classifier(f"2_{kind}", questions(rng, 21, 4, dtype), nodes, leaves, wide, classlabels_strings=words[:2], post_transform="LOGISTIC")
    for rows in (0, 1, 8, 70):
        nodes, leaves = forest(rng, 9, 4, 3, THRESHOLDS, MODES[:1], 3, "all")
        classifier(f"rows_{rows}", questions(rng, rows, 3), nodes, leaves, classlabels_strings=words[:3])
    nodes, leaves = forest(rng, 5, 4, 3, THRESHOLDS, MODES[:1], 3, "all")
    base = helper.make_tensor("b", TensorProto.DOUBLE, [3], [0.1, 0.2, 0.3])
    classifier("base_tensor", questions(rng, 11, 3, np.float64), nodes, leaves, True, classlabels_int64s=numbers[:3], base_values_as_tensor=base)
    nodes, leaves = forest(rng, 5, 4, 3, THRESHOLDS, MODES[:1], 3, "all")
    classifier("opset_1", questions(rng, 11, 3), nodes, leaves, opset=1, missing=False, classlabels_int64s=numbers[:3])
    # Equal scores: the first class wins; only classes with a vote are looked at.
    same = lambda: -0.5
    nodes, leaves = forest(rng, 3, 3, 3, THRESHOLDS, MODES[:1], 4, "some", weight=same)
    classifier("ties", questions(rng, 40, 3), nodes, leaves, classlabels_int64s=numbers)


def opset_5(rng, trees, depth, features, targets, modes, sets, dtype, weight=None):
    """Attributes of random trees for TreeEnsemble."""
    weight = weight or (lambda: float(np.float32(rng.normal())))
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes, leaves, roots = [], [], []

    def grow(level):
        if level == 0 or (level < depth and rng.random() < 0.2):
            leaves.append((int(rng.integers(targets)), weight()))
            return len(leaves) - 1, 1
        at = len(nodes)
        mode = int(rng.choice(modes))
        nodes.append(dict(feature=int(rng.integers(features)), mode=mode, split=float(rng.choice(THRESHOLDS)), missing=int(rng.random() < 0.5)))
        nodes[at]["members"] = sets[int(rng.integers(len(sets)))] if mode == 6 else None
        nodes[at]["yes"], nodes[at]["yes_leaf"] = grow(level - 1)
        nodes[at]["no"], nodes[at]["no_leaf"] = grow(level - 1)
        return at, 0

    for _ in range(trees):
        roots.append(grow(depth)[0])
    get = lambda key: [node[key] for node in nodes]
    tensor = lambda name, kind, values: helper.make_tensor(name, kind, [len(values)], values)
    members = [x for node in nodes if node["members"] for x in [*node["members"], NAN]]
    found = {
        "n_targets": targets,
        "tree_roots": roots,
        "nodes_featureids": get("feature"),
        "nodes_modes": tensor("modes", TensorProto.UINT8, get("mode")),
        "nodes_splits": tensor("splits", kind, get("split")),
        "nodes_truenodeids": get("yes"),
        "nodes_trueleafs": get("yes_leaf"),
        "nodes_falsenodeids": get("no"),
        "nodes_falseleafs": get("no_leaf"),
        "nodes_missing_value_tracks_true": get("missing"),
        "leaf_targetids": [leaf[0] for leaf in leaves],
        "leaf_weights": tensor("weights", kind, [leaf[1] for leaf in leaves]),
    }
    if members:
        found["membership_values"] = tensor("members", kind, members)
    return found


def ensembles():
    rng = np.random.default_rng(3)

    def write(name, x, given, **more):
        case.operator(OPERATORS, f"treeensemble_{name}", "TreeEnsemble", {"x": x}, given | more, domain=ML,
                      opsets={ML: 5, "": 21}, free=["x"])

    small, big = [[1.0, 2.0, 5.0], [0.0], [3.0, 1.0]], [[-2.0, 2.0], [float(x) for x in range(-3, 60, 2)], [1.0, 40.0]]
    for dtype in (np.float32, np.float64):
        word = np.dtype(dtype).name.replace("float", "f")
        for mode in range(6):
            given = opset_5(rng, 3, 4, 3, 1, [mode], [], dtype)
            write(f"{MODES[mode][7:].lower()}_{word}", questions(rng, 30, 3, dtype), given)
        write(f"modes_{word}", questions(rng, 37, 3, dtype), opset_5(rng, 10, 5, 3, 2, range(6), [], dtype))
        x = rng.integers(-2, 7, (40, 3)).astype(dtype)
        x[::7, 0] = NAN
        x[1::5, 1] += 0.25
        write(f"member_small_{word}", x, opset_5(rng, 8, 4, 3, 1, [0, 6], small, dtype))
        # ONNX Runtime cuts fractions off before it looks into a large set.
        write(f"member_big_{word}", np.floor(x), opset_5(rng, 8, 4, 3, 2, [6], big, dtype))
        for number, aggregate in enumerate(["average", "sum", "min", "max"]):
            given = opset_5(rng, 5, 3, 3, 2, [0, 1], [], dtype)
            write(f"{aggregate}_{word}", questions(rng, 15, 3, dtype), given, aggregate_function=number)
        # ONNX Runtime takes 1 for LOGISTIC and 2 for SOFTMAX, the standard has it the other way round.
        for number, transform in {0: "none", 3: "softmax_zero", 4: "probit"}.items():
            probability = lambda: float(np.float32(rng.uniform(0.01, 0.15)))
            given = opset_5(rng, 5, 3, 3, 3, [0], [], dtype, weight=probability)
            write(f"{transform}_{word}", questions(rng, 15, 3, dtype), given, post_transform=number)
        one = opset_5(rng, 1, 1, 3, 1, [0], [], dtype)
        one["nodes_falsenodeids"] = one["nodes_truenodeids"]
        one["leaf_targetids"], weights = one["leaf_targetids"][:1], [1.5]
        one["leaf_weights"] = helper.make_tensor("w", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), [1], weights)
        write(f"one_leaf_{word}", questions(rng, 5, 3, dtype), one)
        for rows in (0, 1, 70):
            write(f"rows_{rows}_{word}", questions(rng, rows, 3, dtype), opset_5(rng, 9, 4, 3, 1, [0], [], dtype))
    # ONNX Runtime has no half precision here; the answers are those of single precision, rounded.
    given = opset_5(rng, 6, 4, 3, 2, range(6), [], np.float32)
    x = questions(rng, 17, 3, np.float16)
    single = ask("TreeEnsemble", x.astype(np.float32), given, 5)["y0"]
    for name in ("nodes_splits", "leaf_weights"):
        values = np.array(given[name].float_data, np.float16)
        given[name] = helper.make_tensor(name, TensorProto.FLOAT16, [len(values)], values)
    case.operator(OPERATORS, "treeensemble_f16", "TreeEnsemble", {"x": x}, given, domain=ML, opsets={ML: 5, "": 21},
                  free=["x"], answers=[{"y0": single.astype(np.float16)}], rtol=2e-3, atol=2e-3)


def operators():
    regressors()
    classifiers()
    ensembles()


# ---------------------------------------------------------------- models of scikit-learn, XGBoost and LightGBM


def table(kind, features=5, rows=120, missing=False, classes=3):
    """Rows and what to learn of them: "two" or "three" classes, "number", "count", "positive", "pair" of numbers."""
    from sklearn.datasets import make_classification, make_regression

    if kind in ("two", "three"):
        x, y = make_classification(rows, features, n_informative=features - 1, n_redundant=0,
                                   n_classes=2 if kind == "two" else classes, n_clusters_per_class=1, random_state=5)
    else:
        x, y = make_regression(rows, features, n_informative=features, n_targets=2 if kind == "pair" else 1, random_state=5)
        y = y / 50
        if kind in ("count", "positive"):
            y = np.round(np.exp(y / 2)) if kind == "count" else np.exp(y / 2)
    x = x.astype(np.float32)
    if missing:
        x[np.random.default_rng(6).random(x.shape) < 0.15] = NAN
    return x, y


WORDS = np.array(["zebra", "ant", "ü"])
SHAPES = [1, 8, 0, 19]


def save(family, name, model, x, **more):
    """A case with batches of several sizes, rows that nothing was fitted on among them."""
    rng = np.random.default_rng(7)
    port = model.graph.input[0]
    wide = rng.normal(scale=2, size=x.shape).astype(x.dtype)
    if x.dtype.kind == "f":
        wide[np.isnan(x)] = NAN
    pool = np.concatenate([x[:14], wide[:14]])
    # Some exporters declare one row.
    for output in model.graph.output:
        if output.type.HasField("tensor_type") and output.type.tensor_type.shape.dim:
            output.type.tensor_type.shape.dim[0].Clear()
    # ONNX Runtime's ArrayFeatureExtractor takes no empty batch, and an empty list of maps tells no classes.
    some = any(node.op_type in ("ArrayFeatureExtractor", "ZipMap") for node in model.graph.node)
    sizes = [size for size in SHAPES if size or not some]
    case.write(HERE / family, name, model, [{port.name: pool[:size]} for size in sizes], **more)


def scikit(name, estimator, kind="two", words=False, x=None, dtype="float32", options=None, **more):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType

    rows, y = table(kind, missing=more.pop("missing", False)) if x is None else x
    if words:
        y = WORDS[y]
    estimator.fit(rows, y)
    kinds = {"float32": FloatTensorType, "float64": DoubleTensorType, "int64": Int64TensorType}
    ports = [("x", kinds[dtype]([None, rows.shape[1]]))]
    zipmap = more.pop("zipmap", False)
    options = options or {}
    if hasattr(estimator, "predict_proba"):
        options = {"zipmap": zipmap} | options
    model = to_onnx(estimator, initial_types=ports, options={id(estimator): options} if options else None,
                    target_opset={"": 18, ML: 3})
    save("trees", name, model, rows.astype(dtype), **more)


def plain_attributes():
    """skl2onnx hands numpy's integers and truth values to onnx, which takes Python's integers only."""
    from skl2onnx.common import _container

    original = _container.make_node

    def number(value):
        value = value.item() if isinstance(value, np.generic) else value
        return int(value) if isinstance(value, bool) else value

    def plain(value):
        value = value.tolist() if isinstance(value, np.ndarray) else value
        return [number(x) for x in value] if isinstance(value, list) else number(value)

    def make_node(*arguments, **attributes):
        return original(*arguments, **{key: plain(value) for key, value in attributes.items()})

    _container.make_node = make_node


def sklearn():
    from sklearn import ensemble as e
    from sklearn import tree as t
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    plain_attributes()
    r = {"random_state": 0}
    few = {"n_estimators": 4, "max_depth": 3, **r}
    for zipmap in (True, False):
        word = "zipmap" if zipmap else "plain"
        scikit(f"decision_tree_two_{word}", t.DecisionTreeClassifier(max_depth=4, **r), zipmap=zipmap)
        scikit(f"random_forest_three_{word}", e.RandomForestClassifier(**few), "three", zipmap=zipmap)
        scikit(f"random_forest_words_{word}", e.RandomForestClassifier(**few), "three", words=True, zipmap=zipmap)
        scikit(f"gradient_boosting_two_{word}", e.GradientBoostingClassifier(**few), zipmap=zipmap)
    scikit("decision_tree_three", t.DecisionTreeClassifier(max_depth=4, **r), "three")
    scikit("decision_tree_words", t.DecisionTreeClassifier(max_depth=4, **r), words=True)
    scikit("extra_tree", t.ExtraTreeClassifier(max_depth=4, **r), "three")
    scikit("decision_tree_regressor", t.DecisionTreeRegressor(max_depth=4, **r), "number")
    scikit("decision_tree_pair", t.DecisionTreeRegressor(max_depth=4, **r), "pair")
    scikit("random_forest_two", e.RandomForestClassifier(**few))
    scikit("random_forest_two_words", e.RandomForestClassifier(**few), words=True)
    scikit("random_forest_scaled", make_pipeline(StandardScaler(), e.RandomForestClassifier(**few)), "three")
    scikit("random_forest_double", e.RandomForestClassifier(**few), "three", dtype="float64")
    scikit("random_forest_integers", e.RandomForestClassifier(**few), "three", dtype="int64")
    scikit("random_forest_regressor", e.RandomForestRegressor(**few), "number")
    scikit("random_forest_pair", e.RandomForestRegressor(**few), "pair")
    scikit("extra_trees_two", e.ExtraTreesClassifier(**few))
    scikit("extra_trees_three", e.ExtraTreesClassifier(**few), "three")
    scikit("extra_trees_regressor", e.ExtraTreesRegressor(**few), "number")
    scikit("extra_trees_pair", e.ExtraTreesRegressor(**few), "pair")
    scikit("gradient_boosting_three", e.GradientBoostingClassifier(**few), "three")
    scikit("gradient_boosting_raw", e.GradientBoostingClassifier(**few), "three", options={"raw_scores": True})
    scikit("gradient_boosting_words", e.GradientBoostingClassifier(**few), words=True)
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        scikit(f"gradient_boosting_{loss}", e.GradientBoostingRegressor(loss=loss, **few), "number")
    hist = {"max_iter": 4, "max_leaf_nodes": 6, "min_samples_leaf": 4, **r}
    for missing in (False, True):
        word = "missing" if missing else "plain"
        scikit(f"hist_two_{word}", e.HistGradientBoostingClassifier(**hist), missing=missing)
        scikit(f"hist_three_{word}", e.HistGradientBoostingClassifier(**hist), "three", missing=missing)
        scikit(f"hist_regressor_{word}", e.HistGradientBoostingRegressor(**hist), "number", missing=missing)
    scikit("hist_poisson", e.HistGradientBoostingRegressor(loss="poisson", **hist), "count")
    scikit("isolation_forest", e.IsolationForest(n_estimators=3, max_samples=24, **r))
    scikit("adaboost_two", e.AdaBoostClassifier(t.DecisionTreeClassifier(max_depth=2), n_estimators=3, **r))
    scikit("adaboost_three", e.AdaBoostClassifier(t.DecisionTreeClassifier(max_depth=2), n_estimators=3, **r), "three", words=True)
    scikit("adaboost_regressor", e.AdaBoostRegressor(t.DecisionTreeRegressor(max_depth=2), n_estimators=3, **r), "number")
    scikit("bagging", e.BaggingClassifier(t.DecisionTreeClassifier(max_depth=3), n_estimators=3, **r), "three")
    scikit("bagging_features", e.BaggingClassifier(t.DecisionTreeClassifier(max_depth=3), n_estimators=3, max_features=3, **r))
    scikit("bagging_regressor", e.BaggingRegressor(t.DecisionTreeRegressor(max_depth=3), n_estimators=3, **r), "number")
    some = [("forest", e.RandomForestClassifier(**few)), ("tree", t.DecisionTreeClassifier(max_depth=3, **r))]
    scikit("voting_soft", e.VotingClassifier(some, voting="soft", flatten_transform=False), "three")
    scikit("voting_hard", e.VotingClassifier(some, voting="hard", flatten_transform=False), "three")
    some = [("forest", e.RandomForestRegressor(**few)), ("tree", t.DecisionTreeRegressor(max_depth=3, **r))]
    scikit("voting_regressor", e.VotingRegressor(some), "number")


def xgboost():
    import xgboost as xgb
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    few = {"n_estimators": 4, "max_depth": 3, "random_state": 0, "n_jobs": 1}

    def write(name, estimator, kind="two", missing=False, fit=None, x=None, **more):
        x, y = table(kind, missing=missing) if x is None else x
        estimator.fit(x, y, **(fit(x, y) if fit else {}))
        model = convert_xgboost(estimator, initial_types=[("x", FloatTensorType([None, x.shape[1]]))], target_opset=15)
        save("xgboost", name, model, x, **more)

    for missing in (False, True):
        word = "missing" if missing else "plain"
        write(f"two_{word}", xgb.XGBClassifier(**few), missing=missing)
        write(f"three_{word}", xgb.XGBClassifier(**few), "three", missing)
        write(f"regressor_{word}", xgb.XGBRegressor(**few), "number", missing)
    write("softprob", xgb.XGBClassifier(objective="multi:softprob", **few), "three")
    write("logistic", xgb.XGBClassifier(objective="binary:logistic", **few))
    for objective, kind in {
        "reg:squarederror": "number", "reg:absoluteerror": "number", "reg:squaredlogerror": "positive",
        "reg:pseudohubererror": "number", "count:poisson": "count", "reg:gamma": "positive", "reg:tweedie": "positive",
    }.items():
        write(f"objective_{objective.replace(':', '_')}", xgb.XGBRegressor(objective=objective, **few), kind)
    write("base_score", xgb.XGBRegressor(base_score=3.5, **few), "number")
    write("base_score_two", xgb.XGBClassifier(base_score=0.2, **few))
    # onnxmltools cannot convert the booster dart and rankers.
    write("forest_two", xgb.XGBRFClassifier(**few))
    write("forest_regressor", xgb.XGBRFRegressor(**few), "number")
    write("stopped", xgb.XGBRegressor(early_stopping_rounds=2, **few | {"n_estimators": 30}), "number",
          fit=lambda x, y: {"eval_set": [(x[:30], y[:30][::-1])], "verbose": False})
    write("leafwise", xgb.XGBClassifier(grow_policy="lossguide", max_leaves=7, tree_method="hist", **few | {"max_depth": 0}))


def lightgbm():
    import lightgbm as lgb
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    few = {"n_estimators": 4, "num_leaves": 6, "min_child_samples": 4, "random_state": 0, "n_jobs": 1, "verbose": -1}

    def write(name, estimator, kind="two", missing=False, zipmap=False, x=None, fit=None, **more):
        x, y = table(kind, missing=missing) if x is None else x
        estimator.fit(x, y, **(fit or {}))
        model = convert_lightgbm(estimator, initial_types=[("x", FloatTensorType([None, x.shape[1]]))],
                                 target_opset=15, zipmap=zipmap)
        save("lightgbm", name, model, x, **more)

    for missing in (False, True):
        word = "missing" if missing else "plain"
        write(f"two_{word}", lgb.LGBMClassifier(**few), missing=missing)
        write(f"three_{word}", lgb.LGBMClassifier(**few), "three", missing)
        write(f"regressor_{word}", lgb.LGBMRegressor(**few), "number", missing)
    write("two_zipmap", lgb.LGBMClassifier(**few), zipmap=True)
    write("three_zipmap", lgb.LGBMClassifier(**few), "three", zipmap=True)
    for objective in ("regression_l1", "huber", "quantile"):
        write(f"objective_{objective}", lgb.LGBMRegressor(objective=objective, **few), "number")
    for objective in ("poisson", "tweedie", "gamma"):
        write(f"objective_{objective}", lgb.LGBMRegressor(objective=objective, **few), "positive")
    bagged = {"subsample": 0.6, "subsample_freq": 1}
    for boosting in ("dart", "rf"):
        more = bagged if boosting == "rf" else {}
        write(f"{boosting}_two", lgb.LGBMClassifier(boosting_type=boosting, **few, **more))
        write(f"{boosting}_regressor", lgb.LGBMRegressor(boosting_type=boosting, **few, **more), "number")
    x, y = table("number")
    x[:, 0], x[:, 1] = np.arange(len(x)) % 9, np.arange(len(x)) % 4
    groups = {"cat_smooth": 1, "min_data_per_group": 1, "max_cat_to_onehot": 1}
    y = y + np.isin(x[:, 0], [1, 4, 5, 8]) * 3 + (x[:, 1] == 2)
    write("categories", lgb.LGBMRegressor(**few, **groups), x=(x, y), fit={"categorical_feature": [0, 1]})
    write("categories_two", lgb.LGBMClassifier(**few, **groups), x=(x, (y > 1).astype(int)), fit={"categorical_feature": [0, 1]})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for family in sys.argv[1:] or ["operators", "sklearn", "xgboost", "lightgbm"]:
        globals()[family]()
