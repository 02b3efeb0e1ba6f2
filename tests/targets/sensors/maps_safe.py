"""Threads that write to watched dicts as wildly as they can, while dicts are made and die: nothing may break.

The interpreter goes on with what it knew of a dict before the callback, so no other thread may run within it.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say

SECONDS = float(sys.argv[1])
sys.setswitchinterval(1e-6)
shared: dict[Any, Any] = {}
over = False
wrong: list[int] = []


class Named(dict):  # type: ignore[type-arg]
    """A dict that knows weak references."""


def hammer(seed: int) -> None:
    number = seed
    while not over:
        number += 7
        shared[number % 97] = str(number)
        shared[f"text{number % 31}"] = number
        shared.pop((number * 3) % 97, None)
        if number % 1001 == 0:
            shared.clear()
        if number % 501 == 0:
            shared.update({key: object() for key in range(200, 300)})
        copied = dict(shared)
        if len(copied) != len(list(copied)):
            wrong.append(number)


def come_and_go() -> None:
    while not over:
        mine: list[Any] = [{}, Named(), Counter(), defaultdict(int)]
        for each in mine:
            watcher.watch(each)
            each["x"] = 1
            each["x"] = 2000
        if len(mine) % 2:
            watcher.unwatch(id(mine[0]))
        mine.clear()
        watcher.ended()


watcher = part("guards.watcher").Watcher()
watcher.watch(shared)
watcher.allow(100)
threads = [threading.Thread(target=hammer, args=(seed,)) for seed in range(3)]
threads.append(threading.Thread(target=come_and_go))
for thread in threads:
    thread.start()
noted = counted = 0
deadline = time.monotonic() + SECONDS
while time.monotonic() < deadline or noted <= 100:
    time.sleep(0.002)
    moments, more = watcher.take()
    noted, counted = noted + len(moments), counted + more
    watcher.allow(100)
    if noted % 5 == 0:
        watcher.unwatch(id(shared))
        watcher.watch(shared)
    gc.collect(0)
over = True
for thread in threads:
    thread.join()
watcher.close()
shared["after"] = 1
say(noted=noted, counted=counted, wrong=len(wrong), sound=len(shared) == len(list(shared)))
