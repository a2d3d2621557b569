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
        # Seconds, one per round.
        self.times = {(t["model"], t["engine"]): [us / 1e6 for us in t["turns"]] for t in results.get("in_process", [])}

    def places(self, model=None, protocol=None, least=1):
        """Model, protocol and connections of each measurement, in their order."""
        found = dict.fromkeys(key[:3] for key in self.cells)
        return [p for p in found if model in (None, p[0]) and protocol in (None, p[1]) and p[2] >= least]

    def ratio(self, place, server, other):
        """`server` over `other`, rates at one place; nothing if either is missing."""
        mine, theirs = self.cells.get((*place, server)), self.cells.get((*place, other))
        if not mine or not theirs or not all(theirs["rates"]):
            return None
        return statistics.median(a / b for a, b in zip(mine["rates"], theirs["rates"]))

    def by_cpu(self, place, server, other):
        """The same ratio, had each server the core for itself: of the CPU time that a request takes."""
        mine, theirs = self.cells.get((*place, server)), self.cells.get((*place, other))
        if not mine or not theirs or not mine["cpu_us"] or not theirs["cpu_us"]:
            return None
        return theirs["cpu_us"] / mine["cpu_us"]

    def of_bound(self, place, engine, time_from=None):
        """Of 1 / (the floor's time + the time in process)."""
        time = self.times.get((place[0], time_from or engine))
        mine, floor = self.cells.get((*place, engine)), self.cells.get((*place, "floor"))
        if not mine or not floor or not time or not all(floor["rates"]):
            return None
        return statistics.median(a * (1 / b + alone) for a, b, alone in zip(mine["rates"], floor["rates"], time))

    def of_process(self, place, engine, time_from=None):
        """Of 1 / the time in process: above 1 where rows that are computed together share work."""
        mine, time = self.cells.get((*place, engine)), self.times.get((place[0], time_from or engine))
        return statistics.median(a * alone for a, alone in zip(mine["rates"], time)) if mine and time else None

    def rows(self, trial, engine):
        return [row for row in self.raw.get(trial, []) if engine in (row.get("engine"), row.get("server"))]


@dataclass
class Verdict:
    """The worst value, where it was, whether it will do, and what it would be by CPU time, which other work disturbs less."""

    value: str
    where: str
    met: bool
    cpu: str | None


@dataclass
class Goal:
    words: str
    wanted: str
    met: object  # of a value
    values: object = None  # of Results and engine: values by where they were found
    form: str = "{:.2f}"
    largest: bool = False  # the worst value is the largest
    only: str = ""  # an engine
    cpu: object = None  # the values again, by CPU time

    def judge(self, results, engine):
        """Nothing if it was not measured or is no goal of this engine."""
        if self.only and engine != self.only:
            return None
        found = {where: value for where, value in self.values(results, engine).items() if value is not None}
        if not found:
            return None
        where = (max if self.largest else min)(found, key=found.get)
        cpu = self.cpu(results, engine).get(where) if self.cpu else None
        return Verdict(self.form.format(found[where]), where, self.met(found[where]), cpu and self.form.format(cpu))


def cells(ratio, *wanted, least=1):
    """Values of `ratio` wherever one of the models and protocols was measured."""

    def values(results, engine):
        places = [p for model, protocol in wanted for p in results.places(model, protocol, least)]
        return {f"{m} {p}, {c}": ratio(results, (m, p, c), engine) for m, p, c in places}

    return values


def trial(name, key, value):
    return lambda results, engine: {str(row.get(key, "")): value(row) for row in results.rows(name, engine)}


def beside(slow, layout):
    rows = lambda results, engine: [row for row in results.rows("fairness", engine) if (row["slow"], row["layout"]) == (slow, layout)]
    return lambda results, engine: {"": row["ratio"] for row in rows(results, engine)}


def peers(model):
    """Rates of one model over those of each peer at each number of connections."""
    rows = lambda results: [row for row in results.raw.get("peers", []) if row["model"] == model]
    return lambda results, engine: {f"{row['peer']}, {row['connections']}": row.get(engine) for row in rows(results)}


def against(other, *wanted, connections=1):
    """Ratios to another server in the two ways of looking at them, as arguments of a goal."""
    by_rate = lambda r, place, engine: r.ratio(place, engine, other)
    by_cpu = lambda r, place, engine: r.by_cpu(place, engine, other)
    return {"values": cells(by_rate, *wanted, least=connections), "cpu": cells(by_cpu, *wanted, least=connections)}


def unbatched(results, place, engine):
    return results.ratio(place, engine, f"{engine}-unbatched")


def least(limit):
    return lambda value: value >= limit


def most(limit):
    return lambda value: value <= limit


def below(limit):
    return lambda value: value < limit


def ahead(name, at):
    """Of FastAPI, and of all peers."""
    more = {"met": lambda value: value > 1, "form": "{:.2f}x", "only": "onnxruntime"}
    return (
        Goal(f"{name}, of FastAPI + ONNX Runtime on the same engine", "> 1x", **more, **against("fastapi", at)),
        Goal(f"{name}, of the quickest of the other servers written in Python", "> 1x", values=peers(at[0]), **more),
    )


GOALS = (
    Goal("iris by V2 JSON and `/predict`, of the floor", "≥ 0.60", least(0.6), **against("floor", ("iris", "v2"), ("iris", "predict"))),
    Goal("iris at 32 connections, of FastAPI + ONNX Runtime", "≥ 9x", least(9), form="{:.1f}x",
         **against("fastapi", ("iris", "v2"), ("iris", "predict"), connections=32)),
    Goal("iris at 60 % of its maximum, p99 in open loop, of the floor's", "≤ 2x", most(2),
         trial("tail", "", lambda r: r["p99"] / r["floor_p99"]), "{:.1f}x", largest=True),
    Goal("a forest of 100 trees at 32 connections, of FastAPI + ONNX Runtime", "≥ 8x", least(8), form="{:.1f}x",
         **against("fastapi", ("forest100", "v2"), connections=32)),
    # Not by /predict: its floor reads and writes other shapes than the engine is given.
    Goal("any model, of 1 / (floor's time + time in process)", "≥ 0.85", least(0.85), cells(Results.of_bound, (None, "v2"), (None, "binary"))),
    Goal("batching on, of off, where it pays: a wide MLP", "≥ 1.5x", least(1.5), cells(unbatched, ("wide", "v2")), "{:.2f}x"),
    Goal("... 1,500 boosted trees", "≥ 1.5x", least(1.5), cells(unbatched, ("boosted", "v2")), "{:.2f}x"),
    Goal("... a forest of 500 deep trees, which waits for memory", "≥ 1.5x", least(1.5), cells(unbatched, ("forest500", "v2")), "{:.2f}x"),
    Goal("... where it does not: a CNN", "≥ 0.97x", least(0.97), cells(unbatched, ("digits", "v2")), "{:.2f}x"),
    Goal("ResNet-18 by V2 binary, of in process", "≥ 0.97", least(0.97), cells(Results.of_process, ("resnet18", "binary"))),
    Goal("ResNet-18 by V2 JSON, of in process", "≥ 0.92", least(0.92), cells(Results.of_process, ("resnet18", "v2"))),
    Goal("BERT-like encoder, of in process", "≥ 0.98", least(0.98), cells(Results.of_process, ("bert", "v2"))),
    *ahead("digits CNN", ("digits", "v2")),
    *ahead("forest of 100 trees", ("forest100", "v2")),
    *ahead("ResNet-18 by V2 binary", ("resnet18", "binary")),
    *ahead("BERT-like encoder", ("bert", "v2")),
    Goal("two cores, of one, for compute-bound models", "≥ 1.8x", least(1.8), trial("cores", "model", lambda r: r["ratio"]), "{:.2f}x"),
    Goal("cold start of the bundled models to the first right answer", "≤ 60 ms", most(60),
         trial("cold_start", "", lambda r: r["ms"]), "{:.0f} ms", largest=True),
    Goal("resident memory serving iris under load, at its peak", "≤ 40 MB", most(40),
         trial("memory", "", lambda r: r["peak"] / 1e6), "{:.0f} MB", largest=True),
    Goal("fairness: p99 of iris beside a saturated encoder, of its own", "< 3x", below(3), beside("bert", "one core"), "{:.1f}x"),
    Goal("... on both cores, which the generators share", "< 3x", below(3), beside("bert", "two cores"), "{:.1f}x"),
    Goal("... beside a saturated ResNet-18, whose images it reads, too", "< 3x", below(3), beside("resnet18", "one core"), "{:.1f}x"),
    Goal("... on both cores, which the generators share", "< 3x", below(3), beside("resnet18", "two cores"), "{:.1f}x"),
    Goal("overload by 3x: answers other than 200 and 503", "0", most(0),
         trial("overload", "model", lambda r: sum(r["wrong"].values())), "{:.0f}", largest=True),
    Goal("... longest accepted answer, of its deadline", "≤ 1", most(1),
         trial("overload", "model", lambda r: r["longest"] / r["deadline"]), largest=True),
    Goal("... right answers per second, of the peak", "≥ 0.90", least(0.9), trial("overload", "model", lambda r: r["ratio"])),
    Goal("... memory gained", "≤ 256 MB", most(256),
         trial("overload", "model", lambda r: (r["most"] - r["before"]) / 1e6), "{:.0f} MB", largest=True),
)  # fmt: skip
