"""The goals, as functions of the results: what was to be reached, what was, and where it was least.
Ratios are medians of the ratios of each round, so that a slow moment, which met both servers, cancels.
"""

import statistics
from dataclasses import dataclass


class Results:
    """Asks the results questions; pure."""

    def __init__(self, results):
        self.raw = results
        self.cells = {(c["model"], c["protocol"], c["connections"], c["server"]): c for c in results.get("cells", [])}
        self.times = {(t["model"], t["engine"]): t["us"] / 1e6 for t in results.get("in_process", [])}

    def places(self, model=None, protocol=None, least=1):
        """Model, protocol and connections of each measurement, in their order."""
        found = dict.fromkeys(key[:3] for key in self.cells)
        return [p for p in found if model in (None, p[0]) and protocol in (None, p[1]) and p[2] >= least]

    def ratio(self, place, server, other):
        """`server` over `other`, rates at one place; nothing if either is missing."""
        mine, theirs = self.cells.get((*place, server)), self.cells.get((*place, other))
        if not mine or not theirs:
            return None
        return statistics.median(a / b for a, b in zip(mine["rates"], theirs["rates"]) if b) if any(theirs["rates"]) else None

    def of_bound(self, place, engine):
        """Of 1 / (the floor's time + the time in process)."""
        mine, floor, time = self.cells.get((*place, engine)), self.cells.get((*place, "floor")), self.times.get((place[0], engine))
        if not mine or not floor or not time:
            return None
        return statistics.median(a * (1 / b + time) for a, b in zip(mine["rates"], floor["rates"]))

    def of_process(self, place, engine):
        """Of 1 / the time in process: above 1 where rows that are computed together share work."""
        mine, time = self.cells.get((*place, engine)), self.times.get((place[0], engine))
        return mine["rate"] * time if mine and time else None

    def rows(self, trial, engine):
        return [row for row in self.raw.get(trial, []) if engine in (row.get("engine"), row.get("server"))]


@dataclass
class Goal:
    words: str
    wanted: str
    met: object  # of a value
    values: object  # of Results and engine: values by where they were found
    form: str = "{:.2f}"
    largest: bool = False  # the worst value is the largest
    only: str = ""  # an engine

    def judge(self, results, engine):
        """The worst value, where, and whether it will do; nothing if it was not measured or is no goal."""
        if self.only and engine != self.only:
            return None
        found = {where: value for where, value in self.values(results, engine).items() if value is not None}
        if not found:
            return None
        where = (max if self.largest else min)(found, key=found.get)
        return self.form.format(found[where]), where, self.met(found[where])


def cells(ratio, *wanted, least=1):
    """Values of `ratio` wherever one of the models and protocols was measured."""

    def values(results, engine):
        places = [p for model, protocol in wanted for p in results.places(model, protocol, least)]
        return {f"{m} {p}, {c}": ratio(results, (m, p, c), engine) for m, p, c in places}

    return values


def trial(name, key, value):
    return lambda results, engine: {str(row.get(key, "")): value(row) for row in results.rows(name, engine)}


floor = lambda r, place, engine: r.ratio(place, engine, "floor")
fastapi = lambda r, place, engine: r.ratio(place, engine, "fastapi")
unbatched = lambda r, place, engine: r.ratio(place, engine, f"{engine}-unbatched")
bound, process = Results.of_bound, Results.of_process


def least(limit):
    return lambda value: value >= limit


def most(limit):
    return lambda value: value <= limit


# Not in /predict: its floor answers by another shape, and the bound would compare those.
EVERYWHERE = cells(bound, *[(None, "v2"), (None, "binary")])

GOALS = (
    Goal("iris by V2 JSON and `/predict`, of the floor", "≥ 0.60", least(0.6), cells(floor, ("iris", "v2"), ("iris", "predict"))),
    Goal("iris at 32 connections, of FastAPI + ONNX Runtime", "≥ 9x", least(9), cells(fastapi, ("iris", "v2"), ("iris", "predict"), least=32), "{:.1f}x"),
    Goal("iris at 60 % of its maximum, p99 in open loop, of the floor's", "≤ 2x", most(2), trial("tail", "server", lambda r: r["p99"] / r["floor_p99"]), "{:.1f}x", True),
    Goal("a forest of 100 trees at 32 connections, of FastAPI + ONNX Runtime", "≥ 8x", least(8), cells(fastapi, ("forest100", "v2"), least=32), "{:.1f}x"),
    Goal("any model, of 1 / (floor's time + time in process)", "≥ 0.85", least(0.85), EVERYWHERE),
    Goal("batching on, of off, where it pays: a wide MLP", "≥ 1.5x", least(1.5), cells(unbatched, ("wide", "v2"), least=32), "{:.2f}x"),
    Goal("... a forest of 500 trees", "≥ 1.5x", least(1.5), cells(unbatched, ("forest500", "v2"), least=32), "{:.2f}x"),
    Goal("... where it does not: a CNN", "≥ 0.97x", least(0.97), cells(unbatched, ("digits", "v2"), least=32), "{:.2f}x"),
    Goal("ResNet-18 by V2 binary, of in process", "≥ 0.97", least(0.97), cells(process, ("resnet18", "binary"))),
    Goal("ResNet-18 by V2 JSON, of in process", "≥ 0.92", least(0.92), cells(process, ("resnet18", "v2"))),
    Goal("BERT-like encoder, of in process", "≥ 0.98", least(0.98), cells(process, ("bert", "v2"))),
    *(Goal(f"{name}, of FastAPI + ONNX Runtime on the same engine", "> 1x", lambda value: value > 1, cells(fastapi, at), "{:.2f}x", only="onnxruntime")
      for name, at in (("digits CNN", ("digits", "v2")), ("forest of 100", ("forest100", "v2")),
                       ("ResNet-18 by V2 binary", ("resnet18", "binary")), ("BERT-like encoder", ("bert", "v2")))),
    Goal("two cores, of one, for compute-bound models", "≥ 1.8x", least(1.8), trial("cores", "model", lambda r: r["ratio"]), "{:.2f}x"),
    Goal("cold start of the bundled models to the first right answer", "≤ 60 ms", most(60), trial("cold_start", "", lambda r: r["ms"]), "{:.0f} ms", True),
    Goal("resident memory serving iris under load, at its peak", "≤ 40 MB", most(40), trial("memory", "", lambda r: r["peak"] / 1e6), "{:.0f} MB", True),
    Goal("fairness: p99 of iris beside a saturated ResNet-18, of its own", "< 3x", lambda value: value < 3, trial("fairness", "layout", lambda r: r["ratio"]), "{:.1f}x", True),
    Goal("overload by 3x: answers other than 200 and 503", "0", most(0), trial("overload", "model", lambda r: sum(r["wrong"].values())), "{:.0f}", True),
    Goal("... longest accepted answer, of its deadline", "≤ 1", most(1), trial("overload", "model", lambda r: r["longest"] / r["deadline"]), "{:.2f}", True),
    Goal("... right answers per second, of the peak", "≥ 0.90", least(0.9), trial("overload", "model", lambda r: r["ratio"])),
    Goal("... memory gained", "≤ 256 MB", most(256), trial("overload", "model", lambda r: (r["most"] - r["before"]) / 1e6), "{:.0f} MB", True),
)  # fmt: skip
