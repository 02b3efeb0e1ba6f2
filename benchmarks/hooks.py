"""`python -m benchmarks.hooks [--quick] [PYTHON …]`: what the crash hooks cost a program, by its processor time.

Separate from the other measurements, since the hooks see most, and cost most, on newer interpreters than the one that
runs kdiag: give their paths. Promised are 0.5 % without exceptions, and 5 % with ten thousand handled ones a second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.overhead import probe_loss, worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.overhead import Loss

CASES = {
    "cpu": "no exceptions",
    "raises": "10,000 handled exceptions a second",
    "nones": "10,000 swallowed crashes on None a second",
}
SENSORS = ("crashes",)


def measure(python: str, *, quick: bool) -> Iterator[tuple[str, Loss, Loss]]:
    """Each case: in words, the loss, and that of the control without a probe."""
    for kind, words in CASES.items():
        with worker(kind, 0, python) as target:
            yield words, *probe_loss(target, 1.0 if quick else 2.0, 5 if quick else 40, SENSORS)


def main() -> None:
    """Measure, and print a table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test, not a measurement")
    parser.add_argument("python", nargs="*", default=[sys.executable])
    arguments = parser.parse_args()
    print("| Python | program | loss with the hooks (95 %) | control |\n|---|---|---|---|", flush=True)
    for python in arguments.python:
        version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
        for words, lost, control in measure(python, quick=arguments.quick):
            print(f"| {version} | {words} | {_words(lost)} | {_words(control)} |", flush=True)


def _words(loss: Loss) -> str:
    return f"{loss.percent:.2f} % ({loss.low:.2f} to {loss.high:.2f})"


if __name__ == "__main__":
    main()
