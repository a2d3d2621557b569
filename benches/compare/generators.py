"""Who asks. Two load generators behind one small interface: `onnxd bench`, and `wrk`, which knows no open loop.

Closed loop: each connection asks again as soon as it was answered. Open loop: questions are due at a fixed rate whether or
not earlier ones were answered, and their latency counts from when they were due. Both run on one thread, pinned.
"""

import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from servers import spawn


@dataclass
class Load:
    """What one run of a generator saw. `rate` counts right answers only."""

    rate: float
    requests: int
    seconds: float
    p50: float  # milliseconds, as are the next
    p99: float
    longest: float
    errors: dict = field(default_factory=dict)  # status, or "transport": how many
    cpu_us: float | None = None  # of the server, per request


class CannotDo(RuntimeError):
    pass


class Onnxd:
    """`onnxd bench`, of any build: the measured server may be another."""

    def __init__(self, program, cores, nice=0):
        self.program, self.cores, self.nice = program, cores, nice

    def begin(self, server, question, work, connections, seconds, warm_up=0.5, rate=None, headers=()):
        out = tempfile.NamedTemporaryFile(dir=work, suffix=".json", delete=False).name
        flag = "--bodies" if question.has_lines else "--body"
        command = [self.program, "bench", server.url + question.path, flag, question.file(work)]
        command += ["--content-type", question.content_type, "--connections", connections, "--threads", 1]
        command += ["--duration", f"{round(seconds * 1000)}ms", "--warm-up", f"{round(warm_up * 1000)}ms"]
        command += ["--json", out, "--pid", server.pid]
        for name, value in [*question.headers, *headers]:
            command += ["--header", f"{name}: {value}"]
        if rate:
            command += ["--rate", f"{rate:.0f}"]
        process = spawn(command, self.cores, self.nice, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return lambda: self.finish(process, out)

    def finish(self, process, out):
        said = process.communicate()[0]
        if process.returncode != 0:
            raise RuntimeError(f"onnxd bench failed: {said.decode()[-1000:]}")
        level = json.loads(Path(out).read_text())["targets"][0]["levels"][0]
        latency, errors = level["latency_ms"], {key: count for key, count in level["errors"].items() if count}
        p50, p99, longest = (latency[key] or 0.0 for key in ("p50", "p99", "max"))  # nothing where nothing was right
        cpu = level.get("server_cpu_us_per_request")
        return Load(level["requests_per_second"], level["requests"], level["seconds"], p50, p99, longest, errors, cpu)

    def __call__(self, *arguments, **named):
        return self.begin(*arguments, **named)()


SCRIPT = """
wrk.method = "POST"
{headers}
local requests, at = {{}}, 0
function init()
  local file = io.open({file!r}, "rb")
  local body = file:read({form!r})
  while body and body ~= "" do
    requests[#requests + 1] = wrk.format(nil, nil, nil, body)
    body = file:read({form!r})
  end
  file:close()
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local errors = summary.errors
  local transport = errors.connect + errors.read + errors.write + errors.timeout
  io.stdout:write(string.format('RESULT {{"requests":%d,"us":%d,"p50":%f,"p99":%f,"max":%f,"status":%d,"transport":%d}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, errors.status, transport))
end
"""


class Wrk:
    def __init__(self, program, cores, nice=0):
        self.program, self.cores, self.nice = program, cores, nice

    def begin(self, server, question, work, connections, seconds, warm_up=0.5, rate=None, headers=()):
        if rate:
            raise CannotDo("wrk has no open loop")
        script = tempfile.NamedTemporaryFile("w", dir=work, suffix=".lua", delete=False)
        named = [("Content-Type", question.content_type), *question.headers, *headers]
        lines = "\n".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in named)
        with script:
            form = "*l" if question.has_lines else "*a"
            script.write(SCRIPT.format(file=str(question.file(work)), form=form, headers=lines))
        run = lambda seconds: spawn(
            [self.program, "-t", 1, "-c", connections, "-d", f"{max(1, round(seconds))}s", "--timeout", "60s",
             "-s", script.name, server.url + question.path],
            self.cores, self.nice, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        # The warm-up is a run by itself. It cannot be shorter than a second.
        if warm_up:
            run(warm_up).communicate()
        before = server.cpu_seconds()
        process = run(seconds)
        return lambda: self.finish(process, server, before)

    def finish(self, process, server, before):
        said = process.communicate()[0].decode()
        used = server.cpu_seconds() - before
        if "RESULT " not in said:
            raise RuntimeError(f"wrk failed: {said[-1000:]}")
        seen = json.loads(said.partition("RESULT ")[2].splitlines()[0])
        right, seconds = seen["requests"] - seen["status"], seen["us"] / 1e6
        errors = {key: seen[key] for key in ("status", "transport") if seen[key]}
        return Load(right / seconds, seen["requests"], seconds, seen["p50"] / 1e3, seen["p99"] / 1e3, seen["max"] / 1e3,
                    errors, used * 1e6 / max(1, seen["requests"]))  # fmt: skip

    def __call__(self, *arguments, **named):
        return self.begin(*arguments, **named)()

