"""How long one row takes without any server: the same engine, one thread, one core, the rows already in memory and in turn.

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


class OnnxRuntime:
    """A session of its own on a model, ready to be timed again and again."""

    how = "C interface"

    def __init__(self, model, cores):
        # Threads that a session starts stay where it was made.
        with pinned(cores):
            runtime = Runtime()
            session = runtime.session(model.file)
            prepared = runtime.prepared(session, model.file, [model.rows[at : at + 1].copy() for at in range(len(model.rows))])
        # The rest is memory that the library writes to: it has to live as long as the calls.
        self.call, self.nothing, self.arguments, *self.alive = prepared
        self.cores = cores
        if any(self.call(*some) is not None for some in self.arguments):
            raise RuntimeError(f"ONNX Runtime does not run {model.name} through its C interface")

    def microseconds(self, seconds):
        with pinned(self.cores):
            clock(self.call, self.arguments, round(seconds * 250))
            overhead = clock(self.nothing, self.arguments, 20)[0]
            return (clock(self.call, self.arguments, round(seconds * 1000))[0] - overhead) / 1000


class Command:
    """`onnxd bench FILE`."""

    how = "onnxd bench FILE"

    def __init__(self, program, model, question, cores, work):
        self.cores, self.work = cores, work
        self.command = [program, "bench", model.file, "--bodies", question.file(work), "--connections", 1, "--threads", 1]

    def microseconds(self, seconds):
        """Nothing where there is no such command."""
        out = tempfile.NamedTemporaryFile(dir=self.work, suffix=".json", delete=False).name
        command = [*self.command, "--duration", f"{round(seconds * 1000)}ms", "--json", out]
        spawn(command, self.cores, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).communicate()
        try:
            level = json.loads(Path(out).read_text())["targets"][0]["levels"][0]
            return level["latency_ms"]["mean"] * 1000
        except (ValueError, KeyError, IndexError):
            return None


class Metric:
    """What a server counts by itself, asked over one connection."""

    how = "the server's metric"

    def __init__(self, server, model, question, generator, work):
        self.server, self.model = server, model
        self.load = lambda seconds: generator(server, question, work, 1, seconds, warm_up=0)

    def microseconds(self, seconds):
        self.load(seconds / 2)
        before = self.server.compute(self.model.name)
        self.load(seconds)
        spent, runs = (now - then for now, then in zip(self.server.compute(self.model.name), before))
        return spent / runs * 1e6
