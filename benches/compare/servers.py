"""The servers that are compared, as processes: started on given cores, waited for, asked one question at a time, stopped.
They die with the harness, however it ends: leaving a `with` stops them politely, and the kernel kills what is left.
"""

import ctypes
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
LIBC = ctypes.CDLL(None)
DEATH_SIGNAL = 1  # of prctl: what the kernel sends when the parent has gone


def spawn(command, cores, nice=0, **options):
    """A child on some cores, in a group of its own, that the kernel ends when this process ends."""

    def prepare():
        LIBC.prctl(DEATH_SIGNAL, signal.SIGKILL)
        os.sched_setaffinity(0, cores)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        if nice:
            os.nice(nice)
            # Where sessions are scheduled as groups, niceness only counts within one; the group has its own.
            with suppress(OSError), open("/proc/self/autogroup", "w") as group:
                group.write(str(nice))

    command = [str(part) for part in command]
    return subprocess.Popen(command, preexec_fn=prepare, start_new_session=True, **options)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Server:
    """Ready after `with`; gone behind it. `command` may hold PORT and ADDRESS, which are filled in."""

    def __init__(self, name, command, cores, environment=None):
        self.name, self.cores, self.port = name, cores, free_port()
        words = {"PORT": str(self.port), "ADDRESS": f"127.0.0.1:{self.port}"}
        self.command = [words.get(part, part) for part in map(str, command)]
        self.environment = os.environ | (environment or {})
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        self.log = tempfile.TemporaryFile()
        self.process = spawn(self.command, self.cores, stdout=self.log, stderr=self.log, env=self.environment)

    def __enter__(self):
        self.start()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def wait(self, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.log.seek(0)
                raise NotReady(self.log.read().decode()[-2000:] or "it ended without a word")
            with suppress(OSError, ValueError, http.client.HTTPException):
                if self.is_ready():
                    return
            time.sleep(0.02)
        raise NotReady(f"not within {seconds} s")

    def is_ready(self):
        status, _, body = self.ask("GET", "/v2/health/ready")
        if status != 200 and "failed to load" in (reason := json.loads(body).get("reason", "")):
            raise NotReady(reason)
        return status == 200

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and body of one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def put(self, question, at=0):
        headers = {"content-type": question.content_type} | dict(question.headers)
        return self.ask("POST", question.path, question.bodies[at], headers)

    def cpu_seconds(self):
        """Used so far by all its threads, in user and kernel mode."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident bytes now, and at most so far."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        return tuple(int(status[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))

    def compute(self, model):
        """Seconds inside the engine and runs so far, by the server's own count."""
        totals = {"sum": 0.0, "count": 0.0}
        for line in self.ask("GET", "/metrics")[2].decode().splitlines():
            for key in totals:
                if line.startswith(f"onnxd_compute_duration_seconds_{key}{{") and f'model="{model}"' in line:
                    totals[key] += float(line.rpartition(" ")[2])
        return totals["sum"], totals["count"]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def __exit__(self, *_):
        self.stop()


class NotReady(RuntimeError):
    """A server that ends, or fails to load its model, before it can answer; in its own words."""

    def __str__(self):
        return " ".join(super().__str__().split())


class Makers:
    """How each server is started. `settings` are the parsed arguments of run.py."""

    def __init__(self, settings, work):
        self.settings, self.work = settings, Path(work)

    def engines(self):
        """The engines that can be compared: the second needs a build with it."""
        found = {"tract": self.settings.onnxd}
        if self.settings.onnxd_ort:
            found["onnxruntime"] = self.settings.onnxd_ort
        return {name: program for name, program in found.items() if name in self.settings.engines}

    def floor(self, numbers, cores, *waiting):
        """`waiting` may be a model and the milliseconds that its answers wait."""
        return Server("floor", [self.settings.floor, "ADDRESS", numbers, *waiting], cores)

    def fastapi(self, models, cores, threads=1):
        named = [f"{model.name}={model.file}" for model in models]
        return Server("fastapi", [self.settings.python, HERE / "fastapi_server.py", "PORT", threads, *named], cores)

    def onnxd(self, engine, models, cores, batching=True, flags=(), name=None):
        folder = self.repository(models, batching)
        return self.onnxd_on(engine, folder, cores, flags, name or (engine if batching else f"{engine}-unbatched"))

    def onnxd_on(self, engine, folder, cores, flags=(), name=None):
        command = [self.engines()[engine], "serve", "--models", folder, "--listen", "ADDRESS", "--lame-duck", "0s"]
        command += ["--engine", engine, "--log-level", self.settings.log_level, *flags]
        if engine == "onnxruntime":
            command += ["--onnxruntime-lib", self.settings.onnxruntime_lib]
        return Server(name or engine, command, cores)

    def repository(self, models, batching):
        """A models folder with these, and batching turned off in their model.toml if so wanted."""
        name = "-".join(model.name for model in models) + ("" if batching else "-unbatched")
        folder = self.work / "repositories" / name
        if folder.exists():
            return folder
        for model in models:
            home = folder / model.name
            if model.folder:
                shutil.copytree(model.folder, home)
            else:
                (home / "1").mkdir(parents=True)
                (home / "1" / "model.onnx").symlink_to(model.file)
            if not batching:
                with open(home / "model.toml", "a") as card:
                    card.write("\n[batching]\nmax_batch = 1\n")
        return folder
