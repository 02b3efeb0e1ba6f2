"""Healthy: N threads (first argument, 200) that wait for an event. With `busy` as second argument the main thread
computes beside them, and prints every second how many rounds it made: a measure of what an observer takes away.
"""

from __future__ import annotations

import sys
import threading
import time

from tests.targets._ready import ready, say, stay, wait_until

ROUND = 10_000


def compute() -> None:
    began, rounds = time.perf_counter(), 0
    while True:
        total = 0
        for n in range(ROUND):
            total += n
        rounds += 1
        now = time.perf_counter()
        if now - began >= 1.0:
            say(rounds_per_s=rounds / (now - began), at=time.time())
            began, rounds = now, 0


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    event = threading.Event()
    threading.stack_size(256 * 1024)
    for n in range(number):
        threading.Thread(target=event.wait, name=f"idle-{n}", daemon=True).start()
    waiters = event._cond._waiters  # type: ignore[attr-defined]
    wait_until(lambda: len(waiters) == number, "all of them wait")
    ready(threads=threading.active_count())
    if sys.argv[2:] == ["busy"]:
        compute()
    stay()


if __name__ == "__main__":
    main()
