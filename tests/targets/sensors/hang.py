"""Allocation and threads that come and go, while all stacks are looked at again and again (cpython #106883).

The collector must be enabled whenever somebody looks, and what the program switches off must stay off.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

seconds = float(sys.argv[1])
over = threading.Event()
seen_off = [0]
rounds = [0]


def churn() -> None:
    while not over.is_set():
        [[number] for number in range(2_000)]
        seen_off[0] += not gc.isenabled()
        rounds[0] += 1


def come_and_go() -> None:
    while not over.is_set():
        thread = threading.Thread(target=list)
        thread.start()
        thread.join()


gc.set_threshold(50)
threads = [threading.Thread(target=each) for each in (churn, churn, come_and_go)]
for each in threads:
    each.start()
looks, count = sensor("threads"), 0
until = time.monotonic() + seconds
while time.monotonic() < until:
    looks.data(0)
    count += 1
    time.sleep(0.001)
over.set()
for each in threads:
    each.join()
gc.disable()
looks.data(0)
say(looks=count, rounds=rounds[0], seen_off=seen_off[0], enabled_after=gc.isenabled())
