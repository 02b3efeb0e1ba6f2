"""Sick: pool-exhaustion. Every worker waits for a future that is queued in the same pool, behind its own waiter.

To blame: the line that waits for the inner future.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.targets._ready import ready, stay, wait_until

WORKERS = 3

pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="reports")
everybody_started = threading.Barrier(WORKERS + 1)


def chapter(number: int) -> str:
    return f"chapter {number}"


def report(number: int) -> str:
    everybody_started.wait()
    inner = pool.submit(chapter, number)
    return inner.result()  # CULPRIT


def main() -> None:
    for number in range(WORKERS):
        pool.submit(report, number)
    everybody_started.wait()
    wait_until(lambda: pool._work_queue.qsize() == WORKERS, "everybody waits for a chapter in the queue")
    ready()
    stay()


if __name__ == "__main__":
    main()
