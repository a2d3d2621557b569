"""Ray Serve: one replica behind its HTTP proxy.

ray_server.py PORT NAME FILE.onnx
"""

import sys
import time

import ray
from ray import serve
from session import Session


@serve.deployment(num_replicas=1, ray_actor_options={"num_cpus": 0.5}, max_ongoing_requests=64)
class Onnx:
    def __init__(self, path):
        self.session = Session(path)

    async def __call__(self, request):
        return self.session.run_lists((await request.json())["x"])


if __name__ == "__main__":
    port, _, path = sys.argv[1:]
    ray.init(num_cpus=2, include_dashboard=False, configure_logging=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)}, logging_config={"enable_access_log": False})
    serve.run(Onnx.bind(path), route_prefix="/")
    while True:
        time.sleep(3600)
