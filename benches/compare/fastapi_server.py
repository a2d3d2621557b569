"""What a careful Python programmer writes in an afternoon: FastAPI and ONNX Runtime, with the fast parts that exist.

uvloop and httptools under uvicorn, one worker, no access log; bodies read by orjson from the raw request and answers written by
it, past pydantic; the session called in the event loop, because on one core a thread would only add a hand-over.
Tensors come as V2 JSON, V2 binary, or rows to /predict; the models are named on the command line:

    fastapi_server.py PORT THREADS NAME=FILE.onnx ...
"""

import sys

import numpy as np
import onnxruntime
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

NUMPY = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "INT32": np.int32}
V2 = {"float32": "FP32", "float64": "FP64", "int64": "INT64", "int32": "INT32"}
ONNX = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
HEADER_LENGTH = "inference-header-content-length"


class Model:
    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = {port.name: ONNX[port.type] for port in self.session.get_inputs()}
        self.outputs = [port.name for port in self.session.get_outputs()]

    def run(self, inputs):
        return dict(zip(self.outputs, self.session.run(self.outputs, inputs)))

    def run_only_input(self, array):
        ((name, kind),) = self.inputs.items()
        return self.run({name: np.asarray(array, kind)})


app = FastAPI(openapi_url=None)
models = {}


def answer(message):
    return Response(orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


@app.get("/v2/health/ready")
async def ready():
    return {"ready": True}


@app.post("/v2/models/{name}/infer")
async def infer(name: str, request: Request):
    body = await request.body()
    length = request.headers.get(HEADER_LENGTH)
    if length is not None:
        return infer_binary(name, body, int(length))
    message = orjson.loads(body)
    inputs = {}
    for part in message["inputs"]:
        inputs[part["name"]] = np.array(part["data"], NUMPY[part["datatype"]]).reshape(part["shape"])
    outputs = [described(key, value) | {"data": value.ravel()} for key, value in models[name].run(inputs).items()]
    return answer({"model_name": name, "model_version": "1", "outputs": outputs})


def infer_binary(name, body, length):
    message, inputs, at = orjson.loads(body[:length]), {}, length
    for part in message["inputs"]:
        size = part["parameters"]["binary_data_size"]
        kind = np.dtype(NUMPY[part["datatype"]])
        # A view into the body, where the sessions can read it.
        inputs[part["name"]] = np.frombuffer(body, kind, size // kind.itemsize, at).reshape(part["shape"])
        at += size
    outputs = models[name].run(inputs)
    described_outputs = [
        described(key, value) | {"parameters": {"binary_data_size": value.nbytes}} for key, value in outputs.items()
    ]
    head = orjson.dumps({"model_name": name, "model_version": "1", "outputs": described_outputs})
    tail = b"".join(value.tobytes() for value in outputs.values())
    return Response(head + tail, media_type="application/octet-stream", headers={HEADER_LENGTH: str(len(head))})


def described(name, value):
    return {"name": name, "datatype": V2[value.dtype.name], "shape": value.shape}


@app.post("/predict/{name}")
async def predict(name: str, request: Request):
    outputs = models[name].run_only_input(orjson.loads(await request.body()))
    rows = [dict(zip(outputs, row)) for row in zip(*(value.tolist() for value in outputs.values()))]
    return answer({"model": name, "predictions": rows})


def main(port, threads, *named):
    for pair in named:
        name, _, path = pair.partition("=")
        models[name] = Model(path, int(threads))
    uvicorn.run(app, host="127.0.0.1", port=int(port), loop="uvloop", http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
