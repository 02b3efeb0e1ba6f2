"""Waiting for a condition by looking at it again and again."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from ..clock import REAL, Clock
from ..context import Context, background, with_cancel, with_timeout
from .errors import WaitTimeout

if TYPE_CHECKING:
    from ..events import Stop

# What says when to look: it yields at every tick, and ends once there are none any more or its context is done.
TickSource = Callable[[Context], Generator[object, None, None]]
Condition = Callable[[], object]
ConditionWithContext = Callable[[Context], object]


class Schedule:
    """When the next tick of a poll is due: what the polls of threads and of asyncio share.

    Ticks are due at the whole multiples of the interval. One that comes due while the condition is being evaluated is
    dropped. One that is due at the end of the time or later does not come: the last evaluation stands for it.
    """

    def __init__(self, interval_s: float, timeout_s: float | None, clock: Clock) -> None:
        self._interval_s = interval_s
        self._clock = clock
        started_at = clock.now()
        self._next_at = started_at + interval_s
        self._ends_at = math.inf if timeout_s is None else started_at + timeout_s

    def is_over(self) -> bool:
        """Tell whether no more ticks come."""
        return self._next_at >= self._ends_at

    def rest_s(self) -> float:
        """Return the seconds from now to the next tick or the end."""
        return min(self._next_at, self._ends_at) - self._clock.now()

    def advance(self) -> None:
        """Go on to the first tick after now."""
        late_s = max(self._clock.now() - self._next_at, 0.0)
        missed = late_s // self._interval_s if self._interval_s > 0 else 0
        self._next_at += self._interval_s * (missed + 1)


def every(interval_s: float, timeout_s: float | None = None, clock: Clock = REAL) -> TickSource:
    """Return a tick source with a period of `interval_s` that closes after `timeout_s`, or never when that is None."""

    def ticks(ctx: Context) -> Generator[object, None, None]:
        schedule = Schedule(interval_s, timeout_s, clock)
        while not clock.wait(ctx.done, schedule.rest_s()) and not schedule.is_over():
            yield schedule
            schedule.advance()

    return ticks


def wait_for(ctx: Context, ticks: TickSource, condition: ConditionWithContext) -> None:
    """Evaluate `condition` at every tick until it is true, and a last time when the source closes.

    `ticks` is called with a context that ends when this returns, whatever the outcome. What `condition` raises comes
    out as it is; WaitTimeout when it was never true or `ctx` has ended.
    """
    if not _met(ctx, ticks, condition):
        raise WaitTimeout from ctx.err()


def poll(condition: Condition, interval_s: float, timeout_s: float, *, clock: Clock = REAL) -> None:
    """Wait `interval_s`, evaluate `condition`, and so on until it is true; evaluate it at least once.

    What it raises comes out as it is; WaitTimeout when `timeout_s` has passed, after a last evaluation.
    """
    wait_for(background(), every(interval_s, timeout_s, clock), lambda _: condition())


def poll_immediate(condition: Condition, interval_s: float, timeout_s: float, *, clock: Clock = REAL) -> None:
    """Do as `poll`, but evaluate `condition` before the first wait too."""
    if not condition():
        poll(condition, interval_s, timeout_s, clock=clock)


def poll_infinite(condition: Condition, interval_s: float, *, clock: Clock = REAL) -> None:
    """Do as `poll`, without end."""
    wait_for(background(), every(interval_s, None, clock), lambda _: condition())


def poll_until(condition: Condition, interval_s: float, stop: Stop, *, clock: Clock = REAL) -> None:
    """Do as `poll` until `stop` is done, without a last evaluation."""
    ctx, cancel = with_cancel(stop)
    try:
        wait_for(ctx, every(interval_s, None, clock), lambda _: condition())
    finally:
        cancel()


def poll_immediate_until(condition: Condition, interval_s: float, stop: Stop, *, clock: Clock = REAL) -> None:
    """Do as `poll_until`, but evaluate `condition` before the first wait too, even when `stop` is done already."""
    if not condition():
        poll_until(condition, interval_s, stop, clock=clock)


def poll_until_context_cancel(
    ctx: Context, condition: ConditionWithContext, interval_s: float, *, immediate: bool = False, clock: Clock = REAL
) -> None:
    """Evaluate `condition` every `interval_s` until it is true or `ctx` ends, and then raise the error of `ctx`.

    With `immediate` it is evaluated before the first wait too, even when `ctx` has ended already; what it returns or
    raises wins over the error of `ctx`.
    """
    if immediate and condition(ctx):
        return
    if not _met(ctx, every(interval_s, None, clock), condition):
        ctx.raise_if_done()


def poll_until_context_timeout(
    ctx: Context,
    condition: ConditionWithContext,
    interval_s: float,
    timeout_s: float,
    *,
    immediate: bool = False,
    clock: Clock = REAL,
) -> None:
    """Do as `poll_until_context_cancel`, with a child of `ctx` that ends after `timeout_s`."""
    child, cancel = with_timeout(ctx, timeout_s, clock)
    try:
        poll_until_context_cancel(child, condition, interval_s, immediate=immediate, clock=clock)
    finally:
        cancel()


def _met(ctx: Context, ticks: TickSource, condition: ConditionWithContext) -> bool:
    inner, cancel = with_cancel(ctx)
    try:
        with contextlib.closing(ticks(inner)) as source:
            for _ in source:
                if ctx.done.is_set():
                    return False
                if condition(ctx):
                    return True
            return not ctx.done.is_set() and bool(condition(ctx))
    finally:
        cancel()
