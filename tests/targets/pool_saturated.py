"""Sick: pool-exhaustion. All four workers of a ThreadPoolExecutor wait for an answer that never comes; work queues.

To blame: the user's line that waits: `recv` on a silent server, or with the argument `event` an Event that nobody sets.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.targets._ready import listen, ready, stay, wait_until

WORKERS = 4
JOBS = 400

taken = threading.Semaphore(0)


def ask(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address) as connection:
        connection.sendall(b"price?\n")
        taken.release()
        return connection.recv(64)  # CULPRIT


def wait_for(answer: threading.Event) -> bool:
    taken.release()
    return answer.wait()  # CULPRIT


def main() -> None:
    on_event = sys.argv[1:] == ["event"]
    silent, answer = listen(), threading.Event()
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="prices")

    def submit() -> None:
        if on_event:
            pool.submit(wait_for, answer)
        else:
            pool.submit(ask, silent.getsockname())

    for _ in range(3 * WORKERS):
        submit()
    wait_until(lambda: taken._value == WORKERS, "all workers taken")
    ready(port=silent.getsockname()[1])
    for _ in range(JOBS):
        time.sleep(0.2)
        submit()
    stay()


if __name__ == "__main__":
    main()
