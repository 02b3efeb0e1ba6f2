"""Sick: pool-exhaustion. A scheduler's two workers wait for a silent server, while its jobs keep coming and queue.

To blame: the line that receives. With the argument `idle` it is healthy: the job does its little work and returns.
"""

from __future__ import annotations

import socket
import sys
import threading
import time

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from tests.targets._ready import listen, ready, stay, wait_until

WORKERS = 2

silent = listen()
runs = threading.Semaphore(0)


def send_mails() -> bytes:
    with socket.create_connection(silent.getsockname()) as connection:
        runs.release()
        return connection.recv(64)  # CULPRIT


def count_mails() -> None:
    runs.release()
    time.sleep(0.01)


def main() -> None:
    idle = sys.argv[1:] == ["idle"]
    executor = ThreadPoolExecutor(WORKERS)
    scheduler = BackgroundScheduler(executors={"default": executor}, timezone="UTC")
    scheduler.add_job(count_mails if idle else send_mails, "interval", seconds=0.2, max_instances=300)
    scheduler.start()
    wait_until(lambda: runs._value >= WORKERS and (idle or executor._pool._work_queue.qsize()), "jobs run and queue")
    ready()
    stay()


if __name__ == "__main__":
    main()
