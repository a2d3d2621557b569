"""MLServer: a custom runtime, as its documentation shows; in the server's own process and without adaptive batching, which are
its fastest settings for these models on one core. `mlserver_server.py` starts it."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from session import Session


class Onnx(MLModel):
    async def load(self):
        self.session = Session(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        found = self.session.run(NumpyCodec.decode_input(payload.inputs[0]))
        outputs = [NumpyCodec.encode_output(name, value) for name, value in found.items()]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
