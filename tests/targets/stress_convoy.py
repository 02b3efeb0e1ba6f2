"""Stress: thirty threads (or as many as the argument says) want the GIL, one lock and a queue, all of the time."""

from __future__ import annotations

import queue
import sys
import threading
import time

from tests.targets._account import Inquiry, Ledger
from tests.targets._ready import ready

THREADS = 30


class Convoy:
    """What the threads fight for."""

    def __init__(self) -> None:
        self.paused = False  # while an account is taken, or that would wait in the convoy itself
        self.go = threading.Event()
        self.lock = threading.Lock()
        self.by_thread: dict[int, int] = {}  # guarded by lock, as is everything below
        self.shared = 0
        self.baton = Ledger()
        self.batons: queue.Queue[int] = queue.Queue()

    def contend(self, me: int) -> None:
        """Compute, then count, in the shared number and in one's own."""
        self.by_thread[me] = 0
        while True:
            if self.paused:
                self.go.wait()
            sum(n * n for n in range(200))
            with self.lock:
                self.shared += 1
                self.by_thread[me] += 1

    def pass_on(self) -> None:
        """Take the baton, write its number down, and pass it on with the next."""
        while True:
            if self.paused:
                self.go.wait()
            number = self.batons.get()
            with self.lock:
                self.baton.enter(number)
            self.batons.put(number + 1)

    def account(self) -> dict[str, object]:
        self.go.clear()
        self.paused = True
        with self.lock:
            counted = sum(self.by_thread.values())
            right = self.baton.right() and counted == self.shared
            units = self.shared + self.baton.done
        self.paused = False
        self.go.set()
        return {"units": units, "right": right, "problems": self.baton.problems}


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else THREADS
    convoy = Convoy()
    inquiry = Inquiry(convoy.account)
    threads = [threading.Thread(target=convoy.pass_on, name=f"baton-{n}", daemon=True) for n in range(count // 3)]
    threads += [
        threading.Thread(target=convoy.contend, args=(n,), name=f"convoy-{n}", daemon=True)
        for n in range(count - len(threads))
    ]
    for thread in threads:
        thread.start()
    convoy.batons.put(1)
    ready()
    inquiry.open()
    while True:
        time.sleep(0.05)  # the main thread is in the convoy, too


if __name__ == "__main__":
    main()
