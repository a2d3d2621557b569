"""Compares onnxd with what bounds it from above, a server that computes nothing, and with what people use instead, FastAPI and
ONNX Runtime; checks every server's answers before it is timed, and writes docs/BENCHMARKS.md.

    benches/compare/run                          everything, about an hour, on two quiet cores
    benches/compare/run --quick                  one round of a second each, some eight minutes: does it work?
    benches/compare/run --only iris,overload     some models and trials
    benches/compare/run --only peers --rounds 3 --seconds 1 --page docs/BENCHMARKS-PEERS.md
                                                 the other servers written in Python, whose packages take 3 GB: half an hour
    benches/compare/run --report results.json    the page again from the results of a run

Only a whole run writes the page by itself; the others do with --page FILE. Servers on core 0, the generator on core 1. Needs
Linux. What it starts ends with it.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import peers
import report
import throughput
import trials
from generators import CannotDo, Onnxd, Wrk
from machine import conditions
from question import REPOSITORY, load
from servers import Makers, NotReady


class Bench:
    """What every measurement needs at hand."""

    server_core, generator_core = {0}, {1}

    def __init__(self, settings, work):
        self.work, self.models, self.makers = work, load(settings.models), Makers(settings, work)
        self.quick = settings.quick
        self.rounds, self.seconds = (1, 1.0) if self.quick else (settings.rounds, settings.seconds)
        kind, program = {"wrk": (Wrk, "wrk"), "onnxd": (Onnxd, settings.bench or settings.onnxd)}[settings.generator]
        self.generator = kind(program, self.generator_core)
        self.nice_generator = kind(program, trials.BOTH, nice=10)
        # One that does not delay another beside it.
        self.background_generator = kind(program, self.generator_core, nice=10)
        self.notes = []

    def load(self, server, asked, connections, rate=None, generator=None, longer=1):
        return (generator or self.generator)(server, asked, self.work, connections, self.seconds * longer, rate=rate)

    def begin(self, server, asked, connections, seconds, generator=None, **named):
        return (generator or self.generator).begin(server, asked, self.work, connections, seconds, **named)

    def say(self, line):
        print(line, flush=True)

    def note(self, line):
        # The page is no place for paths of temporary folders.
        line = line.replace(f"{self.work}/", "")
        self.notes.append(line)
        self.say(line)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "dist"
    add = parser.add_argument
    add("--quick", action="store_true", help="one round of a second each")
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=2.0, help="of each measurement, after half a second of warm-up")
    add("--only", default="", help=f"of {', '.join([*models(), *trials.TRIALS, 'peers'])}")
    add("--generator", choices=("onnxd", "wrk"), default="onnxd", help="wrk has no open loop: those trials are left out")
    add("--engines", default="tract,onnxruntime")
    add("--onnxd", type=Path, default=target / "onnxd", help="the server")
    add("--onnxd-ort", type=Path, help="the server with the feature onnxruntime [default: --onnxd, if it has that]")
    add("--onnxruntime-lib", type=Path, help="[default: that of the Python package]")
    add("--bench", type=Path, help="the onnxd whose `bench` asks [default: the server's]")
    add("--floor", type=Path, default=target / "examples" / "floor", help="cargo build --profile dist --example floor")
    add("--models", type=Path, required=True, help="the folder that models.py filled")
    add("--log-level", default="warn", help="of onnxd; info writes a line per prediction, the others write none")
    add("--python", type=Path, default=Path(sys.executable), help="for FastAPI")
    add("--json", type=Path, default=Path("compare.json"), help="where the results go")
    add("--page", type=Path, help="write the page here [default: docs/BENCHMARKS.md after a whole run, else nowhere]")
    add("--report", type=Path, help="measure nothing: write the page from these results")
    settings = parser.parse_args()
    settings.engines = settings.engines.split(",")
    settings.only = [word for word in settings.only.split(",") if word]
    if unknown := set(settings.only) - set(models()) - set(trials.TRIALS) - {"peers"}:
        parser.error(f"--only: no {', '.join(unknown)}")
    settings.onnxruntime_lib = settings.onnxruntime_lib or library()
    if not settings.onnxd_ort and has_onnxruntime(settings):
        settings.onnxd_ort = settings.onnxd
    return settings


def models():
    return dict.fromkeys(case.model for case in throughput.CASES)


def library():
    import onnxruntime

    return max((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"))


def has_onnxruntime(settings):
    """Any other build refuses the engine; without it the comparison is of tract alone."""
    command = [settings.onnxd, "check", "--models", REPOSITORY / "models" / "iris" / "1" / "model.onnx", "--engine", "onnxruntime"]
    command += ["--onnxruntime-lib", settings.onnxruntime_lib]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def measure(settings, work):
    bench = Bench(settings, work)
    results = {"conditions": conditions(settings, bench), "notes": bench.notes, "cells": [], "in_process": []}

    def keep():
        results["conditions"]["load_after"] = os.getloadavg()
        settings.json.write_text(json.dumps(results, indent=1))

    for name in models():
        if not settings.only or name in settings.only:
            cells, times = throughput.run(bench, bench.models[name])
            results["cells"] += cells
            results["in_process"] += times
            keep()
    for name, trial in trials.TRIALS.items():
        if settings.only and name not in settings.only:
            continue
        try:
            results[name] = trial(bench)
        except (CannotDo, NotReady) as error:
            bench.note(f"{name}: {error}")
        keep()
    if "peers" in settings.only:
        results["peers"] = peers.peers(bench)
        keep()
    return results


def main():
    settings = arguments()
    page = settings.page or (None if settings.only or settings.quick else REPOSITORY / "docs" / "BENCHMARKS.md")
    if settings.report:
        results = json.loads(settings.report.read_text())
        page = settings.page or REPOSITORY / "docs" / "BENCHMARKS.md"
    else:
        # However it is asked to stop, it leaves through every `with`, which is what stops the servers.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        # What happens here takes nothing from the servers.
        os.sched_setaffinity(0, Bench.generator_core)
        with tempfile.TemporaryDirectory(prefix="compare-") as work:
            results = measure(settings, Path(work))
    text = report.page(results)
    print(report.ratios(results))
    if page:
        page.write_text(text)
        print(f"written: {page}")


if __name__ == "__main__":
    main()
