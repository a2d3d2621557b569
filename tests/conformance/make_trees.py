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


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for family in sys.argv[1:] or ["operators"]:
        globals()[family]()
