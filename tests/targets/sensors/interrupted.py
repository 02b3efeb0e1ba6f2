"""A timer whose handler raises when it finds itself in a hook: not one of its exceptions may be lost there."""

from __future__ import annotations

import logging
import random
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

log = logging.getLogger("interrupted")
log.addHandler(logging.NullHandler())
node: Any = None
raised = seen = 0
rings = True


def ring(_number: int, frame: Any) -> None:
    global raised, rings  # noqa: PLW0603
    rings = False
    while frame is not None:
        if "/hooks/" in frame.f_code.co_filename:
            raised += 1
            raise RuntimeError("time is up")
        frame = frame.f_back


def work() -> None:
    try:
        _ = node.name
    except AttributeError:
        log.warning("", exc_info=True)


crashes = sensor("crashes")
crashes.start()
signal.signal(signal.SIGALRM, ring)
rounds = int(sys.argv[1])
signal.setitimer(signal.ITIMER_REAL, 0.0003)  # once: no handler is to interrupt another
while rounds:
    try:
        work()
    except RuntimeError:
        seen += 1
    if not rings:
        rings, rounds = True, rounds - 1
        if not rounds % 100:
            crashes.tick()
        signal.setitimer(signal.ITIMER_REAL, 0.0003 * random.random())
signal.setitimer(signal.ITIMER_REAL, 0)
crashes.tick()
crashes.tick()
crashes.tick()
skipped = crashes.dropped
work()
went_on = crashes.dropped == skipped
data = crashes.data(0)
crashes.stop()
say(raised=raised, seen=seen, went_on=went_on, data=data)
