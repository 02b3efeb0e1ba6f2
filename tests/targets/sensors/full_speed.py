"""Threads that crash on None as fast as they can while the sensor looks, comes and goes: every one is accounted for."""

from __future__ import annotations

import concurrent.futures
import logging
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say, sensor

log = logging.getLogger("full")
log.addHandler(logging.NullHandler())
node: Any = None
over = threading.Event()
ROOM = 8_000  # half of what the sensor notes between two ticks
counts = {"logs": 0, "swallows": 0, "ends": 0, "drops": 0}


def logs() -> None:
    try:
        _ = node.name
    except AttributeError:
        counts["logs"] += 1
        log.exception("")


def swallows() -> None:
    try:
        _ = node.name
    except AttributeError:
        counts["swallows"] += 1


def ends() -> None:
    thread = threading.Thread(target=dies)
    thread.start()
    thread.join()


def dies() -> None:
    counts["ends"] += 1
    _ = node.name


def drops() -> None:
    executor.submit(dropped)
    executor.submit(int).result()


def dropped() -> None:
    counts["drops"] += 1
    _ = node.name


def again(function: Any) -> None:
    while not over.is_set():
        if crashes.buffered < ROOM:
            function()
        else:
            time.sleep(0.001)  # the main thread was long without a processor


threading.excepthook = lambda _: None
executor = concurrent.futures.ThreadPoolExecutor(1)
executor.submit(int).result()
sys.setswitchinterval(1e-5)
part("hooks.raises")._BUDGET = 1.0  # without a rest
crashes = sensor("crashes")
crashes.start()
threads = [threading.Thread(target=again, args=(each,)) for each in (logs, swallows, ends, drops)]
for each in threads:
    each.start()
others = [sensor("crashes") for _ in range(20)]  # like more hosts than there ever are
until = time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    crashes.tick()
    other = others.pop() if others else sensor("crashes")
    other.start()
    other.data(0)
    other.stop()
    time.sleep(0.002)
over.set()
for each in threads:
    each.join()
executor.shutdown()
crashes.tick()
data = crashes.data(0)
crashes.stop()
say(data=data, counts=counts, alive=threading.active_count())
