"""Sick: pool-exhaustion. The processes of a Celery worker are all in a task that does not come back, and more stand by.

To blame: the task, as far as is seen from the worker's main process: where its function begins. With the argument
`busy` (the healthy twin) the same tasks take a moment each.
"""

from __future__ import annotations

import sys
import threading
import time

import celery
from celery.worker import state

from tests.targets._ready import ready, wait_until

SIZE = 2
MOMENT_S = 0.15
BUSY = sys.argv[1:] == ["busy"]

jobs = celery.Celery("jobs", broker="memory://", set_as_current=False)
jobs.conf.update(worker_redirect_stdouts=False, task_ignore_result=True)


@jobs.task(name="resize")  # type: ignore[untyped-decorator]  # CULPRIT
def resize() -> None:
    time.sleep(MOMENT_S if BUSY else 3600.0)


def send() -> None:
    """A little less than the worker can do."""
    while True:
        resize.delay()
        time.sleep(MOMENT_S)


def tell() -> None:
    if BUSY:
        wait_until(lambda: sum(state.total_count.values()) > SIZE, "tasks are done")
    else:
        wait_until(lambda: len(state.active_requests) == SIZE < len(state.reserved_requests), "all are taken")
    ready(saturated=True)


def main() -> None:
    for work in (send, tell):
        threading.Thread(target=work, daemon=True).start()
    jobs.Worker(pool="prefork", concurrency=SIZE, quiet=True).start()


if __name__ == "__main__":
    main()
