"""Writes docs/MODELS.md from what the conformance tests found: `models_md.py REPORTS [--check]`.

REPORTS is the folder that ONNXD_CONFORMANCE_REPORT named: corpus.tsv and node.tsv of the built-in engine and, when it
was tried, onnxruntime-corpus.tsv of the second one; and the ort.txt that node.py wrote. With --check nothing is written; a page that is out of date fails.

What the second engine refuses depends on the processor: the page is written on one with VNNI, and its column is not checked on others.
"""

import collections
import dataclasses
import pathlib
import platform
import sys

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "MODELS.md"
FAMILIES = {
    "sklearn": "scikit-learn",
    "trees": "scikit-learn, forests and boosting",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "text": "scikit-learn, text",
    "torch": "PyTorch, both exporters",
    "quantised": "Quantised: dynamic, QDQ, QOperator",
    "fp16": "Half precision",
    "rewrites": "Functions, loops, branches, sparse weights",
    "operators": "Single operators, with every attribute",
    "arithmetic": "Arithmetic in which the last digit decides",
}
SECOND = "Right on ONNX Runtime"
HOW = {"engine": "tract", "own": "onnxd", "rewritten": "rewritten", "refused": "refused"}


@dataclasses.dataclass
class Row:
    name: str
    tolerance: str
    operators: list
    outcome: str

    @property
    def family(self):
        return self.name.split("/")[0]

    @property
    def right(self):
        return self.outcome == "right"

    @property
    def reason(self):
        return self.outcome.removeprefix("refused: ")


def read(file):
    rows = []
    for line in file.read_text().splitlines() if file.exists() else []:
        name, tolerance, operators, outcome = line.split("\t")
        rows.append(Row(name, tolerance, operators.split(), outcome))
    return rows


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]


def exporters(corpus, second):
    other = {row.name: row.right for row in second}
    groups = collections.defaultdict(list)
    for row in corpus:
        groups[row.family].append(row)
    for family in [*FAMILIES, *sorted(set(groups) - set(FAMILIES))]:
        rows = groups.get(family)
        if not rows:
            continue
        tolerances = sorted({row.tolerance for row in rows}, key=lambda text: [float(x) for x in text.split(" + ")])
        span = tolerances[0] if len(tolerances) == 1 else f"{tolerances[0]} … {tolerances[-1]}"
        ort = sum(other.get(row.name, False) for row in rows) if other else "not tried"
        right = sum(row.right for row in rows)
        yield [FAMILIES.get(family, family), len(rows), right, len(rows) - right, ort, span]


def operators(corpus, node):
    how, counts = {}, collections.defaultdict(lambda: [0, 0])
    for row in corpus + node:
        for used in row.operators:
            operator, way = used.rsplit("=", 1)
            seen = how.setdefault(operator, collections.Counter())
            seen[way] += 1
            counts[operator][0 if row.right else 1] += 1
    for operator in sorted(how, key=lambda text: (text.rsplit(".", 1)[0], text)):
        ways = how[operator]
        runs = [HOW[way] for way in ("engine", "own", "rewritten") if ways[way]]
        right, refused = counts[operator]
        if right:
            yield [f"`{operator}`", ", ".join(runs) or "tract", right, refused or ""]


def page(reports):
    corpus, node = read(reports / "corpus.tsv"), read(reports / "node.tsv")
    second = read(reports / "onnxruntime-corpus.tsv")
    right = sum(row.right for row in node)
    ort = set((reports / "ort.txt").read_text().split())
    shared = sum(row.right for row in node if row.name in ort)
    lines = [
        "# Which models run",
        "",
        "Written by `tests/conformance/models_md.py` from what the conformance tests find; change the tests, not this page.",
        "",
        "A model gives the answers that ONNX Runtime gives, or it is refused when it is loaded, with the node, the operator",
        "and what to do about it. `onnxd inspect FILE` says it of your own file. What the built-in engine refuses, the second",
        "one may run: see [OPERATIONS.md](OPERATIONS.md).",
        "",
        "## By exporter",
        "",
        "Models in `tests/conformance/corpus`, made by the scripts beside it, against the answers of ONNX Runtime. Labels,",
        "integers and strings are equal; floats differ by at most the tolerance, relative + absolute: 1e-5 for most, more where",
        "ONNX Runtime itself is further from the exact result, in half precision, and for a step of a quantised output. Models on",
        "text that the second engine does not run ask for a locale that its machine lacks; the built-in engine needs none. On a",
        "processor of x86 without VNNI the second engine refuses a few of the quantised ones, whose sums would overflow there.",
        "",
        *table(["Exported by", "Models", "Right", "Refused", SECOND, "Tolerance"], exporters(corpus, second)),
        "",
    ]
    refused = [row for row in corpus if not row.right]
    if refused:
        lines += ["Refused:", "", *table(["Model", "Why"], ([f"`{row.name}`", row.reason] for row in refused)), ""]
    lines += [
        "## By operator",
        "",
        f"Counted over those models and ONNX's own node tests. Of {len(node)} node tests {right} are right, none is answered wrongly and",
        f"the rest is refused; of the {len(ort)} that ONNX Runtime passes, {shared} are right ({100 * shared / len(ort):.1f} %). What is refused are",
        "mostly data types below eight bits and operators of training or of the newest operator sets. Where cases of an operator",
        "are refused, it may be for another operator beside it.",
        "",
        "*tract*: by the engine library. *onnxd*: by an operator of our own. *rewritten*: the graph is changed beforehand so",
        "that the operator is not needed.",
        "",
        *table(["Operator", "Run by", "Cases right", "Refused"], operators(corpus, node)),
        "",
        "## Never run",
        "",
    ]
    never = collections.defaultdict(set)
    known = {used.rsplit("=", 1)[0] for row in corpus + node if row.right for used in row.operators}
    for row in node + corpus:
        for used in row.operators:
            operator, way = used.rsplit("=", 1)
            if operator not in known and way == "refused":
                never[operator].add(row.reason.split("): ", 1)[-1] if f"({operator.rsplit('.', 1)[1]})" in row.reason else "")
    words = lambda reasons: min((reason for reason in reasons if reason), default="with an operator or type that is refused", key=len)
    lines += table(["Operator", "Why"], ([f"`{operator}`", words(reasons)] for operator, reasons in sorted(never.items())))
    return "\n".join(lines) + "\n"


def has_vnni():
    """Of processors that are not x86 none needs it."""
    flags = pathlib.Path("/proc/cpuinfo").read_text() if platform.machine() in ("x86_64", "i686") else "avx_vnni"
    return "avx512_vnni" in flags or "avx_vnni" in flags


def without_second(text):
    """The page without the column that depends on the processor."""
    lines, at = [], None
    for line in text.splitlines():
        cells = line.split(" | ")
        at = cells.index(SECOND) if SECOND in cells else at if line.startswith("|") else None
        lines.append(" | ".join(cells[:at] + cells[at + 1 :]) if at and len(cells) > at else line)
    return lines


def main():
    text = page(pathlib.Path(sys.argv[1]))
    seen = str if has_vnni() else without_second
    if "--check" in sys.argv:
        if seen(PAGE.read_text()) != seen(text):
            sys.exit(f"{PAGE.relative_to(ROOT)} is out of date: run {pathlib.Path(__file__).relative_to(ROOT)} on these reports")
    elif seen is not str:
        sys.exit("this processor has no VNNI, without which the second engine refuses models: write the page on another")
    else:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
