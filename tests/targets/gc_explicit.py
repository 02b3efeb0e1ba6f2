"""Sick: gc-pressure. A worker calls gc.collect() after every job "to keep memory low", over a large heap.

To blame: the line that calls gc.collect(). Prints the truth about the collector every second.
"""

from __future__ import annotations

import gc
import time

from tests.targets._ready import ready
from tests.targets._truth_log import CollectorTruth


def handle(job: int) -> int:
    total = sum(n * n for n in range(job % 100 + 2_000))
    time.sleep(0.005)
    return total


def main() -> None:
    truth = CollectorTruth()
    register = [{"number": n, "tags": []} for n in range(100_000)]
    ready(register=len(register))
    job = 0
    while True:
        job += 1
        handle(job)
        gc.collect()  # CULPRIT
        truth.report()


if __name__ == "__main__":
    main()
