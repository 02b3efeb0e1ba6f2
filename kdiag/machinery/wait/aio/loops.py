"""Loops that await a coroutine function periodically until they are stopped (see `wait.loops`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...clock import REAL, Clock
from ...events import Stop, done_of
from ...runtime import handle_crash
from ..errors import EndsAsAsked
from ..loops import Pace, Period
from .waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ...context import Context
    from ..jitter import Rng


async def jitter_until(
    f: Callable[[], Awaitable[object]],
    period_s: Period,
    *,
    jitter_factor: float = 0.0,
    sliding: bool = True,
    stop: Stop,
    clock: Clock = REAL,
    rng: Rng | None = None,
    really_crash: bool = True,
) -> None:
    """Await `f()` every `period_s` until `stop` is done; each period is jittered when `jitter_factor` is positive.

    With `sliding` a period starts when `f` has ended, else when it was called.
    """
    done = done_of(stop)
    pace = Pace(period_s, jitter_factor, sliding, clock, rng)
    guard, ends_as_asked = handle_crash(really_crash=really_crash), EndsAsAsked(done)
    with Waiter(stop, clock) as waiter:
        while not done.is_set():
            pace.called()
            with guard, ends_as_asked:
                await f()
            if await waiter.wait(pace.rest_s()):
                return


async def jitter_until_with_context(
    ctx: Context,
    f: Callable[[Context], Awaitable[object]],
    period_s: Period,
    *,
    jitter_factor: float = 0.0,
    sliding: bool = True,
    clock: Clock = REAL,
    rng: Rng | None = None,
    really_crash: bool = True,
) -> None:
    """Do as `jitter_until`, stopping with `ctx`, which `f` is given."""
    await jitter_until(
        lambda: f(ctx),
        period_s,
        jitter_factor=jitter_factor,
        sliding=sliding,
        stop=ctx,
        clock=clock,
        rng=rng,
        really_crash=really_crash,
    )


async def until(f: Callable[[], Awaitable[object]], period_s: Period, stop: Stop, clock: Clock = REAL) -> None:
    """Await `f()`, wait `period_s`, and so on until `stop` is done."""
    await jitter_until(f, period_s, stop=stop, clock=clock)


async def until_with_context(
    ctx: Context, f: Callable[[Context], Awaitable[object]], period_s: Period, clock: Clock = REAL
) -> None:
    """Do as `until`, stopping with `ctx`, which `f` is given."""
    await jitter_until_with_context(ctx, f, period_s, clock=clock)


async def non_sliding_until(
    f: Callable[[], Awaitable[object]], period_s: Period, stop: Stop, clock: Clock = REAL
) -> None:
    """Await `f()` every `period_s`, its own run time included, until `stop` is done."""
    await jitter_until(f, period_s, sliding=False, stop=stop, clock=clock)


async def non_sliding_until_with_context(
    ctx: Context, f: Callable[[Context], Awaitable[object]], period_s: Period, clock: Clock = REAL
) -> None:
    """Do as `non_sliding_until`, stopping with `ctx`, which `f` is given."""
    await jitter_until_with_context(ctx, f, period_s, sliding=False, clock=clock)
