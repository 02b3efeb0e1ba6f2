"""Threads that wait for what others hold: taken by calls, semaphores, work of a pool; and what only looks held."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor, without_preemption

NAMES = "called, finally_, caught, let_go, perhaps, asked, changed, helped, looped, entered"
LOCKS = {name: threading.Lock() for name in NAMES.split(", ")}
called, finally_, caught, let_go, perhaps, asked, changed, helped, looped, entered = LOCKS.values()
condition = threading.Condition()
one_by_one = threading.BoundedSemaphore(1)
several = threading.Semaphore(2)
twice = threading.Lock()
both = threading.Barrier(2)
pair = threading.Lock(), threading.Lock()
never = threading.Event()
pool = ThreadPoolExecutor(1, thread_name_prefix="pool")
by_pool = threading.Lock()
of_condition = threading.Condition()


class Store:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def hold(self) -> None:
        self.lock.acquire()  # store
        never.wait()


store = Store()


def hold_called() -> None:
    called.acquire()  # called
    never.wait()
    called.release()


def hold_finally() -> None:
    if twice:
        finally_.acquire()
    else:
        finally_.acquire()
    try:
        for n in range(3):
            if n == 2:
                never.wait()
    finally:
        finally_.release()


def hold_caught() -> None:
    try:
        caught.acquire()  # caught
        try:
            int("no number")
        except ValueError:
            never.wait()
    finally:
        caught.release()


def hold_let_go() -> None:
    let_go.acquire()
    let_go.release()
    never.wait()


def hold_perhaps() -> None:
    if not both:
        perhaps.acquire()
    never.wait()


def hold_asked() -> None:
    if asked.acquire(timeout=0.001):
        print("never so")
    never.wait()


def hold_changed() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock = changed
    never.wait()
    lock.release()


def hold_helped() -> None:
    helped.acquire()
    help_()


def help_() -> None:
    helped.release()
    never.wait()


def hold_looped() -> None:
    for lock in (threading.Lock(), looped):
        if lock is looped:
            never.wait()
        lock.acquire()


def hold_entered() -> None:
    with entered:  # entered
        never.wait()


def hold_condition() -> None:
    condition.acquire()  # condition
    never.wait()


def hold_one() -> None:
    with one_by_one:  # one_by_one
        never.wait()


def hold_several() -> None:
    several.acquire()
    never.wait()


def hold_twice() -> None:
    twice.acquire()  # twice
    twice.acquire()


def cross(mine: Any, yours: Any) -> None:
    mine.acquire()  # cross
    both.wait()
    yours.acquire()


def work() -> None:
    with by_pool:
        never.wait()


def ask(future: Future[Any]) -> None:
    future.result()


def want(lock: Any) -> None:
    lock.acquire()


def waits_itself() -> None:
    with of_condition:
        of_condition.wait()


def start(name: str, target: Any, *arguments: Any) -> None:
    threading.Thread(target=target, args=arguments, name=name, daemon=True).start()


holders = [
    hold_called, hold_finally, hold_caught, hold_let_go, hold_perhaps, hold_changed, hold_helped, hold_looped,
    hold_entered, hold_condition, hold_one, store.hold,
]  # fmt: skip
without_preemption()
for each in holders:
    start(each.__name__, each)
for name in ("several-1", "several-2"):
    start(name, hold_several)
for lock in (let_go, perhaps, asked, changed, helped, looped):
    lock.acquire()
start("hold_asked", hold_asked)
start("twice", hold_twice)
start("cross-1", cross, *pair)
start("cross-2", cross, *reversed(pair))
running, queued = pool.submit(work), pool.submit(work)
start("running", ask, running)
start("queued", ask, queued)
start("waits_itself", waits_itself)
wanted: dict[str, Any] = {
    **LOCKS, "store": store.lock, "condition": condition, "one_by_one": one_by_one, "several": several,
    "by_pool": by_pool,
}  # fmt: skip
for name, each_lock in wanted.items():
    start(f"want {name}", want, each_lock)

threads = sensor("threads")
threads.start()
deadline = time.monotonic() + 60
while True:
    data = threads.data(0)
    names = {each["ident"]: each["name"] for each in data["threads"]}
    waits = {each["name"]: each["wait"] for each in data["threads"] if "wait" in each}
    wanting = [name for name in waits if name.startswith(("want", "cross", "running", "queued", "twice"))]
    crossed = all(waits.get(name, {}).get("kind") == "lock" for name in ("cross-1", "cross-2"))  # they have met
    if (crossed and len(wanting) >= len(LOCKS) + 10) or time.monotonic() > deadline:
        break
    time.sleep(0.05)
threads.stop()
for wait in waits.values():
    wait["owner"] = names.get(wait["owner"], "")
    for key in ("workers", "holders"):
        wait[key] = sorted(names.get(ident, "?") for ident in wait.get(key, ()))
say(waits=waits)
