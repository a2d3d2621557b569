"""The page: goals and where they stand, then everything that was measured, then the conditions. Written from the results alone."""

import statistics

from goals import GOALS, Results
from peers import PEERS

NAMES = {"floor": "the floor", "fastapi": "FastAPI + ONNX Runtime", "tract": "onnxd, tract", "onnxruntime": "onnxd, ONNX Runtime",
         "tract-unbatched": "onnxd, tract, batching off", "onnxruntime-unbatched": "onnxd, ONNX Runtime, batching off"}  # fmt: skip
PROTOCOLS = {"v2": "V2 JSON", "predict": "`/predict`", "binary": "V2 binary"}
ENGINES = ("tract", "onnxruntime")

HEAD = """# Benchmarks

How fast `onnxd` is beside what bounds it from above and beside what people use instead. Written by `benches/compare/run`, which
starts the servers, checks their answers and asks them in turns. Read the ratios: they hold from one machine to the next far
better than the rates.

- **The floor** is a server of axum and serde_json that reads the same requests, computes nothing, and answers constants.
- **FastAPI + ONNX Runtime** has what makes it fast: uvloop, httptools, orjson on the raw body, no access log, one thread.
- **In process** is the same engine on one thread without any server. 1 / (the floor's time + the time in process) is the
  **bound**: what a server could reach that costs no more than the floor and computes one row at a time.
"""

ELSEWHERE = """[BENCHMARKS-PEERS.md](BENCHMARKS-PEERS.md) has Triton's HTTP front, MLServer, KServe's SDK, BentoML, LitServe and Ray Serve.
"""

TAIL = """## Run it

```sh
benches/compare/run --quick      # does it work? some eight minutes
benches/compare/run              # about an hour, on a machine that does nothing else

# the other servers written in Python: half an hour, and 3 GB of packages
benches/compare/run --only peers --rounds 3 --seconds 1 --page docs/BENCHMARKS-PEERS.md
```

A build with the feature `onnxruntime`, named as `run --onnxd FILE`, is compared on both engines. The first run installs Python
packages and makes the models, outside the clone.
"""


def page(results):
    r = Results(results)
    standing = "" if results["conditions"]["quick"] else tract(r)  # words that others may repeat need a whole run
    elsewhere = "" if results["conditions"].get("only") else ELSEWHERE
    parts = [HEAD, elsewhere, warning(results), ratios(results), standing, rates(r), alone(r), trials(r), said(results), conditions(results), TAIL]
    return "\n".join(part for part in parts if part)


def warning(results):
    c = results["conditions"]
    if c["quick"]:
        return (
            "> **A trial of the harness, not a measurement**: one round of a second each, beside other work (a load average of\n"
            f"> {c['load_before'][0]:.1f} to {c['load_after'][0]:.1f} on {c['cores']} cores). "
            "The numbers show the form of the page; do not quote them.\n"
        )
    if c.get("only"):
        return f"> A part of what `benches/compare/run` measures: {', '.join(c['only'])}. The whole is in [BENCHMARKS.md](BENCHMARKS.md).\n"
    if c["load_before"][0] > 0.5:
        return f"> The machine was not quiet: a load average of {c['load_before'][0]:.1f} before the run.\n"
    return ""


def table(head, rows, left=1):
    align = ["---"] * left + ["--:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in (head, align, *rows)) + "\n"


def ratios(results):
    """Every goal with its worst value per engine, and where that was found."""
    r, engines = Results(results), [e for e in ENGINES if e in results["conditions"]["engines"]]

    def verdict(goal, engine):
        judged = goal.judge(r, engine)
        if judged is None:
            return "" if goal.only not in ("", engine) else "not measured"
        where = f" at {judged.where}" if judged.where else ""
        cpu = f" ({judged.cpu} by CPU time)" if judged.cpu else ""
        return (judged.value if judged.met else f"**{judged.value}**") + where + cpu

    rows = [[g.words, g.wanted, *(verdict(g, engine) for engine in engines)] for g in GOALS]
    if results["conditions"].get("only"):
        rows = [row for row in rows if set(row[2:]) - {"", "not measured"}]
    words = (
        "The worst of all measurements that a goal is about; in bold where it is missed. A number behind a protocol is that of\n"
        "connections. \"By CPU time\" is the ratio of the CPU time per request, which other work on the machine disturbs less than\n"
        "it does rates.\n"
    )
    return "## Goals\n\n" + words + "\n" + table(["goal", "", *(NAMES[e] for e in engines)], rows, left=2)


def tract(r):
    """Where the engine stands by itself, in words that follow from the numbers."""
    lines = []
    for model, title in r.raw["conditions"]["models"].items():
        mine, theirs = r.times.get((model, "tract")), r.times.get((model, "onnxruntime"))
        if mine and theirs:
            far = statistics.median(a / b for a, b in zip(mine, theirs))
            words = f"{far:.1f} times as long as" if far > 1.1 else "as long as" if far > 0.9 else f"{far:.2f} of the time of"
            lines.append(f"- {title}: {words} ONNX Runtime.")
    if not lines:
        return ""
    before = "In process, for one row on one thread, tract takes"
    after = (
        "Where it takes longer by more than FastAPI spends on a request, no server over tract can be ahead of FastAPI + ONNX\n"
        "Runtime. For such models there is the second engine.\n"
    )
    return "\n\n".join(["## Where tract stands", before, "\n".join(lines), after])


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}"


def rates(r):
    words = "Closed loop, server on one core and generator on another, medians of the rounds. Errors are not counted as answers."
    parts = [f"## Rates\n\n{words}\n"]
    for model, protocol in dict.fromkeys((p[0], p[1]) for p in r.places()):
        rows = []
        for place in r.places(model, protocol):
            for (*at, server), cell in r.cells.items():
                if tuple(at) != place:
                    continue
                engine = server.removesuffix("-unbatched")
                bound = r.of_bound(place, server, engine) if engine in ENGINES and protocol != "predict" else None
                process = r.of_process(place, server, engine) if engine in ENGINES else None
                ratios = r.ratio(place, server, "floor"), r.ratio(place, server, "fastapi"), bound, process
                seen = *map(number, ratios), number(cell["p50"]), number(cell["p99"]), number(cell["cpu_us"], 0)
                errors = sum(cell["errors"].values()) or ""
                rows.append([place[2], NAMES[server], f"{cell['rate']:,.{0 if cell['rate'] >= 100 else 1}f}", *seen, errors])
        head = ["connections", "server", "answers/s", "of floor", "of FastAPI", "of bound", "of in process"]
        head += ["p50 ms", "p99 ms", "CPU us", "errors"]
        title = r.raw["conditions"]["models"][model]
        parts.append(f"### {title}, {PROTOCOLS[protocol]}\n\n" + table(head, rows, left=2))
    return "\n".join(parts) if len(parts) > 1 else ""


def alone(r):
    name = lambda engine: NAMES[engine].removeprefix("onnxd, ")
    rows = [[t["model"], name(t["engine"]), f"{t['us']:,.1f}", t["how"]] for t in r.raw.get("in_process", [])]
    words = "What the server counts is a little longer than a loop around the engine alone, and so is easier to come up to.\n"
    return f"## In process\n\n{words}\n" + table(["model", "engine", "us per row", "measured by"], rows, left=2) if rows else ""


TRIALS = {
    "tail": (
        "Tail of iris in an open loop",
        ["server", "rate", "reached", "p50", "p99", "floor_p50", "floor_p99"],
        "At 60 % of the server's own maximum, the floor at the same rate; milliseconds.",
    ),
    "cores": (
        "Two cores",
        ["engine", "model", "one", "two", "ratio"],
        "Answers/s at 8 connections. On two cores the generator, with lower priority, shares them with the server.",
    ),
    "cold_start": (
        "Cold start",
        ["engine", "ms", "least", "most"],
        "From exec to the first right answer, milliseconds, all bundled models.",
    ),
    "memory": (
        "Memory",
        ["engine", "idle", "load", "peak"],
        "Resident MB with the bundled models: before, during, and at most since the start.",
    ),
    "fairness": (
        "A slow neighbour",
        ["engine", "slow", "layout", "quiet_p50", "quiet_p99", "busy_p50", "busy_p99", "ratio", "floor_quiet_p99", "floor_busy_p99", "slow_rate"],
        "iris at 500/s in an open loop, alone and beside a slow model saturated by 8 connections; two inferences at a time;\n"
        "milliseconds. The floor is asked the same in the same way, and lets the slow one's answers wait, so that they come at\n"
        "the same rate: what it takes longer by is the bodies and the two generators on one core, not the model.",
    ),
    "overload": (
        "Overload",
        ["engine", "model", "peak", "goodput", "ratio", "refused", "wrong", "p99", "longest", "before", "most"],
        "Three times the peak in an open loop, with a deadline of two seconds; resident MB before and at most.",
    ),
    "peers": (
        "Other servers written in Python",
        ["model", "connections", "peer", "rate", "p50", "p99", "tract", "onnxruntime"],
        "Answers/s and milliseconds of each with ONNX Runtime on one thread, and how many times as many answers onnxd gives on either\n"
        "engine: medians of the ratios of each round. ResNet-18 by binary tensors where a server reads them, else by JSON.",
    ),
}
BYTES = {"idle", "load", "peak", "before", "most"}


def trials(r):
    parts = []
    for name, (title, keys, words) in TRIALS.items():
        rows = [[shown(name, key, row.get(key, "")) for key in keys] for row in r.raw.get(name, [])]
        if rows:
            parts.append(f"## {title}\n\n{words}\n\n" + table([key.replace("_", " ") for key in keys], rows))
    return "\n".join(parts)


def shown(trial, key, value):
    if isinstance(value, str):
        return (PEERS[value].title if trial == "peers" and key == "peer" else NAMES.get(value, value)).removeprefix("onnxd, ")
    if isinstance(value, dict):
        return ", ".join(f"{count} of {status}" for status, count in value.items()) or "none"
    if key in BYTES and trial in ("memory", "overload") and value > 1e6:
        return f"{value / 1e6:.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def said(results):
    lines = "".join(f"- {note}\n" for note in results["notes"])
    return "## Not measured\n\n" + lines if lines else ""


def conditions(results):
    c = results["conditions"]
    versions = ", ".join(f"{name} {version}" for name, version in {**c["packages"], **c.get("peers", {}), **c["crates"]}.items())
    load = " / ".join(f"{c[key][0]:.2f}" for key in ("load_before", "load_after"))
    generator = "`onnxd bench`" if c["generator"] == "onnxd" else "`wrk`"
    lines = [
        f"{c['date']}, commit {c['commit']}, {c['rustc']}.",
        f"{c['processor']}, {c['cores']} cores, Linux {c['kernel']}, loopback; load average (one minute) {load} before / after.",
        f"{c['rounds']} rounds of {c['seconds']:g} s per server and number of connections, after half a second of warm-up\n"
        f"  (longer for BERT and ResNet-18); the order of the servers rotates. Generator: {generator}, one thread.",
        f"{versions}, Python {c['python']}.",
        f"`onnxd` and the floor as built by `cargo build --profile dist`, as in the image; settings as they are but `--log-level {c['log_level']}`;\n"
        "  keep-alive, one row per request, in turn of 256 different ones (wide MLP and digits 64, encoder 16, ResNet-18 one), JSON\n"
        "  numbers of at most four decimals.",
        "Before any timing each server's answer to each row is compared with ONNX Runtime's in process, to 1e-4. Weights of the models that\n"
        "  do not ship with onnxd are random and fixed.",
        "A generator of one core drives the floor to its own limit, not the floor's, which flatters ratios to the floor; CPU\n"
        "  time per request does not have this fault.",
    ]
    return "## Conditions\n\n" + "".join(f"- {line}\n" for line in lines)
