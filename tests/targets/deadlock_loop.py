"""Sick: deadlock. A coroutine keeps a thread's lock while it awaits; another one wants that lock, in the same thread.

To blame: the line that waits for the lock and so keeps the loop from turning, or the `with` around the await.
With `worker` the circle goes through a worker: a coroutine awaits its work, and it asks the loop for the coroutine's
lock.
"""

from __future__ import annotations

import asyncio
import sys
import threading

from tests.targets._ready import ready

cache_lock = threading.Lock()


async def refresh() -> None:
    with cache_lock:
        await asyncio.sleep(0.2)


async def read() -> None:
    with cache_lock:  # CULPRIT
        pass


async def take(lock: asyncio.Lock) -> None:
    task = asyncio.current_task()
    assert task
    task.set_name("taking")
    await lock.acquire()  # CULPRIT


def ask(lock: asyncio.Lock, loop: asyncio.AbstractEventLoop) -> None:
    asyncio.run_coroutine_threadsafe(take(lock), loop).result()  # CULPRIT


async def hand_over() -> None:
    lock = asyncio.Lock()
    async with lock:
        await asyncio.to_thread(ask, lock, asyncio.get_running_loop())  # CULPRIT


async def main() -> None:
    ready()
    if sys.argv[1:] == ["worker"]:
        await asyncio.create_task(hand_over(), name="hands-over")
    refreshing = asyncio.create_task(refresh(), name="refreshing")
    await asyncio.sleep(0)  # it has the lock now, and cannot let go of it before the one that wants it runs
    await asyncio.create_task(read(), name="reading")
    await refreshing


if __name__ == "__main__":
    asyncio.run(main())
