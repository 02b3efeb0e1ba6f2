"""A task of asyncio's that awaits work of anyio's threads, as the sensor sees it from within the same process."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import anyio.to_thread

from kdiag.probe.sensors import SENSORS
from tests.support.probed import until


def test_the_worker_that_a_task_waits_for_is_known_look_by_look() -> None:
    done = threading.Event()

    async def work() -> None:
        await anyio.to_thread.run_sync(done.wait)

    loop = threading.Thread(target=anyio.run, args=(work,), name="loop")
    sensor: Any = SENSORS["threads"]()
    sensor.start()

    def look() -> bool:
        seen = sensor.data(0)
        workers = {each["ident"] for each in seen["threads"] if each["name"] == "AnyIO worker thread"}
        loops = {each["ident"] for each in seen["threads"] if each["name"] == "loop"}
        return any(task["wait"]["owner"] in workers and task["thread"] in loops for task in seen["tasks"])

    loop.start()
    try:
        until(look, "the worker was not known")
        assert look()  # also of one that has been seen before
    finally:
        done.set()
        loop.join()
        sensor.stop()
