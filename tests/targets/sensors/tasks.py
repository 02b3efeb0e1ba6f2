"""Tasks that wait in every way there is: for each other, for threads, for nobody; and a loop that cannot turn."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor, without_preemption

LONG = 100.0
thread_lock = threading.Lock()
kept = threading.Lock()
never = threading.Event()
pool = ThreadPoolExecutor(1, thread_name_prefix="pool")
loops: dict[str, asyncio.AbstractEventLoop] = {}


class Kitchen:
    def __init__(self) -> None:
        self.oven, self.till = asyncio.Lock(), asyncio.Lock()
        self.one, self.queue, self.event = asyncio.BoundedSemaphore(1), asyncio.Queue[int](), asyncio.Event()
        self.condition = asyncio.Condition()
        self.met = asyncio.Event()
        self.both = 0

    async def cook(self) -> None:
        async with self.oven:  # oven
            await self.meet()
            async with self.till:
                pass

    async def serve(self) -> None:
        await self.till.acquire()  # till
        try:
            await self.meet()
            await self.oven.acquire()
        finally:
            self.till.release()

    async def meet(self) -> None:
        self.both += 1
        if self.both == 2:
            self.met.set()
        await self.met.wait()

    async def again(self, lock: asyncio.Lock) -> None:
        async with lock:  # again
            await self.meet()
            async with lock:
                pass

    async def keep_one(self) -> None:
        async with self.one:  # one
            await self.event.wait()

    async def want_one(self) -> None:
        async with self.one:
            pass

    async def get(self) -> None:
        await self.queue.get()

    async def notified(self) -> None:
        async with self.condition:
            await self.condition.wait()


async def ask(what: Any) -> None:
    await what


async def generate(event: asyncio.Event) -> Any:
    await event.wait()
    yield 1


async def iterate(event: asyncio.Event) -> None:
    async for _ in generate(event):
        pass


async def gathers(*several: Any) -> None:
    await asyncio.gather(*several, return_exceptions=True)


async def either(*several: Any) -> None:
    await asyncio.wait(several, return_when=asyncio.FIRST_COMPLETED)


async def all_of(*several: Any) -> None:
    await asyncio.wait(several)


async def limited(task: Any) -> None:
    await asyncio.wait_for(asyncio.shield(task), LONG)


async def timed(task: Any) -> None:
    async with asyncio.timeout(LONG):  # type: ignore[attr-defined,unused-ignore]
        await task


async def shielded(task: Any) -> None:
    await asyncio.shield(task)


async def group(event: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:  # type: ignore[attr-defined,unused-ignore]
        tasks.create_task(ask(event.wait()), name="child")


def work() -> None:
    with thread_lock:
        never.wait()


def ask_loop(coroutine: Any) -> None:
    asyncio.run_coroutine_threadsafe(coroutine, loops["turns"]).result()


async def main() -> None:
    loops["turns"] = asyncio.get_running_loop()
    kitchen = Kitchen()
    create = asyncio.ensure_future
    tasks: dict[str, Any] = {}

    def start(name: str, coroutine: Any) -> None:
        tasks[name] = create(coroutine)
        tasks[name].set_name(name)

    start("cook", kitchen.cook())
    start("serve", kitchen.serve())
    start("again", kitchen.again(asyncio.Lock()))
    start("keep_one", kitchen.keep_one())
    start("want_one", kitchen.want_one())
    start("get", kitchen.get())
    start("notified", kitchen.notified())
    start("event", ask(kitchen.event.wait()))
    start("sleep", asyncio.sleep(LONG))
    start("iterate", iterate(kitchen.event))
    start("task", ask(tasks["cook"]))
    start("gather", gathers(tasks["cook"], tasks["get"]))
    start("either", either(tasks["cook"], tasks["get"]))
    start("all_of", all_of(tasks["cook"], tasks["get"]))
    start("limited", limited(tasks["cook"]))
    start("shielded", shielded(tasks["cook"]))
    if sys.version_info >= (3, 11):
        start("group", group(kitchen.event))
        start("timed", timed(asyncio.shield(tasks["cook"])))
    start("work", ask(loops["turns"].run_in_executor(pool, work)))
    await asyncio.sleep(0.05)
    start("queued", ask(loops["turns"].run_in_executor(pool, work)))
    threading.Thread(target=ask_loop, args=(ask_named(kitchen.event),), name="asks", daemon=True).start()
    await kitchen.event.wait()


async def ask_named(event: asyncio.Event) -> None:
    asyncio.current_task().set_name("asked")  # type: ignore[union-attr]
    await event.wait()


async def keep() -> None:
    asyncio.current_task().set_name("keep")  # type: ignore[union-attr]
    with kept:  # kept
        await asyncio.sleep(0.05)


async def blocks() -> None:
    asyncio.current_task().set_name("blocks")  # type: ignore[union-attr]
    keeper = asyncio.ensure_future(keep())
    await asyncio.sleep(0.01)
    with kept:
        pass
    await keeper


async def asks_itself() -> None:
    asyncio.current_task().set_name("itself")  # type: ignore[union-attr]
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), asyncio.get_running_loop()).result()


without_preemption()
for name, function in (("turns", main), ("blocks", blocks), ("itself", asks_itself)):
    threading.Thread(target=lambda run=function: asyncio.run(run()), name=name, daemon=True).start()

threads = sensor("threads")
threads.start()
deadline = time.monotonic() + 60
names: dict[Any, str] = {}


def settled() -> bool:
    waits = {names[each["id"]]: each.get("wait", {}) for each in seen["tasks"]}
    waits.update((each["name"], each.get("wait", {})) for each in data["threads"] if each["name"] in {"asks", "itself"})
    known = all(waits.get(name, {}).get("owner") for name in ("work", "itself"))
    named = {"asked", "keep"} <= {each["name"] for each in data["tasks"]}  # they give themselves their names
    return (
        known
        and named
        and bool(waits.get("queued") and waits.get("asks", {}).get("tasks") and waits.get("serve"))
        and any(each["name"] == "blocks" and "wait" in each for each in data["threads"])
    )


while True:
    data, seen = threads.data(0), threads.tasks(1000)
    names = {each["id"]: each["name"] for each in seen["tasks"]}
    names.update((each["ident"], each["name"]) for each in data["threads"])
    if settled() or time.monotonic() > deadline:
        break
    time.sleep(0.05)
threads.stop()


def told(who: dict[str, Any]) -> dict[str, Any]:
    wait = who.get("wait") or {}
    return {
        "kind": wait.get("kind"), "name": wait.get("name"), "owner": names.get(wait.get("owner"), ""),
        "tasks": sorted(names.get(task, "?") for task in wait.get("tasks", ())),
        "workers": [names.get(ident) for ident in wait.get("workers", ())], "held_at": wait.get("held_at"),
        "limited": wait.get("limited", False), "state": who.get("state"),
        "thread": names.get(who.get("thread"), ""), "frames": who["frames"],
        "at": who["frames"][wait["depth"]][2] if wait else who["frames"][0][2],
    }  # fmt: skip


say(
    tasks={each["name"]: told(each) for each in seen["tasks"]}, involved=[each["name"] for each in data["tasks"]],
    threads={each["name"]: told(each) for each in data["threads"] if each["name"] in {"asks", "blocks", "itself"}},
    count=seen["count"],
)  # fmt: skip
