"""Writes the cases of text: `corpus/text/` with what scikit-learn exports, `corpus/operators/` with operators on strings.

HashingVectorizer and the analyzer char_wb have no export. The models are stored as they were exported, with the locale en_US. Few machines have that one, so ONNX Runtime gets a
copy with C.UTF-8, in which letters have the same two cases.

    python tests/conformance/make_text.py
"""

import pathlib
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper

import case

HERE = pathlib.Path(__file__).parent
TEXT = HERE / "corpus" / "text"
OPERATORS = HERE / "corpus" / "operators"
ML = 3


def words(*values, shape=None):
    return np.array(values, dtype=object).reshape(shape or len(values))


def ints(*values, kind=np.int64):
    return np.array(values, dtype=kind)


def here(model):
    """A copy that runs without the locale of the United States."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)

    def localize(graph):
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    localize(attribute.g)
            if node.op_type == "StringNormalizer" and not any(a.name == "locale" for a in node.attribute):
                node.attribute.append(helper.make_attribute("locale", "C.UTF-8"))

    localize(copy.graph)
    return copy


def write(name, model, questions, **more):
    model.graph.name = name
    answers = [case.run(here(model).SerializeToString(), question) for question in questions]
    case.write(TEXT, name, model, questions, answers=answers, **more)


def op(name, operator, inputs, attributes=None, **more):
    case.operator(OPERATORS, name, operator, inputs, attributes, **more)


def normalizers():
    text = words("monday", "Tuesday", "", "THE", "the", "Ünïcode ß İ ı ǅ ŉ ᾀ ᾳ Σς ﬁ Ж")
    for action in ("NONE", "LOWER", "UPPER"):
        for sensitive in (0, 1):
            for stop in ((), ("the", "monday", "ς"), ("THE",)):
                attributes = {"case_change_action": action, "is_case_sensitive": sensitive, "locale": "C.UTF-8"}
                attributes |= {"stopwords": list(stop)} if stop else {}
                name = f"stringnormalizer_{action.lower()}_{sensitive}_{'_'.join(stop) or 'all'}"
                op(name.replace("ς", "sigma"), "StringNormalizer", {"x": text}, attributes, free=["x"])
    for action in ("LOWER", "UPPER"):
        attributes = {"case_change_action": action, "locale": "C"}
        op(f"stringnormalizer_ascii_{action.lower()}", "StringNormalizer", {"x": text}, attributes)
    stop = {"stopwords": ["the"], "locale": "C"}
    op("stringnormalizer_row", "StringNormalizer", {"x": text.reshape(1, 6)}, stop)
    op("stringnormalizer_nothing_left", "StringNormalizer", {"x": words("The", "the")}, stop, free=["x"])
    op("stringnormalizer_nothing_left_row", "StringNormalizer", {"x": words("the", shape=(1, 1))}, stop)
    op("stringnormalizer_plain", "StringNormalizer", {"x": text})
    op("stringnormalizer_empty_stopword", "StringNormalizer", {"x": words("", "x")}, {"stopwords": [""], "locale": "C"})


def tokenizers():
    text = words("hello world", "a, b;c", "", "日本 é", "x", " ", "a\nb\0c")
    base = {"mark": 0, "pad_value": "#", "mincharnum": 1}
    expressions = {
        "words": "[a-zA-Z0-9_]+",
        "two": r"\b\w\w+\b",
        "any": ".",
        "any_pairs": "..",
        "letters": r"[^\n]",
        "empty": "[a-z]*",
        "longest": "h|he|hell|a|b",
        "lazy": "h.*?l",
        "groups": "(h)el|(?:lo)",
        "classes": r"[[:alpha:]]+|\pL|[^\W]",
        "caseless": "(?i)[HÉ].",
        "anchored": r"^h|c$|\Bo",
        "none": "zzz",
    }
    for name, expression in expressions.items():
        op(f"tokenizer_{name}", "Tokenizer", {"x": text}, base | {"tokenexp": expression}, domain="com.microsoft", free=["x"])
    separators = {
        "letter": [""],
        "blank": [" "],
        "several": [" ", ",", ";"],
        "patterns": ["l+", "[.,;]", r"\s"],
        "order": ["b", "a, "],
        "any": ["."],
        "pieces": [" ", "^a"],
    }
    for name, given in separators.items():
        for mark in (0, 1):
            attributes = base | {"separators": given, "mark": mark}
            op(f"tokenizer_by_{name}_{mark}", "Tokenizer", {"x": text}, attributes, domain="com.microsoft", free=["x"])
    longer = base | {"separators": [" "], "mincharnum": 2, "pad_value": ""}
    op("tokenizer_longer", "Tokenizer", {"x": text}, longer, domain="com.microsoft", free=["x"])
    grid = base | {"separators": [" "], "mark": 1}
    op("tokenizer_grid", "Tokenizer", {"x": text[:6].reshape(2, 3)}, grid, domain="com.microsoft", free=["x"])
    op("tokenizer_nothing", "Tokenizer", {"x": words("", "")}, grid, domain="com.microsoft")
    op("tokenizer_one", "Tokenizer", {"x": words("a b")}, grid, domain="com.microsoft", free=["x"])


def ngrams():
    row = ints(1, 2, 3, 1, 9, 2, 3, 3)
    two = {
        "mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 0, "ngram_counts": [0, 3],
        "ngram_indexes": [0, 1, 2, 3, 4], "pool_int64s": [1, 2, 3, 1, 2, 2, 3],
    }
    three = two | {
        "ngram_counts": [0, 3, 7], "max_gram_length": 3, "ngram_indexes": [5, 1, 2, 0, 4, 3],
        "pool_int64s": [1, 2, 3, 1, 2, 2, 3, 1, 2, 3],
    }
    weights = [0.1, 0.2, 0.3, 0.4, 0.5]
    cases = {
        "plain": two,
        "idf": two | {"mode": "IDF"},
        "idf_weights": two | {"mode": "IDF", "weights": weights},
        "tfidf": two | {"mode": "TFIDF"},
        "tfidf_weights": two | {"mode": "TFIDF", "weights": weights},
        "tf_weights": two | {"weights": weights},
        "scattered": two | {"mode": "TFIDF", "weights": weights, "ngram_indexes": [6, 3, 2, 1, 0]},
        "shared": two | {"mode": "TFIDF", "weights": weights, "ngram_indexes": [0, 0, 2, 1, 0]},
        "shared_idf": two | {"mode": "IDF", "weights": weights, "ngram_indexes": [0, 0, 2, 1, 0]},
        "pairs": two | {"min_gram_length": 2, "max_skip_count": 2},
        "words": two | {"max_gram_length": 1, "max_skip_count": 3},
        "three": three,
        "only_three": three | {"min_gram_length": 3, "max_skip_count": 2},
        "only_two": three | {"min_gram_length": 2, "max_gram_length": 2, "max_skip_count": 1},
    }
    cases |= {f"skip_{skip}": three | {"max_skip_count": skip} for skip in (1, 2, 5, 100)}
    for name, attributes in cases.items():
        op(f"tfidfvectorizer_{name}", "TfIdfVectorizer", {"x": row}, attributes)
        op(f"tfidfvectorizer_{name}_rows", "TfIdfVectorizer", {"x": row.reshape(2, 4)}, attributes, free=["x"])
    op("tfidfvectorizer_int32", "TfIdfVectorizer", {"x": row.astype(np.int32)}, three)
    op("tfidfvectorizer_no_words", "TfIdfVectorizer", {"x": row[:0]}, two)
    op("tfidfvectorizer_no_columns", "TfIdfVectorizer", {"x": row[:0].reshape(2, 0)}, two)
    strings = {key: value for key, value in three.items() if key != "pool_int64s"}
    strings |= {"pool_strings": ["a", "é", "", "a", "é", "é", "", "a", "é", ""], "max_skip_count": 1}
    text = words("a", "é", "", "a", "?", "é", "", "")
    op("tfidfvectorizer_strings", "TfIdfVectorizer", {"x": text}, strings, free=["x"])
    op("tfidfvectorizer_strings_rows", "TfIdfVectorizer", {"x": text.reshape(4, 2)}, strings, free=["x"])


def pieces():
    text = words("a,b,,c", "", " hello  world ", "a", ",", "日本,é", "x\ty  z ")
    for name, attributes in {
        "blanks": {}, "comma": {"delimiter": ","}, "empty_delimiter": {"delimiter": ""}, "blanks_1": {"maxsplit": 1},
        "blanks_0": {"maxsplit": 0}, "comma_1": {"delimiter": ",", "maxsplit": 1}, "long": {"delimiter": "  "},
        "comma_0": {"delimiter": ",", "maxsplit": 0}, "negative": {"delimiter": ",", "maxsplit": -1},
    }.items():
        op(f"stringsplit_{name}", "StringSplit", {"x": text}, attributes, outputs=2, free=["x"])
    op("stringsplit_grid", "StringSplit", {"x": text[:6].reshape(2, 3)}, {"delimiter": ","}, outputs=2, free=["x"])
    op("stringsplit_scalar", "StringSplit", {"x": np.array("a b", dtype=object)}, outputs=2)
    op("stringsplit_nothing", "StringSplit", {"x": words("", " ")}, outputs=2)
    op("stringsplit_empty", "StringSplit", {"x": text[:0]}, outputs=2)

    op("stringconcat_stored", "StringConcat", {"x": text, "y": words("!")}, stored=["y"], free=["x"])
    op("stringconcat_table", "StringConcat", {"x": words("a", "é", shape=(2, 1)), "y": words("c", "", "日")})
    op("stringconcat_scalar", "StringConcat", {"x": np.array("a", dtype=object), "y": np.array("b", dtype=object)})
    op("stringconcat_empty", "StringConcat", {"x": text[:0], "y": words("!")})

    for name, pattern in {
        "mail": r"[\w.+-]+@[\w-]+\.[a-z]{2,}", "or": "a|ab", "nothing": "", "dot": "a.", "caseless": "(?i)ÀB",
        "anchored": "^ab$", "lines": "(?m)a$\n^b", "class": r"[^\d\s]+", "greek": r"\p{Greek}+", "brace": "a{,2}",
    }.items():
        text = words("ab", "abc", "", "a\n", "a\nb", "àb", "αβγ", "me.too@x-y.org", "a1", "a{,2}")
        op(f"regexfullmatch_{name}", "RegexFullMatch", {"x": text}, {"pattern": pattern}, free=["x"])
    op("regexfullmatch_grid", "RegexFullMatch", {"x": words("a", "b", shape=(1, 2))}, {"pattern": "a"})


def uniques():
    values = {
        "strings": words("b", "a", "é", "b", "B", "", "a", "日"),
        "floats": np.array([2, 1, -0.0, 0.0, 1, np.inf, -np.inf, 2], np.float32),
        "doubles": np.array([2, 1, 1, 0.5, 2, 3, 3, 4], np.float64),
        "halves": np.array([2, 1, 1, 0.5, 2, 3, 3, 4], np.float16),
        "int8": ints(3, -1, 3, 0, 0, 3, 7, 7, kind=np.int8),
        "int64": ints(3, -1, 3, 0, 0, 3, 7, 7),
    }
    for name, x in values.items():
        for keep in (0, 1):
            op(f"unique_{name}_{keep}", "Unique", {"x": x}, {"sorted": keep}, outputs=4, free=["x"])
    table = ints(1, 2, 1, 0, 1, 0, 1, 2, 1, 1, 1, 1).reshape(4, 3)
    for axis in (0, 1, -1):
        for keep in (0, 1):
            name = f"unique_axis_{axis}_{keep}".replace("-", "m")
            op(name, "Unique", {"x": table}, {"axis": axis, "sorted": keep}, outputs=4)
    cube = np.array([[[1, 1], [0, 1]], [[2, 1], [0, 1]], [[1, 1], [0, 1]]], np.float32)
    for axis in (0, 1, 2):
        op(f"unique_cube_{axis}", "Unique", {"x": cube}, {"axis": axis}, outputs=4)
    op("unique_words_axis", "Unique", {"x": words(*"abbaab", shape=(3, 2))}, {"axis": 0}, outputs=4)
    op("unique_flat", "Unique", {"x": table}, outputs=4, free=["x"])
    op("unique_empty", "Unique", {"x": table[:0]}, outputs=4)
    op("unique_empty_axis", "Unique", {"x": table[:0]}, {"axis": 0}, outputs=4)
    op("unique_scalar", "Unique", {"x": np.array(3.0, np.float32)}, outputs=4)


def sequences():
    """Sequences that come and go inside a graph."""
    x = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    stored = {"one": np.array(1), "last": np.array(-1), "sizes": ints(1, 3), "size": np.array(1), "y": x[:, :1] * 10}

    def graph(name, *nodes, opset=18):
        nodes = [helper.make_node(op, inputs, [output], **attributes) for op, inputs, output, attributes in nodes]
        used = {i for node in nodes for i in node.input}
        weights = [case.tensor(key, value) for key, value in stored.items() if key in used]
        port = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, 3])
        bare = [onnx.ValueInfoProto(name="out")]
        opsets = [helper.make_opsetid("", opset)]
        model = helper.make_model(helper.make_graph(nodes, name, [port], bare, weights), opset_imports=opsets, ir_version=8)
        answers = [case.run(model.SerializeToString(), {"x": value}) for value in (x, x[:1])]
        kind = helper.np_dtype_to_tensor_dtype(answers[0]["out"].dtype)
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info("out", kind, [None] * answers[0]["out"].ndim))
        case.write(OPERATORS, f"sequence_{name}", model, [{"x": x}, {"x": x[:1]}], answers=answers)

    construct = ("SequenceConstruct", ["x", "y"], "list", {})
    twice = ("SequenceConstruct", ["x", "x"], "list", {})
    sizes = ("SplitToSequence", ["x", "sizes"], "list", {"axis": 1})
    slices = ("SplitToSequence", ["x"], "list", {"axis": 1, "keepdims": 0})
    kept = ("SplitToSequence", ["x"], "list", {"axis": -2})
    size = ("SplitToSequence", ["x", "size"], "list", {"axis": 1})
    last = ("SequenceAt", ["list", "last"], "out", {})
    length = ("SequenceLength", ["list"], "out", {})
    for opset in (12, 18):
        graph(f"split_at_{opset}", sizes, last, opset=opset)
        stack = ("ConcatFromSequence", ["list"], "out", {"axis": 1, "new_axis": 1})
        graph(f"stack_{opset}", twice, stack, opset=opset)
    graph("slice_at", slices, ("SequenceAt", ["list", "one"], "out", {}))
    graph("kept_at", kept, last)
    graph("size_at", size, last)
    graph("construct_at", construct, last)
    graph("lengths", construct, length)
    graph("slice_lengths", slices, length)
    graph("split_lengths", sizes, length)
    graph("concat", twice, ("ConcatFromSequence", ["list"], "out", {"axis": 1}))
    graph("split_concat", sizes, ("ConcatFromSequence", ["list"], "out", {"axis": -2}))
    graph("slices_joined", slices, ("ConcatFromSequence", ["list"], "out", {"axis": 1, "new_axis": 1}))
    empty = ("SequenceEmpty", [], "none", {"dtype": TensorProto.FLOAT})
    one = ("SequenceInsert", ["none", "x"], "some", {})
    graph("insert", empty, one, ("SequenceInsert", ["some", "y", "last"], "list", {}), last)
    graph("erase", construct, ("SequenceErase", ["list", "last"], "less", {}), ("SequenceAt", ["less", "last"], "out", {}))


TYPES = {
    "float": np.float32, "double": np.float64, "half": np.float16, "int8": np.int8, "int16": np.int16, "int32": np.int32,
    "int64": np.int64, "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64, "bool": np.bool_,
}


def casts():
    floats = [1, -2.5, 1e10, 1e16, 1.1, 0.1, 1 / 3, 123456789, 1e-5, 1e-4, 3.4e38, 1e-45, -0.0, 0, np.nan, np.inf, -np.inf,
              16777217, 1e5, 1e7, 1e8, 99999999, 12345678.5, 12345677.5]
    for name, kind in TYPES.items():
        with np.errstate(all="ignore"):
            if np.dtype(kind).kind == "f":
                x = np.array(floats, np.float64).astype(kind)
            elif kind is np.bool_:
                x = np.array([True, False])
            else:
                x = np.array([0, 7, np.iinfo(kind).min, np.iinfo(kind).max], kind)
        op(f"cast_{name}_to_string", "Cast", {"x": x}, {"to": TensorProto.STRING}, free=["x"])
        whole = ["1", " 7", "7 ", "7x", "0", "+3", "010", "\n4", "42", "0x10"]
        if np.dtype(kind).kind == "f":
            text = ["1", "2.5", "-3e2", "nan", "NaN", "inf", "-INF", " 7", "7x", "+3", "infinity", ".5", "5.", "1,5", "-0",
                    "1e", "nan(1)", "16777217", "3.4028236e38"]
        elif kind is np.bool_:
            text = ["1", "0", "2", "0.5"]
        else:
            text = whole + ["-5", "300", "-129", "2147483648", "7.9", "1e3"]
        to = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        op(f"cast_string_to_{name}", "Cast", {"x": words(*text)}, {"to": to}, free=["x"])
    op("cast_stored_to_string", "Cast", {"x": ints(1, 2)}, {"to": TensorProto.STRING}, stored=["x"])
    like = {"x": words("1.5", " 7x", "nan"), "t": np.zeros(1, np.float32)}
    op("castlike_string_to_float", "CastLike", like, stored=["t"], free=["x"])
    op("castlike_double_to_string", "CastLike", {"x": np.array([1 / 3, 2e20]), "t": words("")}, stored=["t"], free=["x"])
    op("cast_string_to_string", "Cast", {"x": words("a", "")}, {"to": TensorProto.STRING}, free=["x"])


def movers():
    """What is done to numbers and strings alike."""
    x = words("a", "", "日本", "d", "é", "a", shape=(2, 3))
    for free in ((), ("x",)):
        end = "_free" if free else ""

        def move(name, operator, inputs, attributes=None, **more):
            op(f"strings_{name}{end}", operator, inputs, attributes, free=free, **more)

        move("identity", "Identity", {"x": x})
        move("concat", "Concat", {"x": x, "z": words("p", "q", "r", shape=(1, 3))}, {"axis": 0}, stored=["z"])
        move("reshape", "Reshape", {"x": x, "s": ints(-1)}, stored=["s"])
        move("reshape_column", "Reshape", {"x": x, "s": ints(-1, 1)}, stored=["s"])
        move("flatten", "Flatten", {"x": x.reshape(2, 3, 1)}, {"axis": 1})
        move("gather", "Gather", {"x": x, "i": ints(2, 0)}, {"axis": 1}, stored=["i"])
        move("gather_given", "Gather", {"x": x, "i": ints(-1, 0)}, {"axis": 1})
        move("gathernd", "GatherND", {"x": x, "i": ints(1, 0, 0, 2).reshape(2, 2)}, stored=["i"])
        move("gatherelements", "GatherElements", {"x": x, "i": ints(1, 0, 0, 2).reshape(2, 2)}, {"axis": 1}, stored=["i"])
        move("slice", "Slice", {"x": x, "a": ints(1), "b": ints(3), "c": ints(1)}, stored=["a", "b", "c"])
        back = {"x": x, "a": ints(-1), "b": ints(-5), "c": ints(1), "d": ints(-1)}
        move("slice_back", "Slice", back, stored=["a", "b", "c", "d"])
        move("squeeze", "Squeeze", {"x": x.reshape(2, 1, 3), "a": ints(1)}, stored=["a"])
        move("unsqueeze", "Unsqueeze", {"x": x, "a": ints(1)}, stored=["a"])
        move("transpose", "Transpose", {"x": x}, {"perm": [1, 0]})
        move("split", "Split", {"x": x, "s": ints(1, 2)}, {"axis": 1}, outputs=2, stored=["s"])
        move("expand", "Expand", {"x": x, "s": ints(2, 1, 3)}, stored=["s"])
        move("tile", "Tile", {"x": x, "s": ints(1, 2)}, stored=["s"])
        where = {"x": np.array([[1, 0, 1], [0, 0, 1]], bool), "a": x, "b": words("zz")}
        op(f"strings_where{end}", "Where", where, stored=["b"], free=free and ("x", "a"))
        move("equal", "Equal", {"x": x, "a": words("a", "b", "é")}, stored=["a"])
        move("shape", "Shape", {"x": x})
        move("size", "Size", {"x": x})
        move("scatternd", "ScatterND", {"x": x, "i": ints(0, 1).reshape(1, 2), "u": words("new")}, stored=["i"])
        move("onehot", "OneHot", {"x": ints(0, 1, 0), "d": ints(2), "v": words("off", "on")}, stored=["d", "v"])
        move("arrayfeatureextractor", "ArrayFeatureExtractor", {"x": x, "i": ints(2, 0)}, domain="ai.onnx.ml", stored=["i"])
    op("strings_stored", "Identity", {"x": words("a", "日本")}, stored=["x"])
    op("strings_scalar", "Identity", {"x": np.array("a", dtype=object)})
    op("strings_stored_concat", "Concat", {"x": words("a"), "y": words("b")}, {"axis": 0}, stored=["x", "y"])
    op("strings_stored_gather", "Gather", {"x": words("a", "b", "c"), "i": ints(2, 0, 1, 1)}, stored=["x"], free=["i"])
    op("strings_empty", "Identity", {"x": x[:0]}, free=["x"])
    op("strings_tile_0", "Tile", {"x": x, "s": ints(0, 2)}, stored=["s"])


DOCUMENTS = [
    "the cat sat on the mat", "a dog ate my homework", "Cats and dogs are pets", "The stock market fell today",
    "markets rose as stocks gained", "investors sold stocks and bonds", "the team won the match", "a late goal won the game",
    "The players trained for the match", "my cat chased a dog", "bonds gained as the market fell", "the game was a draw",
]
LABELS = np.array(["pets", "pets", "pets", "money", "money", "money", "sport", "sport", "sport", "pets", "money", "sport"])
ASKED = ["The CAT ate the dog", "stocks fell", "won the match!", "", "nothing known here", "Élan: café 日本 the game_1"]


def chains():
    """Graphs written by hand: what one does with strings before a model."""
    dates = words("2024-01-31", "1999-12-01", "2030-6-7")
    names = words("ann@mail.org", "", "bob", "é@x.de")
    stored = {
        "zero": ints(0), "one": ints(1), "two": ints(2), "first": np.array(0), "column": ints(-1, 1), "flat": ints(-1),
        "missing": words("missing"), "nothing": words(""), "mark": words("_"), "far": ints(3, 1),
    }

    def chain(name, x, *nodes, opset=20):
        made = [helper.make_node(op, inputs, outputs, domain=domain, **more) for op, inputs, outputs, domain, more in nodes]
        used = {i for node in made for i in node.input}
        weights = [case.tensor(key, value) for key, value in stored.items() if key in used]
        port = helper.make_tensor_value_info("x", TensorProto.STRING, ["N"])
        ids = [("", opset), ("ai.onnx.ml", 4), ("com.microsoft", 1)]
        ids = [helper.make_opsetid(key, version) for key, version in ids]
        bare = helper.make_graph(made, name, [port], [onnx.ValueInfoProto(name="out")], weights)
        model = helper.make_model(bare, opset_imports=ids, ir_version=9)
        asked = [{"x": x}, {"x": x[:1]}]
        answers = [case.run(model.SerializeToString(), question) for question in asked]
        out = answers[0]["out"]
        kind = TensorProto.STRING if out.dtype.kind == "O" else helper.np_dtype_to_tensor_dtype(out.dtype)
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info("out", kind, [None] * out.ndim))
        case.write(TEXT, f"chain_{name}", model, asked, answers=answers)

    split = ("StringSplit", ["x"], ["parts", "counts"], "", {"delimiter": "-"})
    number = ("Cast", ["part"], ["out"], "", {"to": TensorProto.FLOAT})
    chain("year", dates, split, ("Slice", ["parts", "zero", "one", "one"], ["part"], "", {}), number)
    chain("day", dates, split, ("Gather", ["parts", "two"], ["part"], "", {"axis": 1}), number)
    chain("month", dates, split, ("Gather", ["parts", "one"], ["two_axes"], "", {"axis": 1}),
          ("Reshape", ["two_axes", "flat"], ["part"], "", {}), number)
    chain("counts", dates, split, ("Identity", ["counts"], ["out"], "", {}))
    fill = [("Equal", ["x", "nothing"], ["empty"], "", {}), ("Where", ["empty", "missing", "x"], ["full"], "", {})]
    chain("fill", names, *fill, ("Identity", ["full"], ["out"], "", {}))
    categories = {"cats_strings": ["bob", "missing"], "zeros": 1}
    chain("fill_onehot", names, *fill, ("OneHotEncoder", ["full"], ["out"], "ai.onnx.ml", categories))
    encoder = {"keys_strings": ["bob_", "_"], "values_int64s": [7, 8], "default_int64": -1}
    chain("joined_labels", names, ("StringConcat", ["x", "mark"], ["joined"], "", {}),
          ("LabelEncoder", ["joined"], ["out"], "ai.onnx.ml", encoder))
    chain("mail", names, ("RegexFullMatch", ["x"], ["is"], "", {"pattern": r".+@\w+\.\w+"}),
          ("Cast", ["is"], ["out"], "", {"to": TensorProto.FLOAT}))
    chain("there_and_back", words("b", "a", "b", ""), ("Unique", ["x"], ["y", "", "inverse"], "", {}),
          ("Gather", ["y", "inverse"], ["out"], "", {}))
    tokens = {"tokenexp": "[a-z]+", "mark": 0, "mincharnum": 1, "pad_value": ""}
    tokenizer = ("Tokenizer", ["x"], ["tokens"], "com.microsoft", tokens)
    chain("first_token", names, tokenizer, ("Gather", ["tokens", "first"], ["out"], "", {"axis": 1}))
    chain("first_tokens", names, tokenizer, ("Slice", ["tokens", "zero", "one", "one"], ["out"], "", {}))
    chain("stop_words", words("the", "cat", "The"), ("StringNormalizer", ["x"], ["left"], "", {"stopwords": ["the"], "locale": "C"}),
          ("Reshape", ["left", "column"], ["out"], "", {}))
    chain("columns", names, ("Unsqueeze", ["x", "one"], ["a"], "", {}), ("Concat", ["a", "a"], ["b"], "", {"axis": 1}),
          ("Transpose", ["b"], ["out"], "", {"perm": [1, 0]}))
    chain("tiled", names, ("Unsqueeze", ["x", "one"], ["a"], "", {}), ("Tile", ["a", "far"], ["out"], "", {}))
    chain("numbers_as_text", dates, ("Shape", ["x"], ["size"], "", {}), ("Cast", ["size"], ["out"], "", {"to": TensorProto.STRING}))


def questions(column=False):
    rows = [ASKED, ASKED[:1], ["a"]]
    return [{"text": words(*row, shape=(len(row), 1) if column else None)} for row in rows]


def vectorizers():
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import LinearSVC

    def export(name, model, options=None, labels=LABELS, column=False):
        model.fit(np.array(DOCUMENTS), labels)
        types = [("text", StringTensorType([None, 1] if column else [None]))]
        exported = to_onnx(model, initial_types=types, options=options, target_opset={"": 18, "ai.onnx.ml": 3})
        write(name, exported, questions(column))

    tfidf, counts = TfidfVectorizer, CountVectorizer
    for name, model in {
        "tfidf": tfidf(),
        "tfidf_bigrams": tfidf(ngram_range=(1, 2), min_df=2),
        "tfidf_only_bigrams": tfidf(ngram_range=(2, 2)),
        "tfidf_trigrams": tfidf(ngram_range=(1, 3), max_features=40),
        "tfidf_l1": tfidf(norm="l1", smooth_idf=False),
        "tfidf_no_norm": tfidf(norm=None, use_idf=False),
        "tfidf_sublinear": tfidf(sublinear_tf=True),
        "tfidf_stop_words": tfidf(stop_words=["the", "a"]),
        "tfidf_english": tfidf(stop_words="english"),
        "tfidf_case": tfidf(lowercase=False),
        "tfidf_pattern": tfidf(token_pattern=r"\b[a-z]+\b"),
        "tfidf_letters": tfidf(token_pattern="[a-zA-Z]{3,}"),
        "tfidf_binary": tfidf(binary=True),
        "counts": counts(),
        "counts_binary": counts(binary=True),
        "counts_max_df": counts(max_df=0.3),
        "counts_vocabulary": counts(vocabulary=["cat", "dog", "the", "stocks"]),
        "counts_letters": counts(analyzer="char", ngram_range=(1, 1)),
        "counts_pairs_of_letters": counts(analyzer="char", ngram_range=(2, 2)),
        "counts_letters_1_3": counts(analyzer="char", ngram_range=(1, 3), max_features=60),
    }.items():
        export(name, model)
    export("tfidf_column", tfidf(), column=True)
    export("tfidf_separators", tfidf(), options={TfidfVectorizer: {"separators": [" ", "[.]", "\\?", ",", ";", ":", "!"]}})
    export("tfidf_tokenexp", tfidf(), options={TfidfVectorizer: {"tokenexp": r"\b\w\w+\b"}})
    export("tfidf_kept_empty", tfidf(), options={TfidfVectorizer: {"keep_empty_string": True}})
    for name, last in {
        "logistic": LogisticRegression(), "bayes": MultinomialNB(), "svc": LinearSVC(random_state=0), "sgd": SGDClassifier(random_state=0),
        "sgd_log": SGDClassifier(loss="log_loss", random_state=0),
    }.items():
        model = make_pipeline(tfidf(max_features=20), last)
        # Without an option of its own this one is asked for the others'.
        options = {LinearSVC: {"nocl": False}} if name == "svc" else None
        export(f"tfidf_{name}", model, options)
        export(f"tfidf_{name}_two", model, options, labels=np.where(LABELS == "pets", "yes", "no"))
    plain = {LogisticRegression: {"zipmap": False}}
    export("tfidf_logistic_plain", make_pipeline(tfidf(max_features=20), LogisticRegression()), options=plain)
    numbers = make_pipeline(counts(max_features=20), TfidfTransformer(), LogisticRegression())
    export("counts_tfidf_numbers", numbers, labels=np.unique(LABELS, return_inverse=True)[1])
    both = FeatureUnion([("words", tfidf(max_features=10)), ("pairs", counts(ngram_range=(2, 2), max_features=10))])
    export("union", make_pipeline(both, LogisticRegression()))

    import pandas as pd

    generator = np.random.default_rng(0)
    table = pd.DataFrame({
        "text": DOCUMENTS, "length": [float(len(text)) for text in DOCUMENTS],
        "score": generator.normal(size=len(DOCUMENTS)).round(3), "channel": ["mail", "web", "phone"] * 4,
    })
    columns = ColumnTransformer([
        ("text", tfidf(max_features=12), "text"), ("numbers", StandardScaler(), ["length", "score"]),
        ("channel", OneHotEncoder(handle_unknown="ignore"), ["channel"]),
    ])
    model = make_pipeline(columns, LogisticRegression()).fit(table, LABELS)
    types = [(name, FloatTensorType([None, 1]) if name in ("length", "score") else StringTensorType([None, 1])) for name in table]
    exported = to_onnx(model, initial_types=types, target_opset={"": 18, "ai.onnx.ml": 3})

    def asked(rows):
        numbers = np.arange(rows, dtype=np.float32).reshape(-1, 1)
        return {
            "text": words(*ASKED[:rows], shape=(rows, 1)), "length": numbers * 10, "score": numbers / 4,
            "channel": words(*(["mail", "web", "fax", ""] * 2)[:rows], shape=(rows, 1)),
        }

    write("columns", exported, [asked(6), asked(1)])

    # Encoders that refuse categories they do not know, as they do by default: words, and numbers other than 0 and 1.
    table = words(*["red", "small", "blue", "large", "red", "large", "green", "small"], shape=(4, 2))
    years = np.array([[1999], [2005], [2005], [2010]], np.int64)
    strict = ColumnTransformer([("words", OneHotEncoder(), [0, 1]), ("years", OneHotEncoder(), [2])])
    model = make_pipeline(strict, LogisticRegression()).fit(pd.DataFrame(np.hstack([table, years.astype(object)])), LABELS[[0, 3, 6, 9]])
    types = [("words", StringTensorType([None, 2])), ("year", Int64TensorType([None, 1]))]
    exported = to_onnx(model, initial_types=types, target_opset={"": 18, "ai.onnx.ml": 3})
    write("strict_columns", exported, [{"words": table, "year": years}, {"words": table[:1], "year": years[:1]}])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for make in (normalizers, tokenizers, ngrams, pieces, uniques, sequences, casts, movers, chains, vectorizers):
        make()
