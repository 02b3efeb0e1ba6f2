"""The program that `benchmarks.hooks` runs on other interpreters: the same work with the crash hooks and without.

`python -m benchmarks.hooked KIND PAIRS SECONDS` prints one JSON line: per cent that each stretch with the hooks lost to
the plain ones before and after it, and the same of controls. Standard library and the probe only, Python 3.9.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.targets import WORK
from kdiag.probe.sensors.crashes import CrashesSensor

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP_S = 1.0


def plain(work: Callable[[], int], seconds: float) -> float:
    """Units of work in a second of processor time."""
    done, started = 0, time.thread_time()
    while (spent := time.thread_time() - started) < seconds:
        work()
        done += 1
    return done / spent


def hooked(work: Callable[[], int], seconds: float) -> float:
    """The same with the hooks in place; what the sensor does in a thread of its own is done here, and counts."""
    sensor = CrashesSensor()
    sensor.start()
    try:
        rate = plain(work, seconds)
        started = time.thread_time()
        sensor.tick()
        return rate * seconds / (seconds + time.thread_time() - started)
    finally:
        sensor.stop()


def losses(kind: str, pairs: int, seconds: float) -> dict[str, list[float]]:
    """What each stretch lost, per cent, those with the hooks and the controls in turn."""
    work = WORK[kind]()
    plain(work, WARM_UP_S)
    found: dict[str, list[float]] = {"hooks": [], "control": []}
    before = plain(work, seconds)
    for number in range(2 * pairs):
        name, stretch = ("hooks", hooked) if number % 2 == 0 else ("control", plain)
        rate = stretch(work, seconds)
        after = plain(work, seconds)
        found[name].append(100 * (1 - rate / ((before + after) / 2)))
        before = after
    return found


if __name__ == "__main__":
    print(json.dumps(losses(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
