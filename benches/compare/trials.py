"""What a rate at one core does not tell: tails at a fixed rate, both cores, a cold start, memory, a slow neighbour, too much load.
Each function is one trial and gives rows for the report; a trial that the generator cannot do says so by `CannotDo`.
"""

import http.client
import itertools
import statistics
import threading
import time
from contextlib import ExitStack

import throughput
from question import REPOSITORY, is_right, question

SHARE = 0.6  # of the maximum, where tails are looked at
OVERLOAD = 3  # times what a server can do
DEADLINE = 2.0  # seconds that an overloaded server is given for a request
BOTH = {0, 1}


def each_engine(trial):
    """Runs a trial once per engine and puts the engine's name on its rows."""

    def run(bench):
        return [{"engine": engine} | row for engine in bench.makers.engines() for row in trial(bench, engine)]

    run.__name__ = trial.__name__
    return run


def tail(bench):
    """p99 of iris in an open loop at 60 % of the server's own maximum, and of the floor at the same absolute rate."""
    model, asked, rows = bench.models["iris"], question(bench.models["iris"], "v2"), []
    with ExitStack() as stack:
        floor, *servers = throughput.start(bench, stack, model, False)
        for server in servers:
            best = statistics.median(bench.load(server, asked, 32).rate for _ in range(bench.rounds))
            seen = {floor.name: [], server.name: []}
            for turn in range(bench.rounds):
                for one in (floor, server) if turn % 2 else (server, floor):
                    seen[one.name].append(bench.load(one, asked, 32, rate=SHARE * best))
            middle = lambda name, key: statistics.median(getattr(run, key) for run in seen[name])
            rows.append({"server": server.name, "rate": SHARE * best, "reached": middle(server.name, "rate"),
                         **{f"{key}": middle(server.name, key) for key in ("p50", "p99")},
                         **{f"floor_{key}": middle(floor.name, key) for key in ("p50", "p99")}})  # fmt: skip
            bench.say(f"tail {server.name}: p99 {rows[-1]['p99']:.2f} ms, floor {rows[-1]['floor_p99']:.2f} ms")
    return rows


@each_engine
def cores(bench, engine):
    """Eight connections ask a compute-bound model on one core and then on two, whose spare moments the generator has."""
    rows = []
    for name, protocol in (("bert", "v2"), ("resnet18", "binary")):
        model, rates = bench.models[name], {1: [], 2: []}
        asked = question(model, protocol)
        with ExitStack() as stack:
            one = stack.enter_context(bench.makers.onnxd(engine, [model], bench.server_core, name="one core"))
            two = stack.enter_context(bench.makers.onnxd(engine, [model], BOTH, name="two cores"))
            for _ in range(bench.rounds):
                rates[1].append(bench.load(one, asked, 8, longer=2).rate)
                rates[2].append(bench.load(two, asked, 8, longer=2, generator=bench.nice_generator).rate)
        ratio = statistics.median(b / a for a, b in zip(rates[1], rates[2]))
        rows.append({"model": name, "one": statistics.median(rates[1]), "two": statistics.median(rates[2]), "ratio": ratio})
        bench.say(f"cores {engine} {name}: {ratio:.2f}")
    return rows


@each_engine
def cold_start(bench, engine):
    """From exec to the first right answer of iris, with all bundled models loaded and verified as always."""
    model, times = bench.models["iris"], []
    asked = question(model, "v2")
    for _ in range(10 if not bench.quick else 3):
        server = bench.makers.onnxd_on(engine, REPOSITORY / "models", bench.server_core)
        # Back once the program has been executed: what it takes to leave this large process is none of the server's time.
        server.start()
        began = time.perf_counter()
        try:
            # An older version answers as long as the newest is not loaded: that is not the right answer yet.
            while not right(server, model, asked):
                if server.process.poll() is not None or time.perf_counter() - began > 60:
                    raise SystemExit(f"{server.name} does not start")
                # Asked without a pause it would be busy with refusing.
                time.sleep(0.001)
            times.append((time.perf_counter() - began) * 1000)
        finally:
            server.stop()
    bench.say(f"cold start {engine}: {statistics.median(times):.0f} ms")
    return [{"ms": statistics.median(times), "least": min(times), "most": max(times)}]


def right(server, model, asked):
    try:
        status, headers, body = server.put(asked)
    except (OSError, http.client.HTTPException):
        return False
    return status == 200 and is_right(server.name, model, asked, headers, body)


@each_engine
def memory(bench, engine):
    """Resident memory with the bundled models while iris is asked over 32 connections."""
    asked = question(bench.models["iris"], "v2")
    with bench.makers.onnxd_on(engine, REPOSITORY / "models", bench.server_core) as server:
        idle = server.memory()[0]
        seen = watched(server, lambda: bench.load(server, asked, 32))[1]
        row = {"idle": idle, "load": max(seen), "peak": server.memory()[1]}
    bench.say(f"memory {engine}: {row['peak'] / 1e6:.0f} MB")
    return [row]


def watched(server, work):
    """What `work` gives, and the server's resident bytes ten times a second meanwhile."""
    seen, done = [server.memory()[0]], threading.Event()

    def watch():
        while not done.wait(0.1):
            seen.append(server.memory()[0])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        return work(), seen
    finally:
        done.set()
        thread.join()


@each_engine
def fairness(bench, engine):
    """iris at 500 requests/s by itself, and again while eight connections keep a slow model busy; two inferences at a time.

    Once with the server on one core, where the generators disturb nothing, and once on both, which it shares with them. The
    encoder is asked with a few bytes, so that it competes for processors alone; each image for ResNet-18 has to be read, too.
    Both generators share a core in any case, which shows in the tail: so the floor is asked the same at the same rate."""
    fast, rows = bench.models["iris"], []
    layouts = (("one core", bench.server_core), ("two cores", BOTH))
    for (name, protocol), (layout, where) in itertools.product((("bert", "v2"), ("resnet18", "binary")), layouts):
        slow = bench.models[name]
        ask_slow, ask_fast = question(slow, protocol), question(fast, "v2")
        with bench.makers.onnxd(engine, [slow, fast], where, flags=("--threads", 2)) as server:
            quiet, busy, rates = neighbours(bench, server, ask_fast, ask_slow)
        rate = statistics.median(rates)
        # An answer waits as long as eight connections need it to, to ask at that rate.
        with bench.makers.floor(fast.numbers, where, name, 8 * 1000 / rate) as floor:
            alone, beside, _ = neighbours(bench, floor, ask_fast, ask_slow)
        row = {"slow": name, "layout": layout, "slow_rate": rate, "errors": throughput.merged(busy)["errors"]}
        for when, runs in (("quiet", quiet), ("busy", busy), ("floor_quiet", alone), ("floor_busy", beside)):
            row |= {f"{when}_{key}": statistics.median(getattr(run, key) for run in runs) for key in ("p50", "p99")}
        rows.append(row | {"ratio": statistics.median(b.p99 / q.p99 for q, b in zip(quiet, busy))})
        bench.say(f"fairness {engine}, {name}, {layout}: p99 {rows[-1]['quiet_p99']:.2f} -> {rows[-1]['busy_p99']:.2f} ms")
    return rows


def neighbours(bench, server, ask_fast, ask_slow):
    """The fast one alone and beside the slow one, each once per round, and the rates of the slow one."""
    quiet, busy, rates = [], [], []
    for _ in range(bench.rounds):
        quiet.append(bench.load(server, ask_fast, 8, rate=500))
        # The slow one runs for longer at both ends.
        other = bench.begin(server, ask_slow, 8, bench.seconds + 3, bench.background_generator)
        time.sleep(1.5)
        busy.append(bench.load(server, ask_fast, 8, rate=500))
        rates.append(other().rate)
    return quiet, busy, rates


@each_engine
def overload(bench, engine):
    """Three times what the server can do, for half a minute, each request with a deadline of two seconds.

    On models that compute for a while: for the smallest, one core cannot even ask for three times of what another answers."""
    rows, seconds = [], 30 if not bench.quick else 3
    for name, protocol in (("bert", "v2"), ("wide", "v2")):
        model = bench.models[name]
        asked, deadline = question(model, protocol), (("x-request-timeout-ms", str(round(DEADLINE * 1000))),)
        with bench.makers.onnxd(engine, [model], bench.server_core) as server:
            best = statistics.median(bench.load(server, asked, 32).rate for _ in range(bench.rounds))
            before = server.memory()[0]
            begin = lambda: bench.begin(server, asked, 1024, seconds=seconds, rate=OVERLOAD * best, headers=deadline)()
            load, seen = watched(server, begin)
        wrong = {key: count for key, count in load.errors.items() if key != "503"}
        rows.append({"model": name, "peak": best, "goodput": load.rate, "ratio": load.rate / best, "p99": load.p99,
                     "longest": load.longest, "deadline": DEADLINE * 1000, "refused": load.errors.get("503", 0),
                     "wrong": wrong, "before": before, "most": max(seen)})  # fmt: skip
        bench.say(f"overload {engine} {name}: {rows[-1]['ratio']:.2f} of the peak, other than 200 and 503: {wrong or 'none'}")
    return rows


TRIALS = {trial.__name__: trial for trial in (tail, cores, cold_start, memory, fairness, overload)}
