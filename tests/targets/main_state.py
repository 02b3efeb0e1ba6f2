"""Stress: the main thread in the state that the argument names, while one other thread is parked in a wait.

A wait that ends before its time, or hands out what nobody sent, is a problem and is told as one. A second argument
`alone` leaves the parked thread out.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import queue
import select
import sys
import threading
import time
import zlib

from tests.targets._account import Inquiry, Ledger
from tests.targets._ready import listen, ready, wait_until

FOREVER_S = 86_400.0
ledger = Ledger()  # of the states that go round; the others do one unit: to stay
problems: list[str] = []


def account() -> dict[str, object]:
    wait_until(lambda: str(announcer.native_id) not in os.listdir("/proc/self/task"), "who said ready has ended")
    return {"units": ledger.done, "right": ledger.right() and not problems, "problems": problems}


def sleep() -> None:
    time.sleep(FOREVER_S)


def join() -> None:
    never = threading.Event()
    thread = threading.Thread(target=never.wait, name="joined", daemon=True)
    thread.start()
    thread.join()


def lock() -> None:
    held = threading.Lock()
    held.acquire()
    held.acquire()


def rlock_with_timeout() -> None:
    held = threading.RLock()
    holder = threading.Thread(target=held.acquire, name="holder", daemon=True)
    holder.start()
    holder.join()
    held.acquire(timeout=FOREVER_S)


def queue_get() -> None:
    queue.Queue[int]().get()


def condition_wait() -> None:
    condition = threading.Condition()
    with condition:
        condition.wait(FOREVER_S)


def epoll() -> None:
    with select.epoll() as poll:
        poll.poll()


def select_with_timeout() -> None:
    select.select([], [], [], FOREVER_S)


def accept() -> None:
    listen().accept()


def aio() -> None:
    asyncio.run(asyncio.sleep(FOREVER_S))


def busy() -> None:
    number = 0
    while True:
        number += 1
        if sum(n for n in range(300)) != 44_850:
            problems.append("wrong sum")
        ledger.enter(number)
        inquiry.answer()


def short_sleeps() -> None:
    """One sleep after another; each must last as long as it was told to, however often it is interrupted."""
    number = 0
    while True:
        start = time.monotonic()
        time.sleep(0.02)
        number += 1
        if time.monotonic() - start < 0.0199:
            problems.append(f"sleep {number} was short")
        ledger.enter(number)
        inquiry.answer()


def c_wait() -> None:
    """Wait in a C library, with the GIL released; such code must bear EINTR, as on every stop and continue."""
    libc = ctypes.CDLL(None, use_errno=True)
    while libc.poll(None, 0, -1) == -1 and ctypes.get_errno() == 4:
        pass


def c_wait_with_gil() -> None:
    """Wait in a C library with the GIL held: nobody gets in before it ends, after half a second, over and over."""
    libc, number = ctypes.PyDLL(None), 0
    while True:
        number += 1
        libc.usleep(500_000)
        ledger.enter(number)
        inquiry.answer()


def c_hash() -> None:
    """Compute in C with the GIL released, for about a second at a time."""
    _go_round(lambda: hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 2_000_000))


def c_zlib() -> None:
    """The same in another library."""
    data = bytes(range(256)) * 300_000
    _go_round(lambda: zlib.compress(data, 9))


def _go_round(compute) -> None:  # type: ignore[no-untyped-def]
    expected, number = compute(), 0
    while True:
        number += 1
        if compute() != expected:
            problems.append("wrong result")
        ledger.enter(number)
        inquiry.answer()


GOES_ROUND = (busy, short_sleeps, c_wait_with_gil, c_hash, c_zlib)
STAYS = (sleep, join, lock, rlock_with_timeout, queue_get, condition_wait, epoll, select_with_timeout, accept, aio,
         c_wait)  # fmt: skip
STATES = {each.__name__: each for each in (*STAYS, *GOES_ROUND)}

state = STATES[sys.argv[1]] if __name__ == "__main__" else busy
inquiry = Inquiry(account, at_once=state in STAYS)
announcer = threading.Timer(0.1, ready)  # once the main thread is where it is meant to be


def main() -> None:
    if sys.argv[2:] != ["alone"]:
        threading.Thread(target=threading.Event().wait, name="parked", daemon=True).start()
    announcer.start()
    inquiry.open()
    state()
    problems.append("the wait has ended")
    threading.Event().wait()


if __name__ == "__main__":
    main()
