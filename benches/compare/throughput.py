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
    longer: int = 1  # times the usual, where a second holds so few requests that one more or less would show


CASES = (
    Case("iris", "v2", (1, 8, 32)),
    Case("iris", "predict", (1, 8, 32)),
    Case("forest100", "v2", (1, 8, 32)),
    Case("digits", "v2", (1, 8, 32), unbatched=True),
    Case("wide", "v2", (1, 8, 32), unbatched=True),
    Case("forest500", "v2", (1, 8, 32), unbatched=True),
    Case("boosted", "v2", (1, 8, 32), unbatched=True),
    Case("bert", "v2", (1, 8, 32), longer=2),
    Case("resnet18", "binary", (1, 8), longer=4),
    Case("resnet18", "v2", (1, 8), longer=4),
)


def run(bench, model):
    """All cases of a model: cells, one per case, connections and server; and the times in process, one per engine."""
    cases = [case for case in CASES if case.model == model.name]
    asked = {case.protocol: question(model, case.protocol) for case in cases}
    with ExitStack() as stack:
        servers = start(bench, stack, model, any(case.unbatched for case in cases))
        for one in asked.values():
            for server in servers:
                check(server, model, one)
        clocks = timers(bench, model, asked["v2"], servers)
        times, loads = {engine: [] for engine in clocks}, {}
        for turn in range(bench.rounds):
            for engine, timer in clocks.items():
                times[engine].append(timer.microseconds(bench.seconds))
            for case in cases:
                for connections in case.connections:
                    for server in rotated(taking_part(servers, case, connections), turn):
                        place = (case.protocol, connections, server.name)
                        run = bench.load(server, asked[case.protocol], connections, longer=case.longer)
                        loads.setdefault(place, []).append(run)
    say(bench, model, loads)
    cells = [
        {"model": model.name, "protocol": protocol, "connections": connections, "server": server, **merged(runs)}
        for (protocol, connections, server), runs in loads.items()
    ]
    return cells, [
        {"model": model.name, "engine": engine, "turns": turns, "us": statistics.median(turns), "how": clocks[engine].how}
        for engine, turns in times.items()
    ]


def say(bench, model, loads):
    lines = {}
    for (protocol, connections, server), runs in loads.items():
        lines.setdefault((protocol, connections), []).append(f"{server} {statistics.median(run.rate for run in runs):,.0f}")
    for (protocol, connections), seen in lines.items():
        bench.say(f"{model.name} {protocol} c={connections}: {', '.join(seen)}")


def taking_part(servers, case, connections):
    """Batching off is only of interest where there is most to merge."""
    off = case.unbatched and connections == max(case.connections)
    return [server for server in servers if off or not server.name.endswith("-unbatched")]


def rotated(servers, turn):
    at = turn % len(servers)
    return servers[at:] + servers[:at]


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


def timers(bench, model, asked, servers):
    """What times the model in process, by engine."""
    found = {}
    for engine, program in bench.makers.engines().items():
        if engine == "onnxruntime":
            found[engine] = in_process.OnnxRuntime(model, bench.server_core)
            continue
        command = in_process.Command(program, model, asked, bench.server_core, bench.work)
        server = next((server for server in servers if server.name == engine), None)
        if command.microseconds(0.5) is not None:
            found[engine] = command
        elif server:
            found[engine] = in_process.Metric(server, model, asked, bench.generator, bench.work)
    return found


def merged(runs):
    """The rates of all rounds, and the medians of what else was seen."""
    middle = lambda key: statistics.median(getattr(run, key) for run in runs)
    errors = {}
    for one in runs:
        for key, count in one.errors.items():
            errors[key] = errors.get(key, 0) + count
    cpu = [one.cpu_us for one in runs if one.cpu_us is not None]
    return {
        "rates": [one.rate for one in runs],
        "longest": max(one.longest for one in runs),
        "cpu_us": statistics.median(cpu) if cpu else None,
        "errors": errors,
        **{key: middle(key) for key in ("rate", "p50", "p99")},
    }
