"""Collections at the recursion limit, where nothing can be called, our callbacks neither; and then some more."""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

NEAR_THE_LIMIT = sys.getrecursionlimit() - 80


def fall(depth: int) -> int:
    if depth == NEAR_THE_LIMIT:
        gc.set_threshold(1, 1000, 1000)
    return fall(depth + 1) + len([[depth]])


def totals() -> dict[str, int]:
    data = collector.data(0)
    placed = sum(place["collections"] for place in data["places"])
    return {"seen": sum(data["seen"]), "collections": sum(data["collections"]), "placed": placed}


collector = sensor("gc")
collector.start()
sys.stderr = None  # where the interpreter says that no callback could be called
for _ in range(5):
    with contextlib.suppress(RecursionError):
        fall(0)
    gc.set_threshold(700, 10, 10)
time.sleep(2)  # so few a second that every collection is to be noted with its place
before = totals()
for _ in range(100):
    gc.collect()
after = totals()
say(**{key: after[key] - before[key] for key in after})
