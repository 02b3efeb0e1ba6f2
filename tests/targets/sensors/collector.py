"""A churning thread and a collection by hand, with an account of our own beside the sensor's."""

from __future__ import annotations

import gc
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

spent = [0, 0]


def account(phase: str, info: dict[str, int]) -> None:
    if phase == "start":
        spent[0] = time.perf_counter_ns()
    else:
        spent[1] += time.perf_counter_ns() - spent[0]


def churn() -> None:
    for _ in range(40):
        [[number] for number in range(20_000)]  # CULPRIT
        collector.tick()


def other(phase: str, info: dict[str, int]) -> None:
    """Another's callback that came after ours."""


gc.callbacks.append(account)
before = list(gc.callbacks)
collector = sensor("gc")
collector.start()
gc.callbacks.append(other)
thread = threading.Thread(target=churn, name="churner")
thread.start()
thread.join()
collector.tick()
time.sleep(0.1)
collector.tick()  # few collections: all are looked at again
gc.collect()
data = collector.data(0)
own = spent[1] / 1e9
collector.stop()
ident, main = thread.ident, threading.get_ident()
say(
    data=data, own=own, ident=ident, main=main, hook_s=collector.hook_s,
    restored=len(gc.callbacks) == 2 and gc.callbacks[0] is before[0] and gc.callbacks[1] is other,
)  # fmt: skip
