"""Stress: every thread waits for ever for a lock of another one, the main thread too; nothing is parked elsewhere.

Its units of work are none: it must stay as it is. It answers, because a signal's handler runs within the main thread's
wait; with `deaf` it does not, and only the outside can tell.
"""

from __future__ import annotations

import sys
import threading

from tests.targets._account import Inquiry
from tests.targets._ready import ready, wait_until

THREADS = 6

first_lock = threading.Lock()
second_lock = threading.RLock()
held_by_main = threading.Lock()
both_hold_one = threading.Barrier(2)
woken: list[str] = []


def first() -> None:
    with first_lock:
        both_hold_one.wait()
        with second_lock:
            woken.append("first")


def second() -> None:
    with second_lock:
        both_hold_one.wait()
        with first_lock:
            woken.append("second")


def follower() -> None:
    with held_by_main:
        woken.append("follower")


def account() -> dict[str, object]:
    return {"units": 0, "right": not woken, "problems": list(woken)}


def main() -> None:
    inquiry = Inquiry(account)
    held_by_main.acquire()
    for job in (first, second, *[follower] * (THREADS - 2)):
        threading.Thread(target=job, name=job.__name__, daemon=True).start()
    wait_until(lambda: first_lock.locked() and both_hold_one.n_waiting == 0, "the deadlock")
    ready()
    if sys.argv[1:] != ["deaf"]:
        inquiry.open()
    with first_lock:
        woken.append("main")


if __name__ == "__main__":
    main()
