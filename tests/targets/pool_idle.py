"""Healthy: a pool of four workers (concurrent.futures, or `mp`: multiprocessing.pool.ThreadPool) that has worked and
now waits for work.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

from tests.targets._ready import ready, stay

WORKERS = 4


def work(n: int) -> int:
    time.sleep(0.05)
    return n


def main() -> None:
    pool: ThreadPool | ThreadPoolExecutor
    pool = ThreadPool(WORKERS) if sys.argv[1:] == ["mp"] else ThreadPoolExecutor(WORKERS)
    list(pool.map(work, range(2 * WORKERS)))
    ready()
    stay()


if __name__ == "__main__":
    main()
