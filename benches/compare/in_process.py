"""How long one row takes without any server: the same engine, one thread, one core, the row already in memory.

ONNX Runtime is called through its C interface with outputs that exist beforehand, and what ctypes adds is taken off
(`benches/trees.py` does that). tract is measured by `onnxd bench FILE`; where a build has no such command, by what the server itself
counts per run at one connection, which is a little longer, for the caches are not the engine's alone.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from servers import HERE, spawn

sys.path.insert(0, str(HERE.parent))
from trees import Runtime, clock


@contextmanager
def pinned(cores):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def onnxruntime(model, cores, seconds):
    """Microseconds of a run, and how they were found."""
    with pinned(cores):
        runtime = Runtime()
        session = runtime.session(model.file)
        call, nothing, arguments, _, _alive = runtime.prepared(session, model.file, [np.ascontiguousarray(model.row)])
        if call(*arguments[0]) is not None:
            raise RuntimeError(f"ONNX Runtime does not run {model.name} through its C interface")
        milliseconds = round(seconds * 1000)
        overhead = clock(nothing, arguments, 50)[0]
        clock(call, arguments, milliseconds // 4)
        return (clock(call, arguments, milliseconds)[0] - overhead) / 1000, "C interface"


def by_command(program, model, question, cores, seconds, work):
    """By `onnxd bench FILE`; nothing where there is no such command."""
    out = tempfile.NamedTemporaryFile(dir=work, suffix=".json", delete=False).name
    command = [program, "bench", model.file, "--body", question.file(work), "--connections", 1, "--threads", 1]
    command += ["--duration", f"{seconds:g}s", "--json", out]
    process = spawn(command, cores, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.communicate()
    try:
        level = json.loads(Path(out).read_text())["targets"][0]["levels"][0]
        return level["latency_ms"]["mean"] * 1000, "onnxd bench FILE"
    except (ValueError, KeyError, IndexError):
        return None


def by_metric(server, model, question, generator, seconds, work):
    generator(server, question, work, 1, seconds / 2, warm_up=0)
    before = server.compute(model.name)
    generator(server, question, work, 1, seconds, warm_up=0)
    spent, runs = (now - then for now, then in zip(server.compute(model.name), before))
    return spent / runs * 1e6, "the server's metric"
