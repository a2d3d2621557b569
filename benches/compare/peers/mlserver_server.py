"""MLServer with one model, on settings that it reads from a folder.

mlserver_server.py PORT NAME FILE.onnx
"""

import json
import os
import socket
import sys
import tempfile
from pathlib import Path


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


if __name__ == "__main__":
    port, name, path = sys.argv[1:]
    folder, here = Path(tempfile.mkdtemp(prefix="mlserver-")), Path(__file__).parent
    settings = {"host": "127.0.0.1", "http_port": int(port), "grpc_port": free_port(), "metrics_port": free_port(),
                "parallel_workers": 0, "debug": False}  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": name, "implementation": "mlserver_model.Onnx", "parameters": {"uri": path}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    os.environ["PYTHONPATH"] = str(here)
    os.execv(Path(sys.executable).parent / "mlserver", ["mlserver", "start", str(folder)])
