"""What the peers have in common: a session of ONNX Runtime with one thread, on arrays and on plain lists."""

import numpy as np
import onnxruntime

NUMPY = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


class Session:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (port,) = self.session.get_inputs()
        self.input, self.kind, self.shape = port.name, NUMPY[port.type], port.shape
        self.outputs = {port.name: (NUMPY[port.type], port.shape) for port in self.session.get_outputs()}

    def run(self, array):
        """Values by output."""
        names = list(self.outputs)
        return dict(zip(names, self.session.run(names, {self.input: np.asarray(array, self.kind)})))

    def run_lists(self, rows):
        return {name: value.tolist() for name, value in self.run(rows).items()}
