"""Retries that are spaced by growing delays (see `wait.backoff`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...clock import REAL, Clock
from ...context import Context, background
from ..errors import WaitTimeout
from .waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..backoff import Backoff
    from ..jitter import Rng


async def exponential_backoff(
    backoff: Backoff, condition: Callable[[], Awaitable[object]], *, clock: Clock = REAL, rng: Rng | None = None
) -> None:
    """Await `condition()` up to `backoff.steps` times, spaced by its delays, until it is true.

    What it raises comes out as it is; WaitTimeout when it was never true.
    """
    await exponential_backoff_with_context(background(), backoff, lambda _: condition(), clock=clock, rng=rng)


async def exponential_backoff_with_context(
    ctx: Context,
    backoff: Backoff,
    condition: Callable[[Context], Awaitable[object]],
    *,
    clock: Clock = REAL,
    rng: Rng | None = None,
) -> None:
    """Do as `exponential_backoff`, ending with the error of `ctx` once it is done; `condition` is given `ctx`."""
    delays = replace(backoff)
    with Waiter(ctx, clock) as waiter:
        for calls_left in range(backoff.steps - 1, -1, -1):
            ctx.raise_if_done()
            if await condition(ctx):
                return
            if calls_left > 0:
                await waiter.wait(delays.step(rng))
    raise WaitTimeout
