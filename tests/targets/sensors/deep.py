"""Collections at the recursion limit, where nothing can be called, our callbacks neither; and then some more."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor


def fall(depth: int) -> int:
    return fall(depth + 1) + len([[depth]])


collector = sensor("gc")
collector.start()
sys.stderr = None  # where the interpreter says that no callback could be called
gc.set_threshold(1, 1000, 1000)
for _ in range(20):
    with contextlib.suppress(RecursionError):
        fall(0)
    collector.tick()
gc.set_threshold(700, 10, 10)
before = collector.data(0)
collector.tick()
for _ in range(100):
    gc.collect()
after = collector.data(0)
say(seen=sum(after["seen"]) - sum(before["seen"]), collections=sum(after["collections"]) - sum(before["collections"]))
