"""A churning thread and a collection by hand, with an account of our own beside the sensor's."""

from __future__ import annotations

import gc
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

began = {"before": 0, "after": 0}
spent = {"least": 0, "most": 0}  # between what we see before the sensor and after it, whoever takes the processor


def account(phase: str, info: dict[str, int]) -> None:
    """Ours that came before the sensor's."""
    now = time.perf_counter_ns()
    if phase == "start":
        began["before"] = now
    else:
        spent["least"] += now - began["after"]


def churn() -> None:
    for _ in range(40):
        [[number] for number in range(20_000)]  # CULPRIT
        collector.tick()


def other(phase: str, info: dict[str, int]) -> None:
    """Another that came after the sensor's."""
    now = time.perf_counter_ns()
    if phase == "start":
        began["after"] = now
    else:
        spent["most"] += now - began["before"]


gc.disable()
gc.callbacks.append(account)
before = list(gc.callbacks)
collector = sensor("gc")
collector.start()
gc.callbacks.append(other)
gc.enable()
thread = threading.Thread(target=churn, name="churner")
thread.start()
thread.join()
collector.tick()
time.sleep(0.1)
collector.tick()  # few collections: all are looked at again
gc.collect()
least = spent["least"] / 1e9
data = collector.data(0)
most = spent["most"] / 1e9
collector.stop()
ident, main = thread.ident, threading.get_ident()
say(
    data=data, least=least, most=most, ident=ident, main=main, hook_s=collector.hook_s,
    restored=len(gc.callbacks) == 2 and gc.callbacks[0] is before[0] and gc.callbacks[1] is other,
)  # fmt: skip
