"""Sums up a run of the node tests: `tally.py LOG FOLDER`, where LOG is what the conformance test printed.

Prints how much of what ONNX Runtime passes is right here, and what is refused, by operator.
"""

import collections
import pathlib
import re
import sys

log, folder = map(pathlib.Path, sys.argv[1:3])
ort = set((folder / "ort.txt").read_text().split())
count, refused = collections.Counter(), collections.Counter()
for line in log.read_text().splitlines():
    if found := re.match(r"(test_\S+): (right|refused|FAILED|WRONG)(.*)", line):
        name, outcome, words = found.groups()
        count[outcome, name in ort] += 1
        if outcome != "right" and name in ort:
            operator = re.search(r"\((\w+)\)", words)
            refused[operator[1] if operator else words[:90]] += 1
right = count["right", True]
print(f"{right} of the {len(ort)} that ONNX Runtime passes: {100 * right / len(ort):.1f} %")
print({f"{outcome}{'' if known else ' (and ONNX Runtime fails)'}": n for (outcome, known), n in sorted(count.items())})
for operator, n in refused.most_common():
    print(f"{n:5} {operator}")
