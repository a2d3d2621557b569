"""Writes `src/engine/tract/checks/schemas.txt`: for every operator the attributes that some version of its schema has.

Those of the standard come from the `onnx` package, those of `com.microsoft` from ONNX Runtime.
"""

import collections
import pathlib

import onnx
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

TARGET = pathlib.Path(__file__).parents[2] / "src/engine/tract/checks/schemas.txt"
known = collections.defaultdict(set)
for schema in [*onnx.defs.get_all_schemas_with_history(), *runtime.get_all_operator_schema()]:
    domain = schema.domain or "ai.onnx"
    if domain in ("ai.onnx", "ai.onnx.ml", "com.microsoft"):
        known[domain, schema.name] |= set(schema.attributes)
lines = [" ".join([domain, name, *sorted(attributes)]) for (domain, name), attributes in sorted(known.items())]
TARGET.write_text("\n".join(lines) + "\n")
print(f"{len(lines)} operators")
