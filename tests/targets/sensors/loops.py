"""A loop that a callback keeps from turning for 0.4 s now and then."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor


def blocks() -> None:
    time.sleep(0.4)  # CULPRIT


async def main() -> None:
    while not over:
        await asyncio.sleep(0.3)
        blocks()


over = False
thread = threading.Thread(target=lambda: asyncio.run(main()), name="looper")
thread.start()
delays = sensor("loops")
delays.start()
data: dict[str, Any] = {"delays": [], "sequence": 0}
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    blocked = [each["frames"] for each in data["delays"] if each["seconds"] > 0.3]
    if len(blocked) >= 3 and any(frames[0][2] == "blocks" for frames in blocked if frames):  # not by the machine alone
        break
    delays.tick()
    time.sleep(0.02)
    data = delays.data(0)
later = delays.data(data["sequence"])["delays"]
delays.stop()
over = True
thread.join()
say(data=data, later=later, ident=thread.ident)
