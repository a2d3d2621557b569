"""LitServe: one worker process; without batching, which on one core adds waiting and takes nothing away.

litserve_server.py PORT NAME FILE.onnx
"""

import sys

import litserve
from session import Session


class Api(litserve.LitAPI):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def setup(self, device):
        self.model = Session(self.path)

    def decode_request(self, request):
        return request["x"]

    def predict(self, x):
        return self.model.run_lists(x)

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    port, _, path = sys.argv[1:]
    server = litserve.LitServer(Api(path), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(port), num_api_servers=1, log_level="warning", access_log=False, generate_client_file=False)
