"""Waiting for a condition by awaiting it again and again (see `wait.poll`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

from ...clock import REAL, Clock
from ...context import Context, background, with_cancel, with_timeout
from ..errors import WaitTimeout
from ..poll import Schedule
from .waiter import Waiter

if TYPE_CHECKING:
    from ...events import Stop

# What says when to look: it yields at every tick, and ends once there are none any more or its context is done.
TickSource = Callable[[Context], AsyncGenerator[object, None]]
Condition = Callable[[], Awaitable[object]]
ConditionWithContext = Callable[[Context], Awaitable[object]]


def every(interval_s: float, timeout_s: float | None = None, clock: Clock = REAL) -> TickSource:
    """Return a tick source with a period of `interval_s` that closes after `timeout_s`, or never when that is None."""

    async def ticks(ctx: Context) -> AsyncGenerator[object, None]:
        schedule = Schedule(interval_s, timeout_s, clock)
        with Waiter(ctx, clock) as waiter:
            while not await waiter.wait(schedule.rest_s()) and not schedule.is_over():
                yield schedule
                schedule.advance()

    return ticks


async def wait_for(ctx: Context, ticks: TickSource, condition: ConditionWithContext) -> None:
    """Await `condition` at every tick until it is true, and a last time when the source closes.

    `ticks` is called with a context that ends when this returns, whatever the outcome. What `condition` raises comes
    out as it is; WaitTimeout when it was never true or `ctx` has ended.
    """
    if not await _met(ctx, ticks, condition):
        raise WaitTimeout from ctx.err()


async def poll(condition: Condition, interval_s: float, timeout_s: float, *, clock: Clock = REAL) -> None:
    """Wait `interval_s`, await `condition`, and so on until it is true; await it at least once.

    What it raises comes out as it is; WaitTimeout when `timeout_s` has passed, after a last evaluation.
    """
    await wait_for(background(), every(interval_s, timeout_s, clock), lambda _: condition())


async def poll_immediate(condition: Condition, interval_s: float, timeout_s: float, *, clock: Clock = REAL) -> None:
    """Do as `poll`, but await `condition` before the first wait too."""
    if not await condition():
        await poll(condition, interval_s, timeout_s, clock=clock)


async def poll_infinite(condition: Condition, interval_s: float, *, clock: Clock = REAL) -> None:
    """Do as `poll`, without end."""
    await wait_for(background(), every(interval_s, None, clock), lambda _: condition())


async def poll_until(condition: Condition, interval_s: float, stop: Stop, *, clock: Clock = REAL) -> None:
    """Do as `poll` until `stop` is done, without a last evaluation."""
    ctx, cancel = with_cancel(stop)
    try:
        await wait_for(ctx, every(interval_s, None, clock), lambda _: condition())
    finally:
        cancel()


async def poll_immediate_until(condition: Condition, interval_s: float, stop: Stop, *, clock: Clock = REAL) -> None:
    """Do as `poll_until`, but await `condition` before the first wait too, even when `stop` is done already."""
    if not await condition():
        await poll_until(condition, interval_s, stop, clock=clock)


async def poll_until_context_cancel(
    ctx: Context, condition: ConditionWithContext, interval_s: float, *, immediate: bool = False, clock: Clock = REAL
) -> None:
    """Await `condition` every `interval_s` until it is true or `ctx` ends, and then raise the error of `ctx`.

    With `immediate` it is awaited before the first wait too, even when `ctx` has ended already; what it returns or
    raises wins over the error of `ctx`.
    """
    if immediate and await condition(ctx):
        return
    if not await _met(ctx, every(interval_s, None, clock), condition):
        ctx.raise_if_done()


async def poll_until_context_timeout(
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
        await poll_until_context_cancel(child, condition, interval_s, immediate=immediate, clock=clock)
    finally:
        cancel()


async def _met(ctx: Context, ticks: TickSource, condition: ConditionWithContext) -> bool:
    inner, cancel = with_cancel(ctx)
    source = ticks(inner)
    try:
        async for _ in source:
            if ctx.done.is_set():
                return False
            if await condition(ctx):
                return True
        return not ctx.done.is_set() and bool(await condition(ctx))
    finally:
        cancel()
        await source.aclose()
