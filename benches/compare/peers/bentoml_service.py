"""BentoML: a service with its adaptive batching. `bentoml_server.py` starts it."""

import os

import bentoml
from session import Session


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Onnx:
    def __init__(self):
        self.session = Session(os.environ["MODEL"])

    @bentoml.api(route="/predict")
    def predict(self, x: list) -> dict:
        return self.session.run_lists(x)
