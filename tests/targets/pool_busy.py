"""Healthy: a pool at 100 % with an empty queue. Four callers each give it the next fast job when theirs is done."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.targets._ready import ready, stay

WORKERS = 4


def resize(picture: int) -> int:
    time.sleep(0.02)
    return picture


def call(pool: ThreadPoolExecutor) -> None:
    picture = 0
    while True:
        picture = pool.submit(resize, picture + 1).result()


def main() -> None:
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="pictures")
    for n in range(WORKERS):
        threading.Thread(target=call, args=(pool,), name=f"caller-{n}", daemon=True).start()
    ready()
    stay()


if __name__ == "__main__":
    main()
