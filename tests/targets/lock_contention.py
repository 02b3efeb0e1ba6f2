"""Sick: lock-contention. Eight threads want one lock, each holds it around 10 ms of work: seven always wait.

To blame: the line that takes the lock, or the slow line under it (the holder's). The argument `cpu` makes the work
computation instead of waiting. With `slow` each holds it for two seconds, taken by a call: the queue is long, and each
waiter stands still for longer than a deadlock takes to be told, but it moves.
"""

from __future__ import annotations

import sys
import threading
import time

from tests.targets._ready import ready, stay

THREADS = 8

catalogue_lock = threading.Lock()


def compute() -> int:
    return sum(n * n for n in range(60_000))


def update_prices(on_cpu: bool) -> None:
    while True:
        with catalogue_lock:  # CULPRIT
            if on_cpu:
                compute()  # CULPRIT
            else:
                time.sleep(0.01)  # CULPRIT
        time.sleep(0.001)


def rebuild() -> None:
    while True:
        catalogue_lock.acquire()  # CULPRIT
        time.sleep(2.0)  # CULPRIT
        catalogue_lock.release()


def main() -> None:
    if sys.argv[1:] == ["slow"]:
        for n in range(THREADS):
            threading.Thread(target=rebuild, name=f"rebuild-{n}", daemon=True).start()
        ready()
        stay()
        return
    on_cpu = sys.argv[1:] == ["cpu"]
    for n in range(THREADS):
        threading.Thread(target=update_prices, args=(on_cpu,), name=f"prices-{n}", daemon=True).start()
    ready()
    stay()


if __name__ == "__main__":
    main()
