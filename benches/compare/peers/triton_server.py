"""Triton's HTTP front with a Python backend, as PyTriton brings both; batches of up to 32, without a delay.

triton_server.py PORT NAME FILE.onnx
"""

import sys

from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from session import Session


def tensor(name, kind, shape):
    """Without the first dimension, which is Triton's own; there has to be another."""
    sizes = tuple(size if isinstance(size, int) else -1 for size in shape[1:])
    return Tensor(name=name, dtype=kind, shape=sizes or (1,))


if __name__ == "__main__":
    port, name, path = sys.argv[1:]
    session = Session(path)

    @batch
    def infer(**inputs):
        found = session.run(inputs[session.input])
        return {name: value.reshape(-1, 1) if value.ndim == 1 else value for name, value in found.items()}

    config = TritonConfig(http_address="127.0.0.1", http_port=int(port), allow_grpc=False, allow_metrics=False)
    with Triton(config=config) as triton:
        triton.bind(
            model_name=name,
            infer_func=infer,
            inputs=[tensor(session.input, session.kind, session.shape)],
            outputs=[tensor(name, *port) for name, port in session.outputs.items()],
            config=ModelConfig(max_batch_size=32, batcher=DynamicBatcher(max_queue_delay_microseconds=0)),
            strict=False,
        )
        triton.serve()
