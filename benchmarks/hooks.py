"""`python -m benchmarks.hooks [--quick] [PYTHON …]`: what the crash hooks cost a program, by its processor time.

Separate from the other measurements, since the hooks see most, and cost most, on newer interpreters than the one that
runs kdiag: give their paths. Promised are 0.5 % without exceptions, and 5 % with ten thousand handled ones a second.
The stretches are short and many, so that the bounds are as narrow as that; the rest of a probe is measured elsewhere.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.overhead import Loss, median_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = {
    "cpu": "no exceptions",
    "raises": "10,000 handled exceptions a second",
    "nones": "10,000 swallowed crashes on None a second",
}
PAIRS, SECONDS = 150, 0.2


def measure(python: str, pairs: int) -> Iterator[tuple[str, Loss, Loss]]:
    """Each case: in words, the loss, and that of the control without hooks."""
    for kind, words in CASES.items():
        command = [python, "-m", "benchmarks.hooked", kind, str(pairs), str(SECONDS)]
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        lost, control = (
            Loss(statistics.median(said[name]), *median_bounds(said[name]), 0.0, pairs) for name in ("hooks", "control")
        )
        yield words, lost, control


def main() -> None:
    """Measure, and print a table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test, not a measurement")
    parser.add_argument("python", nargs="*", default=[sys.executable])
    arguments = parser.parse_args()
    print("| Python | program | loss with the hooks (95 %) | control |\n|---|---|---|---|", flush=True)
    for python in arguments.python:
        version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
        for words, lost, control in measure(python, 5 if arguments.quick else PAIRS):
            print(f"| {version} | {words} | {_words(lost)} | {_words(control)} |", flush=True)


def _words(loss: Loss) -> str:
    return f"{loss.percent:.2f} % ({loss.low:.2f} to {loss.high:.2f})"


if __name__ == "__main__":
    main()
