"""Threads that start again and again, with a collection at nearly every allocation: some start without any frame."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

collector = sensor("gc")
collector.start()
gc.set_threshold(1)
for _ in range(200):
    thread = threading.Thread(target=list)
    thread.start()
    thread.join()
    while len(os.listdir("/proc/self/task")) > 1:  # its ident is the next one's: else there are too many places
        pass
gc.set_threshold(700)
data = collector.data(0)
collector.stop()
say(collections=sum(data["collections"]), seen=sum(data["seen"]), dropped=data["dropped"])
