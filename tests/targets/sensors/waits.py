"""Threads that wait in every way there is; one holds the locks."""

from __future__ import annotations

import queue
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor, without_preemption

LOCK = threading.Lock()
RLOCK = threading.RLock()
ENTERED = threading.Condition()
CONDITION = threading.Condition()
EVENT = threading.Event()
SEMAPHORE = threading.Semaphore(0)
BARRIER = threading.Barrier(9)
QUEUE: queue.Queue[int] = queue.Queue()
SIMPLE: queue.SimpleQueue[int] = queue.SimpleQueue()
FUTURE: Future[int] = Future()
LONG = 100.0


class Store:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def enter(self) -> None:
        with self.lock:
            pass


class Slots:
    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.lock = LOCK

    def acquire(self) -> None:
        self.lock.acquire(timeout=LONG)


class Hostile(Store):
    """Whose every attribute and word would run code of the target's."""

    touched: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> object:
        Hostile.touched.append(name)
        return None

    def __repr__(self) -> str:
        Hostile.touched.append("repr")
        return "hostile"

    def __eq__(self, other: object) -> bool:
        Hostile.touched.append("eq")
        return True

    __hash__ = Store.__hash__


STORE, SLOTS, HOSTILE = Store(), Slots(), Hostile()


def hold() -> None:
    with LOCK, RLOCK, ENTERED, STORE.lock, HOSTILE.lock:
        try:
            time.sleep(LONG)
        finally:
            pass


def lock_with() -> None:
    with LOCK:
        pass


def lock_acquire() -> None:
    LOCK.acquire()


def lock_local() -> None:
    local = threading.Lock()
    local.acquire()

    def inner() -> None:
        with local:
            pass

    inner()


def twice() -> None:
    alone = threading.Lock()
    with alone, alone:
        pass


def rlock() -> None:
    with RLOCK:
        pass


def condition_enter() -> None:
    with ENTERED:
        pass


def condition_wait() -> None:
    with CONDITION:
        CONDITION.wait(timeout=LONG)


def event() -> None:
    EVENT.wait(LONG)


def semaphore() -> None:
    with SEMAPHORE:
        pass


def barrier() -> None:
    BARRIER.wait()


def queue_get() -> None:
    QUEUE.get()


def simple_get() -> None:
    SIMPLE.get()


def future() -> None:
    FUTURE.result()


def join() -> None:
    holder.join()


def sleep() -> None:
    time.sleep(LONG)


def start(name: str, target: object) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


without_preemption()
holder = start("holder", hold)
for each in (lock_with, lock_acquire, lock_local, twice, rlock, condition_enter, condition_wait, event, semaphore,
             barrier, queue_get, simple_get, future, join, sleep):  # fmt: skip
    start(each.__name__, each)
for name, method in (("store", STORE.enter), ("slots", SLOTS.acquire), ("hostile", HOSTILE.enter)):
    start(name, method)
start("kdiag-probe", sleep)
looks = sensor("threads")
looks.start()
deadline = time.monotonic() + 60
while True:
    data = looks.data(0)
    waiting = [each for each in data["threads"] if "wait" in each]
    if len(waiting) >= 17 or time.monotonic() > deadline:
        break
    time.sleep(0.05)
looks.stop()
say(data=data, ident=holder.ident, lock=id(LOCK), touched=Hostile.touched)
