"""Runs every curl of the README against a server and compares the answer with what the README shows.

    python3 tests/readme/run.py http://127.0.0.1:8080

A block marked `console` holds lines beginning with `$ curl`, each followed by its answer. Numbers may differ in the last
digits (other processors round differently), request ids always do; everything else has to be equal.
"""

import json
import pathlib
import re
import subprocess
import sys

README = pathlib.Path(__file__).parents[2] / "README.md"
RELATIVE_TOLERANCE = 1e-4


def examples(text: str):
    """Pairs of command and shown answer."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.S | re.M):
        for command, answer in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            yield command, answer.strip()


def same(shown, got) -> bool:
    if isinstance(shown, dict) and isinstance(got, dict):
        ignored = {"request_id"}
        return shown.keys() == got.keys() and all(k in ignored or same(shown[k], got[k]) for k in shown)
    if isinstance(shown, list) and isinstance(got, list):
        return len(shown) == len(got) and all(map(same, shown, got))
    if isinstance(shown, float) and isinstance(got, float):
        return abs(shown - got) <= RELATIVE_TOLERANCE * max(1.0, abs(shown))
    return shown == got


def main() -> int:
    address = sys.argv[1].removeprefix("http://").rstrip("/")
    passed = failed = 0
    for command, shown in examples(README.read_text()):
        command = command.replace("localhost:8080", address)
        got = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30).stdout.strip()
        try:
            fine = same(json.loads(shown), json.loads(got))
        except json.JSONDecodeError:
            fine = shown == got
        passed, failed = passed + fine, failed + (not fine)
        if not fine:
            print(f"$ {command}\n  the README shows {shown}\n  the server said  {got}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
