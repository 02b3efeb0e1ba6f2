"""Threads that two lines start, and what was told of it; with `taken` somebody has both tools already."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

monitoring: Any = getattr(sys, "monitoring", None)
threads: list[threading.Thread] = []


def start() -> None:
    threads.append(threading.Thread(target=int))
    threads[-1].start()  # CULPRIT


class Own(threading.Thread):
    def start(self) -> None:
        super().start()


if "taken" in sys.argv:
    for tool in (3, 4):
        monitoring.use_tool_id(tool, "theirs")
start()
starts = sensor("starts")
starts.start()
for _ in range(7):
    start()
threads.append(Own(target=int))
threads[-1].start()
starts.tick()
data = starts.data(0)
starts.stop()
start()
for thread in threads:
    thread.join()
left = [monitoring.get_tool(tool) for tool in (3, 4)] if monitoring else [None, None]
say(data=data, later=starts.data(0)["places"], left=left)
