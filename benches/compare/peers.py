"""The model servers written in Python beside FastAPI: which there are, how each is started and asked, and how they are compared.

Each is written as its documentation shows, in the settings that were fastest for these models on one core, and has an environment of its
own, since they do not agree on versions. One after the other is asked in turns with onnxd, and stopped by signal as long as it is not
its turn: some look for work all the time.
"""

import os
import signal
import statistics
import subprocess
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from question import REPOSITORY, check, question
from servers import HERE, NotReady, Server
from throughput import Case, merged, rotated

FOLDER = HERE / "peers"


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    package: str
    protocol: str = "rows"
    binary: bool = False  # whether it reads binary tensors
    of_system: bool = False  # whether it needs the system's Python


PEERS = {
    peer.name: peer
    for peer in (
        Peer("triton", "Triton's HTTP front, Python backend", "nvidia-pytriton", "v2", binary=True, of_system=True),
        Peer("mlserver", "MLServer", "mlserver", "v2"),
        Peer("kserve", "KServe's SDK", "kserve", "v2"),
        Peer("bentoml", "BentoML", "bentoml"),
        Peer("litserve", "LitServe", "litserve"),
        Peer("ray", "Ray Serve", "ray"),
    )
}

# By the protocol that onnxd is asked by.
CASES = (
    Case("iris", "v2", (1, 8, 32)),
    Case("digits", "v2", (1, 8, 32)),
    Case("forest100", "v2", (1, 8, 32)),
    Case("bert", "v2", (1, 8, 32), longer=2),
    Case("resnet18", "binary", (1, 8), longer=4),
)


class PeerServer(Server):
    """Several processes, found by who started whom. Ready when it answers."""

    def __init__(self, peer, model, protocol, cores):
        command = [python(peer), FOLDER / f"{peer.name}_server.py", "PORT", model.name, model.file]
        super().__init__(peer.name, command, cores)
        asked = question(model, "binary" if peer.binary and protocol == "binary" else peer.protocol)
        # Some know no types, some no outputs of one dimension.
        self.question = replace(asked, exact=False)

    def is_ready(self):
        return self.put(self.question)[0] == 200

    def processes(self):
        found, parents = [self.pid], {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
        for pid in found:
            found += parents.get(pid, [])
        return found

    def send(self, number, processes):
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    @contextmanager
    def awake(self):
        self.send(signal.SIGCONT, self.processes())
        try:
            yield
        finally:
            self.send(signal.SIGSTOP, self.processes())

    def stop(self):
        processes = self.processes()
        self.send(signal.SIGCONT, processes)
        super().stop()
        self.send(signal.SIGKILL, processes)


def python(peer):
    """That of an environment with what the peer needs; made at the first call."""
    path = ("/usr/bin:" if peer.of_system else "") + os.environ["PATH"]
    command = [REPOSITORY / ".ci" / "venv", FOLDER / f"{peer.name}.txt"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"PATH": path})
    return Path(said.stdout.strip()) / "bin" / "python"


def peers(bench):
    """Rates of each peer and of onnxd, and onnxd's over the peer's: the median over the rounds."""
    rows = []
    for case in CASES:
        model = bench.models[case.model]
        with ExitStack() as stack:
            mine = [stack.enter_context(bench.makers.onnxd(engine, [model], bench.server_core)) for engine in bench.makers.engines()]
            for server in mine:
                server.question, server.awake = question(model, case.protocol), nullcontext
            for peer in PEERS.values():
                try:
                    with PeerServer(peer, model, case.protocol, bench.server_core) as server:
                        rows += compared(bench, case, model, mine, server)
                except (NotReady, RuntimeError) as error:
                    bench.note(f"{peer.name} does not serve {case.model}: {error}")
    return rows


def compared(bench, case, model, mine, peer):
    for server in (*mine, peer):
        check(server, model, server.question)
    rows = []
    for count in case.connections:
        loads = {}
        for turn in range(bench.rounds):
            for server in rotated([peer, *mine], turn):
                with server.awake():
                    loads.setdefault(server.name, []).append(bench.load(server, server.question, count, longer=case.longer))
        ratios = {server.name: over(loads[server.name], loads[peer.name]) for server in mine}
        rows.append({"model": model.name, "connections": count, "peer": peer.name, **merged(loads[peer.name]), **ratios})
        said = ", ".join(f"{ratio:.1f}x on {engine}" for engine, ratio in ratios.items())
        bench.say(f"peers {model.name} c={count}: {peer.name} {rows[-1]['rate']:,.0f}, onnxd {said}")
    return rows


def over(mine, theirs):
    return statistics.median(a.rate / b.rate for a, b in zip(mine, theirs) if b.rate)
