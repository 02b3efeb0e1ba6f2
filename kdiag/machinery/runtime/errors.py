"""Reported errors: failures that nobody is left to handle, which are noted and must not flood.

It is separate from crash handling: an error is a value somebody holds, it has a reporter and no way to go on.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from .caller import Caller, log_at, place
from .crash import note_broken_handler, safe_repr

ErrorHandler = Callable[[BaseException, str, Caller], object]


class ErrorBackoff:
    """Slows down whoever reports errors in a loop: an error that comes too soon after the last one sleeps the rest."""

    def __init__(
        self,
        min_period_s: float = 0.001,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._min_period_s = min_period_s
        self._now = now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._last_at = float("-inf")  # guarded by _lock

    def __call__(self, _error: BaseException, _message: str, _caller: Caller) -> None:
        asked_at = self._now()  # before the lock: the time spent waiting for it counts
        with self._lock:
            since_last = asked_at - self._last_at
            self._last_at = self._now()
        # Never sleep while holding the lock: that would block all reporters, not only this one.
        if since_last < self._min_period_s:
            self._sleep(min(self._min_period_s - since_last, self._min_period_s))


def log_error(error: BaseException, message: str, caller: Caller) -> None:
    """Log `error` as one of the place that reported it."""
    log_at(caller, f"{message}: {safe_repr(error)}" if message else safe_repr(error))


# Called in order with every reported error. Changed in any thread: it is read through a copy.
error_handlers: list[ErrorHandler] = [log_error, ErrorBackoff()]


def handle_error(error: BaseException | None, message: str = "") -> None:
    """Pass an error that can only be noted to all `error_handlers`; None is no error.

    May sleep for a millisecond when errors storm, so do not call it from an event loop's callbacks.
    """
    if error is None:
        return
    caller = place(sys._getframe(1))
    for handler in tuple(error_handlers):
        try:
            handler(error, message, caller)
        except Exception as failure:
            note_broken_handler(handler, failure)


def must(error: BaseException | None) -> None:
    """Raise `error`, unless it is None."""
    if error is not None:
        raise error
