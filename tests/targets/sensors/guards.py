"""Guarded types under the private name of a probe: each kind of conflict once, and what must not be one."""

from __future__ import annotations

import gc
import json
import pickle
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say

guards = part("guards")
LOCK = threading.Lock()
RLOCK = threading.RLock()
SCRAPED: Any = guards.GuardedMap(a=1, b=2, c=3)
HEALED: Any = guards.GuardedMap(a=1, b=2)
BARE: Any = guards.GuardedMap()
LOCKED: Any = guards.GuardedMap()
ACQUIRED: Any = guards.GuardedMap()
COUNTERS = {"n": 0}
ELEMENTS: Any = guards.GuardedSet("abc")
ORDERED: Any = guards.GuardedOrderedDict(a=1, b=2)


def scrape(turns: Any) -> None:
    for _ in SCRAPED.items():
        turns()


def write_unlocked(number: int) -> None:
    BARE[number] = number


def write_locked(number: int) -> None:
    with LOCK:
        LOCKED[number] = number


def write_acquired(number: int) -> None:
    RLOCK.acquire()
    try:
        ACQUIRED[number] = number
    finally:
        RLOCK.release()


def add_one(turns: Any) -> None:
    value = COUNTERS["n"]
    turns()
    COUNTERS["n"] = value + 1


def meanwhile(other: Any, what: Any) -> None:
    """Run `other` in a thread named "other", and `what` here when that calls its argument for the first time."""
    there, done = threading.Event(), threading.Event()

    def wait() -> None:
        there.set()
        done.wait(60)

    def run() -> None:
        try:
            other(wait)
        except RuntimeError as error:
            raised.append(str(error))

    thread = threading.Thread(target=run, name="other")
    thread.start()
    there.wait(60)
    what()
    done.set()
    thread.join()


def by_turns(write: Any, rounds: int = 5) -> None:
    """Let two threads write one after the other."""
    turns = [threading.Semaphore(1), threading.Semaphore(0)]

    def run(number: int) -> None:
        for _ in range(rounds):
            turns[number].acquire()
            write(number)
            turns[1 - number].release()

    threads = [threading.Thread(target=run, args=(number,), name=f"writer-{number}") for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


raised: list[str] = []
meanwhile(scrape, lambda: SCRAPED.update({"d": 4}))
for write in (write_unlocked, write_locked, write_acquired):
    by_turns(write)
with guards.guarded(sys.modules[__name__], "COUNTERS", reads=True):
    meanwhile(add_one, lambda: COUNTERS.__setitem__("n", 41))
HEALED._guard.configure("healed", "heal")
meanwhile(lambda turns: [turns() for _ in HEALED], HEALED.clear)
meanwhile(lambda turns: [turns() for _ in ELEMENTS], lambda: ELEMENTS.add("d"))
meanwhile(lambda turns: [turns() for _ in reversed(ORDERED)], ORDERED.popitem)
found = part("guards.ledger").conflicts()
for target in (SCRAPED, ELEMENTS, ORDERED):  # all is over, and nobody iterates any more
    next(iter(target))
    thread = threading.Thread(target=list, args=(target,))
    thread.start()
    thread.join()
    gc.collect()
    meanwhile(lambda turns: turns(), target.clear)
json.dumps(LOCKED)
say(
    found=found,
    raised=len(raised),
    later=len(part("guards.ledger").conflicts()) - len(found),
    counters=COUNTERS,
    counters_type=type(COUNTERS).__name__,
    copies=[type(pickle.loads(pickle.dumps(each))).__name__ for each in (BARE, ELEMENTS, ORDERED)],
    names=sorted({each["name"] for each in found}),
)
