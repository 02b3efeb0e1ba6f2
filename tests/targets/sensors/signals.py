"""A program that ends on SIGTERM by an exception, with code 7, and collects nearly all the time."""

from __future__ import annotations

import gc
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import sensor


def end(*_: object) -> None:
    raise SystemExit(7)


signal.signal(signal.SIGTERM, end)
keep: list[dict[str, int]] = [{} for _ in range(300_000)]
collector = sensor("gc")
collector.start()
try:
    print("ready", flush=True)
    deadline = time.monotonic() + 45
    while time.monotonic() < deadline:
        gc.collect()
        collector.tick()
finally:
    collector.stop()
