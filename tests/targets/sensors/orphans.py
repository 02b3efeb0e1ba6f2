"""Tasks that nobody holds, tasks that nobody can wake, both, and healthy ones that look alike; what is proven of each.

The collector is off: it would destroy the orphans.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor, without_preemption
from tests.targets.sensors._touchy import Object, ran

LONG = 100.0
kept: set[Any] = set()
queues: list[Any] = []


class Job(Object):
    """What every task has in a variable."""


async def lost_future() -> None:
    job = Job()
    await asyncio.get_running_loop().create_future()
    del job


async def lost_event() -> None:
    event = asyncio.Event()
    await event.wait()


async def lost_queue() -> None:
    await asyncio.Queue[int]().get()


async def lost_condition() -> None:
    condition = asyncio.Condition()
    async with condition:
        await condition.wait()


async def numbers(event: asyncio.Event) -> Any:
    await event.wait()
    yield 1


async def lost_generator() -> None:
    async for _ in numbers(asyncio.Event()):
        pass


async def called_back() -> None:
    """Woken by a function that has the future in its closure."""
    future = asyncio.get_running_loop().create_future()

    def bring() -> None:
        future.set_result(1)

    asyncio.get_running_loop().call_later(LONG, bring)
    await future


async def consume() -> None:
    await queues[0].get()


async def sleep() -> None:
    await asyncio.sleep(LONG)


async def limited() -> None:
    await asyncio.wait_for(lost_future(), LONG)


async def timed() -> None:
    async with asyncio.timeout(LONG):  # type: ignore[attr-defined,unused-ignore]
        await lost_event()


async def gathers() -> None:
    await asyncio.gather(sleep(), sleep())


async def answer(reader: Any, writer: Any) -> None:
    """Of the reader only this has a strong reference; the transport comes to it by a weak one."""
    asyncio.current_task().set_name("answer")  # type: ignore[union-attr]
    await reader.readline()


def start(name: str, coroutine: Any, keep: bool = False) -> None:
    task = asyncio.ensure_future(coroutine)
    task.set_name(name)
    if keep:
        kept.add(task)


async def main() -> None:
    queues.append(asyncio.Queue())
    gc.disable()
    for each in (lost_future, lost_event, lost_queue, lost_condition, lost_generator):
        start(each.__name__, each())
        start(f"kept {each.__name__}", each(), keep=True)
    for other in (called_back, consume, sleep):
        start(other.__name__, other())
        start(f"kept {other.__name__}", other(), keep=True)
    start("limited", limited(), keep=True)
    start("gathers", gathers(), keep=True)
    if sys.version_info >= (3, 11):
        start("timed", timed(), keep=True)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    start("server", server.serve_forever(), keep=True)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    await asyncio.get_running_loop().run_in_executor(None, look)
    writer.close()


def look() -> None:
    threads = sensor("threads")
    threads.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        states = {each["name"]: each["state"] for each in threads.tasks(2000)["tasks"]}
        if states.get("answer") == "waiting":  # the last one
            break
        time.sleep(0.05)
    threads.data(0)  # which must leave no reference behind
    ran.clear()
    told = threads.tasks(2000, prove=True)["tasks"]
    touched = list(ran)
    threads.stop()
    say(proven={each["name"]: each["orphan"] for each in told}, touched=touched)


without_preemption()
asyncio.run(main())
