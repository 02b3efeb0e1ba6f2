"""Sick: thread-leak. Ten threads a second are started, and each waits for ever; up to 1,500.

To blame: the line that starts them. From outside only where they wait can be seen.
"""

from __future__ import annotations

import threading
import time

from tests.targets._ready import ready

AT_MOST = 1_500

finished = threading.Event()


def watch(order: int) -> None:
    finished.wait()


def main() -> None:
    threading.stack_size(256 * 1024)
    ready()
    order = 0
    while True:
        if order < AT_MOST:
            threading.Thread(target=watch, args=(order,), name=f"watch-{order}", daemon=True).start()  # CULPRIT
            order += 1
        time.sleep(0.1)


if __name__ == "__main__":
    main()
