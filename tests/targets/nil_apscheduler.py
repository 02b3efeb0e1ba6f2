"""Sick: nil-dereference. A scheduler's job fails every time, and the scheduler logs it and goes on.

To blame: the line that iterates. The None is what a function returns that forgets to. With the argument `healthy` the
job has nothing to complain about.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from tests.targets._ready import ready, stay

REPORTS = ["monday", "tuesday"]
HEALTHY = sys.argv[1:] == ["healthy"]


def open_reports() -> Any:
    found = [report for report in REPORTS if report != "sunday"]
    if HEALTHY:
        return found
    found.sort()
    return None


def send_reports() -> int:
    count = 0
    reports = open_reports()  # ORIGIN
    for report in reports:  # CULPRIT
        count += len(report)
    return count


def main() -> None:
    logging.basicConfig(filename="/dev/null")
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(send_reports, "interval", seconds=0.4)
    scheduler.start()
    ready()
    stay()


if __name__ == "__main__":
    main()
