"""Many threads and very many tasks that wait, looked at twice: how many objects a look leaves to the collector."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor, without_preemption

THREADS, TASKS = 300, 1500
never, started = threading.Event(), threading.Event()


async def wait(event: asyncio.Event) -> None:
    await event.wait()


async def serve() -> None:
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(wait(event)) for _ in range(TASKS)]
    await asyncio.sleep(0.01)
    started.set()
    await asyncio.gather(*tasks)


threading.stack_size(256 * 1024)
without_preemption()
for _ in range(THREADS):
    threading.Thread(target=never.wait, daemon=True).start()
threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
started.wait(60)
threads = sensor("threads")
seen = threads.data(0)
seen = threads.data(0)  # from now on all tasks are known to wait for nobody
gc.collect()
before = [each["collections"] for each in gc.get_stats()]
seen = threads.data(0)
after = [each["collections"] for each in gc.get_stats()]
del seen
gc.collect()
gc.disable()
count = len(gc.get_objects())
seen = threads.data(0)
say(
    told=len(seen["threads"]),
    tasks=threads.tasks(1)["count"],
    kept=len(gc.get_objects()) - count,
    older=sum(after[1:]) - sum(before[1:]),
)
