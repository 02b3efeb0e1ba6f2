"""Healthy: the main thread waits for long, in Thread.join (or with `event` in Event.wait), while a worker works."""

from __future__ import annotations

import sys
import threading
import time

from tests.targets._ready import ready


def poll_mailbox() -> None:
    while True:
        sum(range(2_000))
        time.sleep(0.1)


def main() -> None:
    worker = threading.Thread(target=poll_mailbox, name="mailbox", daemon=True)
    worker.start()
    ready()
    if sys.argv[1:] == ["event"]:
        threading.Event().wait()
    worker.join()


if __name__ == "__main__":
    main()
