"""BentoML with one model, which the service finds in its environment.

bentoml_server.py PORT NAME FILE.onnx
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    port, _, path = sys.argv[1:]
    here = Path(__file__).parent
    program = Path(sys.executable).parent / "bentoml"
    command = [program, "serve", "bentoml_service:Onnx", "--working-dir", here, "--host", "127.0.0.1", "--port", port]
    os.execve(program, [str(part) for part in command], os.environ | {"MODEL": path})
