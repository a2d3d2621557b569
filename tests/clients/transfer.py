"""How much faster a large tensor travels as binary data than as JSON.

    tests/clients/transfer.py [URL]

Sends two million FP32 numbers to the model `identity_fp32` and back, several times each way, and prints the medians and
their ratio: once for the wire alone (the body is ready before the clock starts, the answer is only received) and once
for `tritonclient` as a whole, which also writes and reads the tensor. The server runs with `--models
tests/fixtures/models`, or with that one file. A measurement, not a test: it fails only when an answer is wrong.
"""

import http.client
import json
import os
import statistics
import sys
import time
from urllib.parse import urlsplit

import numpy as np
import tritonclient.http as triton

SHAPE = (1000, 2000)
ROUNDS = 5
MODEL = "identity_fp32"


def main():
    url = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ONNXD_URL", "http://127.0.0.1:8080")
    server = urlsplit(url).netloc
    tensor = np.random.default_rng(0).standard_normal(SHAPE, np.float32)
    print(f"{tensor.size} FP32 numbers to {MODEL} and back, median of {ROUNDS}")
    report("the wire alone", over_the_wire(server, tensor))
    report("tritonclient", through_tritonclient(server, tensor))


def report(title, seconds):
    ratio = seconds["binary"] / seconds["JSON"]
    binary, text = (f"{seconds[kind] * 1000:8.1f} ms" for kind in ("binary", "JSON"))
    print(f"{title:<16} binary {binary}   JSON {text}   binary/JSON {ratio:.4f}")


def over_the_wire(server, tensor):
    port = {"name": "input", "datatype": "FP32", "shape": SHAPE}
    values = "[" + ",".join(map(str, tensor.ravel())) + "]"
    text = json.dumps({"inputs": [{**port, "data": None}]}).replace("null", values).encode()
    head = json.dumps(
        {
            "inputs": [{**port, "parameters": {"binary_data_size": tensor.nbytes}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    binary = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
    connection = http.client.HTTPConnection(server, timeout=300)

    def send(body, headers):
        connection.request("POST", f"/v2/models/{MODEL}/infer", body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            sys.exit(f"{response.status}: {answer[:500]!r}")
        return answer

    seconds = {
        "binary": median(lambda: send(head + tensor.tobytes(), binary)),
        "JSON": median(lambda: send(text, {"content-type": "application/json"})),
    }
    assert send(head + tensor.tobytes(), binary).endswith(tensor.tobytes()), "binary answer differs"
    [output] = json.loads(send(text, {"content-type": "application/json"}))["outputs"]
    check(np.array(output["data"], np.float32).reshape(output["shape"]), tensor)
    return seconds


def through_tritonclient(server, tensor):
    client = triton.InferenceServerClient(server, network_timeout=300, connection_timeout=300)

    def send(binary):
        given = triton.InferInput("input", SHAPE, "FP32").set_data_from_numpy(tensor, binary_data=binary)
        wanted = triton.InferRequestedOutput("output", binary_data=binary)
        return client.infer(MODEL, [given], outputs=[wanted]).as_numpy("output")

    seconds = {"binary": median(lambda: send(True)), "JSON": median(lambda: send(False))}
    check(send(True), tensor)
    check(send(False), tensor)
    client.close()
    return seconds


def median(action):
    action()  # the first one builds the plan for this shape

    def timed():
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    return statistics.median(timed() for _ in range(ROUNDS))


def check(got, expected):
    np.testing.assert_array_equal(got, expected)


if __name__ == "__main__":
    main()
