"""`Clock.wait` for tasks. Separate because every async form needs it, and nothing else of asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from ...clock import Clock, RealClock
from ...events import Stop, done_of, subscribe

if TYPE_CHECKING:
    from collections.abc import Callable


class Waiter:
    """Suspends one task until a stop is done or time has passed, any number of times.

    It subscribes to the stop once, so that a single wait costs no more than a timer of the event loop.
    """

    def __init__(self, stop: Stop, clock: Clock) -> None:
        self._done = done_of(stop)
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None  # used in the loop's thread only

    def __enter__(self) -> Waiter:  # noqa: PYI034 - Self is newer than the language floor
        self._call_off = subscribe(self._done, self._stopped)
        return self

    def __exit__(self, *_: object) -> None:
        self._call_off()

    async def wait(self, seconds: float) -> bool:
        """Suspend the task until the stop is done or `seconds` have passed; tell whether it is done."""
        if self._done.is_set() or seconds <= 0:
            await asyncio.sleep(0)  # a loop that never rests lets other tasks run all the same
            return self._done.is_set()
        self._waiting = waiting = self._loop.create_future()
        take_back = self._arm(waiting, seconds)
        try:
            await waiting
        finally:
            self._waiting = None
            take_back()
        return self._done.is_set()

    def _arm(self, waiting: asyncio.Future[None], seconds: float) -> Callable[[], object]:
        if isinstance(self._clock, RealClock):  # the event loop's own timers tell the same time, without a thread
            return self._loop.call_later(seconds, _wake, waiting).cancel
        return self._clock.after_func(seconds, lambda: self._from_outside(lambda: _wake(waiting))).stop

    def _stopped(self) -> None:
        # The task either sees the stop before it suspends, or has suspended when the loop comes to this.
        self._from_outside(lambda: _wake(self._waiting))

    def _from_outside(self, f: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # a loop that is closed has no task left to wake
            self._loop.call_soon_threadsafe(f)


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
