"""Sick: gc-pressure. What was loaded at the start stays alive for good, and each request asks for a full collection.

To blame: the line that asks. Freezing what is alive makes it cheap: there is next to nothing else.
"""

from __future__ import annotations

import gc
import time

from tests.targets._ready import ready

CATALOGUE = [[number] for number in range(400_000)]


def serve() -> int:
    order = [[number] for number in range(100)]
    gc.collect()  # CULPRIT
    return len(order)


def main() -> None:
    ready(thresholds=gc.get_threshold(), catalogue=len(CATALOGUE))
    while True:
        serve()
        time.sleep(0.02)


if __name__ == "__main__":
    main()
