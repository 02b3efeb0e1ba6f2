"""Sick: dict-mutation that raises nothing. Four threads count in one dict: each reads, works, and writes back.

Only a guard on the dict shows it: `kdiag guard PID lost_update:COUNTS`. To blame: the line that writes. Its twin
`TOTALS` is counted in the same way under a lock.
"""

from __future__ import annotations

import threading
import time

from tests.targets._ready import ready, stay

COUNTS: dict[str, int] = {"requests": 0}
TOTALS: dict[str, int] = {"requests": 0}
SETTINGS: dict[str, str] = {"level": "info"}
LOCK = threading.Lock()


class Pages:
    seen: dict[str, int] = {"start": 0}  # noqa: RUF012 - one for all, on purpose


def count() -> None:
    before = COUNTS["requests"]
    time.sleep(0.001)  # the work
    COUNTS["requests"] = before + 1  # CULPRIT


def count_locked() -> None:
    with LOCK:
        before = TOTALS["requests"]
        time.sleep(0.001)
        TOTALS["requests"] = before + 1


def serve() -> None:
    while True:
        count()
        count_locked()
        Pages.seen["start"] += 1
        time.sleep(0.002)


def main() -> None:
    for n in range(4):
        threading.Thread(target=serve, name=f"request-{n}", daemon=True).start()
    ready()
    stay()


if __name__ == "__main__":
    main()
