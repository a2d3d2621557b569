"""KServe's own SDK: a model class behind its server, V2 over HTTP.

kserve_server.py PORT NAME FILE.onnx
"""

import logging
import sys

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid
from session import Session


class Onnx(Model):
    def __init__(self, name, path):
        super().__init__(name)
        self.session = Session(path)
        self.ready = True

    def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        outputs = []
        for name, value in self.session.run(payload.inputs[0].as_numpy()).items():
            output = InferOutput(name, list(value.shape), {"f": "FP32", "i": "INT64"}[value.dtype.kind])
            output.set_data_from_numpy(value, binary_data=False)
            outputs.append(output)
        return InferResponse(payload.id or generate_uuid(), self.name, outputs)


if __name__ == "__main__":
    port, name, path = sys.argv[1:]
    server = ModelServer(http_port=int(port), enable_grpc=False, workers=1, enable_latency_logging=False)
    for one in ("uvicorn.access", "kserve.trace"):
        logging.getLogger(one).disabled = True
    server.start([Onnx(name, path)])
