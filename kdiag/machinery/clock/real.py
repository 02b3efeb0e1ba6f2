"""The machine's monotonic clock."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from ..events import Event, Stop, done_of
from .alarms import AlarmTimer

if TYPE_CHECKING:
    from collections.abc import Callable


class RealClock:
    """The monotonic clock of this machine, `REAL`; it has no state of its own."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(min(seconds, threading.TIMEOUT_MAX))

    def wait(self, event: Event, seconds: float) -> bool:
        return event.wait(min(seconds, threading.TIMEOUT_MAX)) if seconds > 0 else event.is_set()

    def timer(self, seconds: float) -> AlarmTimer:
        return AlarmTimer(seconds)

    def after(self, seconds: float) -> Event:
        return AlarmTimer(seconds).fired

    def after_func(self, seconds: float, f: Callable[[], object]) -> AlarmTimer:
        return AlarmTimer(seconds, f)

    def ticker(self, seconds: float) -> RealTicker:
        return RealTicker(self, seconds)

    def __repr__(self) -> str:
        return "REAL"


class RealTicker:
    """A ticker that computes its next tick when it is read, so that it costs no thread."""

    def __init__(self, clock: RealClock, seconds: float) -> None:
        if seconds <= 0:
            raise ValueError("a ticker's period must be positive")
        self._clock = clock
        self._period_s = seconds
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._next_at = clock.now() + seconds  # guarded by _lock

    def wait(self, stop: Stop | None = None) -> bool:
        event = done_of(stop) if stop is not None else self._stopped
        while not (event.is_set() or self._stopped.is_set()):
            now = self._clock.now()
            with self._lock:
                early_s = self._next_at - now
                if early_s <= 0:
                    # One tick for all that were missed, and the rhythm is kept.
                    self._next_at += self._period_s * (1 + -early_s // self._period_s)
                    return True
            self._clock.wait(event, early_s)
        return False

    def stop(self) -> None:
        self._stopped.set()


REAL = RealClock()
