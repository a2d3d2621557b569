"""Closed-loop rates: every server answers the same question at the same connections, in turns, and the turns rotate, so that
what else the machine does meets all of them alike. Batching off is one more server where that is compared.
"""

import statistics
from contextlib import ExitStack
from dataclasses import dataclass

import in_process
from question import check, question
from servers import NotReady


@dataclass(frozen=True)
class Case:
    model: str
    protocol: str
    connections: tuple
    unbatched: bool = False  # also with batching off, at the most connections


CASES = (
    Case("iris", "v2", (1, 8, 32)),
    Case("iris", "predict", (1, 8, 32)),
    Case("forest100", "v2", (1, 8, 32)),
    Case("digits", "v2", (1, 8, 32), unbatched=True),
    Case("wide", "v2", (1, 8, 32), unbatched=True),
    Case("forest500", "v2", (1, 8, 32), unbatched=True),
    Case("bert", "v2", (1, 8, 32)),
    Case("resnet18", "binary", (1, 8)),
    Case("resnet18", "v2", (1, 8)),
)


def run(bench, model):
    """All cases of a model: cells, one per case, connections and server; and the in-process times."""
    cases = [case for case in CASES if case.model == model.name]
    with ExitStack() as stack:
        servers = start(bench, stack, model, any(case.unbatched for case in cases))
        for case in cases:
            asked = question(model, case.protocol)
            for server in servers:
                check(server.name, model, asked, *server.put(asked))
        times = alone(bench, model, question(model, cases[0].protocol), servers)
        return [cell for case in cases for cell in rotate(bench, model, case, servers)], times


def start(bench, stack, model, unbatched):
    makers, core = bench.makers, bench.server_core
    wanted = [makers.floor(model.numbers, core), makers.fastapi([model], core)]
    for engine in makers.engines():
        wanted.append(makers.onnxd(engine, [model], core))
        if unbatched:
            wanted.append(makers.onnxd(engine, [model], core, batching=False))
    started = []
    for server in wanted:
        try:
            started.append(stack.enter_context(server))
        except NotReady as error:
            bench.note(f"{server.name} does not serve {model.name}: {error}")
    return started


def alone(bench, model, asked, servers):
    found = []
    for engine, program in bench.makers.engines().items():
        if engine == "onnxruntime":
            us, how = in_process.onnxruntime(model, bench.server_core, bench.seconds)
        else:
            by = in_process.by_command(program, model, asked, bench.server_core, bench.seconds, bench.work)
            server = next((server for server in servers if server.name == engine), None)
            if by is None and server is None:
                continue
            us, how = by or in_process.by_metric(server, model, asked, bench.generator, bench.seconds, bench.work)
        found.append({"model": model.name, "engine": engine, "us": us, "how": how})
        bench.say(f"{model.name} in process, {engine}: {us:.1f} us ({how})")
    return found


def rotate(bench, model, case, servers):
    asked, cells = question(model, case.protocol), []
    for connections in case.connections:
        taking_part = [s for s in servers if "unbatched" not in s.name or (case.unbatched and connections == max(case.connections))]
        loads = {server.name: [] for server in taking_part}
        for turn in range(bench.rounds):
            at = turn % len(taking_part)
            for server in taking_part[at:] + taking_part[:at]:
                loads[server.name].append(bench.load(server, asked, connections))
        for name, runs in loads.items():
            cells.append({"model": model.name, "protocol": case.protocol, "connections": connections, "server": name, **merged(runs)})
        line = ", ".join(f"{name} {statistics.median(run.rate for run in runs):.0f}" for name, runs in loads.items())
        bench.say(f"{model.name} {case.protocol} c={connections}: {line}")
    return cells


def merged(runs):
    """The rates of all rounds, and the medians of what else was seen."""
    middle = lambda key: statistics.median(getattr(run, key) for run in runs)
    errors = {}
    for one in runs:
        for key, count in one.errors.items():
            errors[key] = errors.get(key, 0) + count
    cpu = [one.cpu_us for one in runs if one.cpu_us is not None]
    return {"rates": [one.rate for one in runs], "rate": middle("rate"), "p50": middle("p50"), "p99": middle("p99"),
            "longest": max(one.longest for one in runs), "cpu_us": statistics.median(cpu) if cpu else None, "errors": errors}  # fmt: skip
