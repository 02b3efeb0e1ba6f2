"""Sick: pool-exhaustion. All workers of a multiprocessing.pool.ThreadPool wait for a silent server; work queues.

To blame: the line that receives.
"""

from __future__ import annotations

import socket
import threading
import time
from multiprocessing.pool import ThreadPool

from tests.targets._ready import listen, ready, stay, wait_until

WORKERS = 4
JOBS = 400

taken = threading.Semaphore(0)


def resize(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address) as connection:
        taken.release()
        return connection.recv(64)  # CULPRIT


def main() -> None:
    silent = listen()
    pool = ThreadPool(WORKERS)
    for _ in range(3 * WORKERS):
        pool.apply_async(resize, (silent.getsockname(),))
    wait_until(lambda: taken._value == WORKERS, "all workers taken")
    ready(port=silent.getsockname()[1])
    for _ in range(JOBS):
        time.sleep(0.2)
        pool.apply_async(resize, (silent.getsockname(),))
    stay()


if __name__ == "__main__":
    main()
