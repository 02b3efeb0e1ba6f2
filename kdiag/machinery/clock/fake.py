"""A clock that moves only when a test moves it.

It ships with the package because whoever builds on machinery tests with it.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

from ..events import Event, Stop, done_of, subscribe
from ..runtime import handle_crash

if TYPE_CHECKING:
    from collections.abc import Callable

HANGING_TEST_S = 30.0


class FakeClock:
    """A clock for tests: threads wait on it until another thread steps it.

    `sleep` steps the clock itself, so that code that only sleeps can be tested in one thread. Timers that have come
    due in a step fire in the order of their times, in the thread that steps.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._changed = threading.Condition(threading.Lock())
        # All below is guarded by _changed, and so is whether a timer is pending and its `fired`.
        self._now = start
        self._numbers = itertools.count()
        self._pending: dict[FakeTimer, tuple[float, int]] = {}  # to (at, number): number keeps the order among equals

    def now(self) -> float:
        with self._changed:
            return self._now

    def step(self, seconds: float) -> None:
        """Let `seconds` pass, firing what comes due."""
        with self._changed:
            due = self._advance(self._now + seconds)
        for timer in due:
            timer.call()

    def set_time(self, at: float) -> None:
        """Let it be `at`, firing what comes due; time does not go back."""
        with self._changed:
            due = self._advance(at)
        for timer in due:
            timer.call()

    def waiters(self) -> int:
        """Return how many timers, tickers and blocked waits are pending."""
        with self._changed:
            return len(self._pending)

    def has_waiters(self) -> bool:
        """Tell whether anything is pending, that is, whether a step could change anything."""
        return self.waiters() > 0

    def block_until(self, waiters: int) -> None:
        """Block until at least so many are pending: other threads have then come to wait for the next step.

        Raises TimeoutError when they have not come in 30 seconds of real time: the test hangs.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._pending) >= waiters, HANGING_TEST_S):
                message = f"waited for {waiters} waiters, there are {len(self._pending)}"
                raise TimeoutError(message)

    def sleep(self, seconds: float) -> None:
        """Step by `seconds`."""
        if seconds > 0:
            self.step(seconds)

    def wait(self, event: Event, seconds: float) -> bool:
        if event.is_set() or seconds <= 0:
            return event.is_set()
        woken = threading.Event()
        timer = self.after_func(seconds, woken.set)
        call_off = subscribe(event, woken.set)
        try:
            woken.wait()
        finally:
            call_off()
            timer.stop()
        return event.is_set()

    def timer(self, seconds: float) -> FakeTimer:
        return FakeTimer(self, seconds)

    def after(self, seconds: float) -> Event:
        return FakeTimer(self, seconds).fired

    def after_func(self, seconds: float, f: Callable[[], object]) -> FakeTimer:
        return FakeTimer(self, seconds, f)

    def ticker(self, seconds: float) -> FakeTicker:
        return FakeTicker(self, seconds)

    def arm(self, timer: FakeTimer, seconds: float) -> bool:
        """Make `timer` pending; for timers only."""
        with self._changed:
            was_pending = self._pending.pop(timer, None) is not None
            timer.fired.clear()
            self._pending[timer] = (self._now + seconds, next(self._numbers))
            due = self._advance(self._now)
            self._changed.notify_all()
        for each in due:
            each.call()
        return was_pending

    def disarm(self, timer: FakeTimer) -> bool:
        """Make `timer` pending no more; for timers only."""
        with self._changed:
            timer.fired.clear()
            return self._pending.pop(timer, None) is not None

    def _advance(self, now: float) -> list[FakeTimer]:
        """Set the time and return what has come due, in order. The caller holds _changed."""
        if now < self._now:
            message = f"time does not go back, from {self._now} to {now}"
            raise ValueError(message)
        self._now = now
        due = sorted((when, timer) for timer, when in self._pending.items() if when[0] <= now)
        for _, timer in due:
            del self._pending[timer]
            timer.fired.set()
        return [timer for _, timer in due]


class FakeTimer:
    """A timer of a fake clock: sets `fired`, then calls `f`, in the thread that steps the clock."""

    def __init__(self, clock: FakeClock, seconds: float, f: Callable[[], object] | None = None) -> None:
        self.fired = threading.Event()
        self._clock = clock
        self._f = f
        clock.arm(self, seconds)

    def wait(self, timeout: float | None = None) -> bool:
        return self.fired.wait(timeout)

    def stop(self) -> bool:
        return self._clock.disarm(self)

    def reset(self, seconds: float) -> bool:
        return self._clock.arm(self, seconds)

    def call(self) -> None:
        if self._f is not None:
            with handle_crash(really_crash=False):
                self._f()


class FakeTicker:
    """A ticker of a fake clock. It counts as one waiter from its start to its stop, whether or not it is read."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        if seconds <= 0:
            raise ValueError("a ticker's period must be positive")
        self._clock = clock
        self._period_s = seconds
        self._changed = threading.Condition()  # reentrant: a timer set anew may fire at once
        # All below is guarded by _changed.
        self._next_at = clock.now() + seconds
        self._ticked = False  # a tick waits to be read
        self._stopped = False
        self._timer = clock.after_func(seconds, self._tick)

    def wait(self, stop: Stop | None = None) -> bool:
        if stop is None:
            return self._wait(lambda: self._stopped)
        event = done_of(stop)
        call_off = subscribe(event, self._notify)
        try:
            return self._wait(lambda: self._stopped or event.is_set())
        finally:
            call_off()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            self._timer.stop()

    def _wait(self, ended: Callable[[], bool]) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ticked or ended())
            if ended():
                return False
            self._ticked = False
            return True

    def _tick(self) -> None:
        with self._changed:
            if self._stopped:
                return
            now = self._clock.now()
            self._next_at += self._period_s * (1 + (now - self._next_at) // self._period_s)
            self._ticked = True
            self._changed.notify_all()
            self._timer.reset(self._next_at - now)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
