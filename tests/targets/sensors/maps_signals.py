"""Signals that arrive while the main thread writes to a watched dict: what their handlers raise must not be lost."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say

TIMES = 200
STATE: dict[str, float] = {}
watcher = part("guards.watcher").Watcher()
watcher.watch(STATE)
rung: list[int] = []
caught = 0


class Alarm(Exception):
    pass


def ring(number: int, _frame: object) -> None:
    rung.append(number)
    raise Alarm


def write() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    end = time.monotonic() + 10.0
    while time.monotonic() < end:
        STATE["now"] = 1.0
        STATE["then"] = 2.0
        del STATE["now"]


def interrupted() -> bool:
    try:
        write()
    except Alarm:
        return True
    return False


signal.signal(signal.SIGALRM, ring)
for _ in range(TIMES):
    watcher.allow(1 << 20)
    caught += interrupted()
    watcher.take()
watcher.close()
say(raised=len(rung), caught=caught)
