"""Under which conditions was measured: said on the page, so that numbers are not read without them."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import date
from pathlib import Path

from peers import FOLDER, PEERS
from question import REPOSITORY


def conditions(settings, bench):
    return {
        "date": date.today().isoformat(),
        "quick": settings.quick,
        "only": settings.only,
        "rounds": bench.rounds,
        "seconds": bench.seconds,
        "generator": settings.generator,
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release().partition("-")[0],
        "commit": commit(),
        "rustc": said("rustc", "--version"),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in ("onnxruntime", "fastapi", "uvicorn", "orjson")},
        "peers": peers() if "peers" in settings.only else {},
        "crates": crates("axum", "tokio", "serde_json", "tract-onnx", "ort"),
        "engines": list(bench.makers.engines()),
        "log_level": settings.log_level,
        "load_before": os.getloadavg(),
        "models": {name: model.title for name, model in bench.models.items()},
    }


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    wide = [flag for flag in ("avx2", "avx512f", "amx_tile") if flag in flags]
    return f"{name} ({', '.join(wide)})" if wide else name


def commit():
    changed = "" if not said("git", "status", "--porcelain", "--untracked-files=no") else ", changed"
    return (said("git", "rev-parse", "--short=12", "HEAD") or "unknown") + changed


def peers():
    """Versions as required."""
    versions = lambda peer: dict(line.split("==") for line in (FOLDER / f"{peer.name}.txt").read_text().splitlines() if "==" in line)
    return {peer.package: versions(peer)[peer.package] for peer in PEERS.values()}


def crates(*names):
    """Versions as locked."""
    found, name = {}, None
    for line in (REPOSITORY / "Cargo.lock").read_text().splitlines():
        key, _, value = line.partition(" = ")
        if key == "name":
            name = value.strip('"')
        elif key == "version" and name in names:
            found[name] = value.strip('"')
    return found


def said(*command):
    try:
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
