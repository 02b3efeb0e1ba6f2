"""Loops that run a function periodically until they are stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Union

from ..clock import REAL, Clock
from ..events import Stop, done_of
from ..runtime import handle_crash
from .errors import EndsAsAsked
from .jitter import Rng, jitter

if TYPE_CHECKING:
    from ..context import Context

# A period in seconds, or what returns the next one: it is asked before every wait.
Period = Union[float, Callable[[], float]]


class Pace:
    """How long a loop has to wait before its next call: what the loops of threads and of asyncio share."""

    def __init__(self, period_s: Period, jitter_factor: float, sliding: bool, clock: Clock, rng: Rng | None) -> None:
        self._period_s = period_s
        self._jitter_factor = jitter_factor
        self._sliding = sliding
        self._clock = clock
        self._rng = rng
        self._called_at = 0.0

    def called(self) -> None:
        """Note that the function is about to be called."""
        self._called_at = self._clock.now()

    def rest_s(self) -> float:
        """Return the seconds from now to the next call; negative when a period without sliding is over already."""
        period_s = self._period_s() if callable(self._period_s) else self._period_s
        if self._jitter_factor > 0:
            period_s = jitter(period_s, self._jitter_factor, self._rng)
        return period_s if self._sliding else self._called_at + period_s - self._clock.now()


def jitter_until(
    f: Callable[[], object],
    period_s: Period,
    *,
    jitter_factor: float = 0.0,
    sliding: bool = True,
    stop: Stop,
    clock: Clock = REAL,
    rng: Rng | None = None,
    really_crash: bool = True,
) -> None:
    """Call `f` every `period_s` until `stop` is done; each period is jittered when `jitter_factor` is positive.

    With `sliding` a period starts when `f` has ended, else when it was called.
    """
    done = done_of(stop)
    pace = Pace(period_s, jitter_factor, sliding, clock, rng)
    guard, ends_as_asked = handle_crash(really_crash=really_crash), EndsAsAsked(done)
    while not done.is_set():
        pace.called()
        with guard, ends_as_asked:
            f()
        if clock.wait(done, pace.rest_s()):
            return


def jitter_until_with_context(
    ctx: Context,
    f: Callable[[Context], object],
    period_s: Period,
    *,
    jitter_factor: float = 0.0,
    sliding: bool = True,
    clock: Clock = REAL,
    rng: Rng | None = None,
    really_crash: bool = True,
) -> None:
    """Do as `jitter_until`, stopping with `ctx`, which `f` is given."""
    jitter_until(
        lambda: f(ctx),
        period_s,
        jitter_factor=jitter_factor,
        sliding=sliding,
        stop=ctx,
        clock=clock,
        rng=rng,
        really_crash=really_crash,
    )


def until(f: Callable[[], object], period_s: Period, stop: Stop, clock: Clock = REAL) -> None:
    """Call `f`, wait `period_s`, and so on until `stop` is done."""
    jitter_until(f, period_s, stop=stop, clock=clock)


def until_with_context(ctx: Context, f: Callable[[Context], object], period_s: Period, clock: Clock = REAL) -> None:
    """Do as `until`, stopping with `ctx`, which `f` is given."""
    jitter_until_with_context(ctx, f, period_s, clock=clock)


def non_sliding_until(f: Callable[[], object], period_s: Period, stop: Stop, clock: Clock = REAL) -> None:
    """Call `f` every `period_s`, its own run time included, until `stop` is done."""
    jitter_until(f, period_s, sliding=False, stop=stop, clock=clock)


def non_sliding_until_with_context(
    ctx: Context, f: Callable[[Context], object], period_s: Period, clock: Clock = REAL
) -> None:
    """Do as `non_sliding_until`, stopping with `ctx`, which `f` is given."""
    jitter_until_with_context(ctx, f, period_s, sliding=False, clock=clock)
