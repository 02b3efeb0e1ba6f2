"""Sick: deadlock. A request keeps the cache's lock while it waits for a result; the pool's work needs the same lock.

To blame: the line that waits for the result with the lock held, or the one that waits for the lock.
With `queued` the work does not even begin: it stands in the queue behind such as wait for the lock.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.targets._ready import ready, stay, wait_until

cache_lock = threading.Lock()
loaders = ThreadPoolExecutor(1, thread_name_prefix="loaders")
started = threading.Semaphore(0)


def load() -> int:
    started.release()
    with cache_lock:  # CULPRIT
        return 1


def request(ahead: int) -> None:
    with cache_lock:
        for _ in range(ahead):
            loaders.submit(load)
        loaders.submit(load).result()  # CULPRIT


def main() -> None:
    ahead = 4 if sys.argv[1:] == ["queued"] else 0
    threading.Thread(target=request, args=(ahead,), name="request", daemon=True).start()
    wait_until(lambda: cache_lock.locked() and started.acquire(timeout=10), "the work's begin")
    ready()
    stay()


if __name__ == "__main__":
    main()
