"""Healthy: four consumers run for ever in a ThreadPoolExecutor and wait in queue.get for messages, which come rarely.

All workers are taken, but by design, and nothing is queued behind them.
"""

from __future__ import annotations

import queue
import time
from concurrent.futures import ThreadPoolExecutor

from tests.targets._ready import ready

CONSUMERS = 4

messages: queue.Queue[int] = queue.Queue()


def consume() -> None:
    while True:
        messages.get()


def main() -> None:
    pool = ThreadPoolExecutor(CONSUMERS, thread_name_prefix="consumer")
    for _ in range(CONSUMERS):
        pool.submit(consume)
    ready()
    while True:
        time.sleep(1.0)
        messages.put(1)


if __name__ == "__main__":
    main()
