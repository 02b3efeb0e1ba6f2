"""Healthy: every two seconds forty jobs arrive at once, queue in a pool of four, and are done half a second later."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.targets._ready import ready


def send(job: int) -> int:
    time.sleep(0.05)
    return job


def main() -> None:
    pool = ThreadPoolExecutor(4, thread_name_prefix="mail")
    ready()
    while True:
        for job in range(40):
            pool.submit(send, job)
        time.sleep(2.0)


if __name__ == "__main__":
    main()
