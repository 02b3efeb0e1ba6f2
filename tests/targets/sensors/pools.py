"""Pools of threads: one that waits for itself, one that idles, one whose tasks wait for an event, and what was seen."""

from __future__ import annotations

import gc
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor, without_preemption

both = threading.Barrier(2)
all_three = threading.Barrier(3)  # each by a worker of its own: an executor starts none while one is idle
never = threading.Event()
orders = ThreadPoolExecutor(2, thread_name_prefix="orders")
others = ThreadPoolExecutor(1, thread_name_prefix="others")
idle = ThreadPoolExecutor(3, thread_name_prefix="idle")


def nested() -> Any:
    both.wait()
    return orders.submit(int).result()


def foreign(future: Future[Any]) -> Any:
    return future.result()


without_preemption()
waiting = [orders.submit(nested) for _ in range(2)]
for _ in range(3):
    orders.submit(int)
others.submit(foreign, waiting[0])  # of another pool's task, which runs
for each in [idle.submit(all_three.wait) for _ in range(3)]:
    each.result()
pool = ThreadPool(2)
for _ in range(5):
    pool.apply_async(never.wait)

threads = sensor("threads")
threads.start()
names: dict[int, str] = {}
found: dict[str, Any] = {}
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    data = threads.data(0)
    names = {each["ident"]: each["name"] for each in data["threads"]}
    found = {each["name"] or each["kind"]: each for each in data["pools"]}
    counts = {name: (pool["queued"], len(pool["idle"]), len(pool["nested"])) for name, pool in found.items()}
    if counts == {"orders": (5, 0, 2), "others": (0, 0, 0), "idle": (0, 3, 0), "multiprocessing.pool": (3, 0, 0)}:
        break
    time.sleep(0.02)
threads.stop()
for each in found.values():
    for key in ("workers", "idle", "nested"):
        each[key] = sorted(names.get(ident, "?") for ident in each[key])
never.set()
pool.terminate()
pool.join()
del pool
gc.collect()  # it has semaphores of the system, which are missed otherwise
say(pools=found)
