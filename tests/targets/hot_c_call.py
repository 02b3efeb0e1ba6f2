"""Sick: cpu-hot-loop. One `re.match` with a catastrophic pattern that does not return for minutes and holds the GIL.

To blame: the line that calls it; the C function is the one of the `re` module. The service listens, but nobody answers.
"""

from __future__ import annotations

import re
import threading

from tests.targets._ready import listen, ready

MAIL = re.compile(r"^([a-z0-9]+[.-]?)+@example\.org$")


def is_ours(address: str) -> bool:
    return MAIL.match(address) is not None  # CULPRIT


def check(started: threading.Event) -> None:
    started.wait()
    is_ours("a" * 40 + "!")


def main() -> None:
    server = listen()
    started = threading.Event()
    threading.Thread(target=check, args=(started,), name="check", daemon=True).start()
    ready(port=server.getsockname()[1])
    started.set()
    while True:
        connection, _ = server.accept()
        connection.close()


if __name__ == "__main__":
    main()
